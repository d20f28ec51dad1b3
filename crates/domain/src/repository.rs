//! What every repository has in common: optimistic versions and the ways in which a store fails.

use std::fmt;

/// The version of a stored entity: 1 when inserted, one more with every replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The version of an entity that has just been inserted.
    pub const FIRST: Self = Self(1);

    /// Reads a version back from a store or a request.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The version that a replacement gets.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The version as a number.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// An entity with the version it has in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Versioned<T> {
    /// The entity.
    pub value: T,
    /// Its version.
    pub version: Version,
}

/// Why a store did not do what it was asked. Whatever it says, the store is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// An entity of that name exists.
    #[error("{kind} '{name}' exists already")]
    AlreadyExists {
        /// The kind of entity.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// No entity of that name exists.
    #[error("there is no {kind} '{name}'")]
    NotFound {
        /// The kind of entity.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The entity has changed since it was read.
    #[error("{kind} '{name}' has changed since it was read: it is at version {actual}, not {expected}")]
    Conflict {
        /// The kind of entity.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The version that the caller read.
        expected: Version,
        /// The version in the store.
        actual: Version,
    },
    /// Another process holds the store; the same call may succeed later.
    #[error("the store is busy; try again")]
    Busy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What the store holds cannot be read back.
    #[error("{kind} '{name}' in the store cannot be read")]
    Corrupt {
        /// The kind of entity.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store failed.
    #[error("the store failed")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
