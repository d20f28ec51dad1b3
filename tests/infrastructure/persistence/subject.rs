//! Both ports seen alike, so that one contract speaks of both.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use tempfile::TempDir;
use tidegate_domain::{
    name::{GroupName, InstanceId, PoolName, TierName},
    pool::{InstanceSpec, Pool, PoolMember, PoolPolicy, PoolRepository},
    repository::{RepositoryError, Version, Versioned},
    task_group::{FallbackPolicy, TaskGroup, TaskGroupRepository, Tier, TierModel, TierPolicy},
};
use tidegate_infrastructure::persistence::{Database, DatabaseOptions};

/// A repository under test.
#[async_trait]
pub trait Subject: Clone + Send + Sync + 'static {
    type Entity: Clone + Debug + PartialEq + Send + Sync;
    const KIND: &'static str;

    /// An entity that differs from others by its description.
    fn entity(name: &str, description: &str) -> Self::Entity;
    fn name(entity: &Self::Entity) -> &str;
    fn description(entity: &Self::Entity) -> &str;

    async fn lookup(&self, name: &str) -> Result<Option<Versioned<Self::Entity>>, RepositoryError>;
    async fn list(&self) -> Result<Vec<Versioned<Self::Entity>>, RepositoryError>;
    async fn insert(&self, entity: &Self::Entity) -> Result<Version, RepositoryError>;
    async fn replace(&self, entity: &Self::Entity, expected: Version) -> Result<Version, RepositoryError>;
    async fn remove(&self, name: &str, expected: Version) -> Result<(), RepositoryError>;
}

#[derive(Clone)]
pub struct Pools(Arc<dyn PoolRepository>);

impl Pools {
    pub fn new(repository: impl PoolRepository) -> Self {
        Self(Arc::new(repository))
    }
}

pub fn pool(name: &str, description: &str) -> Pool {
    let instance = InstanceSpec::new(InstanceId::new("a").unwrap(), "sim:echo".parse().unwrap());
    let members = vec![PoolMember::Instance(instance)];
    Pool::new(PoolName::new(name).unwrap(), members, PoolPolicy::default()).unwrap().described(description)
}

#[async_trait]
impl Subject for Pools {
    type Entity = Pool;
    const KIND: &'static str = "pool";

    fn entity(name: &str, description: &str) -> Pool {
        pool(name, description)
    }

    fn name(pool: &Pool) -> &str {
        pool.name().as_str()
    }

    fn description(pool: &Pool) -> &str {
        pool.description()
    }

    async fn lookup(&self, name: &str) -> Result<Option<Versioned<Pool>>, RepositoryError> {
        self.0.lookup(&PoolName::new(name).unwrap()).await
    }

    async fn list(&self) -> Result<Vec<Versioned<Pool>>, RepositoryError> {
        self.0.list().await
    }

    async fn insert(&self, pool: &Pool) -> Result<Version, RepositoryError> {
        self.0.insert(pool).await
    }

    async fn replace(&self, pool: &Pool, expected: Version) -> Result<Version, RepositoryError> {
        self.0.replace(pool, expected).await
    }

    async fn remove(&self, name: &str, expected: Version) -> Result<(), RepositoryError> {
        self.0.remove(&PoolName::new(name).unwrap(), expected).await
    }
}

#[derive(Clone)]
pub struct TaskGroups(Arc<dyn TaskGroupRepository>);

impl TaskGroups {
    pub fn new(repository: impl TaskGroupRepository) -> Self {
        Self(Arc::new(repository))
    }
}

#[async_trait]
impl Subject for TaskGroups {
    type Entity = TaskGroup;
    const KIND: &'static str = "task group";

    fn entity(name: &str, description: &str) -> TaskGroup {
        let models = vec![TierModel::Direct("sim:echo".parse().unwrap())];
        let tier = Tier::new(TierName::new("best").unwrap(), models, TierPolicy::default()).unwrap();
        let name = GroupName::new(name).unwrap();
        TaskGroup::new(name, vec![tier], FallbackPolicy::default()).unwrap().described(description)
    }

    fn name(group: &TaskGroup) -> &str {
        group.name().as_str()
    }

    fn description(group: &TaskGroup) -> &str {
        group.description()
    }

    async fn lookup(&self, name: &str) -> Result<Option<Versioned<TaskGroup>>, RepositoryError> {
        self.0.lookup(&GroupName::new(name).unwrap()).await
    }

    async fn list(&self) -> Result<Vec<Versioned<TaskGroup>>, RepositoryError> {
        self.0.list().await
    }

    async fn insert(&self, group: &TaskGroup) -> Result<Version, RepositoryError> {
        self.0.insert(group).await
    }

    async fn replace(&self, group: &TaskGroup, expected: Version) -> Result<Version, RepositoryError> {
        self.0.replace(group, expected).await
    }

    async fn remove(&self, name: &str, expected: Version) -> Result<(), RepositoryError> {
        self.0.remove(&GroupName::new(name).unwrap(), expected).await
    }
}

/// A database in a directory that goes with it.
pub struct TemporaryDatabase {
    pub directory: TempDir,
    pub database: Database,
}

impl TemporaryDatabase {
    pub async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&Self::options(&directory)).await.unwrap();
        Self { directory, database }
    }

    pub fn options(directory: &TempDir) -> DatabaseOptions {
        DatabaseOptions::file(directory.path().join("tidegate.db"))
    }
}
