//! What has come into force, with who wanted it and why.

use std::{fmt, sync::Arc};

use tidegate_domain::{
    config::{Accepted, ConfigRevision, Document, Reason, RestoreError, RevisionRepository},
    observe::{Event, Observer},
    repository::RepositoryError,
    time::Clock,
};

/// The configurations that were in force.
#[derive(Clone)]
pub struct ConfigHistory {
    revisions: Arc<dyn RevisionRepository>,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
}

/// Why a rollback did not happen. Everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// Nothing is kept to go back to.
    #[error("no history is kept")]
    NoHistory,
    /// There is no such revision.
    #[error("there is no revision {number}; `tidegate config history` lists those that are kept")]
    NoSuchRevision {
        /// Its number.
        number: u64,
    },
    /// The history cannot be read.
    #[error("the history cannot be read")]
    Repository(#[from] RepositoryError),
    /// The files cannot be put in place.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

impl ConfigHistory {
    /// Keeps revisions there, and tells `observer` of each.
    pub fn new(revisions: Arc<dyn RevisionRepository>, clock: Arc<dyn Clock>, observer: Arc<dyn Observer>) -> Self {
        Self { revisions, clock, observer }
    }

    /// Notes that this came into force. What is in force does not depend on it, so a store that fails is only logged.
    pub async fn record(&self, content_hash: String, changes: String, (documents, reason): (Vec<Document>, Reason)) {
        let accepted = Accepted { at: self.clock.wall(), reason, content_hash, changes, documents };
        let kept = self.revisions.record(&accepted).await;
        if let Err(error) = &kept {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(%error, cause, "the configuration is in force but not in the history; look at the store");
        }
        self.observer.observe(&Event::Configured { number: kept.ok(), accepted: &accepted });
    }

    /// The latest revisions, newest first.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store fails.
    pub async fn latest(&self, limit: usize) -> Result<Vec<ConfigRevision>, RepositoryError> {
        self.revisions.latest(limit).await
    }

    /// The revision of that number, if it is kept.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store fails.
    pub async fn find(&self, number: u64) -> Result<Option<ConfigRevision>, RepositoryError> {
        self.revisions.find(number).await
    }
}

impl fmt::Debug for ConfigHistory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ConfigHistory").finish_non_exhaustive()
    }
}
