//! The port to wherever requests are kept that are over.

use async_trait::async_trait;

use super::{RequestQuery, RequestSummary};
use crate::{inference::RequestId, repository::RepositoryError};

/// A request as it is kept: what it is found by, and all that is known of it as one JSON document that only people and their
/// tools read. Nothing parses it again, so that what an older version wrote stays readable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// What it is found by.
    pub summary: RequestSummary,
    /// All that is known of it.
    pub document: String,
}

/// Keeps requests that are over. It is never asked on the path of a request.
#[async_trait]
pub trait RequestRepository: Send + Sync + 'static {
    /// Adds requests, all or none of them. One whose id is there already is passed over.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot take them now.
    async fn append(&self, requests: &[StoredRequest]) -> Result<(), RepositoryError>;

    /// The request of that id; `None` if it is not there.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot answer now.
    async fn find(&self, id: &RequestId) -> Result<Option<StoredRequest>, RepositoryError>;

    /// The latest requests that `query` asks for, the latest first.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot answer now.
    async fn list(&self, query: &RequestQuery) -> Result<Vec<RequestSummary>, RepositoryError>;

    /// Removes those that came in before `before_ms`, in milliseconds since 1970, and all but the latest `keep` of the others.
    /// Returns how many are gone.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot do so now.
    async fn prune(&self, before_ms: u64, keep: u64) -> Result<u64, RepositoryError>;
}
