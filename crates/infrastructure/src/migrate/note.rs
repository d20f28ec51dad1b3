//! What a migration has to tell.

/// What kind of thing a note tells. The order is that of a report: what needs a person first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// An entry or a file that is left out.
    Skipped,
    /// Something that was assumed and should be checked.
    Guessed,
    /// Something that has no effect in the written files.
    NotCarriedOver,
    /// Something that contradicts itself or points nowhere.
    Warning,
    /// Something that is said differently now.
    Converted,
}

impl NoteKind {
    /// Every kind, in the order of a report.
    pub const ALL: [Self; 5] = [Self::Skipped, Self::Guessed, Self::NotCarriedOver, Self::Warning, Self::Converted];

    /// The word for wire and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Guessed => "guessed",
            Self::NotCarriedOver => "not carried over",
            Self::Warning => "warning",
            Self::Converted => "converted",
        }
    }
}

/// One thing that a person should know about a migration. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What kind of thing.
    pub kind: NoteKind,
    /// The source file, below the directory that was migrated; empty if it is about no file.
    pub file: String,
    /// The line there, from 1; 0 if it is about no line.
    pub line: usize,
    /// The key, as the source spells it; empty if it is about no key.
    pub key: String,
    /// What happened, and what to do.
    pub message: String,
}

/// A place in a source file.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) key: String,
}

impl Place {
    pub(super) fn of(file: &str, line: usize, key: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, key: key.into() }
    }

    /// The place of a key below this one.
    pub(super) fn below(&self, key: &str, line: usize) -> Self {
        let key = if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) };
        Self { file: self.file.clone(), line, key }
    }
}

/// The notes of a migration, as they come.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub(super) fn add(&mut self, kind: NoteKind, place: &Place, message: impl Into<String>) {
        let Place { file, line, key } = place.clone();
        self.0.push(Note { kind, file, line, key, message: message.into() });
    }

    /// What is left out, in order.
    pub(super) fn into_skipped(self) -> Vec<Note> {
        self.into_sorted().into_iter().filter(|note| note.kind == NoteKind::Skipped).collect()
    }

    pub(super) fn into_sorted(mut self) -> Vec<Note> {
        self.0.sort();
        self.0.dedup();
        self.0
    }
}
