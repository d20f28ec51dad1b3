//! The circuit breaker: it stops asking an instance that keeps failing, and finds out with few probes when it is back.
//!
//! Closed lets everything pass and opens at `failure_threshold` consecutive counted faults, or at a rate of faults or of
//! slow calls over a sliding window: an instance that fails every other request never fails five in a row. Open lets nothing
//! pass until its time is over; the time doubles with every relapse, up to a cap, with jitter, and healthy time takes
//! relapses back. Half-open lets `half_open_requests` probes pass *at a time*: a probe is a [`Pass`] that its holder must
//! give back, as success, fault or neither. `success_threshold` successes close the circuit, one fault or slow call opens it
//! again. A probe that is out for longer than its lease frees its place, so that one that never ends wedges nothing.
//!
//! Every state change starts a new generation. A pass of an older generation is ignored when it comes back: a request from
//! before the circuit opened says nothing about now. A probe of this generation counts however late it comes: a model that
//! needs longer than a lease for its whole answer could otherwise never close its circuit.
//!
//! An operator may hold it open or closed; meanwhile outcomes change nothing.

mod policy;

use std::time::{Duration, Instant};

pub use policy::{BreakerOverride, BreakerPolicy, Rate, SlowCalls};

use super::{Relapses, Timeline, outcome_window::OutcomeWindow};
use crate::{pool::Random, time::after};

/// The state of a circuit, for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Everything passes.
    Closed,
    /// Nothing passes.
    Open,
    /// Probes pass.
    HalfOpen,
}

impl BreakerState {
    /// The word for wire, logs and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerTransition {
    /// What it was.
    pub from: BreakerState,
    /// What it is.
    pub to: BreakerState,
}

/// The leave to send one request. It must come back through [`CircuitBreaker::on_success`],
/// [`CircuitBreaker::on_fault`] or [`CircuitBreaker::on_neutral`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a pass that is not given back holds a probe's place until its lease is over"]
pub struct Pass {
    generation: u64,
    /// The number of the probe; `None` while the circuit is closed.
    probe: Option<u64>,
    took: Duration,
}

impl Pass {
    /// Whether it is a half-open circuit's probe.
    pub fn is_probe(&self) -> bool {
        self.probe.is_some()
    }

    /// Notes how long the whole answer, or the first content of a stream, took.
    pub fn took(&mut self, took: Duration) {
        self.took = took;
    }
}

#[derive(Debug, Clone)]
enum State {
    Closed { faults: u32 },
    Open { until: Instant },
    HalfOpen { successes: u32, probes: Vec<Probe> },
}

#[derive(Debug, Clone, Copy)]
struct Probe {
    number: u64,
    expires: Instant,
}

impl Probe {
    /// Whether it still holds its place.
    fn is_out(&self, now: Instant) -> bool {
        now < self.expires
    }
}

/// The circuit breaker of one instance.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    policy: BreakerPolicy,
    state: State,
    held: Option<BreakerOverride>,
    generation: u64,
    relapses: Relapses,
    probes_sent: u64,
    /// Which outcomes since it was last closed were faults.
    faults: OutcomeWindow,
    /// Which of them were slow.
    slow: OutcomeWindow,
    timeline: Timeline,
}

impl CircuitBreaker {
    /// A closed circuit under `policy`.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            state: State::Closed { faults: 0 },
            held: None,
            generation: 0,
            relapses: Relapses::default(),
            probes_sent: 0,
            faults: OutcomeWindow::default(),
            slow: OutcomeWindow::default(),
            timeline: Timeline::default(),
        }
    }

    /// Goes on under another policy, from the same state.
    pub fn set_policy(&mut self, policy: BreakerPolicy) {
        // Slices of another length cannot be read together.
        let window = |rate: Option<Rate>| rate.map(|rate| rate.window);
        if window(policy.failure_rate) != window(self.policy.failure_rate) {
            self.faults = OutcomeWindow::default();
        }
        let slow = |policy: BreakerPolicy| window(policy.slow_calls.map(|slow| slow.rate));
        if slow(policy) != slow(self.policy) {
            self.slow = OutcomeWindow::default();
        }
        self.policy = policy;
    }

    /// The state at `now`: an open circuit whose time is over counts as half-open.
    pub fn state(&self, now: Instant) -> BreakerState {
        match (self.held, &self.state) {
            (Some(BreakerOverride::Closed), _) => BreakerState::Closed,
            (Some(BreakerOverride::Open), _) => BreakerState::Open,
            (None, State::Closed { .. }) => BreakerState::Closed,
            (None, State::Open { until }) if now < *until => BreakerState::Open,
            (None, State::Open { .. } | State::HalfOpen { .. }) => BreakerState::HalfOpen,
        }
    }

    /// The operator's word that holds it, if one does.
    pub fn held(&self) -> Option<BreakerOverride> {
        self.held
    }

    /// Its last changes.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Whether [`CircuitBreaker::acquire`] would succeed at `now`; if not, when it is worth asking again.
    ///
    /// # Errors
    /// The end of the open time, or of the oldest probe's lease; `None` if an operator holds the circuit open.
    pub fn would_admit(&self, now: Instant) -> Result<(), Option<Instant>> {
        match (self.held, &self.state) {
            (Some(BreakerOverride::Open), _) => Err(None),
            (Some(BreakerOverride::Closed), _) => Ok(()),
            (None, State::Open { until }) if now < *until => Err(Some(*until)),
            (None, State::Closed { .. } | State::Open { .. }) => Ok(()),
            (None, State::HalfOpen { probes, .. }) => {
                let live = probes.iter().filter(|probe| probe.is_out(now));
                if live.clone().count() < self.policy.half_open_requests.get() as usize {
                    return Ok(());
                }
                Err(live.map(|probe| probe.expires).min())
            }
        }
    }

    /// Asks for leave to send one request at `now`.
    ///
    /// # Errors
    /// As [`CircuitBreaker::would_admit`].
    pub fn acquire(&mut self, now: Instant) -> Result<Pass, Option<Instant>> {
        self.would_admit(now)?;
        if self.held.is_none() && matches!(self.state, State::Open { .. }) {
            self.enter(State::HalfOpen { successes: 0, probes: Vec::new() }, now);
        }
        let mut pass = Pass { generation: self.generation, probe: None, took: Duration::ZERO };
        if self.held.is_none()
            && let State::HalfOpen { probes, .. } = &mut self.state
        {
            self.probes_sent += 1;
            probes.retain(|probe| probe.is_out(now));
            probes.push(Probe { number: self.probes_sent, expires: after(now, self.policy.probe_lease) });
            pass.probe = Some(self.probes_sent);
        }
        Ok(pass)
    }

    /// Gives a pass back: its request succeeded.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a pass is given back once; taking it makes a second time impossible"
    )]
    pub fn on_success(&mut self, pass: Pass, now: Instant, random: &mut Random) -> Option<BreakerTransition> {
        if !self.takes_back(&pass) {
            return None;
        }
        let too_many = self.count(false, pass.took, now);
        match &mut self.state {
            State::Closed { .. } if too_many => return self.open(now, random),
            State::Closed { faults } => *faults = 0,
            State::HalfOpen { .. } if self.policy.is_slow(pass.took) => return self.open(now, random),
            State::HalfOpen { successes, .. } => {
                *successes += 1;
                if *successes >= self.policy.success_threshold.get() {
                    self.relapses.well(now);
                    return self.moving(now, State::Closed { faults: 0 });
                }
            }
            State::Open { .. } => {}
        }
        None
    }

    /// Gives a pass back: its request failed in a way that counts.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a pass is given back once; taking it makes a second time impossible"
    )]
    pub fn on_fault(&mut self, pass: Pass, now: Instant, random: &mut Random) -> Option<BreakerTransition> {
        if !self.takes_back(&pass) {
            return None;
        }
        let too_many = self.count(true, pass.took, now);
        if let State::Closed { faults } = &mut self.state {
            *faults += 1;
            if *faults < self.policy.failure_threshold.get() && !too_many {
                return None;
            }
        }
        self.open(now, random)
    }

    /// Gives a pass back: its request says nothing about the instance, or nobody waited for its end.
    pub fn on_neutral(&mut self, pass: &Pass) {
        if let State::HalfOpen { probes, .. } = &mut self.state {
            probes.retain(|probe| Some(probe.number) != pass.probe);
        }
    }

    /// Holds the circuit open or closed, or, with `None`, leaves it to itself again: one that was held open is then
    /// half-open, since nobody knows how the instance is.
    pub fn hold(&mut self, word: Option<BreakerOverride>, now: Instant) -> Option<BreakerTransition> {
        if word == self.held {
            return None;
        }
        let from = self.state(now);
        let was_held_open = self.held == Some(BreakerOverride::Open);
        let next = match word {
            Some(BreakerOverride::Closed) => State::Closed { faults: 0 },
            None if !was_held_open => State::Closed { faults: 0 },
            Some(BreakerOverride::Open) | None => State::Open { until: now },
        };
        self.held = word;
        self.enter(next, now);
        self.transition(from, now)
    }

    /// Closes the circuit and forgets what it has been through: an operator's word.
    pub fn reset(&mut self, now: Instant) -> Option<BreakerTransition> {
        let from = self.state(now);
        self.held = None;
        self.relapses.forget();
        if !matches!(self.state, State::Closed { faults: 0 }) || from != BreakerState::Closed {
            self.enter(State::Closed { faults: 0 }, now);
        }
        self.transition(from, now)
    }

    /// Whether `pass` still counts; if it is a probe, its place is free again.
    fn takes_back(&mut self, pass: &Pass) -> bool {
        self.on_neutral(pass);
        self.held.is_none() && pass.generation == self.generation
    }

    /// Counts an outcome, and says whether it is one of too many faults or slow calls.
    fn count(&mut self, is_fault: bool, took: Duration, now: Instant) -> bool {
        let is_slow = self.policy.is_slow(took);
        let faults = self.policy.failure_rate.is_some_and(|rate| self.faults.reaches(rate, now, is_fault));
        let slow = self.policy.slow_calls.is_some_and(|calls| self.slow.reaches(calls.rate, now, is_slow));
        (is_fault && faults) || (is_slow && slow)
    }

    fn open(&mut self, now: Instant, random: &mut Random) -> Option<BreakerTransition> {
        let times = (self.policy.recovery_time, self.policy.max_recovery_time);
        let until = after(now, self.relapses.relapse_jittered(now, times, random));
        self.moving(now, State::Open { until })
    }

    fn moving(&mut self, now: Instant, next: State) -> Option<BreakerTransition> {
        let from = self.state(now);
        self.enter(next, now);
        self.transition(from, now)
    }

    fn transition(&self, from: BreakerState, now: Instant) -> Option<BreakerTransition> {
        let to = self.state(now);
        (from != to).then_some(BreakerTransition { from, to })
    }

    fn enter(&mut self, next: State, now: Instant) {
        self.state = next;
        self.faults = OutcomeWindow::default();
        self.slow = OutcomeWindow::default();
        self.generation += 1;
        self.timeline.note(now, self.state(now));
    }
}

impl BreakerPolicy {
    fn is_slow(&self, took: Duration) -> bool {
        self.slow_calls.is_some_and(|slow| took > slow.longer_than)
    }
}
