//! The leave to send one request to one instance; dropping it gives everything back.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::Usage,
    name::InstanceId,
    observe::{Event, Observer},
    pool::{HealthStatus, HealthTransition, LastFault, Lenience},
    resilience::{Began, BreakerState, BreakerTransition, Dispatch, Pass},
    task_group::Exclusion,
};

use super::{
    Bell, InstanceState, LiveInstance, Occasion,
    state::{Entered, Guarded},
};
use crate::admission::Places;

/// One request's place at an instance: its in-flight count and its breaker pass. A permit that is dropped unsettled, because
/// the caller went away, says nothing about the instance. It is boxed: it goes from step to step with its attempt.
#[derive(Debug)]
#[must_use = "the instance's place is given back as soon as this is dropped"]
pub(crate) struct Permit {
    instance: InstanceId,
    state: Arc<InstanceState>,
    credential: u32,
    is_only: bool,
    pass: Option<Pass>,
    sent: Instant,
    /// The requests in flight when it was taken, where their limit is found out.
    in_flight: Option<u32>,
    /// Time to the whole answer or its first content.
    latency: Option<Duration>,
    /// Whether it went past an open circuit, for want of better instances.
    pub(crate) is_panic: bool,
    /// Tells those who wait for an instance of its pool; rung once the place is given back.
    bell: Option<Bell>,
    /// What the attempt holds of its tier and of its pool.
    pub(crate) places: Places,
}

/// How an instance answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    /// With all of it.
    Whole,
    /// With the first content of a stream.
    Streaming,
}

/// What changed when a permit was settled.
#[derive(Debug, Default)]
struct Transitions {
    health: Option<HealthTransition>,
    breaker: Option<BreakerTransition>,
}

impl Transitions {
    /// Whether they take the instance out of the rotation.
    fn take_out(&self) -> bool {
        self.health.is_some_and(|transition| transition.to == HealthStatus::Unhealthy)
            || self.breaker.is_some_and(|transition| transition.to == BreakerState::Open)
    }
}

impl Permit {
    /// Takes a place at `instance`, if it may be asked.
    pub(crate) fn acquire<C>(instance: &LiveInstance<C>, occasion: Occasion) -> Result<Box<Self>, Exclusion> {
        Self::acquire_but(instance, occasion, Lenience::Strict)
    }

    /// Takes a place at `instance`, if it may be asked but for what is overlooked.
    pub(crate) fn acquire_but<C>(
        instance: &LiveInstance<C>,
        occasion: Occasion,
        lenience: Lenience,
    ) -> Result<Box<Self>, Exclusion> {
        if instance.spec.weight.is_drained() {
            return Err(Exclusion::Drained);
        }
        let Entered { pass, in_flight } = instance.state.enter(occasion, lenience)?;
        Ok(Box::new(Self {
            instance: instance.label.clone(),
            state: Arc::clone(&instance.state),
            credential: instance.credential,
            is_only: instance.policies.is_only,
            is_panic: pass.is_none(),
            bell: instance.room.clone().map(Bell),
            pass,
            sent: occasion.now,
            in_flight: instance.policies.adaptive.map(|_| in_flight),
            latency: None,
            places: Places::default(),
        }))
    }

    /// When it was taken.
    pub(crate) fn sent(&self) -> Instant {
        self.sent
    }

    /// The instance has begun to answer: enough to end a probe, which may be a stream of many minutes.
    pub(crate) fn answered(&mut self, now: Instant, (latency, how): (Duration, Answering), observer: &dyn Observer) {
        self.latency = Some(latency);
        if let Some(dispatch) = self.dispatch() {
            let first_content = (how == Answering::Streaming).then_some(latency);
            let began = Began { at: now, in_flight: self.state.in_flight(), first_content };
            if self.state.adapt(|limit| limit.on_answer(dispatch, began)) {
                self.ring();
            }
        }
        if self.pass.as_ref().is_some_and(Pass::is_probe) {
            self.succeeded(now, observer, |_| ());
        }
    }

    /// The answer is complete.
    #[expect(clippy::boxed_local, reason = "what ends here is not copied out of its box for that")]
    pub(crate) fn completed(mut self: Box<Self>, now: Instant, usage: Option<Usage>, observer: &dyn Observer) {
        let took = now - self.sent;
        let first_content = self.latency.unwrap_or(took);
        let count = |guarded: &mut Guarded| {
            guarded.tally.success(first_content, took);
            if let Some(usage) = usage {
                guarded.tally.tokens(usage);
            }
        };
        if self.pass.is_some() {
            self.succeeded(now, observer, count);
        } else {
            count(&mut self.state.lock());
        }
    }

    /// The attempt failed, before or amid the answer. Returns how long the instance is left alone for it, if it is.
    #[expect(clippy::boxed_local, reason = "what ends here is not copied out of its box for that")]
    pub(crate) fn failed(
        mut self: Box<Self>,
        now: Instant,
        fault: &Fault,
        observer: &dyn Observer,
    ) -> Option<Duration> {
        let (sent, credential, latency) = (self.sent, self.credential, self.latency);
        let counts = self.counts(fault);
        if let Some(dispatch) = self.dispatch().filter(|_| fault.is_pushback()) {
            self.state.adapt(|limit| limit.on_pushback(dispatch, now));
        }
        let mut benched = None;
        self.settle(observer, |guarded, pass| {
            guarded.tally.failure(fault.kind, counts);
            guarded.last_fault = Some(LastFault { kind: fault.kind, at: now });
            // A refusal of a credential that was replaced meanwhile says nothing about the instance under the new one.
            let outdated = fault.kind.is_about_credential() && !guarded.credential.is_current(credential);
            if !outdated {
                benched = guarded.bench(fault, (sent, now));
                if benched.is_some() {
                    guarded.goes_out(now);
                }
            }
            if outdated || !counts {
                if let Some(pass) = pass {
                    guarded.breaker.on_neutral(&pass);
                }
                return Transitions::default();
            }
            guarded.performance.failed(now);
            let Guarded { health, breaker, random, .. } = guarded;
            let transitions = Transitions {
                health: (!health.outdates(sent)).then(|| health.on_fault(fault, now, random)).flatten(),
                breaker: pass.and_then(|mut pass| {
                    pass.took(latency.unwrap_or(now - sent));
                    breaker.on_fault(pass, now, random)
                }),
            };
            if transitions.take_out() {
                guarded.goes_out(now);
            }
            transitions
        });
        benched
    }

    /// Whether `fault` counts against the instance. One that has no neighbour is not given up for what never reached it: it
    /// fails as fast as an open circuit would, and the next connection may stand.
    fn counts(&self, fault: &Fault) -> bool {
        let never_arrived = matches!(fault.kind, FaultKind::Transport(_)) && fault.work == Work::NotSent;
        fault.kind.counts_against_instance() && !(self.is_only && never_arrived)
    }

    /// The attempt was given up for another one: that says nothing about the instance.
    pub(crate) fn given_up(&mut self, usage: Usage) {
        self.state.lock().tally.tokens(usage);
        self.places.answered(usage);
    }

    fn succeeded(&mut self, now: Instant, observer: &dyn Observer, count: impl FnOnce(&mut Guarded)) {
        let (sent, latency) = (self.sent, self.latency.unwrap_or_default());
        self.settle(observer, |guarded, pass| {
            count(guarded);
            guarded.performance.answered(latency, now);
            guarded.cooldown.on_success();
            guarded.checks.last_success = Some(now);
            let Guarded { health, breaker, random, .. } = guarded;
            Transitions {
                health: (!health.outdates(sent)).then(|| health.on_success(now)).flatten(),
                breaker: pass.and_then(|mut pass| {
                    pass.took(latency);
                    breaker.on_success(pass, now, random)
                }),
            }
        });
    }

    fn settle(&mut self, observer: &dyn Observer, decide: impl FnOnce(&mut Guarded, Option<Pass>) -> Transitions) {
        let pass = self.pass.take();
        let Transitions { health, breaker } = decide(&mut self.state.lock(), pass);
        if let Some(transition) = health {
            observer.observe(&Event::Health { instance: &self.instance, transition });
        }
        if let Some(transition) = breaker {
            observer.observe(&Event::Breaker { instance: &self.instance, transition });
        }
        // A circuit that has closed lets others in before this attempt is over.
        self.ring();
    }

    fn ring(&self) {
        if let Some(Bell(room)) = &self.bell {
            room.ring();
        }
    }

    /// How it stood when the attempt was sent, where that tells how many requests the instance takes.
    fn dispatch(&self) -> Option<Dispatch> {
        self.in_flight.map(|in_flight| Dispatch { sent: self.sent, in_flight })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.state.lock().breaker.on_neutral(&pass);
        }
        self.state.leave();
    }
}
