//! The circuit breaker against a model: random traces of requests, results that come late or never, passing time, other
//! policies and an operator's word.

mod model;

use std::{num::NonZeroU32, time::Duration};

use proptest::prelude::*;
use tidegate_domain::resilience::{BreakerOverride, BreakerPolicy, BreakerState, Rate, SlowCalls};

use self::model::{Event, Outcome, SECOND, Trial, events, policies};

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
fn a_probe_that_outlasts_its_lease_frees_its_place_and_still_counts() {
    for (outcome, leads_to) in [(Outcome::Success, BreakerState::Closed), (Outcome::Fault, BreakerState::Open)] {
        let mut trial = open(policy());
        trial.step(Event::Wait(SECOND * 10));
        trial.step(Event::Acquire);
        assert!(trial.breaker.would_admit(trial.now).is_err());
        trial.step(Event::Wait(SECOND * 5));
        trial.step(Event::Acquire);
        trial.step(Event::Return(0, outcome));
        assert_eq!(trial.breaker.state(trial.now), leads_to);
        trial.step(Event::Return(0, Outcome::Fault));
        assert_eq!(trial.breaker.state(trial.now), leads_to, "the other one is of an older generation");
    }
}

#[test]
fn a_probe_that_comes_back_frees_its_own_place_and_no_others() {
    let two = BreakerPolicy { half_open_requests: NonZeroU32::new(2).unwrap(), ..policy() };
    let mut trial = open(two);
    trial.now += SECOND * 10;
    let probes = [(); 2].map(|()| trial.breaker.acquire(trial.now).unwrap());
    for probe in &probes {
        assert!(trial.breaker.acquire(trial.now).is_err(), "two are out");
        trial.breaker.on_neutral(probe);
        let sent = (0..9).filter(|_| trial.breaker.acquire(trial.now).is_ok()).count();
        assert_eq!(sent, 1);
    }
}

#[test]
fn slow_answers_open_it_without_a_single_fault() {
    let calls = SlowCalls { rate: Rate::default(), longer_than: SECOND * 10 };
    let mut trial = Trial::new(BreakerPolicy { slow_calls: Some(calls), ..policy() }, 1);
    for call in 1..=20 {
        assert_eq!(trial.breaker.state(trial.now), BreakerState::Closed, "before call {call}");
        trial.step(Event::Acquire);
        trial.step(Event::Return(0, if call % 2 == 0 { Outcome::SlowSuccess } else { Outcome::Success }));
    }
    assert_eq!(trial.breaker.state(trial.now), BreakerState::Open);
    trial.step(Event::Wait(SECOND * 10));
    trial.step(Event::Acquire);
    trial.step(Event::Return(0, Outcome::SlowSuccess));
    assert_eq!(trial.breaker.state(trial.now), BreakerState::Open, "a slow probe is no recovery");
}

#[test]
fn an_operator_holds_it_open_and_lets_go_into_a_probe() {
    let mut trial = Trial::new(policy(), 1);
    trial.step(Event::Hold(Some(BreakerOverride::Open)));
    trial.step(Event::Wait(Duration::from_hours(24)));
    assert_eq!(trial.breaker.acquire(trial.now), Err(None));
    trial.step(Event::Hold(None));
    assert!(trial.breaker.acquire(trial.now).is_ok_and(|pass| pass.is_probe()));
}

#[test]
fn an_operator_holds_it_closed_against_any_number_of_faults() {
    let mut trial = open(policy());
    trial.step(Event::Hold(Some(BreakerOverride::Closed)));
    for _ in 0..100 {
        trial.step(Event::Acquire);
        trial.step(Event::Return(0, Outcome::Fault));
    }
    trial.step(Event::Hold(None));
    assert_eq!(trial.breaker.state(trial.now), BreakerState::Closed);
    trial.step(Event::Acquire);
    trial.step(Event::Return(0, Outcome::Fault));
    assert_eq!(trial.breaker.state(trial.now), BreakerState::Closed, "it counts from one again");
}

#[test]
fn its_last_changes_are_kept() {
    let mut trial = open(policy());
    trial.step(Event::Wait(SECOND * 10));
    trial.step(Event::Acquire);
    trial.step(Event::Return(0, Outcome::Success));
    let states: Vec<_> = trial.breaker.timeline().iter().map(|(_, state)| state).collect();
    assert_eq!(states, [BreakerState::Open, BreakerState::HalfOpen, BreakerState::Closed]);
}

#[test]
fn an_instance_without_neighbours_is_probed_early() {
    let alone = BreakerPolicy { recovery_time: SECOND * 60, ..policy() }.for_only_instance();
    let trial = open(alone);
    assert!(trial.breaker.would_admit(trial.now + SECOND * 5).is_ok());
}

/// The number of the outcome that opens a circuit, when `outcomes` come one every `interval`.
fn opens_at(outcomes: &[Outcome], interval: Duration) -> Option<usize> {
    let mut trial = Trial::new(BreakerPolicy { failure_threshold: NonZeroU32::MAX, ..BreakerPolicy::default() }, 1);
    for (at, outcome) in outcomes.iter().enumerate() {
        trial.now += interval;
        let pass = trial.breaker.acquire(trial.now).unwrap();
        match outcome {
            Outcome::Success | Outcome::SlowSuccess => {
                trial.breaker.on_success(pass, trial.now, &mut trial.random);
            }
            Outcome::Fault => {
                trial.breaker.on_fault(pass, trial.now, &mut trial.random);
            }
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

/// Whether the twentieth call opens a circuit that is under another policy by then, when every other one fails or takes that long.
fn opens_under((first, other): (BreakerPolicy, BreakerPolicy), fails: bool, took: Duration) -> bool {
    let Trial { mut breaker, now, mut random, .. } = Trial::new(first, 1);
    for call in 1..=20 {
        if call == 20 {
            breaker.set_policy(other);
        }
        let mut pass = breaker.acquire(now).unwrap();
        if call % 2 == 0 {
            pass.took(took);
        }
        if call % 2 == 0 && fails {
            breaker.on_fault(pass, now, &mut random);
        } else {
            breaker.on_success(pass, now, &mut random);
        }
    }
    breaker.state(now) == BreakerState::Open
}

#[test]
fn what_was_counted_outlives_another_policy_unless_its_window_is_another() {
    let counting = BreakerPolicy { failure_threshold: NonZeroU32::MAX, failure_rate: None, ..policy() };
    let rate = |window| Rate { window, ..Rate::default() };
    let faults = |window| BreakerPolicy { failure_rate: Some(rate(window)), ..counting };
    let slow = |window| BreakerPolicy {
        slow_calls: Some(SlowCalls { rate: rate(window), longer_than: SECOND * 10 }),
        ..counting
    };
    let later = |policy| BreakerPolicy { recovery_time: SECOND * 30, ..policy };
    let (minute, hour) = (SECOND * 60, SECOND * 3600);
    assert!(opens_under((faults(minute), later(faults(minute))), true, SECOND));
    assert!(!opens_under((faults(minute), faults(hour)), true, SECOND));
    assert!(opens_under((slow(minute), later(slow(minute))), false, SECOND * 11));
    assert!(!opens_under((slow(minute), slow(hour)), false, SECOND * 11));
    assert!(!opens_under((slow(minute), slow(minute)), false, SECOND * 10), "as long as that is not longer");
}

#[test]
fn each_state_has_its_word() {
    let words = [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen].map(BreakerState::as_str);
    assert_eq!(words, ["closed", "open", "half_open"]);
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
    breaker.hold(Some(BreakerOverride::Open), now);
    breaker.hold(None, now);
    assert!(breaker.acquire(now).is_ok_and(|pass| pass.is_probe()));
}
