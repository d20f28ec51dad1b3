//! The health of an instance against a table of transitions and a model.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use tidegate_domain::pool::{Health, HealthPolicy, HealthStatus};

use HealthStatus::{Degraded, Healthy, Recovering, Unhealthy};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Event {
    Success,
    Fault,
    FaultWithRetryAfter(Duration),
    Wait(Duration),
    Reset,
}

#[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
fn origin() -> Instant {
    Instant::now()
}

fn policy() -> HealthPolicy {
    HealthPolicy {
        failure_threshold: NonZeroU32::new(3).unwrap(),
        success_threshold: NonZeroU32::new(2).unwrap(),
        recovery_time: SECOND * 10,
        max_recovery_time: SECOND * 35,
    }
}

/// Applies `event` at `now` and returns the health after it; a transition must be reported as it is seen.
#[track_caller]
fn apply(health: &mut Health, event: Event, now: &mut Instant) -> HealthStatus {
    let from = health.status(*now);
    let reported = match event {
        Event::Success => health.on_success(*now),
        Event::Fault => health.on_fault(*now, None),
        Event::FaultWithRetryAfter(wait) => health.on_fault(*now, Some(wait)),
        Event::Reset => health.reset(*now),
        Event::Wait(time) => {
            *now += time;
            return health.status(*now);
        }
    };
    let to = health.status(*now);
    assert_eq!(reported.map(|change| (change.from, change.to)), (from != to).then_some((from, to)));
    assert_eq!(health.usable(*now).is_err(), to == Unhealthy);
    to
}

#[track_caller]
fn check(script: &[(Event, HealthStatus)]) {
    let (mut health, mut now) = (Health::new(policy()), origin());
    for (at, &(event, expected)) in script.iter().enumerate() {
        assert_eq!(apply(&mut health, event, &mut now), expected, "after event {at}, {event:?}");
    }
}

#[test]
fn an_instance_degrades_and_heals() {
    check(&[
        (Event::Success, Healthy),
        (Event::Fault, Degraded),
        (Event::Success, Degraded),
        (Event::Success, Healthy),
    ]);
}

#[test]
fn only_consecutive_faults_eject() {
    check(&[
        (Event::Fault, Degraded),
        (Event::Fault, Degraded),
        (Event::Success, Degraded),
        (Event::Fault, Degraded),
        (Event::Fault, Degraded),
        (Event::Fault, Unhealthy),
    ]);
}

#[test]
fn only_consecutive_successes_heal() {
    check(&[
        (Event::Fault, Degraded),
        (Event::Success, Degraded),
        (Event::Fault, Degraded),
        (Event::Success, Degraded),
        (Event::Success, Healthy),
    ]);
}

const EJECTION: [(Event, HealthStatus); 3] =
    [(Event::Fault, Degraded), (Event::Fault, Degraded), (Event::Fault, Unhealthy)];

#[track_caller]
fn check_ejected(script: &[(Event, HealthStatus)]) {
    check(&[&EJECTION, script].concat());
}

#[test]
fn an_ejected_instance_recovers_by_time_and_by_trial() {
    check_ejected(&[
        (Event::Wait(Duration::from_nanos(9_999_999_999)), Unhealthy),
        (Event::Wait(Duration::from_nanos(1)), Recovering),
        (Event::Success, Recovering),
        (Event::Success, Healthy),
    ]);
}

#[test]
fn every_relapse_doubles_the_wait_up_to_the_cap() {
    check_ejected(&[
        (Event::Wait(SECOND * 10), Recovering),
        (Event::Fault, Unhealthy),
        (Event::Wait(SECOND * 19), Unhealthy),
        (Event::Wait(SECOND), Recovering),
        (Event::Success, Recovering),
        (Event::Fault, Unhealthy),
        (Event::Wait(SECOND * 34), Unhealthy),
        (Event::Wait(SECOND), Recovering),
        (Event::Success, Recovering),
        (Event::Success, Healthy),
    ]);
}

#[test]
fn once_healthy_the_wait_starts_small_again() {
    let relapse = [(Event::Wait(SECOND * 10), Recovering), (Event::Fault, Unhealthy)];
    let heals = [(Event::Wait(SECOND * 20), Recovering), (Event::Success, Recovering), (Event::Success, Healthy)];
    check_ejected(&[&relapse[..], &heals[..], &EJECTION[..], &[(Event::Wait(SECOND * 10), Recovering)]].concat());
}

#[test]
fn the_wait_is_at_least_what_the_upstream_asked_for() {
    let degraded = [(Event::Fault, Degraded), (Event::Fault, Degraded)];
    let longer = (Event::FaultWithRetryAfter(SECOND * 50), Unhealthy);
    check(
        &[&degraded[..], &[longer, (Event::Wait(SECOND * 49), Unhealthy), (Event::Wait(SECOND), Recovering)]].concat(),
    );
    let shorter = (Event::FaultWithRetryAfter(SECOND), Unhealthy);
    check(
        &[&degraded[..], &[shorter, (Event::Wait(SECOND * 9), Unhealthy), (Event::Wait(SECOND), Recovering)]].concat(),
    );
    let absurd = (Event::FaultWithRetryAfter(Duration::MAX), Unhealthy);
    check(&[&degraded[..], &[absurd, (Event::Wait(SECOND * 1000), Unhealthy)]].concat());
}

#[test]
fn outcomes_from_before_the_ejection_neither_heal_nor_prolong_it() {
    check_ejected(&[
        (Event::Success, Unhealthy),
        (Event::Success, Unhealthy),
        (Event::Wait(SECOND * 9), Unhealthy),
        (Event::Fault, Unhealthy),
        (Event::Wait(SECOND), Recovering),
    ]);
}

#[test]
fn an_attempt_that_outlasts_the_recovery_time_is_known_for_old() {
    let (mut health, sent) = (Health::new(policy()), origin());
    let mut now = sent + SECOND;
    assert!(!health.outdates(sent));
    for (event, expected) in EJECTION {
        assert_eq!(apply(&mut health, event, &mut now), expected);
    }
    let ejected = now;
    apply(&mut health, Event::Wait(SECOND * 10), &mut now);
    assert!(health.outdates(sent) && health.outdates(ejected));
    assert!(!health.outdates(now), "a trial is not");
}

#[test]
fn an_operator_makes_it_healthy_whatever_it_was() {
    check(&[(Event::Fault, Degraded), (Event::Reset, Healthy), (Event::Fault, Degraded)]);
    check_ejected(&[(Event::Reset, Healthy), (Event::Fault, Degraded)]);
}

/// What the health should be, from the streak of equal outcomes that ends now.
struct Model {
    status: HealthStatus,
    successes: u32,
    faults: u32,
    ejections: u32,
    until: Instant,
}

impl Model {
    fn step(&mut self, policy: HealthPolicy, event: Event, now: Instant) {
        if self.status == Unhealthy && now >= self.until {
            (self.status, self.successes) = (Recovering, 0);
        }
        match event {
            Event::Wait(_) => {}
            Event::Reset => self.heal(),
            Event::Success if self.status == Unhealthy => {}
            Event::Success => {
                (self.successes, self.faults) = (self.successes + 1, 0);
                if self.successes >= policy.success_threshold.get() {
                    self.heal();
                }
            }
            Event::Fault => self.fault(policy, Duration::ZERO, now),
            Event::FaultWithRetryAfter(wait) => self.fault(policy, wait, now),
        }
    }

    fn heal(&mut self) {
        (self.status, self.successes, self.faults, self.ejections) = (Healthy, 0, 0, 0);
    }

    fn fault(&mut self, policy: HealthPolicy, asked: Duration, now: Instant) {
        if self.status == Unhealthy {
            return;
        }
        (self.successes, self.faults) = (0, self.faults + 1);
        if self.status != Recovering && self.faults < policy.failure_threshold.get() {
            self.status = Degraded;
            return;
        }
        let cap = policy.max_recovery_time.max(policy.recovery_time);
        let doubled = policy.recovery_time.saturating_mul(1 << self.ejections.min(20)).min(cap);
        self.until = now + doubled.max(asked);
        (self.status, self.faults, self.ejections) = (Unhealthy, 0, self.ejections + 1);
    }

    fn status(&self, now: Instant) -> HealthStatus {
        if self.status == Unhealthy && now >= self.until { Recovering } else { self.status }
    }
}

fn policies() -> impl Strategy<Value = HealthPolicy> {
    (1_u32..5, 1_u32..5, 0_u32..20, 0_u32..60).prop_map(|(failures, successes, recovery, max)| HealthPolicy {
        failure_threshold: NonZeroU32::new(failures).unwrap(),
        success_threshold: NonZeroU32::new(successes).unwrap(),
        recovery_time: SECOND * recovery,
        max_recovery_time: SECOND * max,
    })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => Just(Event::Success),
        8 => Just(Event::Fault),
        2 => (0_u32..40).prop_map(|wait| Event::FaultWithRetryAfter(SECOND * wait)),
        6 => (0_u64..40_000).prop_map(|wait| Event::Wait(Duration::from_millis(wait))),
        1 => Just(Event::Reset),
    ];
    prop::collection::vec(event, 1..100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn health_behaves_as_its_model_and_always_heals(policy in policies(), events in events()) {
        let (mut health, mut now) = (Health::new(policy), origin());
        let mut model = Model { status: Healthy, successes: 0, faults: 0, ejections: 0, until: now };
        for event in events {
            model.step(policy, event, now);
            let seen = apply(&mut health, event, &mut now);
            prop_assert_eq!(seen, model.status(now), "after {:?}", event);
        }
        if let Err(until) = health.usable(now) {
            now = until;
        }
        for _ in 0..policy.success_threshold.get() {
            apply(&mut health, Event::Success, &mut now);
        }
        prop_assert_eq!(health.status(now), Healthy);
    }
}
