//! The health of an instance against a table of transitions and a model.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    pool::{CheckKind, CheckPolicy, Duty, Health, HealthPolicy, HealthStatus, Random, Unusable},
};

use HealthStatus::{Degraded, Draining, Healthy, Maintenance, Recovering, Unhealthy};

const SECOND: Duration = Duration::from_secs(1);
const CHECKED: CheckPolicy = CheckPolicy {
    kind: CheckKind::Models,
    interval: Duration::from_secs(30),
    timeout: Duration::from_secs(10),
    daily_cost: 0,
};

#[derive(Debug, Clone, Copy)]
enum Event {
    Success,
    Fault,
    FaultWithRetryAfter(Duration),
    CheckSuccess,
    CheckFault,
    Wait(Duration),
    PutOn(Duty),
    Reset,
}

fn fault(retry_after: Option<Duration>) -> Fault {
    Fault { retry_after, ..Fault::new(FaultKind::Transient, Work::Refused, "test") }
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
        check: CHECKED,
    }
}

/// Applies `event` at `now` and returns the health after it; a transition must be reported as it is seen.
#[track_caller]
fn apply(health: &mut Health, event: Event, now: &mut Instant) -> HealthStatus {
    let from = health.status(*now);
    let random = &mut Random::with_seed(3);
    let reported = match event {
        Event::Success => health.on_success(*now),
        Event::Fault => health.on_fault(&fault(None), *now, random),
        Event::FaultWithRetryAfter(wait) => health.on_fault(&fault(Some(wait)), *now, random),
        Event::CheckSuccess => health.on_check_success(*now),
        Event::CheckFault => health.on_check_fault(&fault(None), *now, random),
        Event::PutOn(duty) => {
            let reported = health.put_on(duty, *now);
            assert_eq!(health.duty(), duty);
            reported
        }
        Event::Reset => health.reset(*now),
        Event::Wait(time) => {
            *now += time;
            return health.status(*now);
        }
    };
    let to = health.status(*now);
    assert_eq!(reported.map(|change| (change.from, change.to)), (from != to).then_some((from, to)));
    assert_eq!(health.usable(*now).is_err(), matches!(to, Unhealthy | Maintenance | Draining));
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
        // Jitter takes off a fifth at most.
        (Event::Wait(Duration::from_nanos(7_999_999_999)), Unhealthy),
        (Event::Wait(Duration::from_nanos(2_000_000_001)), Recovering),
        (Event::Success, Recovering),
        (Event::Success, Healthy),
    ]);
}

#[test]
fn every_relapse_doubles_the_wait_up_to_the_cap() {
    check_ejected(&[
        (Event::Wait(SECOND * 10), Recovering),
        (Event::Fault, Unhealthy),
        (Event::Wait(SECOND * 15), Unhealthy),
        (Event::Wait(SECOND * 5), Recovering),
        (Event::Success, Recovering),
        (Event::Fault, Unhealthy),
        (Event::Wait(SECOND * 27), Unhealthy),
        (Event::Wait(SECOND * 8), Recovering),
        (Event::Success, Recovering),
        (Event::Success, Healthy),
    ]);
}

#[test]
fn healthy_minutes_make_the_wait_small_again() {
    let relapse = [(Event::Wait(SECOND * 10), Recovering), (Event::Fault, Unhealthy)];
    let heals = [(Event::Wait(SECOND * 20), Recovering), (Event::Success, Recovering), (Event::Success, Healthy)];
    let minutes = [(Event::Wait(SECOND * 120), Healthy)];
    let small = [(Event::Wait(SECOND * 10), Recovering)];
    check_ejected(&[&relapse[..], &heals, &minutes, &EJECTION, &small].concat());
    let large = [(Event::Wait(SECOND * 27), Unhealthy)];
    check_ejected(&[&relapse[..], &heals, &EJECTION, &large].concat());
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
        &[&degraded[..], &[shorter, (Event::Wait(SECOND * 7), Unhealthy), (Event::Wait(SECOND * 3), Recovering)]]
            .concat(),
    );
    let absurd = (Event::FaultWithRetryAfter(Duration::MAX), Unhealthy);
    check(&[&degraded[..], &[absurd, (Event::Wait(SECOND * 1000), Unhealthy)]].concat());
}

#[test]
fn outcomes_from_before_the_ejection_neither_heal_nor_prolong_it() {
    check_ejected(&[
        (Event::Success, Unhealthy),
        (Event::Success, Unhealthy),
        (Event::Wait(SECOND * 7), Unhealthy),
        (Event::Fault, Unhealthy),
        (Event::Wait(SECOND * 3), Recovering),
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

const FAILED_CHECKS: [(Event, HealthStatus); 3] =
    [(Event::CheckFault, Degraded), (Event::CheckFault, Degraded), (Event::CheckFault, Unhealthy)];

#[test]
fn checks_and_requests_are_counted_apart() {
    check(&[
        (Event::Fault, Degraded),
        (Event::CheckFault, Degraded),
        (Event::Fault, Degraded),
        (Event::CheckFault, Degraded),
        (Event::CheckFault, Unhealthy),
    ]);
}

#[test]
fn no_check_ends_what_requests_have_shown() {
    check_ejected(&[
        (Event::CheckSuccess, Unhealthy),
        (Event::CheckSuccess, Unhealthy),
        (Event::Wait(SECOND * 10), Recovering),
        (Event::CheckSuccess, Recovering),
        (Event::CheckSuccess, Recovering),
    ]);
}

#[test]
fn checks_heal_what_checks_have_found() {
    let heals =
        [(Event::Wait(SECOND * 10), Recovering), (Event::CheckSuccess, Recovering), (Event::CheckSuccess, Healthy)];
    check(&[&FAILED_CHECKS[..], &heals].concat());
}

#[test]
fn one_answer_outweighs_every_failed_check() {
    check(&[&FAILED_CHECKS[..], &[(Event::Success, Healthy)]].concat());
}

#[test]
fn under_maintenance_it_gets_nothing_and_comes_back_on_trial() {
    check(&[
        (Event::PutOn(Duty::Maintenance), Maintenance),
        (Event::Fault, Maintenance),
        (Event::Success, Maintenance),
        (Event::Wait(SECOND * 1000), Maintenance),
        (Event::PutOn(Duty::Serving), Recovering),
        (Event::Success, Recovering),
        (Event::Success, Healthy),
    ]);
}

#[test]
fn drained_it_comes_back_as_it_was() {
    check(&[(Event::PutOn(Duty::Draining), Draining), (Event::PutOn(Duty::Serving), Healthy)]);
    check(&[
        (Event::Fault, Degraded),
        (Event::PutOn(Duty::Draining), Draining),
        (Event::PutOn(Duty::Serving), Degraded),
    ]);
}

/// What the health should be, from the streak of equal outcomes that ends now.
struct Model {
    status: HealthStatus,
    successes: u32,
    faults: u32,
    ejections: u32,
    well_since: Option<Instant>,
    until: Instant,
}

impl Model {
    fn step(&mut self, policy: HealthPolicy, event: Event, now: Instant) {
        if self.status == Unhealthy && now >= self.until {
            (self.status, self.successes) = (Recovering, 0);
        }
        match event {
            Event::Reset => {
                self.heal();
                (self.ejections, self.well_since) = (0, None);
            }
            Event::Success if self.status == Unhealthy => {}
            Event::Success => {
                (self.successes, self.faults) = (self.successes + 1, 0);
                if self.successes >= policy.success_threshold.get() && self.status != Healthy {
                    self.heal();
                    self.well_since.get_or_insert(now);
                }
            }
            Event::Fault | Event::FaultWithRetryAfter(_) => self.fault(policy),
            Event::Wait(_) | Event::CheckSuccess | Event::CheckFault | Event::PutOn(_) => {}
        }
    }

    fn heal(&mut self) {
        (self.status, self.successes, self.faults) = (Healthy, 0, 0);
    }

    fn fault(&mut self, policy: HealthPolicy) {
        if self.status == Unhealthy {
            return;
        }
        (self.successes, self.faults) = (0, self.faults + 1);
        if self.status == Recovering || self.faults >= policy.failure_threshold.get() {
            (self.status, self.faults) = (Unhealthy, 0);
        } else {
            self.status = Degraded;
        }
    }

    /// Takes over the moment that jitter has drawn, if it is one that it may draw.
    fn ejected(&mut self, policy: HealthPolicy, asked: Duration, (now, until): (Instant, Instant)) {
        let minutes = self.well_since.map_or(0, |since| (now - since).as_secs() / 60);
        let remembered = self.ejections.saturating_sub(u32::try_from(minutes).unwrap());
        let cap = policy.max_recovery_time.max(policy.recovery_time);
        let full = policy.recovery_time.saturating_mul(1 << remembered.min(20)).min(cap);
        let (shortest, longest) = (full.mul_f64(0.799).max(asked), full.max(asked));
        assert!((shortest..=longest).contains(&(until - now)), "{:?} of {full:?}", until - now);
        (self.ejections, self.well_since, self.until) = (remembered + 1, None, until);
    }

    fn status(&self, now: Instant) -> HealthStatus {
        if self.status == Unhealthy && now >= self.until { Recovering } else { self.status }
    }
}

fn until(health: &Health, now: Instant) -> Option<Instant> {
    match health.usable(now) {
        Err(Unusable::Unhealthy(until)) => Some(until),
        _ => None,
    }
}

fn policies() -> impl Strategy<Value = HealthPolicy> {
    (1_u32..5, 1_u32..5, 0_u32..20, 0_u32..60).prop_map(|(failures, successes, recovery, max)| HealthPolicy {
        failure_threshold: NonZeroU32::new(failures).unwrap(),
        success_threshold: NonZeroU32::new(successes).unwrap(),
        recovery_time: SECOND * recovery,
        max_recovery_time: SECOND * max,
        check: CHECKED,
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
        let mut model =
            Model { status: Healthy, successes: 0, faults: 0, ejections: 0, well_since: None, until: now };
        for event in events {
            let was = model.status(now);
            model.step(policy, event, now);
            let seen = apply(&mut health, event, &mut now);
            if model.status == Unhealthy && was != Unhealthy && !matches!(event, Event::Wait(_)) {
                let asked = if let Event::FaultWithRetryAfter(wait) = event { wait } else { Duration::ZERO };
                let until = until(&health, now).unwrap_or(now);
                model.ejected(policy, asked, (now, until));
            }
            prop_assert_eq!(seen, model.status(now), "after {:?}", event);
        }
        if let Some(until) = until(&health, now) {
            now = until;
        }
        for _ in 0..policy.success_threshold.get() {
            apply(&mut health, Event::Success, &mut now);
        }
        prop_assert_eq!(health.status(now), Healthy);
    }
}
