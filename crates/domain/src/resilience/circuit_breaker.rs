//! The circuit breaker: it stops asking an instance that keeps failing, and finds out with few probes when it is back.
//!
//! Closed lets everything pass and opens at `failure_threshold` consecutive counted faults, or at a failure rate over a
//! sliding window: an instance that fails every other request never fails five in a row. Open lets nothing pass until its
//! time is over; the time doubles with every relapse, up to a cap, with jitter. Half-open lets `half_open_requests` probes
//! pass *at a time*: a probe is a [`Pass`] that its holder must give back, as success, fault or neither. `success_threshold`
//! successes close the circuit, one fault opens it again, and a probe that nobody gives back expires.
//!
//! Every state change starts a new generation. A pass of an older generation is ignored when it comes back: a request from
//! before the circuit opened says nothing about now.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use super::outcome_window::OutcomeWindow;
use crate::{pool::Random, time::after};

/// When a circuit opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Consecutive counted faults until it opens.
    pub failure_threshold: NonZeroU32,
    /// The failure rate at which it opens, too; if absent, only consecutive faults open it.
    pub failure_rate: Option<FailureRate>,
    /// How long it stays open the first time; doubled with every relapse.
    pub recovery_time: Duration,
    /// The longest it stays open.
    pub max_recovery_time: Duration,
    /// Probes at a time while half-open.
    pub half_open_requests: NonZeroU32,
    /// Successful probes until it closes.
    pub success_threshold: NonZeroU32,
    /// A probe that has not come back by then is presumed lost, and whatever it brings later is ignored. An instance whose
    /// answers take longer than this cannot pass a probe.
    pub probe_lease: Duration,
}

/// A failure rate that opens a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureRate {
    /// Counted faults in a hundred outcomes.
    pub percent: NonZeroU32,
    /// The fewest outcomes that make a rate.
    pub minimum: NonZeroU32,
    /// How far back outcomes count.
    pub window: Duration,
}

impl Default for FailureRate {
    fn default() -> Self {
        Self {
            percent: NonZeroU32::new(50).unwrap_or(NonZeroU32::MIN),
            minimum: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
            window: Duration::from_mins(1),
        }
    }
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failure_threshold: NonZeroU32::new(5).unwrap_or(NonZeroU32::MIN),
            failure_rate: Some(FailureRate::default()),
            recovery_time: Duration::from_mins(1),
            max_recovery_time: Duration::from_mins(5),
            half_open_requests: NonZeroU32::MIN,
            success_threshold: NonZeroU32::MIN,
            probe_lease: Duration::from_mins(1),
        }
    }
}

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
#[must_use = "a pass that is not given back holds a probe's place until it expires"]
pub struct Pass {
    generation: u64,
    /// The number of the probe; `None` while the circuit is closed.
    probe: Option<u64>,
}

impl Pass {
    /// Whether it is a half-open circuit's probe.
    pub fn is_probe(&self) -> bool {
        self.probe.is_some()
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

/// The circuit breaker of one instance.
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    policy: BreakerPolicy,
    state: State,
    generation: u64,
    relapses: u32,
    probes_sent: u64,
    /// The outcomes since it was last closed.
    outcomes: OutcomeWindow,
}

impl CircuitBreaker {
    /// A closed circuit under `policy`.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            state: State::Closed { faults: 0 },
            generation: 0,
            relapses: 0,
            probes_sent: 0,
            outcomes: OutcomeWindow::default(),
        }
    }

    /// Goes on under another policy, from the same state.
    pub fn set_policy(&mut self, policy: BreakerPolicy) {
        // Slices of another length cannot be read together.
        if policy.failure_rate.map(|rate| rate.window) != self.policy.failure_rate.map(|rate| rate.window) {
            self.outcomes = OutcomeWindow::default();
        }
        self.policy = policy;
    }

    /// The state at `now`: an open circuit whose time is over counts as half-open.
    pub fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether [`CircuitBreaker::acquire`] would succeed at `now`; if not, when it is worth asking again.
    ///
    /// # Errors
    /// The end of the open time, or the expiry of the oldest probe.
    pub fn would_admit(&self, now: Instant) -> Result<(), Instant> {
        match &self.state {
            State::Open { until } if now < *until => Err(*until),
            State::Closed { .. } | State::Open { .. } => Ok(()),
            State::HalfOpen { probes, .. } => {
                let live = probes.iter().filter(|probe| now < probe.expires);
                if live.clone().count() < self.policy.half_open_requests.get() as usize {
                    return Ok(());
                }
                Err(live.map(|probe| probe.expires).min().unwrap_or(now))
            }
        }
    }

    /// Asks for leave to send one request at `now`.
    ///
    /// # Errors
    /// When it is worth asking again.
    pub fn acquire(&mut self, now: Instant) -> Result<Pass, Instant> {
        self.would_admit(now)?;
        if matches!(self.state, State::Open { .. }) {
            self.enter(State::HalfOpen { successes: 0, probes: Vec::new() });
        }
        let generation = self.generation;
        let State::HalfOpen { probes, .. } = &mut self.state else { return Ok(Pass { generation, probe: None }) };
        self.probes_sent += 1;
        probes.retain(|probe| now < probe.expires);
        probes.push(Probe { number: self.probes_sent, expires: after(now, self.policy.probe_lease) });
        Ok(Pass { generation, probe: Some(self.probes_sent) })
    }

    /// Gives a pass back: its request succeeded.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a pass is given back once; taking it makes a second time impossible"
    )]
    pub fn on_success(&mut self, pass: Pass, now: Instant) -> Option<BreakerTransition> {
        if !self.takes_back(&pass, now) {
            return None;
        }
        match &mut self.state {
            State::Closed { faults } => {
                *faults = 0;
                if let Some(rate) = self.policy.failure_rate {
                    self.outcomes.record(now, rate.window, false);
                }
            }
            State::Open { .. } => {}
            State::HalfOpen { successes, .. } => {
                *successes += 1;
                if *successes >= self.policy.success_threshold.get() {
                    self.relapses = 0;
                    return self.moving(now, State::Closed { faults: 0 });
                }
            }
        }
        None
    }

    /// Gives a pass back: its request failed in a way that counts.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a pass is given back once; taking it makes a second time impossible"
    )]
    pub fn on_fault(&mut self, pass: Pass, now: Instant, random: &mut Random) -> Option<BreakerTransition> {
        if !self.takes_back(&pass, now) {
            return None;
        }
        if let State::Closed { faults } = &mut self.state {
            *faults += 1;
            let few = *faults < self.policy.failure_threshold.get();
            if !self.fails_too_often(now) && few {
                return None;
            }
        }
        let until = after(now, self.open_time(random));
        self.relapses = self.relapses.saturating_add(1);
        self.moving(now, State::Open { until })
    }

    /// Gives a pass back: its request says nothing about the instance, or nobody waited for its end.
    pub fn on_neutral(&mut self, pass: &Pass) {
        if let State::HalfOpen { probes, .. } = &mut self.state {
            probes.retain(|probe| Some(probe.number) != pass.probe);
        }
    }

    /// Opens the circuit until `until`: an operator's word.
    pub fn force_open(&mut self, now: Instant, until: Instant) -> Option<BreakerTransition> {
        self.moving(now, State::Open { until })
    }

    /// Closes the circuit: an operator's word.
    pub fn force_closed(&mut self, now: Instant) -> Option<BreakerTransition> {
        self.relapses = 0;
        self.moving(now, State::Closed { faults: 0 })
    }

    /// Whether `pass` still counts at `now`; if it is a probe, its place is free again.
    fn takes_back(&mut self, pass: &Pass, now: Instant) -> bool {
        if pass.generation != self.generation {
            return false;
        }
        let State::HalfOpen { probes, .. } = &mut self.state else { return true };
        probes.retain(|probe| now < probe.expires);
        let live = probes.len();
        probes.retain(|probe| Some(probe.number) != pass.probe);
        probes.len() < live
    }

    /// Counts a fault, and whether it makes the failure rate too high.
    fn fails_too_often(&mut self, now: Instant) -> bool {
        let Some(rate) = self.policy.failure_rate else { return false };
        let sum = self.outcomes.record(now, rate.window, true);
        let faults = u64::from(sum.faults) * 100;
        sum.outcomes >= rate.minimum.get() && faults >= u64::from(sum.outcomes) * u64::from(rate.percent.get())
    }

    /// The doubled and capped open time, less up to a tenth: circuits that opened together do not probe together.
    fn open_time(&self, random: &mut Random) -> Duration {
        let factor = 1_u32.checked_shl(self.relapses).unwrap_or(u32::MAX);
        let longest = self.policy.max_recovery_time.max(self.policy.recovery_time);
        let full = self.policy.recovery_time.saturating_mul(factor).min(longest);
        full.saturating_sub(full.mul_f64(0.1 * random.f64()))
    }

    fn moving(&mut self, now: Instant, next: State) -> Option<BreakerTransition> {
        let from = self.state(now);
        self.enter(next);
        let to = self.state(now);
        (from != to).then_some(BreakerTransition { from, to })
    }

    fn enter(&mut self, next: State) {
        self.state = next;
        self.outcomes = OutcomeWindow::default();
        self.generation += 1;
    }
}
