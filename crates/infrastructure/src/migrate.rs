//! From the YAML layout of the Python predecessor to ours: pure reading and writing of text, and one step that puts the
//! files in place.
//!
//! `layout` finds the source files and parses them (`yaml`), `task_group`, `pool` and `root` rewrite one kind each, and
//! `keys` is the one table of what our configuration can express: a key that it cannot express yet stays in the written
//! file as a comment. Nothing is lost silently: every guess, loss and conversion is a [`Note`].
//!
//! Deliberately absent: statistics and run-time state, which the predecessor kept in memory only.

mod body;
mod carry;
mod fallback;
mod import;
mod keys;
mod layout;
mod models;
mod note;
mod output;
mod pool;
mod rate_limiting;
mod root;
mod task_group;
mod yaml;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use body::Body;
pub use import::{ImportError, ImportFormat, import};
pub use note::{Note, NoteKind};
pub use output::{Overwrite, WriteMigrationError};

use self::{models::ModelMap, note::Notes};

/// A migrated configuration, not yet written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The files, by path.
    pub files: Vec<MigratedFile>,
    /// What a person should know about them, in order.
    pub notes: Vec<Note>,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigratedFile {
    /// Its path below the output directory, with forward slashes.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// Why a directory cannot be migrated at all.
#[derive(Debug, thiserror::Error)]
pub enum MigrateYamlError {
    /// There is no such directory.
    #[error("there is no directory {0}; name the one that holds groups/ and polling_pools/")]
    NoDirectory(PathBuf),
    /// It holds neither a registry nor files of groups or pools.
    #[error(
        "{directory} holds no groups/_task_groups.yaml and no groups or pools that can be read; \
         name the directory that does{unreadable}"
    )]
    Nothing {
        /// The directory.
        directory: PathBuf,
        /// What was found and cannot be read, in brackets; empty if nothing was found.
        unreadable: String,
    },
    /// The model map cannot be read.
    #[error(
        "the model map {path} cannot be read: {problem}; write lines such as \"old-name\" = \"provider:model\" below [models]"
    )]
    ModelMap {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// What a migration has read and found so far.
struct Conversion {
    notes: Notes,
    models: ModelMap,
    /// The names that are taken, and the files, in lower case: some file systems do not tell the cases apart.
    names: BTreeSet<String>,
    paths: BTreeSet<String>,
}

impl Conversion {
    fn new(models: ModelMap) -> Self {
        Self { notes: Notes::default(), models, names: BTreeSet::new(), paths: BTreeSet::new() }
    }

    /// The file for an entry: dashes for underscores, and a number if that makes two names one. `None` if the name is
    /// taken.
    fn claim(&mut self, directory: &str, name: &str) -> Option<String> {
        if !self.names.insert(format!("{directory}/{name}")) {
            return None;
        }
        let stem = format!("{directory}/{}", name.replace('_', "-"));
        let numbered = (2..).map(|number| format!("{stem}-{number}.toml"));
        std::iter::once(format!("{stem}.toml")).chain(numbered).find(|path| self.paths.insert(path.to_lowercase()))
    }
}

/// Rewrites the YAML configuration in `directory`, with the names of models as `model_map` says. It reads files, and
/// writes none. The same input gives the same answer, byte by byte.
///
/// # Errors
/// [`MigrateYamlError`] if there is nothing to migrate, or the map cannot be read. A broken file is no error: it is left
/// out, and a [`Note`] says so.
pub fn migrate_yaml(directory: &Path, model_map: Option<&Path>) -> Result<Migration, MigrateYamlError> {
    if !directory.is_dir() {
        return Err(MigrateYamlError::NoDirectory(directory.to_owned()));
    }
    let mut conversion = Conversion::new(ModelMap::read(model_map)?);
    let mut legacy = layout::read(directory, &mut conversion);
    if legacy.groups.is_empty() && legacy.pools.is_empty() {
        return Err(nothing(directory, conversion.notes));
    }
    let defaults = fallback::Defaults::of(legacy.globals.fallback.take());
    let groups: Vec<_> =
        legacy.groups.drain(..).map(|entry| task_group::convert(entry, &defaults, &mut conversion)).collect();
    let pools = pool::convert_all(std::mem::take(&mut legacy.pools), &groups, &mut conversion);
    let mut files =
        vec![MigratedFile { path: "model-map.toml".to_owned(), text: conversion.models.render(&mut conversion.notes) }];
    let root = root::convert(legacy, (&pools, &groups), &mut conversion);
    files.push(MigratedFile { path: "tidegate.toml".to_owned(), text: root });
    let entries = pools.into_iter().map(|pool| pool.entry).chain(groups.into_iter().map(|group| group.entry));
    files.extend(entries.filter_map(|entry| entry.file));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Migration { files, notes: conversion.notes.into_sorted() })
}

fn nothing(directory: &Path, notes: Notes) -> MigrateYamlError {
    let mut unreadable = String::new();
    for Note { kind: _, file, line, key: _, message } in notes.into_skipped() {
        // Writing to a string cannot fail.
        let _ = write!(unreadable, " ({file}:{line}: {message})");
    }
    MigrateYamlError::Nothing { directory: directory.to_owned(), unreadable }
}

impl Migration {
    /// Writes the files below `directory`, all or none: they are written beside it first and then put in its place. A
    /// directory that is there is kept under the returned name.
    ///
    /// # Errors
    /// [`WriteMigrationError`] if the directory exists and may not be replaced, or cannot be written. Nothing has changed
    /// then.
    pub fn write(&self, directory: &Path, overwrite: Overwrite<'_>) -> Result<Option<PathBuf>, WriteMigrationError> {
        output::write(&self.files, directory, overwrite)
    }
}

/// An entry of the registry that is written.
struct Rewritten {
    name: String,
    enabled: bool,
    description: Option<String>,
    /// `None` if its source could not be read.
    file: Option<MigratedFile>,
}

impl Rewritten {
    /// The line of the registry that names it.
    fn registry_line(&self) -> Option<toml_edit::Value> {
        let file = self.file.as_ref()?;
        let mut line = toml_edit::InlineTable::new();
        line.insert("file", file.path.as_str().into());
        line.insert("enabled", self.enabled.into());
        if let Some(description) = &self.description {
            line.insert("description", description.as_str().into());
        }
        Some(line.into())
    }
}

/// The file of an entry whose body stands below `heading`.
fn entry_file(path: String, heading: &str, body: Body, comments: &[String]) -> MigratedFile {
    let mut document = Body::default();
    document.table(heading, body);
    MigratedFile { path, text: document.render(comments) }
}
