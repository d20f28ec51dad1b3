//! Repositories that live as long as their last handle.
//!
//! They are the library's default and the fakes of tests: a handle is cheap to clone, and every clone sees the same
//! entities. A critical section is one map operation and never spans an await.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use tidegate_domain::{
    name::{GroupName, PoolName},
    pool::{Pool, PoolRepository},
    repository::{RepositoryError, Version, Versioned},
    task_group::{TaskGroup, TaskGroupRepository},
};

/// Pools in memory.
#[derive(Debug, Clone, Default)]
pub struct InMemoryPoolRepository {
    pools: Entities<Pool>,
}

#[async_trait]
impl PoolRepository for InMemoryPoolRepository {
    async fn lookup(&self, name: &PoolName) -> Result<Option<Versioned<Pool>>, RepositoryError> {
        Ok(self.pools.lookup(name.as_str()))
    }

    async fn list(&self) -> Result<Vec<Versioned<Pool>>, RepositoryError> {
        Ok(self.pools.list())
    }

    async fn insert(&self, pool: &Pool) -> Result<Version, RepositoryError> {
        self.pools.insert(pool.name().as_str(), pool)
    }

    async fn replace(&self, pool: &Pool, expected: Version) -> Result<Version, RepositoryError> {
        self.pools.replace(pool.name().as_str(), pool, expected)
    }

    async fn remove(&self, name: &PoolName, expected: Version) -> Result<(), RepositoryError> {
        self.pools.remove(name.as_str(), expected)
    }
}

/// Task groups in memory.
#[derive(Debug, Clone, Default)]
pub struct InMemoryTaskGroupRepository {
    groups: Entities<TaskGroup>,
}

#[async_trait]
impl TaskGroupRepository for InMemoryTaskGroupRepository {
    async fn lookup(&self, name: &GroupName) -> Result<Option<Versioned<TaskGroup>>, RepositoryError> {
        Ok(self.groups.lookup(name.as_str()))
    }

    async fn list(&self) -> Result<Vec<Versioned<TaskGroup>>, RepositoryError> {
        Ok(self.groups.list())
    }

    async fn insert(&self, group: &TaskGroup) -> Result<Version, RepositoryError> {
        self.groups.insert(group.name().as_str(), group)
    }

    async fn replace(&self, group: &TaskGroup, expected: Version) -> Result<Version, RepositoryError> {
        self.groups.replace(group.name().as_str(), group, expected)
    }

    async fn remove(&self, name: &GroupName, expected: Version) -> Result<(), RepositoryError> {
        self.groups.remove(name.as_str(), expected)
    }
}

/// An entity that can be kept by name.
trait Kind: Clone {
    /// The word for messages.
    const KIND: &'static str;
}

impl Kind for Pool {
    const KIND: &'static str = "pool";
}

impl Kind for TaskGroup {
    const KIND: &'static str = "task group";
}

type ByName<T> = BTreeMap<Box<str>, Versioned<T>>;

/// Entities by name, shared by every clone.
#[derive(Debug)]
struct Entities<T>(Arc<Mutex<ByName<T>>>);

impl<T> Default for Entities<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Entities<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Kind> Entities<T> {
    fn lookup(&self, name: &str) -> Option<Versioned<T>> {
        self.lock().get(name).cloned()
    }

    fn list(&self) -> Vec<Versioned<T>> {
        self.lock().values().cloned().collect()
    }

    fn insert(&self, name: &str, value: &T) -> Result<Version, RepositoryError> {
        match self.lock().entry(name.into()) {
            Entry::Occupied(_) => Err(RepositoryError::AlreadyExists { kind: T::KIND, name: name.to_owned() }),
            Entry::Vacant(place) => {
                Ok(place.insert(Versioned { value: value.clone(), version: Version::FIRST }).version)
            }
        }
    }

    fn replace(&self, name: &str, value: &T, expected: Version) -> Result<Version, RepositoryError> {
        let mut entities = self.lock();
        let stored = at_version(&mut entities, name, expected)?;
        *stored = Versioned { value: value.clone(), version: expected.next() };
        Ok(stored.version)
    }

    fn remove(&self, name: &str, expected: Version) -> Result<(), RepositoryError> {
        let mut entities = self.lock();
        at_version(&mut entities, name, expected)?;
        entities.remove(name);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, ByName<T>> {
        // Every change is one assignment, so whoever panicked with the lock held left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn at_version<'a, T: Kind>(
    entities: &'a mut ByName<T>,
    name: &str,
    expected: Version,
) -> Result<&'a mut Versioned<T>, RepositoryError> {
    let Some(stored) = entities.get_mut(name) else {
        return Err(RepositoryError::NotFound { kind: T::KIND, name: name.to_owned() });
    };
    if stored.version != expected {
        return Err(RepositoryError::Conflict {
            kind: T::KIND,
            name: name.to_owned(),
            expected,
            actual: stored.version,
        });
    }
    Ok(stored)
}
