//! What a load looked at, so that a watcher knows where to look and can tell whether anything differs from what was read.
//!
//! It compares contents, not times: what counts is whether another load would read something else.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::layout::toml_files;

type ContentDigest = [u8; 32];

/// Every file that a load read or missed, and the directories that it searched for more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// What was read; `None` where there was nothing to read.
    files: BTreeMap<PathBuf, Option<ContentDigest>>,
    /// Searched to this depth for `*.toml`.
    directories: BTreeMap<PathBuf, usize>,
}

impl Footprint {
    /// Remembers what was read of a file; of the first time, if there are several.
    pub(super) fn add_file(&mut self, path: &Path, content: Option<&[u8]>) {
        self.files.entry(path.to_owned()).or_insert_with(|| content.map(digest));
    }

    pub(super) fn add_directory(&mut self, path: &Path, depth: usize) {
        self.directories.insert(path.to_owned(), depth);
    }

    /// The TOML files that were read.
    pub fn toml_files(&self) -> impl Iterator<Item = &Path> {
        let is_toml = |path: &Path| path.extension().is_some_and(|extension| extension == "toml");
        self.files
            .iter()
            .filter(|(_, read)| read.is_some())
            .map(|(path, _)| path.as_path())
            .filter(move |path| is_toml(path))
    }

    /// Whether another load would read what this one did. It blocks on the file system.
    pub fn is_current(&self) -> bool {
        let is_known = |path: &PathBuf| self.files.contains_key(path);
        self.directories.iter().all(|(path, depth)| toml_files(path, *depth).iter().all(is_known))
            && self.files.iter().all(|(path, read)| std::fs::read(path).ok().as_deref().map(digest) == *read)
    }

    /// The directories in which a change would show: those of the files, of what links lead to, and those that were
    /// searched. Where one does not exist, the nearest above it that does. It blocks on the file system.
    pub(super) fn places(&self) -> BTreeSet<PathBuf> {
        let targets = self.files.keys().filter_map(|path| path.canonicalize().ok());
        let of_files = self.files.keys().cloned().chain(targets).filter_map(|path| path.parent().map(Path::to_owned));
        let searched = self.directories.iter().flat_map(|(path, depth)| directories(path, *depth));
        of_files.chain(searched).filter_map(|path| standing(&path)).collect()
    }
}

fn digest(content: &[u8]) -> ContentDigest {
    Sha256::digest(content).into()
}

/// A directory and those below it.
fn directories(path: &Path, depth: usize) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(path).into_iter().flatten().filter_map(Result::ok).map(|item| item.path());
    let below = listed.filter(|path| depth > 0 && path.is_dir()).flat_map(|path| directories(&path, depth - 1));
    [path.to_owned()].into_iter().chain(below).collect()
}

fn standing(path: &Path) -> Option<PathBuf> {
    let here = |path: &Path| if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() };
    path.ancestors().map(here).find(|path| path.is_dir())
}
