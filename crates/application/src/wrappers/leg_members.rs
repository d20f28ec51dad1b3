//! The members of a leg, as its rotation sees them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_domain::pool::{Bend, Members};

use super::{Asking, Leg};
use crate::live::LiveInstance;

/// The members of a leg, as its rotation sees them.
pub(crate) struct LegMembers<'a, C> {
    pub(crate) leg: &'a Leg<C>,
    pub(crate) asking: &'a Asking<'a, C>,
}

impl<C> Members for LegMembers<'_, C> {
    fn count(&self) -> usize {
        self.leg.members.len()
    }

    fn weight(&self, _: usize) -> u32 {
        1
    }

    fn in_flight(&self, member: usize) -> u32 {
        self.leg.members[member].instances().iter().map(|instance| instance.state.in_flight()).sum()
    }

    fn last_dispatch(&self, member: usize) -> Option<Instant> {
        self.leg.members[member].instances().iter().filter_map(|instance| instance.state.last_dispatch()).max()
    }

    /// The best of a pool speaks for it.
    fn latency(&self, member: usize) -> Option<Duration> {
        let now = self.asking.now;
        let latency = |instance: &Arc<LiveInstance<C>>| instance.state.performance().latency(now);
        self.leg.members[member].instances().iter().filter_map(latency).min()
    }

    fn success_rate(&self, member: usize) -> u32 {
        let rates = self.leg.members[member].instances().iter();
        rates.map(|instance| instance.state.performance().success_rate()).max().unwrap_or(0)
    }

    fn capacity(&self, member: usize) -> Option<u32> {
        let of = |instance: &Arc<LiveInstance<C>>| instance.state.concurrency_limit();
        let capacities = self.leg.members[member].instances().iter().map(of);
        capacities.reduce(|all, one| Some(all?.saturating_add(one?))).flatten()
    }

    /// The cheapest of a pool speaks for it.
    fn cost(&self, member: usize) -> Option<u64> {
        let cost = |instance: &Arc<LiveInstance<C>>| self.asking.wishes.cost_at(instance.card.as_deref());
        self.leg.members[member].instances().iter().filter_map(cost).min()
    }

    fn bend(&self) -> Bend {
        Bend::default()
    }

    fn readiness(&self, _: usize) -> u32 {
        100
    }

    fn pull(&self, _: usize) -> u64 {
        0
    }

    fn is_eligible(&self, member: usize) -> bool {
        let member = &self.leg.members[member];
        let asking = self.asking;
        member.has_more(asking) && member.is_usable_for(asking) && member.at_limit(asking).is_none()
    }
}
