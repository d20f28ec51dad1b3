//! The command line: what can be asked, and how answers are printed.
//!
//! Parsing and rendering live here; the composition root does what was asked, since only it may build adapters. So
//! `status` renders what the composition root has fetched.

mod check;
mod colour;
mod config;
mod explain;
mod migrate;
mod progress;
mod simulate;
mod status;

use std::{net::SocketAddr, path::PathBuf};

pub use check::{ReportFormat, render_report};
use clap::{Args, CommandFactory, Parser, Subcommand};
pub use colour::Colour;
pub use config::{
    ConfigCommand, DiffArgs, FormatArgs, History, HistoryArgs, ReadHistoryError, RollbackArgs, ShowArgs, ShownOrigin,
    ShownValue, ValueChange, changes, is_at_or_below, render_changes, render_formatted, render_rollback, render_values,
};
pub use explain::{ExplainArgs, Explained, ReadExplanationError};
pub use migrate::{
    ImportArgs, ImportCommand, MigrateCommand, MigrateYamlArgs, MigrationFile, MigrationNote, MigrationOutcome,
    MigrationReport, render_migration,
};
pub use progress::Progress;
pub use simulate::{
    Bucket, InstanceRow, SimulateArgs, SimulatedOutage, SimulationReport, TimelineEntry, plot, render_simulation,
};
pub use status::{ReadStatusError, render_status};

/// An OpenAI-compatible gateway over pools and task groups of LLM instances.
#[derive(Debug, Clone, PartialEq, Eq, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Serve requests until SIGTERM or SIGINT; a second signal ends at once. SIGHUP reloads the configuration.
    Serve(ServeArgs),
    /// Report every problem of a configuration; exits with 1 if there is an error.
    Check(CheckArgs),
    /// Show what a configuration comes to, how two differ, and what can be written in one.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Say where a request for a model would go, and why not elsewhere; nothing is sent.
    Explain(ExplainArgs),
    /// Try a configuration on simulated traffic and failures; nothing is sent, and the same seed makes the same run.
    Simulate(SimulateArgs),
    /// Show how a running gateway is; exits with 1 if something cannot be used.
    Status(StatusArgs),
    /// Rewrite the configuration of another system for this one.
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Rewrite the configuration of another gateway for this one, with a report of every guess and loss.
    #[command(subcommand)]
    Import(ImportCommand),
}

/// Where the configuration is.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ConfigArgs {
    /// The configuration: a file, or a directory with tidegate.toml.
    #[arg(long, value_name = "PATH", env = "TIDEGATE_CONFIG", default_value = "./config")]
    pub config: PathBuf,
    /// Lay environments/NAME.toml over it.
    #[arg(long, value_name = "NAME", env = "TIDEGATE_ENV")]
    pub env: Option<String>,
}

/// The arguments of `serve`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ServeArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Serve callers here, whatever the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Serve the operations endpoints here, whatever the configuration says.
    #[arg(long, value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
}

/// The arguments of `check`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CheckArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to print the problems.
    #[arg(long, value_enum, default_value = "text")]
    pub format: ReportFormat,
    /// Print JSON: as `--format json`.
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

impl CheckArgs {
    /// How to print the problems, by either spelling.
    pub fn report_format(&self) -> ReportFormat {
        if self.json { ReportFormat::Json } else { self.format }
    }
}

/// The arguments of `status`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct StatusArgs {
    /// The operations endpoints of the gateway.
    #[arg(long, default_value = "http://127.0.0.1:8081")]
    pub url: String,
    /// Print the report as the gateway sent it.
    #[arg(long)]
    pub json: bool,
}

impl Cli {
    /// Reads the arguments of the process; prints help, the version or a mistake, and exits, where that was asked for.
    pub fn from_arguments() -> Self {
        Self::parse()
    }
}

/// The command line as clap sees it, for completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn parsed(line: &str) -> Command {
        Cli::try_parse_from(line.split(' ')).unwrap().command
    }

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn serve_takes_addresses_over_those_of_the_configuration() {
        let Command::Serve(serve) = parsed("tidegate serve --config a.toml --env prod --listen 0.0.0.0:80") else {
            panic!("not serve")
        };
        assert_eq!(serve.config, ConfigArgs { config: "a.toml".into(), env: Some("prod".to_owned()) });
        assert_eq!(serve.listen, Some(SocketAddr::from(([0, 0, 0, 0], 80))));
        assert_eq!(serve.admin_listen, None);
    }

    #[test]
    fn check_prints_text_unless_told_otherwise() {
        let Command::Check(text) = parsed("tidegate check") else { panic!("not check") };
        let Command::Check(json) = parsed("tidegate check --format json") else { panic!("not check") };
        let Command::Check(short) = parsed("tidegate check --json") else { panic!("not check") };
        let formats = [text, json, short].map(|arguments| arguments.report_format());
        assert_eq!(formats, [ReportFormat::Text, ReportFormat::Json, ReportFormat::Json]);
    }

    #[test]
    fn status_asks_the_local_gateway_unless_told_otherwise() {
        let Command::Status(status) = parsed("tidegate status --json") else { panic!("not status") };
        assert_eq!(status, StatusArgs { url: "http://127.0.0.1:8081".to_owned(), json: true });
    }

    #[test]
    fn migrate_refuses_to_guess_where_to_write() {
        let line = "tidegate migrate yaml old --out new --dry-run --model-map map.toml";
        let Command::Migrate(MigrateCommand::Yaml(yaml)) = parsed(line) else { panic!("not migrate") };
        assert_eq!((yaml.directory, yaml.out), ("old".into(), "new".into()));
        assert_eq!((yaml.model_map, yaml.dry_run, yaml.force), (Some("map.toml".into()), true, false));
        assert!(Cli::try_parse_from(["tidegate", "migrate", "yaml", "old"]).is_err());
    }

    #[test]
    fn an_address_without_a_port_is_a_mistake() {
        assert!(Cli::try_parse_from(["tidegate", "serve", "--listen", "localhost"]).is_err());
    }

    #[test]
    fn the_help_names_every_command() {
        insta::assert_snapshot!(command().render_help(), @r#"
        An OpenAI-compatible gateway over pools and task groups of LLM instances

        Usage: tidegate <COMMAND>

        Commands:
          serve     Serve requests until SIGTERM or SIGINT; a second signal ends at once. SIGHUP reloads the configuration
          check     Report every problem of a configuration; exits with 1 if there is an error
          config    Show what a configuration comes to, how two differ, and what can be written in one
          explain   Say where a request for a model would go, and why not elsewhere; nothing is sent
          simulate  Try a configuration on simulated traffic and failures; nothing is sent, and the same seed makes the same run
          status    Show how a running gateway is; exits with 1 if something cannot be used
          migrate   Rewrite the configuration of another system for this one
          import    Rewrite the configuration of another gateway for this one, with a report of every guess and loss
          help      Print this message or the help of the given subcommand(s)

        Options:
          -h, --help     Print help
          -V, --version  Print version
        "#);
    }
}
