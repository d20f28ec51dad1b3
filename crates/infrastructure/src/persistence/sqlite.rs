//! Repositories in SQLite: each names its table, and [`Table`] does the rest.

use async_trait::async_trait;
use tidegate_domain::{
    name::{GroupName, PoolName},
    pool::{Pool, PoolRepository},
    repository::{RepositoryError, Version, Versioned},
    task_group::{TaskGroup, TaskGroupRepository},
};

use super::{
    Database,
    table::{Table, table},
};

const POOLS: Table<Pool> = table!("pool", "pools");
const TASK_GROUPS: Table<TaskGroup> = table!("task group", "task_groups");

/// Pools in a SQLite database.
///
/// As a shaku component it takes its database as a parameter; a module that is built without it panics.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "shaku", derive(shaku::Component), shaku(interface = PoolRepository))]
pub struct SqlitePoolRepository {
    /// The database that holds the pools; it has no default.
    database: Database,
}

impl SqlitePoolRepository {
    /// The pools of `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl PoolRepository for SqlitePoolRepository {
    async fn lookup(&self, name: &PoolName) -> Result<Option<Versioned<Pool>>, RepositoryError> {
        POOLS.lookup(&self.database, name.as_str()).await
    }

    async fn list(&self) -> Result<Vec<Versioned<Pool>>, RepositoryError> {
        POOLS.list(&self.database).await
    }

    async fn insert(&self, pool: &Pool) -> Result<Version, RepositoryError> {
        POOLS.insert(&self.database, pool).await
    }

    async fn replace(&self, pool: &Pool, expected: Version) -> Result<Version, RepositoryError> {
        POOLS.replace(&self.database, pool, expected).await
    }

    async fn remove(&self, name: &PoolName, expected: Version) -> Result<(), RepositoryError> {
        POOLS.remove(&self.database, name.as_str(), expected).await
    }
}

/// Task groups in a SQLite database.
///
/// As a shaku component it takes its database as a parameter; a module that is built without it panics.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "shaku", derive(shaku::Component), shaku(interface = TaskGroupRepository))]
pub struct SqliteTaskGroupRepository {
    /// The database that holds the task groups; it has no default.
    database: Database,
}

impl SqliteTaskGroupRepository {
    /// The task groups of `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl TaskGroupRepository for SqliteTaskGroupRepository {
    async fn lookup(&self, name: &GroupName) -> Result<Option<Versioned<TaskGroup>>, RepositoryError> {
        TASK_GROUPS.lookup(&self.database, name.as_str()).await
    }

    async fn list(&self) -> Result<Vec<Versioned<TaskGroup>>, RepositoryError> {
        TASK_GROUPS.list(&self.database).await
    }

    async fn insert(&self, group: &TaskGroup) -> Result<Version, RepositoryError> {
        TASK_GROUPS.insert(&self.database, group).await
    }

    async fn replace(&self, group: &TaskGroup, expected: Version) -> Result<Version, RepositoryError> {
        TASK_GROUPS.replace(&self.database, group, expected).await
    }

    async fn remove(&self, name: &GroupName, expected: Version) -> Result<(), RepositoryError> {
        TASK_GROUPS.remove(&self.database, name.as_str(), expected).await
    }
}
