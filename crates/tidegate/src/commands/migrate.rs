//! `tidegate migrate`: the configuration of another system, rewritten for this one.

use std::{path::PathBuf, process::ExitCode};

use tidegate_infrastructure::migrate::{ImportFormat, MigratedFile, Migration, Note, Overwrite, import, migrate_yaml};
use tidegate_interface::cli::{
    ImportArgs, ImportCommand, MigrateCommand, MigrateYamlArgs, MigrationFile, MigrationNote, MigrationOutcome,
    MigrationReport, ReportFormat, render_migration,
};

use super::print;

pub(super) fn run(command: MigrateCommand) -> anyhow::Result<ExitCode> {
    match command {
        MigrateCommand::Yaml(arguments) => yaml(arguments),
    }
}

/// `tidegate import`: the same for other gateways.
pub(super) fn run_import(command: ImportCommand) -> anyhow::Result<ExitCode> {
    let (format, arguments) = match command {
        ImportCommand::Litellm(arguments) => (ImportFormat::LiteLlm, arguments),
        ImportCommand::Portkey(arguments) => (ImportFormat::Portkey, arguments),
        ImportCommand::Onwards(arguments) => (ImportFormat::Onwards, arguments),
    };
    let ImportArgs { file, out, dry_run, force, json } = arguments;
    let migration = import(format, &file)?;
    deliver(migration, Delivery { out, source: file, dry_run, force, json })
}

fn yaml(arguments: MigrateYamlArgs) -> anyhow::Result<ExitCode> {
    let MigrateYamlArgs { directory, out, dry_run, model_map, force, json } = arguments;
    let migration = migrate_yaml(&directory, model_map.as_deref())?;
    deliver(migration, Delivery { out, source: directory, dry_run, force, json })
}

/// Where the files go, and how that is told.
struct Delivery {
    out: PathBuf,
    source: PathBuf,
    dry_run: bool,
    force: bool,
    json: bool,
}

fn deliver(migration: Migration, delivery: Delivery) -> anyhow::Result<ExitCode> {
    let Delivery { out, source, dry_run, force, json } = delivery;
    let overwrite = if force { Overwrite::KeepBackup { source: &source } } else { Overwrite::Refuse };
    let outcome = if dry_run {
        MigrationOutcome::NotWritten
    } else {
        MigrationOutcome::Written { backup: migration.write(&out, overwrite)? }
    };
    let Migration { files, notes } = migration;
    let report = MigrationReport {
        out,
        outcome,
        files: files.into_iter().map(self::file).collect(),
        notes: notes.into_iter().map(note).collect(),
    };
    print(&render_migration(&report, if json { ReportFormat::Json } else { ReportFormat::Text }))?;
    Ok(ExitCode::SUCCESS)
}

fn file(MigratedFile { path, text }: MigratedFile) -> MigrationFile {
    MigrationFile { path, text }
}

fn note(Note { kind, file, line, key, message }: Note) -> MigrationNote {
    MigrationNote { kind: kind.as_str(), file, line, key, message }
}
