//! `tidegate check`: every problem of a configuration.

use std::process::ExitCode;

use tidegate_application::domain::config::{Problem, Report};
use tidegate_infrastructure::config::TomlConfigSource;
use tidegate_interface::cli::{CheckArgs, Colour, render_report};

use super::{config_source, print};
use crate::{BuildGatewayError, Gateway};

pub(super) fn run(arguments: &CheckArgs) -> anyhow::Result<ExitCode> {
    let report = report(&config_source(&arguments.config))?;
    print(&render_report(&report, arguments.report_format(), Colour::of_stdout()))?;
    Ok(if report.errors() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Loads the configuration and compiles it, as `serve` would, but with a store in memory.
pub(super) fn report(source: &TomlConfigSource) -> anyhow::Result<Report> {
    let loaded = match source.load_all() {
        Ok(loaded) => loaded,
        Err(report) => return Ok(report),
    };
    let mut problems = loaded.warnings;
    let builder = Gateway::builder().configuration(loaded.configuration).providers(loaded.settings.providers);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Err(error) = runtime.block_on(builder.build()) {
        problems.extend(problems_of(error));
    }
    Ok(Report::new(problems))
}

fn problems_of(error: BuildGatewayError) -> Vec<Problem> {
    match error {
        BuildGatewayError::Configuration(report) => report.problems().to_vec(),
        other => vec![Problem::error("", other.to_string())],
    }
}
