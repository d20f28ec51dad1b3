//! The walk under any sequence of faults: it ends, within its bounds.

use std::{num::NonZeroU32, time::Duration};

use proptest::prelude::*;
use tidegate_domain::{
    fault::{FallbackAdvice, Fault, FaultKind, Phase, RetryAdvice, TransportFault, Work},
    pool::Random,
    resilience::Backoff,
    routing::{Reach, Step, StopReason, Walk, WalkPolicy},
};

const KINDS: [FaultKind; 13] = [
    FaultKind::Client,
    FaultKind::ContextLength,
    FaultKind::ContentFilter,
    FaultKind::Auth,
    FaultKind::Billing,
    FaultKind::ModelMissing,
    FaultKind::RateLimited,
    FaultKind::Overloaded,
    FaultKind::Transient,
    FaultKind::Timeout(Phase::Headers),
    FaultKind::Transport(TransportFault::Reset),
    FaultKind::Malformed,
    FaultKind::Cancelled,
];

/// Mostly faults that let a walk go on, so that it gets somewhere.
fn faults() -> impl Strategy<Value = Fault> {
    let lasting: Vec<FaultKind> = KINDS.into_iter().filter(|kind| kind.permits_fallback()).collect();
    let kind = prop_oneof![9 => prop::sample::select(lasting), 1 => prop::sample::select(KINDS.to_vec())];
    let work = prop::sample::select(vec![Work::NotSent, Work::Refused, Work::Refused, Work::Ambiguous, Work::Partial]);
    let wait = prop::option::of(prop_oneof![
        9 => (0_u64..5_000).prop_map(Duration::from_millis),
        1 => Just(Duration::MAX),
    ]);
    (kind, work, wait).prop_map(|(kind, work, retry_after)| {
        let mut fault = Fault::new(kind, work, "test");
        fault.retry_after = retry_after;
        fault
    })
}

fn policies() -> impl Strategy<Value = WalkPolicy> {
    let reach = prop::sample::select(vec![Reach::Nowhere, Reach::Instance, Reach::Leg, Reach::Route]);
    (reach, 1_u32..12, 0_u32..5, 0_u32..3, 0_u64..3_000).prop_map(|(reach, attempts, retries, repeats, base)| {
        WalkPolicy {
            reach,
            max_attempts: NonZeroU32::new(attempts).unwrap(),
            max_retries: retries,
            max_ambiguous_repeats: repeats,
            backoff: Backoff { base: Duration::from_millis(base), max: Duration::from_secs(2) },
        }
    })
}

fn is_final(fault: &Fault) -> bool {
    fault.kind.fallback() == FallbackAdvice::Nowhere
}

/// What a driver saw of a walk.
#[derive(Debug)]
struct Journey {
    faults: Vec<Fault>,
    retries: u32,
    waited: Duration,
    reason: StopReason,
}

/// Drives a walk over `candidates` in reach, each asked once a round, failing with `faults` in turn, until it stops.
fn drive(policy: WalkPolicy, candidates: usize, faults: &[Fault], deadline: Duration) -> Journey {
    let mut random = Random::with_seed(3);
    let mut walk = Walk::new(policy);
    let mut journey = Journey { faults: Vec::new(), retries: 0, waited: Duration::ZERO, reason: StopReason::Final };
    let mut untried = candidates;
    for _ in 0..1000 {
        let step = if untried == 0 {
            walk.exhausted(deadline.checked_sub(journey.waited).unwrap())
        } else {
            untried -= 1;
            walk.attempting();
            let fault = &faults[journey.faults.len() % faults.len()];
            journey.faults.push(fault.clone());
            walk.failed(fault, &mut random)
        };
        match step {
            Step::Another => {}
            Step::Retry { after } => {
                assert!(after < deadline.checked_sub(journey.waited).unwrap(), "a wait that outlasts the deadline");
                (untried, journey.retries) = (candidates, journey.retries + 1);
                journey.waited += after;
            }
            Step::Stop(reason) => {
                journey.reason = reason;
                assert_eq!(walk.attempts() as usize, journey.faults.len());
                return journey;
            }
        }
    }
    panic!("the walk does not end: {journey:?}");
}

fn is_ambiguous(fault: &Fault) -> bool {
    matches!(fault.work, Work::Ambiguous | Work::Partial)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_walk_ends_within_its_bounds(
        policy in policies(),
        candidates in 0_usize..6,
        faults in prop::collection::vec(faults(), 1..12),
        deadline in (0_u64..20_000).prop_map(Duration::from_millis),
    ) {
        let journey = drive(policy, candidates, &faults, deadline);
        let ambiguous = u32::try_from(journey.faults.iter().filter(|fault| is_ambiguous(fault)).count()).unwrap();
        let before_last = &journey.faults[..journey.faults.len().saturating_sub(1)];
        prop_assert!(journey.faults.len() <= policy.max_attempts.get() as usize);
        prop_assert!(journey.retries <= policy.max_retries);
        prop_assert!(ambiguous <= 1 + policy.max_ambiguous_repeats);
        prop_assert!(before_last.iter().all(|fault| !is_final(fault)), "went on after a final fault");
        let last_is_final = journey.faults.last().is_some_and(is_final);
        prop_assert_eq!(journey.reason == StopReason::Final, last_is_final);
        if policy.reach == Reach::Nowhere {
            prop_assert!(journey.faults.len() <= 1);
        }
        if journey.retries > 0 {
            let retryable = |fault: &Fault| fault.kind.permits_retry() != RetryAdvice::Never;
            prop_assert!(before_last.iter().any(retryable), "went round again although no fault permits it");
        }
    }

    #[test]
    fn with_room_for_all_a_walk_asks_every_candidate(
        faults in prop::collection::vec(faults(), 1..12), candidates in 1_usize..8,
    ) {
        let lasting: Vec<Fault> =
            faults.into_iter().filter(|fault| fault.kind.permits_fallback() && !is_ambiguous(fault)).collect();
        prop_assume!(!lasting.is_empty());
        let policy = WalkPolicy {
            reach: Reach::Route,
            max_attempts: NonZeroU32::new(8).unwrap(),
            max_retries: 0,
            max_ambiguous_repeats: 0,
            backoff: Backoff::default(),
        };
        prop_assert_eq!(drive(policy, candidates, &lasting, Duration::MAX).faults.len(), candidates);
    }
}

#[test]
fn an_upstream_that_asks_for_time_is_not_asked_again_before() {
    for kind in [FaultKind::RateLimited, FaultKind::Overloaded, FaultKind::Transient] {
        let mut walk = Walk::new(WalkPolicy {
            reach: Reach::Instance,
            max_attempts: NonZeroU32::new(3).unwrap(),
            max_retries: 2,
            max_ambiguous_repeats: 1,
            backoff: Backoff::default(),
        });
        let mut fault = Fault::new(kind, Work::Refused, "busy");
        fault.retry_after = Some(Duration::from_secs(20));
        walk.attempting();
        walk.failed(&fault, &mut Random::with_seed(1));
        assert_eq!(walk.exhausted(Duration::from_mins(1)), Step::Retry { after: Duration::from_secs(20) }, "{kind}");
        assert_eq!(fault.cooldown(), Some(Duration::from_secs(20)), "{kind}");
    }
}
