//! Pools: interchangeable instances behind one name.
//!
//! [`Pool`] is the definition, valid by construction. What changes while it serves lives in [`Rotation`], [`Health`] and
//! [`InstanceStatistics`], each a state machine or a tally that takes time and randomness as arguments.

mod affinity;
mod ejection;
mod exhaustion;
mod health;
mod histogram;
mod instance;
mod latency;
mod observed_quota;
mod performance;
mod repository;
mod rotation;
mod slow_start;
mod statistics;

use std::num::NonZeroU32;

pub use affinity::{AffinityHints, AffinityPolicy, AffinitySource, digest, pull};
pub use ejection::{EjectionPolicy, Lenience, Standing, Verdict};
pub use exhaustion::{OnExhausted, PoolQueue};
pub use health::{CheckKind, CheckPolicy, Duty, Health, HealthPolicy, HealthStatus, HealthTransition, Unusable};
pub use histogram::{Histogram, LatencySummary};
pub use instance::{InstanceSpec, Weight};
pub use latency::PeakLatency;
pub use observed_quota::ObservedQuota;
pub use performance::Performance;
pub use repository::PoolRepository;
#[cfg(test)]
pub(crate) use rotation::tests as rotation_tests;
pub use rotation::{Bend, Members, Random, Rotation, RotationKind, Tariff};
pub use slow_start::{Presence, SlowStart};
pub use statistics::{InstanceStatistics, LastCheck, LastFault, PoolStatus};

use crate::{
    admission::Limits,
    name::{GroupName, InstanceId, PoolName, TierName},
    resilience::{AdaptivePolicy, BreakerPolicy, Deadlines, MidStream},
};

/// What a pool does after a fault that permits another attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PoolFallback {
    /// Asks another instance of the pool.
    #[default]
    InstanceRotation,
    /// Asks the same instance again, after a backoff.
    SimpleRetry,
    /// Asks another instance of the pool, then the pools that are named.
    PoolFallback,
    /// Gives up.
    FailFast,
}

/// Where the instances of a pool come from.
#[derive(Debug, Clone, PartialEq)]
pub enum PoolMember {
    /// An instance that the pool lists itself.
    Instance(InstanceSpec),
    /// One instance per distinct model of a task group, or of one of its tiers.
    Reference {
        /// The task group.
        group: GroupName,
        /// The tier; all tiers if absent.
        tier: Option<TierName>,
    },
}

/// How a pool picks, watches and gives up on its instances.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolPolicy {
    /// In which order instances are picked.
    pub rotation: RotationKind,
    /// How an instance that joins or comes back gets its share; at once if absent.
    pub slow_start: Option<SlowStart>,
    /// Which requests it keeps together; none if absent.
    pub affinity: Option<AffinityPolicy>,
    /// How many instances it may be without.
    pub ejection: EjectionPolicy,
    /// What becomes of a request that none of its instances can take.
    pub on_exhausted: OnExhausted,
    /// When an instance leaves and comes back.
    pub health: HealthPolicy,
    /// When an instance's breaker opens and closes.
    pub breaker: BreakerPolicy,
    /// How an instance finds out how many requests at once it takes; it does not if absent.
    pub adaptive_concurrency: Option<AdaptivePolicy>,
    /// What follows a fault.
    pub fallback: PoolFallback,
    /// The pools to ask when this one's instances are used up, in order.
    pub fallback_pools: Vec<PoolName>,
    /// The most instances that one request tries; with [`PoolFallback::SimpleRetry`], the most attempts.
    pub max_instance_attempts: NonZeroU32,
    /// How long the phases of an attempt may take.
    pub deadlines: Deadlines,
    /// What the pool lets in, all instances together.
    pub limits: Limits,
    /// What follows when a stream breaks after the caller has seen a part of it.
    pub mid_stream: MidStream,
}

impl Default for PoolPolicy {
    fn default() -> Self {
        Self {
            rotation: RotationKind::RoundRobin,
            slow_start: None,
            affinity: None,
            ejection: EjectionPolicy::default(),
            on_exhausted: OnExhausted::default(),
            health: HealthPolicy::default(),
            breaker: BreakerPolicy::default(),
            adaptive_concurrency: None,
            fallback: PoolFallback::default(),
            fallback_pools: Vec::new(),
            max_instance_attempts: NonZeroU32::new(2).unwrap_or(NonZeroU32::MIN),
            deadlines: Deadlines::default(),
            limits: Limits::default(),
            mid_stream: MidStream::default(),
        }
    }
}

/// A named set of interchangeable instances.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    name: PoolName,
    description: String,
    members: Vec<PoolMember>,
    policy: PoolPolicy,
}

/// Why a pool cannot be defined so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPool {
    /// It has neither instances nor references.
    #[error("pool '{0}' has no instances: list 'instances' or reference 'task_groups'")]
    NoMembers(PoolName),
    /// Two instances have one id.
    #[error("pool '{pool}' has two instances with the id '{id}'")]
    DuplicateInstance {
        /// The pool.
        pool: PoolName,
        /// The id.
        id: InstanceId,
    },
    /// Every instance has weight 0 and so is drained.
    #[error("every instance of pool '{0}' has weight 0, so none can be picked")]
    NoWeight(PoolName),
    /// It goes to other pools, and names none; or it names some, and does not go there.
    #[error("pool '{0}' needs both 'pool_fallback' and 'fallback_pools' to fall back to other pools")]
    HalfAFallback(PoolName),
}

impl Pool {
    /// Defines a pool.
    ///
    /// # Errors
    /// [`InvalidPool`] if nothing could ever be picked from it, or an instance could not be told from another.
    pub fn new(name: PoolName, members: Vec<PoolMember>, policy: PoolPolicy) -> Result<Self, InvalidPool> {
        let pool = Self { name, description: String::new(), members, policy };
        pool.checked()
    }

    fn checked(self) -> Result<Self, InvalidPool> {
        if self.members.is_empty() {
            return Err(InvalidPool::NoMembers(self.name));
        }
        let mut ids: Vec<_> = self.instances().map(|instance| &instance.id).collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(InvalidPool::DuplicateInstance { pool: self.name.clone(), id: pair[0].clone() });
        }
        let has_reference = self.members.iter().any(|member| matches!(member, PoolMember::Reference { .. }));
        if !has_reference && self.instances().all(|instance| instance.weight.is_drained()) {
            return Err(InvalidPool::NoWeight(self.name));
        }
        let goes = self.policy.fallback == PoolFallback::PoolFallback;
        if goes == self.policy.fallback_pools.is_empty() {
            return Err(InvalidPool::HalfAFallback(self.name));
        }
        Ok(self)
    }

    /// The same pool with a description for people.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The same pool under another policy.
    #[must_use]
    pub fn with_policy(mut self, policy: PoolPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The same pool with other members.
    ///
    /// # Errors
    /// As [`Pool::new`].
    pub fn with_members(mut self, members: Vec<PoolMember>) -> Result<Self, InvalidPool> {
        self.members = members;
        self.checked()
    }

    /// The name.
    pub fn name(&self) -> &PoolName {
        &self.name
    }

    /// The description for people; empty if there is none.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Where the instances come from, in order.
    pub fn members(&self) -> &[PoolMember] {
        &self.members
    }

    /// How the pool picks, watches and gives up on its instances.
    pub fn policy(&self) -> &PoolPolicy {
        &self.policy
    }

    fn instances(&self) -> impl Iterator<Item = &InstanceSpec> {
        self.members.iter().filter_map(|member| match member {
            PoolMember::Instance(instance) => Some(instance),
            PoolMember::Reference { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(id: &str, weight: u32) -> PoolMember {
        let mut spec = InstanceSpec::new(InstanceId::new(id).unwrap(), "sim:echo".parse().unwrap());
        spec.weight = Weight::new(weight).unwrap();
        PoolMember::Instance(spec)
    }

    fn pool(members: Vec<PoolMember>) -> Result<Pool, InvalidPool> {
        Pool::new(PoolName::new("p").unwrap(), members, PoolPolicy::default())
    }

    #[test]
    fn a_pool_has_at_least_one_instance_or_reference() {
        assert!(matches!(pool(vec![]), Err(InvalidPool::NoMembers(_))));
        let reference = PoolMember::Reference { group: GroupName::new("g").unwrap(), tier: None };
        assert!(pool(vec![reference]).is_ok());
    }

    #[test]
    fn two_instances_never_share_an_id() {
        let twice = vec![instance("a", 1), instance("b", 1), instance("a", 2)];
        assert!(matches!(pool(twice), Err(InvalidPool::DuplicateInstance { id, .. }) if id.as_str() == "a"));
    }

    #[test]
    fn a_pool_that_falls_back_says_where() {
        let named = |fallback, fallback_pools: &[&str]| {
            let fallback_pools = fallback_pools.iter().map(|name| name.parse().unwrap()).collect();
            let policy = PoolPolicy { fallback, fallback_pools, ..PoolPolicy::default() };
            Pool::new(PoolName::new("p").unwrap(), vec![instance("a", 1)], policy).is_ok()
        };
        assert!(named(PoolFallback::PoolFallback, &["q"]));
        assert!(!named(PoolFallback::PoolFallback, &[]));
        assert!(!named(PoolFallback::InstanceRotation, &["q"]));
    }

    #[test]
    fn a_pool_that_could_never_pick_is_rejected() {
        assert!(matches!(pool(vec![instance("a", 0)]), Err(InvalidPool::NoWeight(_))));
        assert!(pool(vec![instance("a", 0), instance("b", 1)]).is_ok());
    }
}
