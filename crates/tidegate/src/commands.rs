//! What the binary does: one module per command.

mod check;
mod config;
mod explain;
mod migrate;
mod serve;
mod simulate;
mod status;

use std::{io::Write, process::ExitCode};

use tidegate_infrastructure::config::{ConfigLocation, Environment, TomlConfigSource};
use tidegate_interface::cli::{Cli, Command, ConfigArgs};

pub use self::simulate::simulate;

/// Does what the command line asks for.
///
/// # Errors
/// What went wrong, for a person to read.
pub fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Config(command) => config::run(command),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Migrate(command) => migrate::run(command),
        Command::Import(command) => migrate::run_import(command),
    }
}

fn config_source(arguments: &ConfigArgs) -> TomlConfigSource {
    let location = ConfigLocation { path: arguments.config.clone(), environment: arguments.env.clone() };
    TomlConfigSource::new(location, Environment::of_process())
}

fn print(text: &str) -> std::io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
    match out.write_all(text.as_bytes()).and_then(|()| out.write_all(end)) {
        // Whoever reads has seen enough: `tidegate config show | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
