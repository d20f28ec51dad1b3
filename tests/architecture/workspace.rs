//! Reads the workspace that the rules are about: its crates' declared dependencies and its text files.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{Dependency, DependencyKind, MetadataCommand};

use crate::layers::{Edge, Use};

/// A text file of the workspace.
pub(crate) struct TextFile {
    /// Its path from the root of the workspace, with forward slashes.
    pub(crate) path: String,
    /// What it says.
    pub(crate) text: String,
}

/// Directories that are made, not written. Hidden ones are skipped too, except [`HIDDEN_SOURCES`].
const GENERATED: [&str; 4] = ["target", "book", "data", "__pycache__"];
const HIDDEN_SOURCES: [&str; 2] = [".ci", ".github"];

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace").to_owned()
}

/// Every dependency that a member of the workspace declares.
pub(crate) fn edges() -> Vec<Edge> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo can describe the workspace");
    let of = |from: &str, dependency: &Dependency| Edge::new(from, &dependency.name).used(use_of(dependency));
    metadata
        .workspace_packages()
        .iter()
        .flat_map(|package| package.dependencies.iter().map(|dependency| of(&package.name, dependency)))
        .collect()
}

fn use_of(dependency: &Dependency) -> Use {
    match dependency.kind {
        DependencyKind::Development => Use::Tests,
        _ if dependency.optional => Use::Optional,
        _ => Use::Always,
    }
}

/// Every text file that somebody wrote, by path.
pub(crate) fn text_files() -> Vec<TextFile> {
    let root = root();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(&root).ok()?.to_string_lossy().replace('\\', "/");
        Some(TextFile { path, text })
    };
    paths.into_iter().filter_map(read).collect()
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).expect("the workspace can be read");
    for entry in entries.map(|entry| entry.expect("the workspace can be read")) {
        let kind = entry.file_type().expect("an entry has a type");
        // In a linked worktree `.git` is a file, and names where the repository is.
        if kind.is_file() && entry.file_name() != ".git" {
            paths.push(entry.path());
        } else if kind.is_dir() && is_written(&entry.file_name().to_string_lossy()) {
            collect(&entry.path(), paths);
        }
    }
}

fn is_written(directory: &str) -> bool {
    HIDDEN_SOURCES.contains(&directory) || !(directory.starts_with('.') || GENERATED.contains(&directory))
}
