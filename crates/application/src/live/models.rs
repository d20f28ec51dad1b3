//! Every interleaving of two requests at one instance, one pool and one budget.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use loom::thread;
use tidegate_domain::{
    inference::RequestId,
    pool::{Bend, HealthPolicy, Lenience, Members, RotationKind},
    resilience::{BreakerPolicy, Deadlines, RetryBudgetPolicy},
    routing::Trace,
};

use super::{Budgets, InstanceState, Picker, SharedBudget, instance::InstancePolicies, state::Guarded};
use crate::sync::model;

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// An instance that serves so many at once, that one fault cuts off, and that lets one probe pass at a time.
fn instance(limit: u32) -> Arc<InstanceState> {
    let one = NonZeroU32::MIN;
    let breaker = BreakerPolicy { failure_threshold: one, half_open_requests: one, ..BreakerPolicy::default() };
    let policies = InstancePolicies {
        health: HealthPolicy::default(),
        breaker,
        deadlines: Deadlines::default(),
        max_concurrency: NonZeroU32::new(limit),
        adaptive: None,
        is_only: false,
    };
    Arc::new(InstanceState::new(&policies, 1))
}

/// The budgets of two targets of one gateway, whose own has two attempts left and the gateway's one.
fn budgets() -> [Budgets; 2] {
    let policy = |attempts| RetryBudgetPolicy { minimum: attempts, per_second: 0, ..RetryBudgetPolicy::default() };
    let two = NonZeroU32::MIN.saturating_add(1);
    let gateway = Arc::new(SharedBudget::default());
    // The gateway's begins with the policy of whoever comes first: here one that has nothing of its own left after it.
    let first = Budgets { own: Arc::default(), gateway: Arc::clone(&gateway), policy: policy(two) };
    assert!(first.withdraw(now()));
    [0, 1].map(|_| Budgets { own: Arc::default(), gateway: Arc::clone(&gateway), policy: policy(two) })
}

#[test]
fn one_of_two_targets_gets_the_last_attempt_that_the_gateway_pays_for_and_neither_waits_for_ever() {
    model(|| {
        let (now, [one, other]) = (now(), budgets());
        let other = thread::spawn(move || other.withdraw(now));
        let own = one.withdraw(now);
        assert!(own ^ other.join().unwrap());
    });
}

#[test]
fn room_for_one_admits_one_of_two_and_is_there_again_when_it_leaves() {
    model(|| {
        let (now, state) = (now(), instance(1));
        let other = Arc::clone(&state);
        let other = thread::spawn(move || other.enter(now.into(), Lenience::Strict).is_ok());
        let own = state.enter(now.into(), Lenience::Strict).is_ok();
        assert!(own ^ other.join().unwrap());
        state.leave();
        assert_eq!(state.in_flight(), 0);
        assert!(state.enter(now.into(), Lenience::Strict).is_ok());
    });
}

#[test]
fn entering_and_leaving_at_once_loses_no_count() {
    model(|| {
        let (now, state) = (now(), instance(2));
        assert!(state.enter(now.into(), Lenience::Strict).is_ok());
        let other = Arc::clone(&state);
        let other = thread::spawn(move || other.leave());
        let entered = state.enter(now.into(), Lenience::Strict).is_ok();
        other.join().unwrap();
        assert_eq!((entered, state.in_flight()), (true, 1));
    });
}

#[test]
fn a_limit_that_moves_while_two_enter_lets_in_no_more_than_it_ever_was() {
    model(|| {
        let (now, state) = (now(), instance(1));
        let other = Arc::clone(&state);
        let other = thread::spawn(move || other.enter(now.into(), Lenience::Strict).is_ok());
        state.concurrency.set_limit(NonZeroU32::new(2));
        let own = state.enter(now.into(), Lenience::Strict).is_ok();
        state.concurrency.set_limit(NonZeroU32::new(1));
        let served = u32::from(own) + u32::from(other.join().unwrap());
        assert!((1..=2).contains(&served) && state.in_flight() == served);
        assert!(state.enter(now.into(), Lenience::Strict).is_err(), "it is one again, and somebody is served");
    });
}

#[test]
fn a_half_open_circuit_lets_one_of_two_probes_pass_and_the_other_leaves_no_count() {
    model(|| {
        let (now, state) = (now(), instance(9));
        let entered = state.enter(now.into(), Lenience::Strict).unwrap();
        {
            let mut guarded = state.lock();
            let Guarded { breaker, random, .. } = &mut *guarded;
            breaker.on_fault(entered.pass.expect("a closed circuit gives a pass"), now, random);
        }
        state.leave();
        let later = now + Duration::from_hours(1);
        let other = Arc::clone(&state);
        let other = thread::spawn(move || other.enter(later.into(), Lenience::Strict).is_ok());
        let own = state.enter(later.into(), Lenience::Strict).is_ok();
        assert!(own ^ other.join().unwrap());
        assert_eq!(state.in_flight(), 1);
    });
}

/// Two members between which only their turn decides.
struct Twins;

impl Members for Twins {
    fn count(&self) -> usize {
        2
    }

    fn weight(&self, _: usize) -> u32 {
        1
    }

    fn in_flight(&self, _: usize) -> u32 {
        0
    }

    fn last_dispatch(&self, _: usize) -> Option<Instant> {
        None
    }

    fn latency(&self, _: usize) -> Option<Duration> {
        None
    }

    fn success_rate(&self, _: usize) -> u32 {
        1000
    }

    fn capacity(&self, _: usize) -> Option<u32> {
        None
    }

    fn cost(&self, _: usize) -> Option<u64> {
        None
    }

    fn bend(&self) -> Bend {
        Bend::default()
    }

    fn readiness(&self, _: usize) -> u32 {
        1000
    }

    fn pull(&self, _: usize) -> u64 {
        0
    }

    fn is_eligible(&self, _: usize) -> bool {
        true
    }
}

fn pick(picker: &Picker) -> usize {
    let mut trace = Trace::new(RequestId::new("req"), "pool:p".parse().unwrap(), (1, 1));
    picker.pick(&Twins, &mut trace, |at, _| Some(at)).unwrap()
}

#[test]
fn two_that_pick_at_once_take_turns() {
    for kind in [RotationKind::RoundRobin, RotationKind::Weighted] {
        model(move || {
            let picker = Arc::new(Picker::new(kind, 1));
            let other = Arc::clone(&picker);
            let other = thread::spawn(move || pick(&other));
            let own = pick(&picker);
            assert_ne!(own, other.join().unwrap());
        });
    }
}
