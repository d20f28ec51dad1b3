//! Configurations that were in force, kept so that one can see what was changed, and go back.

use std::{fmt, path::PathBuf, time::SystemTime};

use async_trait::async_trait;

use crate::repository::RepositoryError;

/// A file as it was when it was in force. Secrets in it are references, or missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it was.
    pub path: PathBuf,
    /// What it said.
    pub text: String,
}

/// Who wants a change, and why: for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Who: an operator's name, or a part of the gateway.
    pub who: String,
    /// Why.
    pub why: String,
}

impl Reason {
    /// A reason in two words.
    pub fn new(who: impl Into<String>, why: impl Into<String>) -> Self {
        Self { who: who.into(), why: why.into() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.who, self.why)
    }
}

/// A configuration that has come into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// When.
    pub at: SystemTime,
    /// Who wanted it, and why.
    pub reason: Reason,
    /// The hash of everything that was read, variables included.
    pub content_hash: String,
    /// What it changed, in one line.
    pub changes: String,
    /// The files.
    pub documents: Vec<Document>,
}

/// An accepted configuration in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigRevision {
    /// Its number: from 1, one more for each.
    pub number: u64,
    /// What was accepted.
    pub accepted: Accepted,
}

/// So many revisions are kept; older ones are forgotten.
pub const KEPT_REVISIONS: usize = 200;

/// Where the configurations that were in force are kept.
#[async_trait]
pub trait RevisionRepository: Send + Sync + 'static {
    /// Keeps a configuration, unless the latest one is the same by its hash, and returns its number. The oldest beyond
    /// [`KEPT_REVISIONS`] are forgotten.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store is busy or fails.
    async fn record(&self, accepted: &Accepted) -> Result<u64, RepositoryError>;

    /// The latest revisions, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store fails or holds something that cannot be read.
    async fn latest(&self, limit: usize) -> Result<Vec<ConfigRevision>, RepositoryError>;

    /// The revision of that number, if it is kept.
    ///
    /// # Errors
    /// As [`RevisionRepository::latest`].
    async fn find(&self, number: u64) -> Result<Option<ConfigRevision>, RepositoryError>;
}

/// Why files were not put back. They are as they were.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Secrets were written out in the files then. They were not kept, and the files of today do not have them either.
    #[error("these secrets were written out in the files and are not kept: {}; write them as variables", keys.join(", "))]
    Secrets {
        /// Their keys.
        keys: Vec<String>,
    },
    /// The file system said no.
    #[error("{} cannot be written; nothing has changed", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The files of a configuration, for putting older ones in their place.
#[async_trait]
pub trait ConfigFiles: Send + Sync + 'static {
    /// Puts these files in place, and takes those away that are read now and are none of them. Returns what was there, with
    /// which the same call undoes it.
    ///
    /// # Errors
    /// [`RestoreError`] if a file cannot be written, or a secret in it is not known any more.
    async fn restore(&self, documents: Vec<Document>) -> Result<Vec<Document>, RestoreError>;
}
