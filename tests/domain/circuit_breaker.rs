//! The circuit breaker against a model: random traces of requests, results that come late or never, passing time, other
//! policies and an operator's word.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use tidegate_domain::{
    pool::Random,
    resilience::{BreakerPolicy, BreakerState, CircuitBreaker, Pass},
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Event {
    Acquire,
    /// Of the passes held, gives back the one at this place, modulo their number.
    Return(usize, Outcome),
    Wait(Duration),
    SetPolicy(BreakerPolicy),
    ForceOpen(Duration),
    ForceClosed,
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Success,
    Fault,
    Neutral,
    /// Its holder forgot it.
    Dropped,
}

fn policies() -> impl Strategy<Value = BreakerPolicy> {
    (1_u32..4, 1_u32..4, 1_u32..4, 1_u32..20, 1_u32..60, 1_u32..30).prop_map(
        |(failures, probes, successes, recovery, max, lease)| BreakerPolicy {
            failure_threshold: NonZeroU32::new(failures).unwrap(),
            failure_rate: None,
            half_open_requests: NonZeroU32::new(probes).unwrap(),
            success_threshold: NonZeroU32::new(successes).unwrap(),
            recovery_time: SECOND * recovery,
            max_recovery_time: SECOND * max,
            probe_lease: SECOND * lease,
        },
    )
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Success),
        6 => Just(Outcome::Fault),
        1 => Just(Outcome::Neutral),
        1 => Just(Outcome::Dropped),
    ];
    let event = prop_oneof![
        10 => Just(Event::Acquire),
        10 => (any::<usize>(), outcome).prop_map(|(at, outcome)| Event::Return(at, outcome)),
        6 => (0_u64..40_000).prop_map(|millis| Event::Wait(Duration::from_millis(millis))),
        1 => policies().prop_map(Event::SetPolicy),
        1 => (0_u32..40).prop_map(|seconds| Event::ForceOpen(SECOND * seconds)),
        1 => Just(Event::ForceClosed),
    ];
    prop::collection::vec(event, 1..120)
}

/// What the breaker should be. Unlike the breaker it knows every request: a request counts if it was sent in this `era`,
/// and an era ends with each change of state.
#[derive(Debug)]
struct Model {
    policy: BreakerPolicy,
    state: BreakerState,
    era: u32,
    /// Consecutive faults while closed, successes while half-open.
    streak: u32,
    /// Openings since it was last closed.
    openings: u32,
    /// The end of the open time.
    until: Option<Instant>,
}

#[derive(Debug)]
struct Sent {
    pass: Pass,
    era: u32,
    /// The end of a probe's lease.
    expires: Option<Instant>,
}

impl Sent {
    fn is_live_probe(&self, model: &Model, now: Instant) -> bool {
        self.era == model.era && self.expires.is_some_and(|expires| now < expires)
    }
}

impl Model {
    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.era += 1;
        self.streak = 0;
    }

    /// The longest that it may now stay open.
    fn longest_open(&self) -> Duration {
        let cap = self.policy.max_recovery_time.max(self.policy.recovery_time);
        self.policy.recovery_time.saturating_mul(1 << self.openings.min(20)).min(cap)
    }

    /// Whether it opens.
    fn fault(&mut self) -> bool {
        self.streak += 1;
        self.state == BreakerState::HalfOpen || self.streak >= self.policy.failure_threshold.get()
    }

    fn success(&mut self) {
        if self.state == BreakerState::Closed {
            self.streak = 0;
            return;
        }
        self.streak += 1;
        if self.streak >= self.policy.success_threshold.get() {
            self.openings = 0;
            self.enter(BreakerState::Closed);
        }
    }
}

struct Trial {
    breaker: CircuitBreaker,
    model: Model,
    random: Random,
    now: Instant,
    held: Vec<Sent>,
    /// Live probes that nobody will give back.
    forgotten: Vec<Sent>,
}

impl Trial {
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn new(policy: BreakerPolicy, seed: u64) -> Self {
        let state = BreakerState::Closed;
        Self {
            breaker: CircuitBreaker::new(policy),
            model: Model { policy, state, era: 0, streak: 0, openings: 0, until: None },
            random: Random::with_seed(seed),
            now: Instant::now(),
            held: Vec::new(),
            forgotten: Vec::new(),
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Acquire => self.acquire(),
            Event::Return(at, outcome) => {
                if !self.held.is_empty() {
                    let sent = self.held.remove(at % self.held.len());
                    self.give_back(sent, outcome);
                }
            }
            Event::Wait(time) => self.now += time,
            Event::SetPolicy(policy) => {
                self.breaker.set_policy(policy);
                self.model.policy = policy;
            }
            Event::ForceOpen(time) => {
                self.breaker.force_open(self.now, self.now + time);
                self.model.enter(BreakerState::Open);
                self.model.until = Some(self.now + time);
            }
            Event::ForceClosed => {
                self.breaker.force_closed(self.now);
                self.model.openings = 0;
                self.model.enter(BreakerState::Closed);
            }
        }
        self.check_state();
    }

    fn open_is_over(&self) -> bool {
        self.model.state == BreakerState::Open && self.model.until.is_none_or(|until| self.now >= until)
    }

    fn live_probes(&self) -> usize {
        let live = |sent: &&Sent| sent.is_live_probe(&self.model, self.now);
        self.held.iter().filter(live).count() + self.forgotten.iter().filter(live).count()
    }

    fn acquire(&mut self) {
        let foreseen = self.breaker.would_admit(self.now);
        let acquired = self.breaker.acquire(self.now);
        assert_eq!(foreseen.err(), acquired.as_ref().err().copied());
        if self.open_is_over() {
            self.model.enter(BreakerState::HalfOpen);
        }
        let probes = self.live_probes();
        let admits = match self.model.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => probes < self.model.policy.half_open_requests.get() as usize,
        };
        assert_eq!(acquired.is_ok(), admits, "{:?} with {probes} live probes", self.model);
        match acquired {
            Ok(pass) => {
                let expires =
                    (self.model.state == BreakerState::HalfOpen).then(|| self.now + self.model.policy.probe_lease);
                assert_eq!(pass.is_probe(), expires.is_some());
                self.held.push(Sent { pass, era: self.model.era, expires });
            }
            Err(until) => assert!(until > self.now, "asking again must be worth something"),
        }
    }

    fn give_back(&mut self, sent: Sent, outcome: Outcome) {
        let era = self.model.era;
        let counts = sent.era == era && (!sent.pass.is_probe() || sent.is_live_probe(&self.model, self.now));
        match outcome {
            Outcome::Dropped => self.forgotten.push(sent),
            Outcome::Neutral => self.breaker.on_neutral(&sent.pass),
            Outcome::Success => {
                let change = self.breaker.on_success(sent.pass, self.now);
                if counts {
                    self.model.success();
                }
                assert_eq!(change.map(|change| change.to), (self.model.era != era).then_some(BreakerState::Closed));
            }
            Outcome::Fault => {
                let change = self.breaker.on_fault(sent.pass, self.now, &mut self.random);
                let opens = counts && self.model.fault();
                assert_eq!(change.map(|change| change.to), opens.then_some(BreakerState::Open));
                if opens {
                    self.opened();
                }
            }
        }
    }

    fn opened(&mut self) {
        let until = self.breaker.would_admit(self.now).unwrap_err();
        let (open, longest) = (until - self.now, self.model.longest_open());
        assert!(open <= longest, "open for {open:?}, at most {longest:?}");
        assert!(open + Duration::from_nanos(1) >= longest.mul_f64(0.9), "open for {open:?} of {longest:?}");
        self.model.openings += 1;
        self.model.until = Some(until);
        self.model.enter(BreakerState::Open);
    }

    fn check_state(&self) {
        let expected = if self.open_is_over() { BreakerState::HalfOpen } else { self.model.state };
        assert_eq!(self.breaker.state(self.now), expected, "{:?}", self.model);
    }

    /// Requests that all succeed, sent as early as the breaker lets them.
    fn succeed_until_closed(&mut self) {
        for _ in 0..50 {
            if self.breaker.state(self.now) == BreakerState::Closed {
                return;
            }
            match self.breaker.acquire(self.now) {
                Ok(pass) => drop(self.breaker.on_success(pass, self.now)),
                Err(until) => self.now = until,
            }
        }
        panic!("the breaker is wedged: {:?}", self.breaker);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_breaker_behaves_as_its_model_and_never_wedges(policy in policies(), seed: u64, events in events()) {
        let mut trial = Trial::new(policy, seed);
        for event in events {
            trial.step(event);
        }
        trial.succeed_until_closed();
    }
}

fn policy() -> BreakerPolicy {
    BreakerPolicy {
        failure_threshold: NonZeroU32::new(2).unwrap(),
        recovery_time: SECOND * 10,
        probe_lease: SECOND * 5,
        ..BreakerPolicy::default()
    }
}

fn open(policy: BreakerPolicy) -> Trial {
    let mut trial = Trial::new(policy, 1);
    for _ in 0..policy.failure_threshold.get() {
        trial.step(Event::Acquire);
        trial.step(Event::Return(0, Outcome::Fault));
    }
    assert_eq!(trial.breaker.state(trial.now), BreakerState::Open);
    trial
}

#[test]
fn a_fault_from_before_the_trip_says_nothing_about_the_probe() {
    let mut trial = Trial::new(policy(), 1);
    for event in [Event::Acquire, Event::Acquire, Event::Acquire] {
        trial.step(event);
    }
    trial.step(Event::Return(0, Outcome::Fault));
    trial.step(Event::Return(0, Outcome::Fault));
    trial.step(Event::Wait(SECOND * 10));
    trial.step(Event::Acquire);
    trial.step(Event::Return(0, Outcome::Fault));
    assert_eq!(trial.breaker.state(trial.now), BreakerState::HalfOpen);
}

#[test]
fn a_result_after_the_lease_is_ignored_even_if_no_probe_followed() {
    for outcome in [Outcome::Success, Outcome::Fault] {
        let mut trial = open(policy());
        trial.step(Event::Wait(SECOND * 10));
        trial.step(Event::Acquire);
        trial.step(Event::Wait(SECOND * 5));
        trial.step(Event::Return(0, outcome));
        assert_eq!(trial.breaker.state(trial.now), BreakerState::HalfOpen);
    }
}

/// The number of the outcome that opens a circuit, when `outcomes` come one every `interval`.
fn opens_at(outcomes: &[Outcome], interval: Duration) -> Option<usize> {
    let mut trial = Trial::new(BreakerPolicy { failure_threshold: NonZeroU32::MAX, ..BreakerPolicy::default() }, 1);
    for (at, outcome) in outcomes.iter().enumerate() {
        trial.now += interval;
        let pass = trial.breaker.acquire(trial.now).unwrap();
        match outcome {
            Outcome::Success => drop(trial.breaker.on_success(pass, trial.now)),
            Outcome::Fault => drop(trial.breaker.on_fault(pass, trial.now, &mut trial.random)),
            Outcome::Neutral | Outcome::Dropped => trial.breaker.on_neutral(&pass),
        }
        if trial.breaker.state(trial.now) == BreakerState::Open {
            return Some(at + 1);
        }
    }
    None
}

#[test]
fn every_other_request_failing_opens_it_once_there_are_enough() {
    let [well, ill, neither] = [Outcome::Success, Outcome::Fault, Outcome::Neutral];
    assert_eq!(opens_at(&[well, ill].repeat(50), SECOND), Some(20));
    assert_eq!(opens_at(&[well, well, ill].repeat(50), SECOND), None, "a third is not half");
    assert_eq!(opens_at(&[well, ill, neither].repeat(50), SECOND), Some(29), "neutral outcomes are no outcomes");
    assert_eq!(opens_at(&[well, ill].repeat(50), SECOND * 4), None, "there are never twenty in a minute");
}

#[test]
fn a_thousand_requests_at_the_end_of_the_open_time_send_one_probe() {
    let mut trial = open(policy());
    trial.step(Event::Wait(SECOND * 10));
    let sent = (0..1000).filter(|_| trial.breaker.acquire(trial.now).is_ok()).count();
    assert_eq!(sent, 1);
}

#[test]
fn the_longest_times_that_can_be_configured_do_not_panic() {
    let policy = BreakerPolicy {
        recovery_time: Duration::MAX,
        max_recovery_time: Duration::MAX,
        probe_lease: Duration::MAX,
        ..policy()
    };
    let Trial { mut breaker, now, mut random, .. } = Trial::new(policy, 1);
    for _ in 0..2 {
        let pass = breaker.acquire(now).unwrap();
        breaker.on_fault(pass, now, &mut random);
    }
    assert_eq!(breaker.state(now), BreakerState::Open);
    breaker.force_open(now, now);
    assert!(breaker.acquire(now).is_ok_and(|pass| pass.is_probe()));
}
