//! Stand-in: reports what it was given.

use std::marker::PhantomData;

use tidegate_domain::{
    name::{GroupName, PoolName, Target, WrapperName},
    pool::PoolStatus,
};

/// Reports the health of everything.
#[derive(Debug)]
pub struct HealthService<C> {
    report: HealthReport,
    client: PhantomData<fn() -> C>,
}

/// The health of everything.
#[derive(Debug, Clone)]
pub struct HealthReport {
    /// The revision of the configuration.
    pub revision: u64,
    /// The pools.
    pub pools: Vec<PoolHealth>,
    /// The task groups.
    pub task_groups: Vec<GroupHealth>,
    /// The wrappers.
    pub wrappers: Vec<WrapperHealth>,
    /// Whether the store answers, or why not.
    pub store: Result<(), String>,
}

/// The health of a pool.
#[derive(Debug, Clone)]
pub struct PoolHealth {
    /// The pool.
    pub name: PoolName,
    /// Its status.
    pub status: PoolStatus,
    /// How many instances are usable.
    pub usable: usize,
    /// How many there are.
    pub instances: usize,
}

/// The health of a task group.
#[derive(Debug, Clone)]
pub struct GroupHealth {
    /// The group.
    pub name: GroupName,
    /// How many tiers are usable.
    pub usable_tiers: usize,
    /// How many there are.
    pub tiers: usize,
}

/// The health of a wrapper.
#[derive(Debug, Clone)]
pub struct WrapperHealth {
    /// The wrapper.
    pub name: WrapperName,
    /// What it stands for.
    pub target: Target,
    /// Whether its target is usable.
    pub usable: bool,
}

impl<C> HealthService<C> {
    /// Makes a service that reports `report`.
    pub fn stand_in(report: HealthReport) -> Self {
        Self { report, client: PhantomData }
    }

    /// Reports.
    #[expect(clippy::unused_async, reason = "the real one asks the store")]
    pub async fn report(&self) -> HealthReport {
        self.report.clone()
    }
}
