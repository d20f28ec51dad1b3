//! An instance that serves: its definition, its client and its state.

use std::{num::NonZeroU32, sync::Arc, time::Instant};

use tidegate_domain::{
    model::ModelCard,
    name::{GroupName, InstanceId, PoolName, TierName},
    pool::{HealthPolicy, InstanceSpec, InstanceStatistics, Lenience, Standing},
    resilience::{AdaptiveLimit, AdaptivePolicy, BreakerPolicy, Deadlines},
    task_group::Exclusion,
};

use super::{InstanceState, WaitingRoom};

/// To whom an instance belongs; together with its id this tells it from every other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Owned {
    /// To a pool.
    ByPool(PoolName),
    /// To a tier.
    ByTier(GroupName, TierName),
    /// To nobody: it is asked by its model's name.
    Directly,
}

impl Owned {
    /// The id of an instance within the whole gateway: `pool/id`, `group.tier/id`, or the id alone.
    pub(crate) fn label(&self, id: &InstanceId) -> InstanceId {
        match self {
            Self::ByPool(pool) => id.within(pool),
            Self::ByTier(group, tier) => id.within(&format_args!("{group}.{tier}")),
            Self::Directly => id.clone(),
        }
    }
}

/// The policies that an instance is judged by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InstancePolicies {
    pub(crate) health: HealthPolicy,
    pub(crate) breaker: BreakerPolicy,
    /// How long its answers may take to begin.
    pub(crate) deadlines: Deadlines,
    /// The most requests that it serves at once, if that is said.
    pub(crate) max_concurrency: Option<NonZeroU32>,
    /// How it finds out by itself, if it does.
    pub(crate) adaptive: Option<AdaptivePolicy>,
    /// Whether it has no neighbour that could be asked instead.
    pub(crate) is_only: bool,
}

impl InstancePolicies {
    /// How the limit on its requests at once moves, if it does.
    pub(super) fn adaptive(&self) -> Option<AdaptivePolicy> {
        self.adaptive.map(|policy| policy.within(self.max_concurrency))
    }

    /// The most requests at once that one serves that has served nothing.
    pub(super) fn limit(&self) -> Option<NonZeroU32> {
        self.adaptive().map(|policy| AdaptiveLimit::new(policy).get()).or(self.max_concurrency)
    }
}

/// When an instance would be asked, and for about how many tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occasion {
    pub(crate) now: Instant,
    pub(crate) tokens: u32,
}

impl From<Instant> for Occasion {
    /// For as little as anybody asks.
    fn from(now: Instant) -> Self {
        Self { now, tokens: 0 }
    }
}

/// An instance that serves.
#[derive(Debug)]
pub(crate) struct LiveInstance<C> {
    pub(crate) owner: Owned,
    pub(crate) spec: InstanceSpec,
    /// What is known of its model, if anything is.
    pub(crate) card: Option<Arc<ModelCard>>,
    /// Its id within the whole gateway, for traces, logs and metrics.
    pub(crate) label: InstanceId,
    pub(crate) policies: InstancePolicies,
    pub(crate) client: C,
    /// Which of the credentials that the instance has had the client holds.
    pub(crate) credential: u32,
    /// Whether it joins those that serve already: it is new among them, or was drained.
    pub(crate) joins: bool,
    /// Where requests wait for it, if they do.
    pub(crate) room: Option<Arc<WaitingRoom>>,
    pub(crate) state: Arc<InstanceState>,
}

impl<C> LiveInstance<C> {
    /// Whether `spec` describes the same upstream, so that what is known of it still holds.
    pub(crate) fn is_same_upstream(&self, owner: &Owned, spec: &InstanceSpec) -> bool {
        self.owner == *owner
            && self.spec.id == spec.id
            && self.spec.model == spec.model
            && self.spec.base_url == spec.base_url
    }

    /// Whether it is one of `others`.
    pub(crate) fn is_among(self: &Arc<Self>, others: &[Arc<Self>]) -> bool {
        others.iter().any(|other| Arc::ptr_eq(other, self))
    }

    /// Why it would not be asked; `None` if it would.
    pub(crate) fn exclusion(&self, occasion: impl Into<Occasion>) -> Option<Exclusion> {
        self.exclusion_but(occasion, Lenience::Strict)
    }

    /// Why it would not be asked, but for what is overlooked.
    pub(crate) fn exclusion_but(&self, occasion: impl Into<Occasion>, lenience: Lenience) -> Option<Exclusion> {
        if self.spec.weight.is_drained() {
            return Some(Exclusion::Drained);
        }
        if !self.state.concurrency.has_room() {
            return Some(Exclusion::AtCapacity);
        }
        self.state.lock().exclusion(occasion.into(), lenience)
    }

    /// How it stands with its pool at `now`. To keep one whose circuit is open too would help nobody.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let standing = Standing::of(self.exclusion(now));
        let Standing::Ejected(until) = standing else { return standing };
        match Standing::of(self.exclusion_but(now, Lenience::Ejected)) {
            Standing::Broken(broken) => Standing::Broken(until.max(broken)),
            Standing::Usable | Standing::Ejected(_) => standing,
            other @ (Standing::Out | Standing::Absent) => other,
        }
    }

    /// Its statistics at `now`.
    pub(crate) fn statistics(&self, now: Instant) -> InstanceStatistics {
        let exclusion = self.exclusion(now);
        let guarded = self.state.lock();
        let tally = &guarded.tally;
        let failures_by_kind = tally.failures();
        InstanceStatistics {
            id: self.spec.id.clone(),
            label: self.label.clone(),
            spec: self.spec.clone(),
            health: guarded.health.status(now),
            breaker: guarded.breaker.state(now),
            held: guarded.breaker.held(),
            timeline: guarded.breaker.timeline().iter().collect(),
            available: exclusion.is_none(),
            exclusion,
            in_flight: self.state.in_flight(),
            concurrency_limit: self.state.concurrency_limit(),
            attempts: tally.attempts,
            successes: tally.successes,
            failures: failures_by_kind.iter().map(|(_, count)| count).sum(),
            failures_by_kind,
            consecutive_faults: tally.consecutive,
            last_fault: guarded.last_fault,
            last_check: guarded.checks.last,
            first_content: tally.first_content.summary(),
            duration: tally.duration.summary(),
            input_tokens: tally.input_tokens,
            output_tokens: tally.output_tokens,
        }
    }
}
