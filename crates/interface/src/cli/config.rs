//! `tidegate config`: what a configuration comes to, how two differ, and what can be written in one.

mod diff;
mod history;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
pub use diff::{ValueChange, changes, render_changes};
pub use history::{History, HistoryArgs, ReadHistoryError, RollbackArgs, render_rollback};
pub use show::{ShownOrigin, ShownValue, is_at_or_below, render_values};

use super::ConfigArgs;

/// What can be asked about configurations.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ConfigCommand {
    /// Show the value of every key, defaults included; secrets are masked.
    Show(ShowArgs),
    /// Show what differs between two configurations, by meaning; exits with 1 if something does.
    Diff(DiffArgs),
    /// Show the configurations that were in force, or the files of one of them.
    History(HistoryArgs),
    /// Put the files of an earlier revision in place, if they pass the check; exits with 1 if not.
    Rollback(RollbackArgs),
    /// Write the files as they would be written today: older spellings replaced, keys ordered, comments kept.
    Fmt(FormatArgs),
    /// Print the JSON Schema of a configuration, for editors.
    Schema,
}

/// The arguments of `config show`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ShowArgs {
    /// Where the configuration is.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Show only these keys and what is below them.
    #[arg(value_name = "KEY")]
    pub keys: Vec<String>,
    /// Say where each value is from: a line of a file, a variable, another key, or the default.
    #[arg(long)]
    pub origin: bool,
    /// Leave out what only holds by default.
    #[arg(long)]
    pub written: bool,
    /// Print an array of values, origins included.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `config diff`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DiffArgs {
    /// The one configuration: a file, or a directory with tidegate.toml.
    #[arg(value_name = "A")]
    pub before: PathBuf,
    /// The other one.
    #[arg(value_name = "B")]
    pub after: PathBuf,
    /// Lay environments/NAME.toml over both.
    #[arg(long, value_name = "NAME", env = "TIDEGATE_ENV")]
    pub env: Option<String>,
    /// Print an array of changes.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `config fmt`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct FormatArgs {
    /// Where the configuration is, all of whose files are formatted.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Format these files instead.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write nothing; exit with 1 if a file would change.
    #[arg(long)]
    pub check: bool,
    /// Print the array of files that changed, or would.
    #[arg(long)]
    pub json: bool,
}

/// Renders which files were formatted, or would be; nothing if none, but for programs.
pub fn render_formatted(changed: &[PathBuf], arguments: &FormatArgs) -> String {
    if arguments.json {
        let files: Vec<_> = changed.iter().map(|file| file.display().to_string()).collect();
        // Strings and nothing else: it cannot fail to serialise.
        return serde_json::to_string_pretty(&files).unwrap_or_default() + "\n";
    }
    let verb = if arguments.check { "would change" } else { "changed" };
    let line = |file: &PathBuf| format!("{verb}: {}\n", file.display());
    changed.iter().map(line).collect()
}
