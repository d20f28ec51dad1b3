//! Why definitions do not make a routing table.

use tidegate_domain::{
    inference::BuildClientError,
    name::{GroupName, InstanceId, PoolName, Target, TierName},
};

/// Why definitions do not make a routing table. The table in force stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// A pool refers to a task group or tier that does not exist.
    #[error("pool '{pool}' refers to '{reference}', which does not exist")]
    DanglingReference {
        /// The pool.
        pool: PoolName,
        /// The reference.
        reference: String,
    },
    /// A tier refers to a pool that does not exist.
    #[error("tier '{tier}' of task group '{group}' refers to pool '{pool}', which does not exist")]
    DanglingPool {
        /// The task group.
        group: GroupName,
        /// The tier.
        tier: TierName,
        /// The pool.
        pool: PoolName,
    },
    /// A wrapper or the default target leads nowhere.
    #[error("{what} leads to '{target}', which does not exist")]
    DanglingTarget {
        /// Who leads there.
        what: String,
        /// The target.
        target: Target,
    },
    /// A pool is derived from a tier that contains the pool.
    #[error("pool '{pool}' is derived from '{reference}', which sends its requests to that very pool")]
    Cycle {
        /// The pool.
        pool: PoolName,
        /// The reference.
        reference: String,
    },
    /// A pool is derived from tiers that name no model of their own.
    #[error("pool '{pool}' is left without an instance: what it refers to names no model of its own")]
    NoInstances {
        /// The pool.
        pool: PoolName,
    },
    /// A pool, a task group, a wrapper or an alias have one name.
    #[error("the name '{name}' is taken twice: by a {first} and by a {second}")]
    NameClash {
        /// The name.
        name: String,
        /// The kind of the first.
        first: &'static str,
        /// The kind of the second.
        second: &'static str,
    },
    /// A pool or a task group falls back to what does not exist.
    #[error("'{who}' falls back to '{target}', which does not exist")]
    DanglingFallback {
        /// Who does.
        who: Target,
        /// Where to.
        target: String,
    },
    /// Pools or task groups fall back to each other in a circle.
    #[error("these fall back to each other in a circle: {path}")]
    FallbackCycle {
        /// The circle, from its first name back to it.
        path: String,
    },
    /// A task group is to ask a fallback policy that the program has not registered.
    #[error("task group '{group}' asks the fallback policy '{policy}', which is not registered; known: {known}")]
    UnknownPolicy {
        /// The group.
        group: GroupName,
        /// The policy.
        policy: String,
        /// Those that are.
        known: String,
    },
    /// An instance has no client.
    #[error("instance '{instance}' cannot be reached: {source}")]
    Client {
        /// The instance.
        instance: InstanceId,
        /// Why.
        source: BuildClientError,
    },
}
