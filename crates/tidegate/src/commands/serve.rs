//! `tidegate serve`: the gateway over HTTP, until it is told to stop.

mod reloading;
mod workers;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use tidegate_domain::config::Reason;
use tidegate_infrastructure::{
    config::{Attempt, ServerSettings, Settings, TomlReloadSource},
    provider::ProviderClient,
    telemetry::{LogObserver, MetricsHandle, PrometheusObserver, state_series},
};
use tidegate_interface::{
    cli::ServeArgs,
    http,
    server::{Ended, Lifecycle, Server, ServerOptions},
};

use self::{reloading::Reloading, workers::Workers};
use super::config_source;
use crate::{BuildGatewayError, Gateway, logging};

pub(super) fn run(arguments: &ServeArgs) -> anyhow::Result<ExitCode> {
    let source = config_source(&arguments.config);
    let Attempt { footprint, outcome } = source.attempt();
    let loaded = outcome.map_err(BuildGatewayError::Configuration)?;
    logging::start(loaded.settings.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let source = TomlReloadSource::new(source, &loaded, footprint);
    let (documents, content_hash) = (loaded.documents.redacted(), loaded.configuration.content_hash.clone());
    let Settings { server, storage, providers, log: _, requests, reload } = loaded.settings;
    let options = options(&server, arguments);
    let metrics = Arc::new(PrometheusObserver::default());
    let rendered = metrics.handle();
    let builder = Gateway::builder()
        .configuration(loaded.configuration)
        .providers(providers)
        .storage(storage)
        .requests(requests)
        .observer(metrics)
        .observer(Arc::new(LogObserver));
    let workers = Workers::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime
        .block_on(async {
            let gateway = builder.build().await?;
            let server = Server::bind(options)?.on(workers.handles());
            tracing::info!(listen = %server.address(), admin_listen = %server.admin_address(), "serving");
            let lifecycle = Lifecycle::default();
            let signals = lifecycle.clone();
            tokio::spawn(async move {
                if let Err(error) = signals.follow_signals().await {
                    tracing::error!(%error, "signals cannot be received; stop the process by SIGKILL");
                }
            });
            gateway.history().record(content_hash, "started".to_owned(), (documents, started())).await;
            let reloading = Reloading::new(&gateway, source, reload)?;
            let configuration: http::Control = Arc::clone(reloading.service()) as _;
            let reloading = tokio::spawn(reloading.follow());
            let checks = Arc::clone(gateway.health_checks());
            let checking = tokio::spawn(async move { checks.run().await });
            let served = served(&gateway, rendered, configuration);
            let ended = server.serve(served, lifecycle).await;
            reloading.abort();
            checking.abort();
            gateway.close().await;
            match ended {
                Ended::Drained => tracing::info!("every request was answered"),
                Ended::Cut(connections) => tracing::warn!(connections, "cut when the drain timeout was over"),
            }
            Ok::<_, anyhow::Error>(())
        })
        .context("the gateway cannot serve")?;
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// What is served over HTTP. The state of instances is read when it is scraped.
fn served(gateway: &Gateway, counted: MetricsHandle, configuration: http::Control) -> http::Gateway<ProviderClient> {
    let watched = Arc::clone(gateway.health());
    http::Gateway {
        orchestration: Arc::clone(gateway.orchestration()),
        health: Arc::clone(gateway.health()),
        pools: Arc::clone(gateway.pools()),
        task_groups: Arc::clone(gateway.task_groups()),
        statistics: Arc::clone(gateway.statistics()),
        metrics: Arc::new(move || {
            let pools: Vec<_> = watched.pools().into_iter().map(|pool| (pool.name, pool.status)).collect();
            counted.render() + &state_series(&watched.instances(), &pools)
        }),
        configuration: Some(configuration),
    }
}

fn started() -> Reason {
    Reason::new("the gateway", "it started")
}

fn options(settings: &ServerSettings, arguments: &ServeArgs) -> ServerOptions {
    let &ServerSettings {
        listen,
        admin_listen,
        max_body_bytes,
        max_header_bytes,
        header_timeout,
        body_timeout,
        stream_keep_alive,
        drain_timeout,
    } = settings;
    ServerOptions {
        listen: arguments.listen.unwrap_or(listen),
        admin_listen: arguments.admin_listen.unwrap_or(admin_listen),
        body_limit: max_body_bytes,
        max_header_bytes,
        header_timeout,
        body_timeout,
        keep_alive: stream_keep_alive,
        drain_timeout,
        ..ServerOptions::default()
    }
}
