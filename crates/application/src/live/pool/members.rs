//! The instances of a pool, as a rotation sees them for one request.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use tidegate_domain::pool::{Bend, Lenience, Members, Tariff, pull};

use super::LivePool;
use crate::wrappers::Asking;

/// The instances of a pool, as a rotation sees them for one request.
pub(super) struct PoolMembers<'a, C> {
    pool: &'a LivePool<C>,
    asking: &'a Asking<'a, C>,
    /// What is overlooked of each instance; nothing if there are none.
    leniences: &'a [Lenience],
    /// The request's key, if it has one here, and how much of its share an instance may have to do.
    affinity: Option<(u64, NonZeroU32)>,
}

impl<'a, C> PoolMembers<'a, C> {
    pub(super) fn new((pool, leniences): (&'a LivePool<C>, &'a [Lenience]), asking: &'a Asking<'a, C>) -> Self {
        let affinity = pool.definition.policy().affinity.as_ref();
        let affinity = affinity.and_then(|policy| Some((policy.key(&asking.wishes.affinity)?, policy.max_load_factor)));
        Self { pool, asking, leniences, affinity }
    }

    /// What is overlooked of a member.
    pub(super) fn lenience(&self, member: usize) -> Lenience {
        self.leniences.get(member).copied().unwrap_or_default()
    }
}

impl<C> Members for PoolMembers<'_, C> {
    fn count(&self) -> usize {
        self.pool.instances.len()
    }

    fn weight(&self, member: usize) -> u32 {
        self.pool.instances[member].spec.weight.get()
    }

    fn in_flight(&self, member: usize) -> u32 {
        self.pool.instances[member].state.in_flight()
    }

    fn last_dispatch(&self, member: usize) -> Option<Instant> {
        self.pool.instances[member].state.last_dispatch()
    }

    fn latency(&self, member: usize) -> Option<Duration> {
        self.pool.instances[member].state.performance().latency(self.asking.now)
    }

    fn success_rate(&self, member: usize) -> u32 {
        self.pool.instances[member].state.performance().success_rate()
    }

    fn capacity(&self, member: usize) -> Option<u32> {
        self.pool.instances[member].state.concurrency_limit()
    }

    fn cost(&self, member: usize) -> Option<u64> {
        self.asking.wishes.cost_at(self.pool.instances[member].card.as_deref())
    }

    fn tariff(&self, member: usize) -> Tariff {
        let prices = self.pool.instances[member].card.as_ref().and_then(|card| card.prices);
        prices.map_or(Tariff::Unknown, Tariff::Prices)
    }

    fn bend(&self) -> Bend {
        let slow_start = self.pool.definition.policy().slow_start.is_some();
        Bend { slow_start, affinity: self.affinity.map(|(_, max_load_factor)| max_load_factor) }
    }

    fn readiness(&self, member: usize) -> u32 {
        let slow_start = self.pool.definition.policy().slow_start.as_ref();
        slow_start.map_or(100, |slow_start| self.pool.instances[member].state.readiness(slow_start, self.asking.now))
    }

    fn pull(&self, member: usize) -> u64 {
        self.affinity.map_or(0, |(key, _)| pull(key, &self.pool.instances[member].spec))
    }

    fn is_eligible(&self, member: usize) -> bool {
        let instance = &self.pool.instances[member];
        !self.asking.leaves_out(instance)
            && instance.exclusion_but(self.asking.occasion(), self.lenience(member)).is_none()
    }
}
