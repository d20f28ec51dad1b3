//! The files that were read, and places in them.

use std::path::{Path, PathBuf};

use super::redaction;

/// The longest line that a message repeats.
const MAX_SHOWN_LINE: usize = 160;

/// A place in one of the files: byte offsets into its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Origin {
    pub(super) file: usize,
    pub(super) start: usize,
}

struct Source {
    path: PathBuf,
    text: String,
}

/// Every file that was read, in order.
#[derive(Default)]
pub(super) struct Sources {
    /// The directory of the root file.
    pub(super) home: PathBuf,
    files: Vec<Source>,
}

impl Sources {
    /// Remembers a file, and says at what number.
    pub(super) fn add(&mut self, path: PathBuf, text: String) -> usize {
        self.files.push(Source { path, text });
        self.files.len() - 1
    }

    /// The number of a file that was read before.
    pub(super) fn find(&self, path: &Path) -> Option<usize> {
        self.files.iter().position(|source| source.path == path)
    }

    pub(super) fn path(&self, file: usize) -> &Path {
        &self.files[file].path
    }

    pub(super) fn text(&self, file: usize) -> &str {
        &self.files[file].text
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|source| &*source.path)
    }

    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|source| &*source.text)
    }

    /// Line and column, from 1; columns count characters.
    pub(super) fn position(&self, origin: Origin) -> (usize, usize) {
        let before = self.before(origin);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        (before.matches('\n').count() + 1, column + 1)
    }

    /// The line at a place, unless it is long or holds a secret.
    pub(super) fn line(&self, origin: Origin) -> Option<String> {
        let text = self.text(origin.file);
        let number = self.before(origin).matches('\n').count();
        let line = text.split('\n').nth(number)?.trim_end();
        let shown = line.len() <= MAX_SHOWN_LINE && !redaction::hidden_lines(text).contains(&number);
        (shown && !line.is_empty()).then(|| line.to_owned())
    }

    fn before(&self, origin: Origin) -> &str {
        let text = self.text(origin.file);
        let mut end = origin.start.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        &text[..end]
    }
}
