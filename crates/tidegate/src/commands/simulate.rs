//! `tidegate simulate`: traffic and failures over virtual time, through the engine that serves.

mod recorder;
mod traffic;

use std::{fs, process::ExitCode, sync::Arc};

use anyhow::Context;
use tidegate_application::{Catalog, CatalogParts, HealthChecks, OrchestrationService, Routes};
use tidegate_infrastructure::{
    clock::TokioClock,
    config::{ConfigLocation, Environment, TomlConfigSource},
    persistence::{InMemoryPoolRepository, InMemoryTaskGroupRepository},
    simulation::{Scenario, SimulatedUpstreams},
};
use tidegate_interface::cli::{Colour, Progress, SimulateArgs, SimulationReport, plot, render_simulation};

use self::recorder::Recorder;
use super::print;
use crate::BuildGatewayError;

pub(super) fn run(arguments: &SimulateArgs) -> anyhow::Result<ExitCode> {
    let mut scenario = Scenario::read(&arguments.scenario)?;
    scenario.seed = arguments.seed.unwrap_or(scenario.seed);
    let progress = Progress::of_stderr("simulating", scenario.duration);
    let report = simulate_with(&scenario, progress)?;
    if let Some(file) = &arguments.plot {
        fs::write(file, plot(&report)).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    if arguments.json {
        print(&serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&render_simulation(&report, Colour::of_stdout()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a scenario. The same scenario gives the same report, to the last bit.
///
/// # Errors
/// What is wrong with the scenario's configuration, for a person to read.
pub fn simulate(scenario: &Scenario) -> anyhow::Result<SimulationReport> {
    simulate_with(scenario, Progress::silent())
}

fn simulate_with(scenario: &Scenario, progress: Progress) -> anyhow::Result<SimulationReport> {
    let location = ConfigLocation { path: scenario.config.clone(), environment: scenario.environment.clone() };
    let environment = Environment::of_process().with(&scenario.variables);
    let loaded = TomlConfigSource::new(location, environment).load_all().map_err(BuildGatewayError::Configuration)?;
    // One thread and a clock that stands still until everybody waits: what happens, happens in one order.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    runtime.block_on(async {
        let (routes, clock) = (Arc::new(Routes::empty()), Arc::new(TokioClock));
        let (recorder, upstreams) = (Recorder::start(progress), SimulatedUpstreams::new(scenario));
        let catalog = Catalog::new(CatalogParts {
            pools: Arc::new(InMemoryPoolRepository::default()),
            task_groups: Arc::new(InMemoryTaskGroupRepository::default()),
            factory: Arc::new(upstreams.clone()),
            routes: Arc::clone(&routes),
            observer: recorder.clone(),
        });
        catalog.load(loaded.configuration).await.map_err(BuildGatewayError::Definitions)?;
        let checks = HealthChecks::new(Arc::clone(&routes), clock.clone(), recorder.clone());
        let engine = Arc::new(OrchestrationService::new(routes, clock, recorder.clone()));
        let checking = tokio::spawn(async move { checks.run().await });
        let sent = traffic::send(scenario, &engine, &recorder).await;
        checking.abort();
        sent?;
        Ok(recorder.report(scenario, upstreams.checks()))
    })
}
