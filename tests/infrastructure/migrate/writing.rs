//! Putting a migration in place: whole, or not at all, and never over what is there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tidegate_infrastructure::migrate::{MigratedFile, Migration, Overwrite, WriteMigrationError};
use tidegate_interface::cli::{Cli, Command, MigrateCommand, MigrateYamlArgs};

use super::{fixture, migrated, written};

/// Every file below a directory.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(contents(&entry));
        } else {
            found.insert(entry.clone(), fs::read(&entry).unwrap());
        }
    }
    found
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let (first, second) = (migrated("standard"), migrated("standard"));
    assert_eq!(first, second);
    let (_kept, out) = written(&first);
    let before = contents(&out);
    assert_eq!(before.len(), first.files.len());
    second.write(&out, Overwrite::KeepBackup { source: &fixture("standard") }).unwrap();
    assert_eq!(contents(&out), before);
}

#[test]
fn a_dry_run_writes_nothing() {
    let directory = TempDir::new().unwrap();
    let arguments = MigrateYamlArgs {
        directory: fixture("standard"),
        out: directory.path().join("new"),
        dry_run: true,
        model_map: None,
        force: true,
        json: true,
    };
    let run = |arguments: &MigrateYamlArgs| {
        let command = Command::Migrate(MigrateCommand::Yaml(arguments.clone()));
        tidegate::commands::run(Cli { command }).unwrap();
    };
    run(&arguments);
    assert_eq!(names(directory.path()), [""; 0]);
    run(&MigrateYamlArgs { dry_run: false, ..arguments });
    assert_eq!(names(directory.path()), ["new"]);
}

#[test]
fn what_is_there_is_not_touched_without_force() {
    let (kept, out) = written(&migrated("standard"));
    fs::write(out.join("own.txt"), "mine").unwrap();
    let before = contents(kept.path());
    let error = migrated("monolith").write(&out, Overwrite::Refuse).unwrap_err();
    assert!(matches!(error, WriteMigrationError::Exists(_)), "{error}");
    assert_eq!(contents(kept.path()), before);
}

#[test]
fn with_force_every_earlier_state_is_kept() {
    let (kept, out) = written(&migrated("standard"));
    let source = fixture("monolith");
    fs::write(out.join("own.txt"), "mine").unwrap();
    let overwrite = Overwrite::KeepBackup { source: &source };
    let first = migrated("monolith").write(&out, overwrite).unwrap().unwrap();
    let second = migrated("standard").write(&out, overwrite).unwrap().unwrap();
    assert_eq!(names(kept.path()), ["new", "new.backup-1", "new.backup-2"]);
    assert!(first.ends_with("new.backup-1") && second.ends_with("new.backup-2"));
    assert_eq!(fs::read_to_string(first.join("own.txt")).unwrap(), "mine");
    assert!(second.join("pools/chat-pool.toml").is_file());
    assert!(!out.join("own.txt").exists());
}

#[test]
fn an_empty_directory_is_filled_without_a_backup() {
    let directory = TempDir::new().unwrap();
    assert_eq!(migrated("monolith").write(directory.path(), Overwrite::Refuse).unwrap(), None);
    assert!(directory.path().join("tidegate.toml").is_file());
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let (kept, out) = written(&migrated("monolith"));
    let before = contents(kept.path());
    let clash = |path: &str| MigratedFile { path: path.to_owned(), text: "x = 1\n".to_owned() };
    let impossible = Migration { files: vec![clash("a"), clash("a/b")], notes: Vec::new() };
    let error = impossible.write(&out, Overwrite::KeepBackup { source: &fixture("monolith") }).unwrap_err();
    assert!(matches!(error, WriteMigrationError::Io { .. }), "{error}");
    assert_eq!(contents(kept.path()), before);
    assert_eq!(names(kept.path()), ["new"]);
}

#[test]
fn the_source_is_never_moved_away() {
    let directory = TempDir::new().unwrap();
    let source = directory.path().join("old");
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("any.yaml"), "a: 1").unwrap();
    for target in [directory.path(), &source] {
        let error = migrated("monolith").write(target, Overwrite::KeepBackup { source: &source }).unwrap_err();
        assert!(matches!(error, WriteMigrationError::HoldsSource(_)), "{error}");
    }
    assert_eq!(names(&source), ["any.yaml"]);
}

#[test]
fn a_file_is_no_place_to_write_to() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "mine").unwrap();
    let error = migrated("monolith").write(&file, Overwrite::Refuse).unwrap_err();
    assert!(matches!(error, WriteMigrationError::NoDirectory(_)), "{error}");
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
}
