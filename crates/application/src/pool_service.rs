//! Use cases of pools.

use std::{fmt, sync::Arc, time::Instant};

use tidegate_domain::{
    inference::LlmClient,
    name::{InstanceId, PoolName},
    pool::{InstanceStatistics, Lenience, Pool, PoolStatus, Verdict},
    repository::{RepositoryError, Version, Versioned},
    time::Clock,
};

use crate::{
    catalog::{Catalog, Change, ChangeError, Owner, owned},
    instance_check::{InstanceCheck, check_all},
    live::{LiveInstance, LivePool},
    operation::{InstanceOperation, OperateError},
    routing_table::Routes,
};

/// Creates, changes and watches pools.
pub struct PoolService<C> {
    catalog: Arc<Catalog<C>>,
    routes: Arc<Routes<C>>,
    clock: Arc<dyn Clock>,
}

/// A pool, and who owns it.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolView {
    /// The definition.
    pub pool: Pool,
    /// Who may change it.
    pub owner: Owner,
}

/// What a pool and its instances have done since the process started.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolStatistics {
    /// The pool.
    pub name: PoolName,
    /// When that was.
    pub as_of: Instant,
    /// How it is.
    pub status: PoolStatus,
    /// Its instances, in declaration order.
    pub instances: Vec<InstanceStatistics>,
}

impl PoolStatistics {
    /// Instances that a request could be sent to now.
    pub fn usable(&self) -> usize {
        self.instances.iter().filter(|instance| instance.available).count()
    }

    /// Attempts that its instances answered.
    pub fn successes(&self) -> u64 {
        self.instances.iter().map(|instance| instance.successes).sum()
    }

    /// Attempts that its instances failed.
    pub fn failures(&self) -> u64 {
        self.instances.iter().map(|instance| instance.failures).sum()
    }
}

impl<C: LlmClient> PoolService<C> {
    /// Serves the pools of `catalog`, as `routes` publishes them.
    pub fn new(catalog: Arc<Catalog<C>>, routes: Arc<Routes<C>>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, routes, clock }
    }

    /// Stores a new pool and puts it in service.
    ///
    /// # Errors
    /// [`ChangeError`] if the name is taken, the pool refers to what does not exist, or the store fails.
    pub async fn create(&self, pool: Pool) -> Result<Versioned<Pool>, ChangeError> {
        let version = self.catalog.change(Change::InsertPool(&pool)).await?;
        Ok(Versioned { value: pool, version: version.unwrap_or(Version::FIRST) })
    }

    /// The pool of that name, or `None`.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    pub async fn get(&self, name: &PoolName) -> Result<Option<PoolView>, RepositoryError> {
        Ok(self.list().await?.into_iter().find(|view| view.pool.name() == name))
    }

    /// Every pool, by name.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    pub async fn list(&self) -> Result<Vec<PoolView>, RepositoryError> {
        let definitions = self.catalog.definitions().await?;
        let owned = owned(definitions.configuration.pools, definitions.pools);
        let mut views: Vec<_> = owned.map(|(pool, owner)| PoolView { pool, owner }).collect();
        views.sort_by(|a, b| a.pool.name().cmp(b.pool.name()));
        Ok(views)
    }

    /// Replaces the pool of the same name, if it is still at `expected`. Instances that stay keep their state.
    ///
    /// # Errors
    /// [`ChangeError`] if a file owns the pool, somebody changed it meanwhile, the new one refers to what does not exist,
    /// or the store fails.
    pub async fn change(&self, pool: Pool, expected: Version) -> Result<Versioned<Pool>, ChangeError> {
        let version = self.catalog.change(Change::ReplacePool(&pool, expected)).await?;
        Ok(Versioned { value: pool, version: version.unwrap_or(expected) })
    }

    /// Removes the pool of that name, if it is still at `expected`. Its requests in flight are finished.
    ///
    /// # Errors
    /// [`ChangeError`] if a file owns the pool, somebody changed it meanwhile, something still refers to it, or the store
    /// fails.
    pub async fn remove(&self, name: &PoolName, expected: Version) -> Result<(), ChangeError> {
        self.catalog.change(Change::RemovePool(name, expected)).await.map(drop)
    }

    /// Asks every instance's provider, all at once and without cost, whether it answers; `None` if there is no such pool.
    /// It tells, and changes nothing: only attempts move an instance's health.
    pub async fn check_health(&self, name: &PoolName) -> Option<Vec<InstanceCheck>> {
        let table = self.routes.load();
        Some(check_all(table.pool(name)?.instances.clone()).await)
    }

    /// Does to one instance of the pool what an operator says, and returns how it is then, and when that is. It holds until it is taken back, the
    /// instance goes, or the process ends: a reload does not lift it.
    ///
    /// # Errors
    /// [`OperateError`] if there is no such pool or instance.
    pub fn operate(
        &self,
        pool: &PoolName,
        instance: &InstanceId,
        operation: InstanceOperation,
    ) -> Result<(Instant, InstanceStatistics), OperateError> {
        let table = self.routes.load();
        let live = table.pool(pool).ok_or_else(|| OperateError::NoSuchPool(pool.clone()))?;
        let found = live.instances.iter().find(|known| known.spec.id == *instance);
        let found = found.ok_or_else(|| OperateError::NoSuchInstance {
            pool: pool.clone(),
            instance: instance.clone(),
            known: live.instances.iter().map(|known| known.spec.id.as_str()).collect::<Vec<_>>().join(", "),
        })?;
        let now = self.clock.now();
        found.operate(operation, now, self.catalog.observer());
        Ok((now, found.statistics(now)))
    }

    /// What the pool and its instances have done; `None` if there is no such pool.
    pub fn statistics(&self, name: &PoolName) -> Option<PoolStatistics> {
        self.routes.load().pool(name).map(|pool| statistics(pool, &*self.clock))
    }
}

pub(crate) fn statistics<C>(pool: &LivePool<C>, clock: &dyn Clock) -> PoolStatistics {
    let now = clock.now();
    let Verdict { leniences, is_panic } = pool.verdict(now, || true);
    let statistics = |(instance, lenience): (&Arc<LiveInstance<C>>, &Lenience)| {
        // One that is kept although its health would take it out can be asked; what is asked in a panic is no better for it.
        let is_kept = *lenience == Lenience::Ejected && instance.exclusion_but(now, *lenience).is_none();
        let statistics = instance.statistics(now);
        InstanceStatistics { available: statistics.available || is_kept, ..statistics }
    };
    let instances: Vec<_> = pool.instances.iter().zip(&leniences).map(statistics).collect();
    let usable = instances.iter().filter(|instance| instance.available).count();
    let somebody_is_asked = usable > 0 || leniences.contains(&Lenience::Broken);
    let status =
        if is_panic && somebody_is_asked { PoolStatus::Panic } else { PoolStatus::of(usable, instances.len()) };
    PoolStatistics { name: pool.definition.name().clone(), as_of: now, status, instances }
}

impl<C> fmt::Debug for PoolService<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PoolService").finish_non_exhaustive()
    }
}
