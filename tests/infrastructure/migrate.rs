//! YAML layouts of the predecessor, migrated, and what our own configuration then says.

mod meaning;
mod source;
mod variants;
mod writing;

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tidegate_infrastructure::{
    config::{ConfigLocation, Environment, Loaded, TomlConfigSource},
    migrate::{Migration, NoteKind, Overwrite, migrate_yaml},
};

/// The keys of every provider that the fixtures name.
const VARIABLES: [(&str, &str); 6] = [
    ("OPENAI_API_KEY", "key-1"),
    ("ANTHROPIC_API_KEY", "key-2"),
    ("GEMINI_API_KEY", "key-3"),
    ("HOUSE_API_KEY", "key-4"),
    ("HOUSE_BASE_URL", "http://127.0.0.1:9000/v1"),
    ("UNKNOWN_API_KEY", "key-5"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/legacy-yaml").join(name)
}

fn migrated(name: &str) -> Migration {
    migrate_yaml(&fixture(name), None).unwrap()
}

/// The migration, written below a directory of its own.
fn written(migration: &Migration) -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let out = directory.path().join("new");
    assert_eq!(migration.write(&out, Overwrite::Refuse).unwrap(), None);
    (directory, out)
}

fn load(path: &Path) -> Loaded {
    let location = ConfigLocation { path: path.to_owned(), environment: None };
    let variables = VARIABLES.into_iter().chain([("UNKNOWN_BASE_URL", "http://127.0.0.1:9001/v1")]);
    let source = TomlConfigSource::new(location, variables.collect::<Environment>());
    source.load_all().unwrap_or_else(|report| panic!("{report}"))
}

fn loaded(migration: &Migration) -> Loaded {
    let (_kept, out) = written(migration);
    load(&out)
}

fn text<'a>(migration: &'a Migration, path: &str) -> &'a str {
    let file = migration.files.iter().find(|file| file.path == path);
    &file.unwrap_or_else(|| panic!("no {path} was written")).text
}

/// The notes of one kind, each on a line.
fn notes(migration: &Migration, kind: NoteKind) -> String {
    let of_kind = migration.notes.iter().filter(|note| note.kind == kind);
    let lines = of_kind.map(|note| format!("{}:{} {}: {}", note.file, note.line, note.key, note.message));
    lines.collect::<Vec<_>>().join("\n")
}
