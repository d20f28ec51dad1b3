//! How everything is doing: pools, task groups, wrappers and the store.

use std::{fmt, sync::Arc};

use tidegate_domain::{
    inference::LlmClient,
    name::{GroupName, PoolName, Target, WrapperName},
    pool::{InstanceStatistics, PoolStatus},
    time::Clock,
};

use crate::{
    catalog::Catalog,
    live::Owned,
    pool_service::{self, PoolStatistics},
    routing_table::Routes,
    wrapper_service,
};

/// Reports on everything.
pub struct HealthService<C> {
    catalog: Arc<Catalog<C>>,
    routes: Arc<Routes<C>>,
    clock: Arc<dyn Clock>,
}

/// How everything is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// The revision of the routing table in force.
    pub revision: u64,
    /// The files' configuration.
    pub configuration: ConfigurationHealth,
    /// The pools, by name.
    pub pools: Vec<PoolHealth>,
    /// The task groups, by name.
    pub task_groups: Vec<GroupHealth>,
    /// The wrappers, by name.
    pub wrappers: Vec<WrapperHealth>,
    /// Whether the store can be read; if not, why.
    pub store: Result<(), String>,
}

/// What is in force of the configuration's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationHealth {
    /// The hash of what is in force.
    pub content_hash: String,
    /// How many errors kept the last reload from taking effect; `None` if the files are in force.
    pub rejected: Option<usize>,
}

/// How a pool is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolHealth {
    /// The pool.
    pub name: PoolName,
    /// How it is.
    pub status: PoolStatus,
    /// Instances that a request could be sent to now.
    pub usable: usize,
    /// All its instances.
    pub instances: usize,
    /// Requests that they are serving.
    pub in_flight: u32,
    /// The most that they are sent at once now; `None` if one of them is not limited.
    pub concurrency_limit: Option<u32>,
}

impl From<PoolStatistics> for PoolHealth {
    fn from(pool: PoolStatistics) -> Self {
        let limits = pool.instances.iter().map(|instance| instance.concurrency_limit);
        Self {
            usable: pool.usable(),
            in_flight: pool.instances.iter().map(|instance| instance.in_flight).sum(),
            concurrency_limit: limits.reduce(|all, one| Some(all?.saturating_add(one?))).flatten(),
            instances: pool.instances.len(),
            name: pool.name,
            status: pool.status,
        }
    }
}

/// How a task group is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupHealth {
    /// The group.
    pub name: GroupName,
    /// Tiers that a request could be sent to now.
    pub usable_tiers: usize,
    /// All its tiers.
    pub tiers: usize,
}

/// How a wrapper is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapperHealth {
    /// The wrapper.
    pub name: WrapperName,
    /// What it stands for.
    pub target: Target,
    /// Whether a request could be sent to anybody behind it now.
    pub usable: bool,
}

impl HealthReport {
    /// Whether every pool, task group and wrapper can serve, if only in part.
    pub fn can_serve(&self) -> bool {
        self.pools.iter().all(|pool| pool.status != PoolStatus::Inactive)
            && self.task_groups.iter().all(|group| group.usable_tiers > 0)
            && self.wrappers.iter().all(|wrapper| wrapper.usable)
    }
}

impl<C: LlmClient> HealthService<C> {
    /// Reports on what `routes` publishes and on the store of `catalog`.
    pub fn new(catalog: Arc<Catalog<C>>, routes: Arc<Routes<C>>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, routes, clock }
    }

    /// Every instance as it is now, by its name within the whole gateway. A model that is only asked by its own name is there
    /// once it was asked.
    pub fn instances(&self) -> Vec<InstanceStatistics> {
        let (table, now) = (self.routes.load(), self.clock.now());
        let statistics = table.instances().map(|instance| {
            let idle = instance.owner == Owned::Directly;
            (idle, instance.statistics(now))
        });
        statistics
            .filter(|(idle, statistics)| !idle || statistics.attempts > 0)
            .map(|(_, statistics)| statistics)
            .collect()
    }

    /// How every pool is now, by its name.
    pub fn pools(&self) -> Vec<PoolHealth> {
        let table = self.routes.load();
        let statistics = table.pools().map(|pool| pool_service::statistics(pool, &*self.clock));
        let mut pools: Vec<_> = statistics.map(PoolHealth::from).collect();
        pools.sort_by(|a, b| a.name.cmp(&b.name));
        pools
    }

    /// How everything is doing now.
    pub async fn report(&self) -> HealthReport {
        let store = self.catalog.check_store().await.map_err(|error| error.to_string());
        let table = self.routes.load();
        let now = self.clock.now();
        let mut task_groups: Vec<_> = table
            .groups()
            .map(|group| GroupHealth {
                name: group.definition.name().clone(),
                usable_tiers: group.legs.iter().filter(|leg| leg.is_usable(now)).count(),
                tiers: group.legs.len(),
            })
            .collect();
        task_groups.sort_by(|a, b| a.name.cmp(&b.name));
        let wrappers = wrapper_service::views(&table, &*self.clock)
            .into_iter()
            .map(|view| WrapperHealth {
                name: view.wrapper.name().clone(),
                target: view.wrapper.target().clone(),
                usable: view.usable,
            })
            .collect();
        let configuration =
            ConfigurationHealth { content_hash: table.content_hash().to_owned(), rejected: self.catalog.rejected() };
        HealthReport { revision: table.revision(), configuration, pools: self.pools(), task_groups, wrappers, store }
    }
}

impl<C> fmt::Debug for HealthService<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HealthService").finish_non_exhaustive()
    }
}
