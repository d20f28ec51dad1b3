//! The problems found so far, each tied to its place.

use std::{cell::RefCell, ops::Range};

use tidegate_domain::config::{Problem, Severity};

use super::{
    footprint::Footprint,
    journal::Journal,
    source::{Origin, Sources},
};

/// Where a problem is: a place in a file and the key that stands there.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) origin: Origin,
    pub(super) key: String,
    /// Whether the line may be shown.
    pub(super) shown: bool,
}

/// The files and what is wrong with them.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) sources: Sources,
    pub(super) footprint: RefCell<Footprint>,
    pub(super) journal: Journal,
    problems: RefCell<Vec<Problem>>,
}

impl Findings {
    /// No findings yet, of a load that remembers the keys in `journal`.
    pub(super) fn with_journal(journal: Journal) -> Self {
        Self { journal, ..Self::default() }
    }

    pub(super) fn error(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.add(self.at(place, Severity::Error, (message.into(), help.into())));
    }

    pub(super) fn warning(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.add(self.at(place, Severity::Warning, (message.into(), help.into())));
    }

    pub(super) fn add(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    /// How many problems there are: a mark to come back to.
    pub(super) fn mark(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Whether an error was found since `mark`.
    pub(super) fn has_errors_since(&self, mark: usize) -> bool {
        self.problems.borrow()[mark..].iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Makes warnings of some findings.
    pub(super) fn soften(&self, findings: Range<usize>) {
        for problem in &mut self.problems.borrow_mut()[findings] {
            problem.severity = Severity::Warning;
        }
    }

    /// All problems, the files they were found in, everything that was looked at, and what was remembered of the keys.
    pub(super) fn into_parts(self) -> (Vec<Problem>, Sources, Footprint, Journal) {
        (self.problems.into_inner(), self.sources, self.footprint.into_inner(), self.journal)
    }

    fn at(&self, place: &Place, severity: Severity, (message, help): (String, String)) -> Problem {
        Problem {
            severity,
            file: Some(self.sources.path(place.origin.file).to_owned()),
            position: Some(self.sources.position(place.origin)),
            line: if place.shown { self.sources.line(place.origin) } else { None },
            key: place.key.clone(),
            message,
            help: (!help.is_empty()).then_some(help),
        }
    }
}

/// `path.key`, with quotes where TOML needs them.
pub(super) fn join(path: &str, key: &str) -> String {
    let is_bare = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    let key = if !key.is_empty() && key.chars().all(is_bare) { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
