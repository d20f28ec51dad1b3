//! What a circuit breaker should do, written down without cleverness, and a trial that compares the two.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use tidegate_domain::{
    pool::Random,
    resilience::{BreakerOverride, BreakerPolicy, BreakerState, CircuitBreaker, Pass, Rate, SlowCalls},
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    Acquire,
    /// Of the passes held, gives back the one at this place, modulo their number.
    Return(usize, Outcome),
    Wait(Duration),
    SetPolicy(BreakerPolicy),
    Hold(Option<BreakerOverride>),
    Reset,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    Success,
    /// After twenty seconds.
    SlowSuccess,
    Fault,
    Neutral,
    /// Its holder forgot it.
    Dropped,
}

pub(super) fn policies() -> impl Strategy<Value = BreakerPolicy> {
    let rate = (1_u32..100, 1_u32..10).prop_map(|(percent, minimum)| Rate {
        percent: NonZeroU32::new(percent).unwrap(),
        minimum: NonZeroU32::new(minimum).unwrap(),
        // Longer than any trial: every outcome of an era is in sight.
        window: Duration::from_hours(1000),
    });
    let slow = rate.clone().prop_map(|rate| SlowCalls { rate, longer_than: SECOND * 10 });
    let rates = (prop::option::weighted(0.3, rate), prop::option::weighted(0.3, slow));
    (1_u32..4, 1_u32..4, 1_u32..4, 1_u32..20, 1_u32..60, 1_u32..30, rates).prop_map(
        |(failures, probes, successes, recovery, max, lease, (failure_rate, slow_calls))| BreakerPolicy {
            failure_threshold: NonZeroU32::new(failures).unwrap(),
            failure_rate,
            slow_calls,
            half_open_requests: NonZeroU32::new(probes).unwrap(),
            success_threshold: NonZeroU32::new(successes).unwrap(),
            recovery_time: SECOND * recovery,
            max_recovery_time: SECOND * max,
            probe_lease: SECOND * lease,
        },
    )
}

pub(super) fn events() -> impl Strategy<Value = Vec<Event>> {
    let outcome = prop_oneof![
        3 => Just(Outcome::Success),
        2 => Just(Outcome::SlowSuccess),
        6 => Just(Outcome::Fault),
        1 => Just(Outcome::Neutral),
        1 => Just(Outcome::Dropped),
    ];
    let event = prop_oneof![
        10 => Just(Event::Acquire),
        10 => (any::<usize>(), outcome).prop_map(|(at, outcome)| Event::Return(at, outcome)),
        6 => (0_u64..40_000).prop_map(|millis| Event::Wait(Duration::from_millis(millis))),
        1 => policies().prop_map(Event::SetPolicy),
        1 => Just(Event::Hold(Some(BreakerOverride::Open))),
        1 => Just(Event::Hold(Some(BreakerOverride::Closed))),
        2 => Just(Event::Hold(None)),
        1 => Just(Event::Reset),
    ];
    prop::collection::vec(event, 1..120)
}

/// What the breaker should be. Unlike the breaker it knows every request: a request counts if it was sent in this `era`,
/// and an era ends with each change of state.
#[derive(Debug)]
struct Model {
    policy: BreakerPolicy,
    state: BreakerState,
    held: Option<BreakerOverride>,
    era: u32,
    /// Consecutive faults while closed, successes while half-open.
    streak: u32,
    /// Of every outcome of this era that the rates have seen: whether it was a fault, and whether it was slow.
    outcomes: Vec<(bool, bool)>,
    /// Openings that are remembered, and since when it has been well.
    openings: u32,
    well_since: Option<Instant>,
    /// The end of the open time.
    until: Instant,
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
        self.outcomes.clear();
    }

    fn remembered(&self, now: Instant) -> u32 {
        let minutes = self.well_since.map_or(0, |since| (now - since).as_secs() / 60);
        self.openings.saturating_sub(u32::try_from(minutes).unwrap())
    }

    /// The longest that it may now stay open.
    fn longest_open(&self, now: Instant) -> Duration {
        let cap = self.policy.max_recovery_time.max(self.policy.recovery_time);
        self.policy.recovery_time.saturating_mul(1 << self.remembered(now).min(20)).min(cap)
    }

    /// Whether the last outcome is one of too many.
    fn too_many(&self, is_fault: bool, is_slow: bool) -> bool {
        let reached = |rate: Rate, hits: usize| {
            let all = self.outcomes.len();
            all >= rate.minimum.get() as usize && hits * 100 >= all * rate.percent.get() as usize
        };
        let faults = self.outcomes.iter().filter(|outcome| outcome.0).count();
        let slow = self.outcomes.iter().filter(|outcome| outcome.1).count();
        let failing = self.policy.failure_rate.is_some_and(|rate| reached(rate, faults));
        let slowing = self.policy.slow_calls.is_some_and(|calls| reached(calls.rate, slow));
        (is_fault && failing) || (is_slow && slowing)
    }

    /// Takes in an outcome that counts, and says where it leads.
    fn outcome(&mut self, is_fault: bool, is_slow: bool, now: Instant) -> Option<BreakerState> {
        let is_slow = is_slow && self.policy.slow_calls.is_some();
        self.outcomes.push((is_fault, is_slow));
        self.streak += 1;
        match self.state {
            BreakerState::Closed if is_fault && self.streak >= self.policy.failure_threshold.get() => {
                Some(BreakerState::Open)
            }
            BreakerState::Closed if self.too_many(is_fault, is_slow) => Some(BreakerState::Open),
            BreakerState::Closed => {
                if !is_fault {
                    self.streak = 0;
                }
                None
            }
            BreakerState::HalfOpen if is_fault || is_slow => Some(BreakerState::Open),
            BreakerState::HalfOpen if self.streak >= self.policy.success_threshold.get() => {
                self.well_since.get_or_insert(now);
                Some(BreakerState::Closed)
            }
            BreakerState::HalfOpen | BreakerState::Open => None,
        }
    }
}

pub(super) struct Trial {
    pub(super) breaker: CircuitBreaker,
    model: Model,
    pub(super) random: Random,
    pub(super) now: Instant,
    held: Vec<Sent>,
    /// Live probes that nobody will give back.
    forgotten: Vec<Sent>,
}

impl Trial {
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    pub(super) fn new(policy: BreakerPolicy, seed: u64) -> Self {
        let now = Instant::now();
        let model = Model {
            policy,
            state: BreakerState::Closed,
            held: None,
            era: 0,
            streak: 0,
            outcomes: Vec::new(),
            openings: 0,
            well_since: None,
            until: now,
        };
        let (breaker, random) = (CircuitBreaker::new(policy), Random::with_seed(seed));
        Self { breaker, model, random, now, held: Vec::new(), forgotten: Vec::new() }
    }

    pub(super) fn step(&mut self, event: Event) {
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
                // Outcomes that were not looked at are not known.
                if policy.failure_rate.is_some() != self.model.policy.failure_rate.is_some()
                    || policy.slow_calls.is_some() != self.model.policy.slow_calls.is_some()
                {
                    return;
                }
                self.breaker.set_policy(policy);
                self.model.policy = policy;
            }
            Event::Hold(word) => self.hold(word),
            Event::Reset => {
                self.breaker.reset(self.now);
                self.model.held = None;
                (self.model.openings, self.model.well_since) = (0, None);
                if self.model.state != BreakerState::Closed || self.model.streak > 0 {
                    self.model.enter(BreakerState::Closed);
                }
            }
        }
        self.check_state();
    }

    fn hold(&mut self, word: Option<BreakerOverride>) {
        self.breaker.hold(word, self.now);
        let before = std::mem::replace(&mut self.model.held, word);
        if before == word {
            return;
        }
        if word == Some(BreakerOverride::Open) || (word.is_none() && before == Some(BreakerOverride::Open)) {
            self.model.enter(BreakerState::Open);
            self.model.until = self.now;
        } else {
            self.model.enter(BreakerState::Closed);
        }
    }

    fn open_is_over(&self) -> bool {
        self.model.state == BreakerState::Open && self.now >= self.model.until
    }

    fn live_probes(&self) -> usize {
        let live = |sent: &&Sent| sent.is_live_probe(&self.model, self.now);
        self.held.iter().filter(live).count() + self.forgotten.iter().filter(live).count()
    }

    fn acquire(&mut self) {
        let foreseen = self.breaker.would_admit(self.now);
        let acquired = self.breaker.acquire(self.now);
        assert_eq!(foreseen.err(), acquired.as_ref().err().copied());
        if self.model.held.is_none() && self.open_is_over() {
            self.model.enter(BreakerState::HalfOpen);
        }
        let probes = self.live_probes();
        let admits = match (self.model.held, self.model.state) {
            (Some(word), _) => word == BreakerOverride::Closed,
            (None, BreakerState::Closed) => true,
            (None, BreakerState::Open) => false,
            (None, BreakerState::HalfOpen) => probes < self.model.policy.half_open_requests.get() as usize,
        };
        assert_eq!(acquired.is_ok(), admits, "{:?} with {probes} live probes", self.model);
        match acquired {
            Ok(pass) => {
                let probes = self.model.held.is_none() && self.model.state == BreakerState::HalfOpen;
                let expires = probes.then(|| self.now + self.model.policy.probe_lease);
                assert_eq!(pass.is_probe(), expires.is_some());
                self.held.push(Sent { pass, era: self.model.era, expires });
            }
            Err(None) => assert_eq!(self.model.held, Some(BreakerOverride::Open)),
            Err(Some(until)) => assert!(until > self.now, "asking again must be worth something"),
        }
    }

    fn give_back(&mut self, mut sent: Sent, outcome: Outcome) {
        let counts = sent.era == self.model.era && self.model.held.is_none();
        sent.pass.took(if matches!(outcome, Outcome::SlowSuccess) { SECOND * 20 } else { SECOND });
        let change = match outcome {
            Outcome::Dropped => {
                self.forgotten.push(sent);
                return;
            }
            Outcome::Neutral => {
                self.breaker.on_neutral(&sent.pass);
                return;
            }
            Outcome::Success | Outcome::SlowSuccess => self.breaker.on_success(sent.pass, self.now, &mut self.random),
            Outcome::Fault => self.breaker.on_fault(sent.pass, self.now, &mut self.random),
        };
        let (is_fault, is_slow) = (matches!(outcome, Outcome::Fault), matches!(outcome, Outcome::SlowSuccess));
        let leads = if counts { self.model.outcome(is_fault, is_slow, self.now) } else { None };
        assert_eq!(change.map(|change| change.to), leads, "{:?}", self.model);
        match leads {
            Some(BreakerState::Open) => self.opened(),
            Some(state) => self.model.enter(state),
            None => {}
        }
    }

    fn opened(&mut self) {
        let until = self.breaker.would_admit(self.now).unwrap_err().unwrap();
        let (open, longest) = (until - self.now, self.model.longest_open(self.now));
        assert!(open <= longest, "open for {open:?}, at most {longest:?}");
        assert!(open + Duration::from_nanos(1) >= longest.mul_f64(0.8), "open for {open:?} of {longest:?}");
        self.model.openings = self.model.remembered(self.now) + 1;
        self.model.well_since = None;
        self.model.until = until;
        self.model.enter(BreakerState::Open);
    }

    fn check_state(&self) {
        let expected = match self.model.held {
            Some(BreakerOverride::Open) => BreakerState::Open,
            Some(BreakerOverride::Closed) => BreakerState::Closed,
            None if self.open_is_over() => BreakerState::HalfOpen,
            None => self.model.state,
        };
        assert_eq!(self.breaker.state(self.now), expected, "{:?}", self.model);
        assert_eq!(self.breaker.held(), self.model.held);
    }

    /// Requests that all succeed, sent as early as the breaker lets them.
    pub(super) fn succeed_until_closed(&mut self) {
        self.breaker.hold(None, self.now);
        for _ in 0..50 {
            if self.breaker.state(self.now) == BreakerState::Closed {
                return;
            }
            match self.breaker.acquire(self.now) {
                Ok(pass) => {
                    self.breaker.on_success(pass, self.now, &mut self.random);
                }
                Err(until) => self.now = until.unwrap(),
            }
        }
        panic!("the breaker is wedged: {:?}", self.breaker);
    }
}
