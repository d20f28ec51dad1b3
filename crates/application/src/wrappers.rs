//! The three wrappers: one uniform facade over one model, a pool or a task group.
//!
//! Whatever a name stands for, a request sees a [`Route`]: legs to walk and the bounds of the walk. [`WrapperFactory`] makes
//! one for each kind of target, so that one attempt loop serves them all.

mod direct;
mod pool;
mod task_group;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_domain::{
    inference::ParameterDefaults,
    name::{Target, TierName},
    pool::Members,
    resilience::Deadlines,
    routing::{Trace, WalkPolicy},
};

use crate::{
    live::{LiveInstance, LivePool, Permit, Picker, SharedBudget},
    routing_table::RoutingTable,
};

/// Wraps each kind of target into a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrapperFactory<'a, C> {
    /// Whose routes lend their budgets to their successors.
    pub(crate) previous: &'a RoutingTable<C>,
    /// For what has no deadlines of its own.
    pub(crate) deadlines: Deadlines,
    /// The most repeats of an attempt whose work may have been done and billed.
    pub(crate) max_ambiguous_repeats: u32,
}

/// What a name stands for, as the attempt loop sees it.
#[derive(Debug)]
pub(crate) struct Route<C> {
    pub(crate) target: Target,
    pub(crate) legs: Vec<Arc<Leg<C>>>,
    pub(crate) walk: WalkPolicy,
    /// Pays for every attempt after a request's first one.
    pub(crate) budget: Arc<SharedBudget>,
}

/// Candidates of about the same quality, and how they are asked: a tier, a pool, or one instance.
#[derive(Debug)]
pub(crate) struct Leg<C> {
    pub(crate) tier: Option<TierName>,
    pub(crate) members: Vec<LegMember<C>>,
    pub(crate) picker: Picker,
    pub(crate) deadlines: Deadlines,
    pub(crate) defaults: ParameterDefaults,
    /// Rounds over the route that this leg permits after the first one.
    pub(crate) max_retries: u32,
}

/// One candidate of a leg.
#[derive(Debug)]
pub(crate) enum LegMember<C> {
    Instance(Arc<LiveInstance<C>>),
    Pool(Arc<LivePool<C>>),
}

impl<C> WrapperFactory<'_, C> {
    fn budget(&self, target: &Target) -> Arc<SharedBudget> {
        self.previous.route_of(target).map(|route| Arc::clone(&route.budget)).unwrap_or_default()
    }
}

impl<C> Route<C> {
    /// Every instance that the route's legs hold themselves or through their pools.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Arc<LiveInstance<C>>> {
        self.legs.iter().flat_map(|leg| leg.instances())
    }
}

impl<C> Leg<C> {
    /// Every instance that the leg holds itself or through its pools.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Arc<LiveInstance<C>>> {
        self.members.iter().flat_map(LegMember::instances)
    }

    /// The instances that are the leg's own, not a pool's.
    pub(crate) fn own_instances(&self) -> impl Iterator<Item = &Arc<LiveInstance<C>>> {
        self.members.iter().filter_map(|member| match member {
            LegMember::Instance(instance) => Some(instance),
            LegMember::Pool(_) => None,
        })
    }

    /// Whether a request could be sent to any of its members at `now`.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.members.iter().any(|member| member.is_usable(now))
    }

    /// The next instance that may be asked at `now` and is not among `tried`, with a permit; who is passed over is noted
    /// in `trace`.
    pub(crate) fn pick(
        &self,
        tried: &[Arc<LiveInstance<C>>],
        now: Instant,
        trace: &mut Trace,
    ) -> Option<(Arc<LiveInstance<C>>, Permit)> {
        let members = LegMembers { leg: self, tried, now };
        let picked = self.picker.pick(&members, |at| self.members[at].pick(tried, now));
        if picked.is_none() {
            for instance in self.instances() {
                if let Some(reason) = instance.exclusion(now) {
                    trace.exclude(&instance.label, reason);
                }
            }
        }
        picked
    }
}

impl<C> LegMember<C> {
    /// What tells it from the other members of its leg.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.spec.id.as_str(),
            Self::Pool(pool) => pool.definition.name().as_str(),
        }
    }

    fn instances(&self) -> &[Arc<LiveInstance<C>>] {
        match self {
            Self::Instance(instance) => std::slice::from_ref(instance),
            Self::Pool(pool) => &pool.instances,
        }
    }

    fn is_usable(&self, now: Instant) -> bool {
        self.instances().iter().any(|instance| instance.exclusion(now).is_none())
    }

    /// Whether the member still has an untried instance for this request, and, if it is a pool, attempts left.
    fn has_more(&self, tried: &[Arc<LiveInstance<C>>]) -> bool {
        let is_tried = |instance: &Arc<LiveInstance<C>>| tried.iter().any(|known| Arc::ptr_eq(known, instance));
        match self {
            Self::Instance(instance) => !is_tried(instance),
            Self::Pool(pool) => {
                let asked = tried.iter().filter(|instance| pool.owns(instance)).count();
                asked < pool.attempts_per_request() && asked < pool.instances.len()
            }
        }
    }

    fn pick(&self, tried: &[Arc<LiveInstance<C>>], now: Instant) -> Option<(Arc<LiveInstance<C>>, Permit)> {
        match self {
            Self::Instance(instance) => {
                Permit::acquire(instance, now).ok().map(|permit| (Arc::clone(instance), permit))
            }
            Self::Pool(pool) => pool.pick(tried, now),
        }
    }
}

struct LegMembers<'a, C> {
    leg: &'a Leg<C>,
    tried: &'a [Arc<LiveInstance<C>>],
    now: Instant,
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
        self.leg.members[member].instances().iter().filter_map(|instance| instance.state.latency()).min()
    }

    fn is_eligible(&self, member: usize) -> bool {
        let member = &self.leg.members[member];
        member.has_more(self.tried) && member.is_usable(self.now)
    }
}
