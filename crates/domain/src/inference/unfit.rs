//! Why a request does not fit a provider, and what of it would be lost there.

use std::fmt;

use super::Operation;

/// Why a provider cannot be sent a request, whatever its state: it would have to be another request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The provider has no such operation.
    #[error("no provider of this model offers '{0}'")]
    Operation(Operation),
    /// A field says what has no counterpart in the provider's dialect, and leaving it out would change what is asked.
    #[error("'{field}' {problem}")]
    Field {
        /// The field, as a path: `messages[2].content[0].type`.
        field: Box<str>,
        /// What is wrong with it there.
        problem: Box<str>,
    },
}

impl Unfit {
    /// The fault of a field.
    pub fn field(field: &str, problem: &str) -> Self {
        Self::Field { field: field.into(), problem: problem.into() }
    }

    /// The field at fault, where it is one.
    pub fn param(&self) -> Option<&str> {
        match self {
            Self::Operation(_) => None,
            Self::Field { field, .. } => Some(field),
        }
    }
}

/// The fields of a request that a provider is not sent, because its dialect has no place for them and they change nothing of
/// what is asked. Paths, in the order of the request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped(Vec<Box<str>>);

/// Names beyond this many are counted only: a header has room for no more.
const MAX_NAMED: usize = 16;

impl Dropped {
    /// Notes a field; once, where several things in it are dropped one after the other.
    pub fn note(&mut self, field: impl Into<Box<str>>) {
        let field = field.into();
        if self.0.last() != Some(&field) {
            self.0.push(field);
        }
    }

    /// Whether nothing was dropped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, field) in self.fields().take(MAX_NAMED).enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(formatter, "{separator}{field}")?;
        }
        match self.0.len().checked_sub(MAX_NAMED) {
            Some(more @ 1..) => write!(formatter, ", and {more} more"),
            Some(0) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_is_named_up_to_a_length() {
        let mut dropped = Dropped::default();
        assert_eq!(dropped.to_string(), "");
        for at in 0..18 {
            dropped.note(format!("f{at}"));
        }
        let text = dropped.to_string();
        assert!(text.starts_with("f0, f1, ") && text.ends_with("f15, and 2 more"), "{text}");
    }
}
