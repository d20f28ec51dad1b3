//! The port to stored pools.

use async_trait::async_trait;

use super::Pool;
use crate::{
    name::PoolName,
    repository::{RepositoryError, Version, Versioned},
};

/// Stores pools.
///
/// Every method is one transaction: it happens whole or not at all, and a success survives a crash of the process. Names
/// are compared byte by byte.
#[async_trait]
pub trait PoolRepository: Send + Sync + 'static {
    /// The pool of that name, or `None`.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    async fn lookup(&self, name: &PoolName) -> Result<Option<Versioned<Pool>>, RepositoryError>;

    /// All pools, by name.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    async fn list(&self) -> Result<Vec<Versioned<Pool>>, RepositoryError>;

    /// Stores a new pool and returns its version.
    ///
    /// # Errors
    /// [`RepositoryError::AlreadyExists`] if the name is taken.
    async fn insert(&self, pool: &Pool) -> Result<Version, RepositoryError>;

    /// Replaces the pool of the same name if it is still at `expected`, and returns its new version.
    ///
    /// # Errors
    /// [`RepositoryError::Conflict`] if it is at another version, [`RepositoryError::NotFound`] if it is gone.
    async fn replace(&self, pool: &Pool, expected: Version) -> Result<Version, RepositoryError>;

    /// Removes the pool of that name if it is still at `expected`.
    ///
    /// # Errors
    /// [`RepositoryError::Conflict`] if it is at another version, [`RepositoryError::NotFound`] if it is gone.
    async fn remove(&self, name: &PoolName, expected: Version) -> Result<(), RepositoryError>;
}
