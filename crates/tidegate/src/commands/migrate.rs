//! `tidegate migrate`: the configuration of another system, rewritten for this one.

use std::process::ExitCode;

use tidegate_infrastructure::migrate::{MigratedFile, Migration, Note, Overwrite, migrate_yaml};
use tidegate_interface::cli::{
    MigrateCommand, MigrateYamlArgs, MigrationFile, MigrationNote, MigrationOutcome, MigrationReport, ReportFormat,
    render_migration,
};

use super::print;

pub(super) fn run(command: MigrateCommand) -> anyhow::Result<ExitCode> {
    match command {
        MigrateCommand::Yaml(arguments) => yaml(arguments),
    }
}

fn yaml(arguments: MigrateYamlArgs) -> anyhow::Result<ExitCode> {
    let MigrateYamlArgs { directory, out, dry_run, model_map, force, json } = arguments;
    let migration = migrate_yaml(&directory, model_map.as_deref())?;
    let overwrite = if force { Overwrite::KeepBackup { source: &directory } } else { Overwrite::Refuse };
    let outcome = if dry_run {
        MigrationOutcome::NotWritten
    } else {
        MigrationOutcome::Written { backup: migration.write(&out, overwrite)? }
    };
    let Migration { files, notes } = migration;
    let report = MigrationReport {
        out,
        outcome,
        files: files.into_iter().map(file).collect(),
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
