//! A text that names something, and how a message may speak of it: what came from a variable is never repeated.

use super::{findings::Place, suggest::did_you_mean};

/// A text that names something: what it says, and where.
#[derive(Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
    sources: Option<String>,
}

impl Word {
    /// A text that was written as a key.
    pub(super) fn written(text: String, place: Place) -> Self {
        Self { text, place, sources: None }
    }

    /// A text that came from `sources`, if there are any.
    pub(super) fn new(text: String, place: Place, sources: Option<String>) -> Self {
        Self { text, place, sources }
    }

    /// A part of the text, at the same place.
    pub(super) fn part(&self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self.clone() }
    }

    /// The text for a message, unless it came from a variable.
    pub(super) fn quoted(&self) -> String {
        match &self.sources {
            Some(sources) => format!("the value of {sources}"),
            None => format!("'{}'", self.text.chars().take(80).collect::<String>()),
        }
    }

    /// The variables that the text came from, if it did.
    pub(super) fn sources(&self) -> Option<&str> {
        self.sources.as_deref()
    }

    /// Help that compares the text with known names, unless it came from a variable.
    pub(super) fn did_you_mean<'a>(&self, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
        // Compared with nothing, the help lists the choice.
        did_you_mean(if self.sources.is_some() { "" } else { &self.text }, known)
    }

    /// What `rule` says about the text, or nothing of it if the text came from a variable.
    pub(super) fn objection(&self, rule: impl std::fmt::Display) -> String {
        match &self.sources {
            Some(sources) => format!("the value of {sources} cannot be used here"),
            None => rule.to_string(),
        }
    }
}
