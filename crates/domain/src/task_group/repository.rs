//! The port to stored task groups.

use async_trait::async_trait;

use super::TaskGroup;
use crate::{
    name::GroupName,
    repository::{RepositoryError, Version, Versioned},
};

/// Stores task groups.
///
/// Every method is one transaction: it happens whole or not at all, and a success survives a crash of the process. Names
/// are compared byte by byte.
#[async_trait]
pub trait TaskGroupRepository: Send + Sync + 'static {
    /// The task group of that name, or `None`.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    async fn lookup(&self, name: &GroupName) -> Result<Option<Versioned<TaskGroup>>, RepositoryError>;

    /// All task groups, by name.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    async fn list(&self) -> Result<Vec<Versioned<TaskGroup>>, RepositoryError>;

    /// Stores a new task group and returns its version.
    ///
    /// # Errors
    /// [`RepositoryError::AlreadyExists`] if the name is taken.
    async fn insert(&self, group: &TaskGroup) -> Result<Version, RepositoryError>;

    /// Replaces the task group of the same name if it is still at `expected`, and returns its new version.
    ///
    /// # Errors
    /// [`RepositoryError::Conflict`] if it is at another version, [`RepositoryError::NotFound`] if it is gone.
    async fn replace(&self, group: &TaskGroup, expected: Version) -> Result<Version, RepositoryError>;

    /// Removes the task group of that name if it is still at `expected`.
    ///
    /// # Errors
    /// [`RepositoryError::Conflict`] if it is at another version, [`RepositoryError::NotFound`] if it is gone.
    async fn remove(&self, name: &GroupName, expected: Version) -> Result<(), RepositoryError>;
}
