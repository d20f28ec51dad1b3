//! The log of the process, on standard error.

use anyhow::{Context, anyhow};
use tidegate_infrastructure::config::{LogFormat, LogSettings};
use tracing_subscriber::{EnvFilter, fmt};

/// Starts the log. `RUST_LOG` narrows or widens what the configuration says.
pub(crate) fn start(settings: LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .with_default_directive(settings.level.as_str().parse().context("the log level")?)
        .from_env()
        .context("RUST_LOG is no log filter; write for example RUST_LOG=info,tidegate_application=debug")?;
    let log = fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Json => log.json().flatten_event(true).try_init(),
        LogFormat::Text => log.try_init(),
    };
    started.map_err(|error| anyhow!("the log cannot be started: {error}"))
}
