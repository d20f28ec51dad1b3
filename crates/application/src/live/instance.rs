//! An instance that serves: its definition, its client and its state.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tidegate_domain::{
    fault::Fault,
    inference::Quota,
    model::ModelCard,
    name::{GroupName, InstanceId, PoolName, TierName},
    pool::{
        Duty, Health, HealthPolicy, HealthTransition, InstanceSpec, InstanceStatistics, LastFault, Lenience,
        ObservedQuota, Performance, Presence, Random, SlowStart, Standing, Unusable,
    },
    resilience::{BreakerOverride, BreakerPolicy, BreakerTransition, CircuitBreaker, Cooldown, Pass},
    task_group::Exclusion,
};

use super::{WaitingRoom, checking::Checks, tally::Tally};
use crate::sync::{AtomicU32, Mutex, MutexGuard};

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
    /// Whether it has no neighbour that could be asked instead.
    pub(crate) is_only: bool,
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

    /// Why it would not be asked at `now`; `None` if it would.
    pub(crate) fn exclusion(&self, now: Instant) -> Option<Exclusion> {
        self.exclusion_but(now, Lenience::Strict)
    }

    /// Why it would not be asked at `now`, but for what is overlooked.
    pub(crate) fn exclusion_but(&self, now: Instant, lenience: Lenience) -> Option<Exclusion> {
        if self.spec.weight.is_drained() {
            return Some(Exclusion::Drained);
        }
        if self.spec.max_concurrency.is_some_and(|max| self.state.in_flight() >= max.get()) {
            return Some(Exclusion::AtCapacity);
        }
        self.state.lock().exclusion(now, lenience)
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
        let tallied = self.state.tally.read();
        let guarded = self.state.lock();
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
            attempts: tallied.attempts,
            successes: tallied.successes,
            failures: tallied.failures.iter().map(|(_, count)| count).sum(),
            failures_by_kind: tallied.failures,
            consecutive_faults: tallied.consecutive_faults,
            last_fault: guarded.last_fault,
            last_check: guarded.checks.last,
            first_content: tallied.first_content,
            duration: tallied.duration,
            input_tokens: tallied.input_tokens,
            output_tokens: tallied.output_tokens,
        }
    }
}

/// What changes while an instance serves.
#[derive(Debug)]
pub(crate) struct InstanceState {
    in_flight: AtomicU32,
    guarded: Mutex<Guarded>,
    /// Whether a check is under way.
    pub(super) checking: AtomicBool,
    pub(super) tally: Tally,
}

/// The part that several fields of must change as one.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) health: Health,
    pub(super) breaker: CircuitBreaker,
    pub(super) cooldown: Cooldown,
    pub(super) credential: Credential,
    pub(super) last_dispatch: Option<Instant>,
    pub(super) random: Random,
    pub(super) last_fault: Option<LastFault>,
    pub(super) checks: Checks,
    pub(super) performance: Performance,
    pub(super) presence: Presence,
}

/// What is known of the credential that an instance is asked with.
#[derive(Debug, Default)]
pub(super) struct Credential {
    /// Counts the credentials that the instance has had.
    number: u32,
    refusal: Cooldown,
    quota: ObservedQuota,
}

impl Credential {
    /// Whether `number` is the one in use.
    pub(super) fn is_current(&self, number: u32) -> bool {
        number == self.number
    }

    fn replace(&mut self, number: u32) {
        if !self.is_current(number) {
            *self = Self { number, ..Self::default() };
        }
    }
}

impl Guarded {
    /// Leaves the instance alone for as long as `fault` calls for, of an attempt that was `sent` then, and returns how long
    /// that is.
    pub(super) fn bench(&mut self, fault: &Fault, (sent, now): (Instant, Instant)) -> Option<Duration> {
        let about = fault.kind.is_about_credential();
        let benched = if about { &mut self.credential.refusal } else { &mut self.cooldown };
        benched.begin(fault, (sent, now), &mut self.random)
    }

    /// The attempt that has just failed may have taken it out: then it comes back to a slow start.
    /// Whether it, or the credential in use, is left alone because it asked for it.
    pub(super) fn is_benched(&self, now: Instant) -> bool {
        self.cooldown.until(now).max(self.credential.refusal.until(now)).is_some()
    }

    pub(super) fn goes_out(&mut self, now: Instant) {
        let benched = self.cooldown.until(now).max(self.credential.refusal.until(now));
        let unhealthy = match self.health.usable(now) {
            Err(Unusable::Unhealthy(until)) => Some(until),
            Ok(()) | Err(Unusable::Maintenance | Unusable::Draining) => None,
        };
        let broken = self.breaker.would_admit(now).err().flatten();
        if let Some(until) = benched.max(unhealthy).max(broken) {
            self.presence = Presence::Since(until);
        }
    }

    pub(super) fn exclusion(&self, now: Instant, lenience: Lenience) -> Option<Exclusion> {
        let usable = self.health.usable(now);
        match usable {
            Err(Unusable::Maintenance) => return Some(Exclusion::Maintenance),
            Err(Unusable::Draining) => return Some(Exclusion::Drained),
            Ok(()) | Err(Unusable::Unhealthy(_)) => {}
        }
        if let Some(until) = self.cooldown.until(now).max(self.credential.refusal.until(now)) {
            return Some(Exclusion::CoolingDown(until));
        }
        if let Some(until) = self.credential.quota.spent(0, now) {
            return Some(Exclusion::QuotaSpent(until));
        }
        let unhealthy = match usable {
            Err(Unusable::Unhealthy(until)) => Some(Exclusion::Unhealthy(until)),
            Ok(()) | Err(Unusable::Maintenance | Unusable::Draining) => None,
        };
        let open = || self.breaker.would_admit(now).err().map(circuit_open);
        let is_seen = |exclusion: &Exclusion| !lenience.overlooks(*exclusion);
        unhealthy.filter(is_seen).or_else(|| open().filter(is_seen))
    }
}

/// A circuit that lets nothing pass until then, or as long as an operator holds it open.
fn circuit_open(until: Option<Instant>) -> Exclusion {
    until.map_or(Exclusion::HeldOpen, Exclusion::CircuitOpen)
}

impl InstanceState {
    /// The state of an instance that has done nothing; `seed` feeds its jitter.
    pub(crate) fn new(policies: InstancePolicies, seed: u64) -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            checking: AtomicBool::new(false),
            guarded: Mutex::new(Guarded {
                health: Health::new(policies.health),
                breaker: CircuitBreaker::new(policies.breaker),
                cooldown: Cooldown::default(),
                credential: Credential::default(),
                last_dispatch: None,
                random: Random::with_seed(seed),
                last_fault: None,
                checks: Checks::default(),
                performance: Performance::default(),
                presence: Presence::default(),
            }),
            tally: Tally::default(),
        }
    }

    /// Goes on under other policies, and with the credential of that number: a new one is not held to what the old one met.
    pub(crate) fn go_on(&self, policies: InstancePolicies, credential: u32) {
        let mut guarded = self.lock();
        guarded.credential.replace(credential);
        guarded.health.set_policy(policies.health);
        guarded.breaker.set_policy(policies.breaker);
    }

    /// It joins those that serve already.
    pub(crate) fn join(&self) {
        self.lock().presence = Presence::Joining;
    }

    /// The percentage of its share that it takes at `now`.
    pub(crate) fn readiness(&self, slow_start: &SlowStart, now: Instant) -> u32 {
        slow_start.readiness(&mut self.lock().presence, now)
    }

    /// Puts it on that duty.
    pub(crate) fn put_on(&self, duty: Duty, now: Instant) -> Option<HealthTransition> {
        let mut guarded = self.lock();
        if duty == Duty::Serving && guarded.health.duty() != Duty::Serving {
            guarded.presence = Presence::Joining;
        }
        guarded.health.put_on(duty, now)
    }

    /// Forgets whatever it has been through.
    pub(crate) fn reset(&self, now: Instant) -> (Option<HealthTransition>, Option<BreakerTransition>) {
        let mut guarded = self.lock();
        guarded.cooldown = Cooldown::default();
        guarded.credential = Credential { number: guarded.credential.number, ..Credential::default() };
        (guarded.health.reset(now), guarded.breaker.reset(now))
    }

    /// Holds its circuit, or leaves it to itself again.
    pub(crate) fn hold_breaker(&self, word: Option<BreakerOverride>, now: Instant) -> Option<BreakerTransition> {
        self.lock().breaker.hold(word, now)
    }

    /// Takes in what an answer says is left of our rate, to a client with the credential of that number.
    pub(crate) fn observe_quota(&self, quota: Quota, credential: u32, now: Instant) {
        let mut guarded = self.lock();
        if guarded.credential.is_current(credential) {
            guarded.credential.quota.observe(quota, now);
        }
    }

    /// Requests that it is serving.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// When a request was last sent to it.
    pub(crate) fn last_dispatch(&self) -> Option<Instant> {
        self.lock().last_dispatch
    }

    /// What it has lately achieved.
    pub(crate) fn performance(&self) -> Performance {
        self.lock().performance
    }

    /// Takes a place for one request, if it may be asked at `now` but for what is overlooked. Past an open circuit there is no
    /// pass, and what comes of it says nothing.
    pub(super) fn enter(&self, now: Instant, (capacity, lenience): (u32, Lenience)) -> Result<Option<Pass>, Exclusion> {
        let room = |serving: u32| (serving < capacity).then(|| serving + 1);
        self.in_flight.fetch_update(Relaxed, Relaxed, room).map_err(|_| Exclusion::AtCapacity)?;
        let mut guarded = self.lock();
        let entered = match guarded.exclusion(now, lenience) {
            Some(exclusion) => Err(exclusion),
            None => match guarded.breaker.acquire(now).map_err(circuit_open) {
                Ok(pass) => Ok(Some(pass)),
                Err(exclusion) if lenience.overlooks(exclusion) => Ok(None),
                Err(exclusion) => Err(exclusion),
            },
        };
        match &entered {
            Ok(_) => {
                guarded.last_dispatch = Some(now);
                self.tally.attempt();
            }
            Err(_) => self.leave(),
        }
        entered
    }

    /// Gives the place back.
    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// A panic elsewhere leaves counters that are still worth using.
    pub(super) fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
