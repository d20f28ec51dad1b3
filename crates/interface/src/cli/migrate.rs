//! `tidegate migrate`: its arguments, and what it prints.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::ReportFormat;

/// Which configuration is migrated.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum MigrateCommand {
    /// The YAML layout of the Python predecessor: groups, polling pools and the global files.
    Yaml(MigrateYamlArgs),
}

/// The arguments of `migrate yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct MigrateYamlArgs {
    /// The directory that holds the groups and the polling pools.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Write the TOML files here.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print the files and the report, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Take the names of models from this file: the model-map.toml of an earlier run, edited.
    #[arg(long, value_name = "FILE")]
    pub model_map: Option<PathBuf>,
    /// Where the directory exists, rename it and write a new one.
    #[arg(long)]
    pub force: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which other gateway's configuration is imported.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum ImportCommand {
    /// `LiteLLM`'s proxy: its config.yaml.
    Litellm(ImportArgs),
    /// A Portkey config in JSON.
    Portkey(ImportArgs),
    /// Onwards: its config.json.
    Onwards(ImportArgs),
}

/// The arguments of `import`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ImportArgs {
    /// The file to import.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write tidegate.toml into this directory.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Print the file and the report, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Where the directory exists, rename it and write a new one.
    #[arg(long)]
    pub force: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What a migration did, to be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// Where the files are, or would be.
    pub out: PathBuf,
    /// Whether they were written.
    pub outcome: MigrationOutcome,
    /// The files.
    pub files: Vec<MigrationFile>,
    /// What a person should know, in order.
    pub notes: Vec<MigrationNote>,
}

/// Whether a migration wrote its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrationOutcome {
    /// It was a dry run.
    NotWritten,
    /// It did; what was there before is at `backup`.
    Written {
        /// The new name of the directory that was there.
        backup: Option<PathBuf>,
    },
}

/// A file of a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationFile {
    /// Its path below the directory.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// One thing that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationNote {
    /// `skipped`, `guessed`, `not carried over`, `warning` or `converted`.
    pub kind: &'static str,
    /// The source file; empty if there is none.
    pub file: String,
    /// The line there; 0 if there is none.
    pub line: usize,
    /// The key; empty if there is none.
    pub key: String,
    /// What happened.
    pub message: String,
}

/// Renders what a migration did; ends with a line break.
pub fn render_migration(report: &MigrationReport, format: ReportFormat) -> String {
    match format {
        ReportFormat::Text => text(report),
        ReportFormat::Json => json(report),
    }
}

fn text(report: &MigrationReport) -> String {
    let MigrationReport { out, outcome, files, notes } = report;
    let mut rendered = String::new();
    if *outcome == MigrationOutcome::NotWritten {
        rendered.extend(files.iter().map(|file| format!("==> {} <==\n{}\n", file.path, file.text)));
    }
    for of_kind in notes.chunk_by(|a, b| a.kind == b.kind) {
        rendered.push_str(&section(of_kind));
    }
    rendered.push_str(&ending(out, outcome, files.len()));
    rendered
}

fn ending(out: &Path, outcome: &MigrationOutcome, files: usize) -> String {
    let out = out.display();
    let count = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    let next = format!("next: tidegate check --config {out}");
    match outcome {
        MigrationOutcome::NotWritten => format!("nothing was written: this would be {count} in {out}\n"),
        MigrationOutcome::Written { backup: None } => format!("{count} written to {out}\n{next}\n"),
        MigrationOutcome::Written { backup: Some(backup) } => {
            format!("{count} written to {out}; what was there is in {} now\n{next}\n", backup.display())
        }
    }
}

/// The notes of one kind. Those that say the same of one file share a line.
fn section(notes: &[MigrationNote]) -> String {
    let mut lines: Vec<(&MigrationNote, Vec<&str>)> = Vec::new();
    for note in notes {
        match lines.iter_mut().find(|(first, _)| first.file == note.file && first.message == note.message) {
            Some((_, keys)) => keys.push(&note.key),
            None => lines.push((note, vec![&note.key])),
        }
    }
    let kind = notes.first().map_or("", |note| note.kind);
    let lines: String = lines.iter().map(|(note, keys)| line(note, keys)).collect();
    format!("{kind}:\n{lines}\n")
}

fn line(note: &MigrationNote, keys: &[&str]) -> String {
    let MigrationNote { kind: _, file, line, key: _, message } = note;
    let place = match (file.as_str(), line) {
        ("", _) => String::new(),
        (file, 0) => format!("{file}: "),
        (file, line) => format!("{file}:{line}: "),
    };
    let keys: Vec<_> = keys.iter().copied().filter(|key| !key.is_empty()).collect();
    let keys = if keys.is_empty() { String::new() } else { format!("{}: ", keys.join(", ")) };
    format!("  {place}{keys}{message}\n")
}

fn json(report: &MigrationReport) -> String {
    let MigrationReport { out, outcome, files, notes } = report;
    let backup = match outcome {
        MigrationOutcome::NotWritten | MigrationOutcome::Written { backup: None } => None,
        MigrationOutcome::Written { backup: Some(backup) } => Some(backup.display().to_string()),
    };
    let written = *outcome != MigrationOutcome::NotWritten;
    let wire = MigrationWire { out: out.display().to_string(), written, backup, files, notes };
    // Strings and numbers and nothing else: it cannot fail to serialise.
    let mut rendered = serde_json::to_string_pretty(&wire).unwrap_or_default();
    rendered.push('\n');
    rendered
}

#[derive(Serialize)]
struct MigrationWire<'a> {
    out: String,
    written: bool,
    backup: Option<String>,
    files: &'a [MigrationFile],
    notes: &'a [MigrationNote],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(kind: &'static str, line: usize, key: &str) -> MigrationNote {
        let message = "there is no such limit".to_owned();
        MigrationNote { kind, file: "groups/a.yaml".to_owned(), line, key: key.to_owned(), message }
    }

    fn report(outcome: MigrationOutcome) -> MigrationReport {
        let files = vec![MigrationFile { path: "tidegate.toml".to_owned(), text: "[pools]\n".to_owned() }];
        let notes = vec![
            note("skipped", 0, ""),
            note("not carried over", 3, "one.rpm_limit"),
            note("not carried over", 9, "two.rpm_limit"),
        ];
        MigrationReport { out: "new".into(), outcome, files, notes }
    }

    #[test]
    fn what_is_said_of_several_keys_is_said_once() {
        let written = MigrationOutcome::Written { backup: Some("new.backup-1".into()) };
        insta::assert_snapshot!(render_migration(&report(written), ReportFormat::Text), @r#"
        skipped:
          groups/a.yaml: there is no such limit

        not carried over:
          groups/a.yaml:3: one.rpm_limit, two.rpm_limit: there is no such limit

        1 file written to new; what was there is in new.backup-1 now
        next: tidegate check --config new
        "#);
    }

    #[test]
    fn a_dry_run_shows_the_files() {
        insta::assert_snapshot!(render_migration(&report(MigrationOutcome::NotWritten), ReportFormat::Text), @r#"
        ==> tidegate.toml <==
        [pools]

        skipped:
          groups/a.yaml: there is no such limit

        not carried over:
          groups/a.yaml:3: one.rpm_limit, two.rpm_limit: there is no such limit

        nothing was written: this would be 1 file in new
        "#);
    }

    #[test]
    fn programs_get_every_note_on_its_own() {
        let rendered = render_migration(&report(MigrationOutcome::NotWritten), ReportFormat::Json);
        let value: serde_json::Value = serde_json::from_str(&rendered).unwrap();
        assert_eq!(value["notes"].as_array().unwrap().len(), 3);
        assert_eq!((&value["written"], &value["backup"]), (&false.into(), &serde_json::Value::Null));
    }
}
