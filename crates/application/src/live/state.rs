//! What changes while an instance serves: health, circuit, cooldowns, counters and the rest behind one lock.

use std::{
    num::NonZeroU32,
    sync::{PoisonError, atomic::AtomicBool},
    time::{Duration, Instant},
};

use tidegate_domain::{
    fault::Fault,
    inference::Quota,
    pool::{
        Duty, Health, HealthTransition, LastFault, Lenience, ObservedQuota, Performance, Presence, Random, SlowStart,
        Unusable,
    },
    resilience::{AdaptiveLimit, BreakerOverride, BreakerTransition, CircuitBreaker, Cooldown, Pass},
    task_group::Exclusion,
};

use super::{InstancePolicies, Occasion, checking::Checks, concurrency::Concurrency, tally::Tally};
use crate::sync::{Mutex, MutexGuard};

/// What changes while an instance serves.
#[derive(Debug)]
pub(crate) struct InstanceState {
    pub(super) concurrency: Concurrency,
    guarded: Mutex<Guarded>,
    /// Whether a check is under way.
    pub(super) checking: AtomicBool,
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
    pub(super) tally: Tally,
    /// How many requests at once it takes, where that is found out.
    adaptive: Option<AdaptiveLimit>,
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

    /// Whether it, or the credential in use, is left alone because it asked for it.
    pub(super) fn is_benched(&self, now: Instant) -> bool {
        self.cooldown.until(now).max(self.credential.refusal.until(now)).is_some()
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

    pub(super) fn exclusion(&self, occasion: Occasion, lenience: Lenience) -> Option<Exclusion> {
        let Occasion { now, tokens } = occasion;
        let usable = self.health.usable(now);
        match usable {
            Err(Unusable::Maintenance) => return Some(Exclusion::Maintenance),
            Err(Unusable::Draining) => return Some(Exclusion::Drained),
            Ok(()) | Err(Unusable::Unhealthy(_)) => {}
        }
        if let Some(until) = self.cooldown.until(now).max(self.credential.refusal.until(now)) {
            return Some(Exclusion::CoolingDown(until));
        }
        if let Some(until) = self.credential.quota.spent(tokens, now) {
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

/// The place that a request has taken.
#[derive(Debug)]
pub(super) struct Entered {
    /// What its circuit gave; nothing past an open one.
    pub(super) pass: Option<Pass>,
    /// The requests in flight, this one included.
    pub(super) in_flight: u32,
}

impl InstanceState {
    /// The state of an instance that has done nothing; `seed` feeds its jitter.
    pub(crate) fn new(policies: &InstancePolicies, seed: u64) -> Self {
        Self {
            concurrency: Concurrency::new(policies.limit()),
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
                tally: Tally::default(),
                adaptive: policies.adaptive().map(AdaptiveLimit::new),
            }),
        }
    }

    /// Goes on under other policies, and with the credential of that number: a new one is not held to what the old one met.
    pub(crate) fn go_on(&self, policies: &InstancePolicies, credential: u32) {
        let mut guarded = self.lock();
        guarded.credential.replace(credential);
        guarded.health.set_policy(policies.health);
        guarded.breaker.set_policy(policies.breaker);
        guarded.adaptive = policies.adaptive().map(|policy| match guarded.adaptive.take() {
            Some(known) => known.under(policy),
            None => AdaptiveLimit::new(policy),
        });
        let limit = guarded.adaptive.as_ref().map(AdaptiveLimit::get).or(policies.max_concurrency);
        self.concurrency.set_limit(limit);
    }

    /// Takes note of what says how many requests at once it takes, where that is found out. Returns whether there is room that was
    /// not there before.
    pub(super) fn adapt(&self, note: impl FnOnce(&mut AdaptiveLimit)) -> bool {
        let mut guarded = self.lock();
        let Some(adaptive) = &mut guarded.adaptive else { return false };
        note(adaptive);
        self.concurrency.set_limit(Some(adaptive.get()))
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
        if let Some(adaptive) = &mut guarded.adaptive {
            *adaptive = adaptive.afresh();
            self.concurrency.set_limit(Some(adaptive.get()));
        }
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
        self.concurrency.in_flight()
    }

    /// The most that it is sent at once now; `None` if that is not limited.
    pub(crate) fn concurrency_limit(&self) -> Option<u32> {
        self.concurrency.limit().map(NonZeroU32::get)
    }

    /// When a request was last sent to it.
    pub(crate) fn last_dispatch(&self) -> Option<Instant> {
        self.lock().last_dispatch
    }

    /// What it has lately achieved.
    pub(crate) fn performance(&self) -> Performance {
        self.lock().performance
    }

    /// Takes a place for one request, if it may be asked but for what is overlooked. Past an open circuit there is no pass, and what
    /// comes of it says nothing.
    pub(super) fn enter(&self, occasion: Occasion, lenience: Lenience) -> Result<Entered, Exclusion> {
        let in_flight = self.concurrency.enter().ok_or(Exclusion::AtCapacity)?;
        let now = occasion.now;
        let mut guarded = self.lock();
        let entered = match guarded.exclusion(occasion, lenience) {
            Some(exclusion) => Err(exclusion),
            None => match guarded.breaker.acquire(now).map_err(circuit_open) {
                Ok(pass) => Ok(Entered { pass: Some(pass), in_flight }),
                Err(exclusion) if lenience.overlooks(exclusion) => Ok(Entered { pass: None, in_flight }),
                Err(exclusion) => Err(exclusion),
            },
        };
        match &entered {
            Ok(_) => {
                guarded.last_dispatch = Some(now);
                guarded.tally.attempt();
            }
            Err(_) => self.leave(),
        }
        entered
    }

    /// Gives the place back.
    pub(super) fn leave(&self) {
        self.concurrency.leave();
    }

    /// A panic elsewhere leaves counters that are still worth using.
    pub(super) fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
