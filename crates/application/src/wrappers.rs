//! The three wrappers: one uniform facade over one model, a pool or a task group.
//!
//! Whatever a name stands for, a request sees a [`Route`]: legs to walk and the bounds of the walk. [`WrapperFactory`] makes
//! one for each kind of target, so that one attempt loop serves them all.

mod confines;
mod custom;
mod direct;
mod leg_members;
mod manner;
mod member;
mod pool;
mod task_group;
mod wishes;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use confines::Confines;
pub(crate) use custom::choose;
pub(crate) use leg_members::LegMembers;
pub(crate) use manner::Manner;
pub(crate) use member::LegMember;
use tidegate_domain::{
    model::Doubts,
    name::{GroupName, PoolName, ProviderName, Target, TierName},
    resilience::{Deadlines, MidStream},
    routing::{Trace, WalkPolicy},
    task_group::Exclusion,
};

pub(crate) use wishes::Wishes;

use crate::{
    admission::{Level, Places},
    fallback_policies::{FallbackPolicies, Registered},
    live::{Budgets, Hedge, LiveInstance, LivePool, Occasion, Permit, Picker},
    routing_table::{LiveGroup, RoutingTable},
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
    /// What the whole gateway lets in.
    pub(crate) gateway: Option<&'a Level>,
    /// What pays for extra attempts, but for each target's own budget.
    pub(crate) budgets: &'a Budgets,
    /// What pools and groups may fall back to.
    pub(crate) pools: &'a HashMap<PoolName, Arc<LivePool<C>>>,
    pub(crate) groups: &'a HashMap<GroupName, Arc<LiveGroup<C>>>,
    /// What the embedding program decides itself.
    pub(crate) policies: &'a FallbackPolicies,
}

/// What a name stands for, as the attempt loop sees it.
#[derive(Debug)]
pub(crate) struct Route<C> {
    pub(crate) target: Target,
    /// Everything in reach, in order.
    pub(crate) legs: Vec<Arc<Leg<C>>>,
    /// Where a request goes instead whose content a provider refused.
    pub(crate) content_filter: Vec<Arc<Leg<C>>>,
    /// Who comes first after a fault.
    pub(crate) order: Order,
    /// What some of its models may not be able to serve.
    pub(crate) doubts: Doubts,
    pub(crate) walk: WalkPolicy,
    /// How long a request may take, with every attempt and every wait in it.
    pub(crate) total: Duration,
    /// What a request passes before its first attempt, in order: the level of the target, and the gateway's. Whoever waits
    /// for a saturated target holds nothing that the others need.
    pub(crate) levels: Vec<Level>,
    /// Pays for every attempt after a request's first one.
    pub(crate) budget: Budgets,
}

/// Who comes first after a fault.
#[derive(Debug)]
pub(crate) enum Order {
    /// The candidates in the order of the legs.
    AsListed,
    /// The same, but those of a provider that failed come last.
    OtherProvidersFirst,
    /// Whoever a policy of the embedding program names.
    Custom(Registered),
}

/// Candidates of about the same quality, and how they are asked: a tier, a pool, or one instance.
#[derive(Debug)]
pub(crate) struct Leg<C> {
    pub(crate) tier: Option<TierName>,
    pub(crate) members: Vec<LegMember<C>>,
    pub(crate) picker: Picker,
    /// How its models are asked.
    pub(crate) manner: Manner,
    /// Rounds over the route that this leg permits after the first one.
    pub(crate) max_retries: u32,
    /// What its tier lets in, if anything is limited.
    pub(crate) level: Option<Level>,
    /// What its group lets in: passed by requests that come from another one.
    pub(crate) group_level: Option<Level>,
    /// What follows when a stream breaks after the caller has seen a part of it.
    pub(crate) mid_stream: MidStream,
    /// When a slow attempt gets a second one beside it.
    pub(crate) hedge: Option<Hedge>,
}

/// What is asked of a leg.
#[derive(Debug)]
pub(crate) struct Asking<'a, C> {
    /// Who is not asked again.
    pub(crate) tried: &'a [Arc<LiveInstance<C>>],
    /// Who cannot serve the request at all.
    pub(crate) ruled_out: &'a [Arc<LiveInstance<C>>],
    /// Whose models are left for last.
    pub(crate) shunned: &'a [ProviderName],
    /// What the request has passed already.
    pub(crate) passed: &'a [Level],
    /// What the request may cost in tokens.
    pub(crate) tokens: u32,
    /// What of it bears on who is picked.
    pub(crate) wishes: &'a Wishes,
    /// The legs that it may go to, this one included.
    pub(crate) reach: &'a [Arc<Leg<C>>],
    /// How far its search for a candidate has gone.
    pub(crate) resort: Resort,
    pub(crate) now: Instant,
}

/// How far the search for a candidate has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resort {
    /// It has just begun.
    First,
    /// The request has waited for its turn.
    Waited,
    /// Nobody is left: pools that ask the least bad one do.
    LeastBad,
}

impl<C> Asking<'_, C> {
    /// Whether nobody in reach could be asked but the instances of `pool`.
    pub(crate) fn is_nobody_else_usable(&self, pool: &LivePool<C>) -> bool {
        let mut others = self.reach.iter().flat_map(|leg| leg.instances()).filter(|instance| !pool.owns(instance));
        !others.any(|instance| instance.exclusion(self.occasion()).is_none())
    }

    /// When somebody is asked, and for how many tokens.
    pub(crate) fn occasion(&self) -> Occasion {
        Occasion { now: self.now, tokens: self.tokens }
    }

    /// Whether `instance` is not to be asked, whatever state it is in.
    pub(crate) fn leaves_out(&self, instance: &Arc<LiveInstance<C>>) -> bool {
        instance.is_among(self.tried)
            || instance.is_among(self.ruled_out)
            || self.shunned.contains(instance.spec.model.provider())
    }
}

impl<C> WrapperFactory<'_, C> {
    fn levels(&self, of_target: Option<&Level>) -> Vec<Level> {
        of_target.into_iter().chain(self.gateway).cloned().collect()
    }

    fn budget(&self, target: &Target) -> Budgets {
        let own = self.previous.route_of(target).map(|route| Arc::clone(&route.budget.own)).unwrap_or_default();
        Budgets { own, ..self.budgets.clone() }
    }
}

impl<C> Route<C> {
    /// Every instance that the route's legs hold themselves or through their pools.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Arc<LiveInstance<C>>> {
        self.legs.iter().chain(&self.content_filter).flat_map(|leg| leg.instances())
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
            LegMember::Pool(..) => None,
        })
    }

    /// The pools among its members.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<LivePool<C>>> {
        self.members.iter().filter_map(|member| match member {
            LegMember::Instance(_) => None,
            LegMember::Pool(pool, _) => Some(pool),
        })
    }

    /// Whether it is the pool of that name and nothing else.
    fn is_pool(&self, name: &PoolName) -> bool {
        self.tier.is_none() && self.pools().any(|pool| pool.definition.name() == name)
    }

    /// Places on the levels that an attempt passes here; the reason if one of them is full.
    fn enter(&self, asking: &Asking<'_, C>) -> Result<Places, Exclusion> {
        let is_passed = |level: &&Level| asking.passed.iter().any(|passed| passed.is_same(level));
        let of_group = self.group_level.as_ref().filter(|level| !is_passed(level));
        let mut places = Places::default();
        for level in of_group.into_iter().chain(&self.level) {
            places.hold(level.try_enter(asking.tokens, asking.now)?);
        }
        Ok(places)
    }

    /// Whether a request could be sent to any of its members at `now`.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.members.iter().any(|member| member.is_usable(now))
    }

    /// The next instance that may be asked and has not been tried, with a permit; who is passed over is noted in `trace`.
    pub(crate) fn pick(
        &self,
        asking: &Asking<'_, C>,
        trace: &mut Trace,
    ) -> Option<(Arc<LiveInstance<C>>, Box<Permit>)> {
        let places = match self.enter(asking) {
            Ok(places) => places,
            Err(reason) => {
                self.instances().for_each(|instance| trace.exclude(&instance.label, reason));
                return None;
            }
        };
        let members = LegMembers { leg: self, asking };
        let Some((instance, mut permit)) =
            self.picker.pick(&members, trace, |at, trace| self.members[at].pick(asking, trace))
        else {
            self.members.iter().for_each(|member| member.explain(asking, trace));
            return None;
        };
        permit.places.join(places);
        Some((instance, permit))
    }
}
