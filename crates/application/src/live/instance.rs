//! An instance that serves: its definition, its client and its state.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use tidegate_domain::{
    fault::Fault,
    inference::Usage,
    model::ModelCard,
    name::{GroupName, InstanceId, PoolName, TierName},
    pool::{
        Health, HealthPolicy, InstanceSpec, InstanceStatistics, Lenience, Performance, Presence, Random, SlowStart,
        Standing, Unusable,
    },
    resilience::{BreakerPolicy, CircuitBreaker, Cooldown, Pass},
    task_group::Exclusion,
};

use super::WaitingRoom;
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
        let tally = &self.state.tally;
        let successes = tally.successes.load(Relaxed);
        let latency = Duration::from_micros(tally.latency_micros.load(Relaxed));
        // Not inside the literal: the lock would be held to its end, and the next field takes it again.
        let health = self.state.lock().health.status(now);
        InstanceStatistics {
            id: self.spec.id.clone(),
            spec: self.spec.clone(),
            health,
            available: self.exclusion(now).is_none(),
            in_flight: self.state.in_flight(),
            successes,
            failures: tally.failures.load(Relaxed),
            mean_latency: u32::try_from(successes).ok().and_then(|count| latency.checked_div(count)),
            input_tokens: tally.input_tokens.load(Relaxed),
            output_tokens: tally.output_tokens.load(Relaxed),
        }
    }
}

/// What changes while an instance serves.
#[derive(Debug)]
pub(crate) struct InstanceState {
    in_flight: AtomicU32,
    guarded: Mutex<Guarded>,
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
    pub(super) performance: Performance,
    pub(super) presence: Presence,
}

/// What is known of the credential that an instance is asked with.
#[derive(Debug, Default)]
pub(super) struct Credential {
    /// Counts the credentials that the instance has had.
    number: u32,
    refusal: Cooldown,
}

impl Credential {
    /// Whether `number` is the one in use.
    pub(super) fn is_current(&self, number: u32) -> bool {
        number == self.number
    }

    fn replace(&mut self, number: u32) {
        if !self.is_current(number) {
            *self = Self { number, refusal: Cooldown::default() };
        }
    }
}

/// What an instance has done since the process started.
#[derive(Debug, Default)]
pub(super) struct Tally {
    successes: AtomicU64,
    failures: AtomicU64,
    latency_micros: AtomicU64,
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
}

impl Tally {
    pub(super) fn success(&self, latency: Duration) {
        self.successes.fetch_add(1, Relaxed);
        self.latency_micros.fetch_add(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn failure(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn tokens(&self, usage: Usage) {
        self.input_tokens.fetch_add(usage.input_tokens, Relaxed);
        self.output_tokens.fetch_add(usage.output_tokens, Relaxed);
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

    fn exclusion(&self, now: Instant, lenience: Lenience) -> Option<Exclusion> {
        let usable = self.health.usable(now);
        match usable {
            Err(Unusable::Maintenance) => return Some(Exclusion::Maintenance),
            Err(Unusable::Draining) => return Some(Exclusion::Drained),
            Ok(()) | Err(Unusable::Unhealthy(_)) => {}
        }
        if let Some(until) = self.cooldown.until(now).max(self.credential.refusal.until(now)) {
            return Some(Exclusion::CoolingDown(until));
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
            guarded: Mutex::new(Guarded {
                health: Health::new(policies.health),
                breaker: CircuitBreaker::new(policies.breaker),
                cooldown: Cooldown::default(),
                credential: Credential::default(),
                last_dispatch: None,
                random: Random::with_seed(seed),
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
            Ok(_) => guarded.last_dispatch = Some(now),
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
