//! What a request does when an attempt fails.

use std::time::Duration;

use layered_tests::{
    scripted::Act,
    world::{Plan, World, served_by},
};
use tidegate_application::CompletionError;
use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, TransportFault, Work},
    observe::Outcome,
    pool::{PoolFallback, PoolPolicy},
    resilience::{BreakerPolicy, Deadlines},
    task_group::{FallbackPolicy, FallbackStrategy},
};

const TRANSIENT: FaultKind = FaultKind::Transient;

async fn pair() -> World {
    Plan::default().pool("p", &["a", "b"]).start().await
}

async fn tiers() -> World {
    Plan::default().group("g", &[&["sim:a", "sim:b"], &["sim:c"], &["sim:d"]]).start().await
}

async fn tiers_with(strategy: FallbackStrategy) -> World {
    let fallback = FallbackPolicy { strategy, ..FallbackPolicy::default() };
    Plan::default().group_with("g", &[&["sim:a", "sim:b"], &["sim:c"]], fallback).start().await
}

#[tokio::test(start_paused = true)]
async fn a_transient_fault_is_answered_by_the_next_instance_of_the_pool() {
    let world = pair().await;
    world.scripts.next("a", Act::fail(TRANSIENT));
    let completion = world.complete("p").await.unwrap();
    assert_eq!(served_by(&completion), "b");
    assert_eq!(completion.head.attempts, 2);
    assert_eq!(world.diary.attempts(), ["a transient", "b ok"]);
    assert_eq!(world.diary.outcomes(), [Outcome::Completed]);
}

#[tokio::test(start_paused = true)]
async fn a_client_fault_is_not_sent_to_anybody_else() {
    let world = tiers().await;
    world.scripts.next("a", Act::fail(FaultKind::Client));
    let error = world.complete("g").await.unwrap_err();
    assert!(matches!(error, CompletionError::Upstream { fault, attempts: 1 } if fault.kind == FaultKind::Client));
    assert_eq!(world.diary.attempts(), ["sim:a client"]);
}

#[tokio::test(start_paused = true)]
async fn tier_down_goes_through_the_tier_and_then_down() {
    let world = tiers().await;
    world.scripts.next("a", Act::fail(TRANSIENT));
    world.scripts.next("b", Act::fail(FaultKind::Auth));
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:c");
}

#[tokio::test(start_paused = true)]
async fn a_named_tier_is_where_the_walk_starts() {
    let world = tiers().await;
    world.scripts.next("c", Act::fail(TRANSIENT));
    assert_eq!(served_by(&world.complete("g.tier2").await.unwrap()), "sim:d");
    assert_eq!(world.scripts.asked("a"), 0);
}

#[tokio::test(start_paused = true)]
async fn every_request_starts_afresh_at_the_first_tier() {
    let world = tiers().await;
    world.scripts.next("a", Act::fail(TRANSIENT));
    world.complete("g").await.unwrap();
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:a");
}

#[tokio::test(start_paused = true)]
async fn model_rotate_stays_in_its_tier() {
    let world = tiers_with(FallbackStrategy::ModelRotate).await;
    world.scripts.always("a", Act::fail(FaultKind::Malformed));
    world.scripts.always("b", Act::fail(FaultKind::Malformed));
    world.complete("g").await.unwrap_err();
    assert_eq!(world.diary.attempts(), ["sim:a malformed", "sim:b malformed"]);
}

#[tokio::test(start_paused = true)]
async fn fail_fast_makes_one_attempt() {
    let world = tiers_with(FallbackStrategy::FailFast).await;
    world.scripts.always("a", Act::fail(TRANSIENT));
    world.complete("g").await.unwrap_err();
    assert_eq!(world.diary.attempts(), ["sim:a transient"]);
}

#[tokio::test(start_paused = true)]
async fn simple_retry_asks_the_same_instance_again() {
    let policy = PoolPolicy { fallback: PoolFallback::SimpleRetry, ..PoolPolicy::default() };
    let world = Plan::default().pool_with("p", &["a", "b"], policy).start().await;
    world.scripts.next("a", Act::fail(TRANSIENT));
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "a");
    assert_eq!(world.diary.attempts(), ["a transient", "a ok"]);
}

#[tokio::test(start_paused = true)]
async fn when_everybody_failed_in_a_way_that_may_pass_the_pool_is_gone_round_once_more() {
    let world = pair().await;
    world.scripts.next("a", Act::fail(TRANSIENT));
    world.scripts.next("b", Act::fail(TRANSIENT));
    assert_eq!(world.complete("p").await.unwrap().head.attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn a_tier_may_hold_a_pool() {
    let world = Plan::default().pool("p", &["a", "b"]).group("g", &[&["pool:p"], &["sim:c"]]).start().await;
    world.scripts.next("a", Act::fail(TRANSIENT));
    world.scripts.next("b", Act::fail(TRANSIENT));
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:c");
    assert_eq!(world.diary.attempts(), ["a transient", "b transient", "sim:c ok"]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_instance_is_left_alone_for_as_long_as_it_asked() {
    let world = pair().await;
    let mut fault = Fault::new(FaultKind::RateLimited, Work::Refused, "slow down");
    fault.retry_after = Some(Duration::from_secs(20));
    world.scripts.next("a", Act::Fail(fault));
    for _ in 0..4 {
        assert_eq!(served_by(&world.complete("p").await.unwrap()), "b");
    }
    // A tenth of jitter at most.
    tokio::time::advance(Duration::from_secs(22)).await;
    world.complete("p").await.unwrap();
    world.complete("p").await.unwrap();
    assert_eq!(world.scripts.asked("a"), 2);
}

#[tokio::test(start_paused = true)]
async fn with_everybody_cooling_down_the_refusal_says_when_to_come_back() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    let mut fault = Fault::new(FaultKind::RateLimited, Work::Refused, "slow down");
    fault.retry_after = Some(Duration::from_hours(1));
    world.scripts.next("a", Act::Fail(fault));
    world.complete("p").await.unwrap_err();
    let error = world.complete("p").await.unwrap_err();
    let CompletionError::NoneAvailable { retry_after, attempts: 0, .. } = error else { panic!("{error:?}") };
    let asked = Duration::from_hours(1);
    assert!(retry_after.is_some_and(|wait| asked <= wait && wait <= asked.mul_f64(1.1)), "{retry_after:?}");
    assert_eq!(world.diary.outcomes()[1], Outcome::NoneAvailable);
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_passed_over_and_probed_once_its_time_is_over() {
    let breaker = BreakerPolicy { recovery_time: Duration::from_secs(10), ..BreakerPolicy::default() };
    let policy = PoolPolicy { breaker, ..PoolPolicy::default() };
    let world = Plan::default().pool_with("p", &["a", "b"], policy).start().await;
    world.scripts.always("a", Act::fail(TRANSIENT));
    for _ in 0..20 {
        world.complete("p").await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(world.scripts.asked("a"), 3, "unhealthy after three faults in a row, and left alone");
    world.scripts.always("a", Act::Answer);
    tokio::time::advance(Duration::from_mins(2)).await;
    for _ in 0..4 {
        world.complete("p").await.unwrap();
    }
    assert_eq!(world.scripts.asked("a"), 5);
    assert_eq!(world.diary.transitions(), ["a degraded", "a unhealthy", "a healthy"]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_upstream_is_given_up_at_the_headers_deadline() {
    let deadlines = Deadlines { headers: Duration::from_secs(5), ..Deadlines::default() };
    let world = Plan::default().group("g", &[&["sim:a"], &["sim:b"]]).deadlines(deadlines).start().await;
    world.scripts.next("a", Act::Hang);
    let began = tokio::time::Instant::now();
    world.stream("g").await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(world.diary.attempts(), ["sim:a timeout_headers", "sim:b ok"]);
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_deadline_bounds_the_whole_request() {
    let world = tiers().await;
    world.scripts.always("a", Act::Hang);
    world.scripts.always("b", Act::Hang);
    let began = tokio::time::Instant::now();
    let error = world.send(r#"{"model":"g","messages":[]}"#, Some(Duration::from_millis(1500))).await.unwrap_err();
    let total = FaultKind::Timeout(Phase::Total);
    assert!(matches!(error, CompletionError::Upstream { fault, attempts: 2 } if fault.kind == total));
    assert_eq!(began.elapsed(), Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn with_every_upstream_down_the_retry_budget_bounds_the_load() {
    let world = pair().await;
    let refused = Fault::new(FaultKind::Transport(TransportFault::Connect), Work::NotSent, "refused");
    world.scripts.always("a", Act::Fail(refused.clone()));
    world.scripts.always("b", Act::Fail(refused));
    let (began, requests) = (tokio::time::Instant::now(), 5000);
    for _ in 0..requests {
        let _ = world.complete("p").await;
        tokio::time::advance(Duration::from_millis(2)).await;
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    let attempts = world.scripts.asked("a") + world.scripts.asked("b");
    // A fifth of an attempt for each request, ten a second, and once the ten that are there from the start.
    let bound = requests * 12 / 10 + 10 * seconds + 10;
    assert!(attempts <= bound, "{attempts} attempts for {requests} requests in {seconds} s; {bound} are paid for");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_gives_everything_back() {
    let world = pair().await;
    world.scripts.always("a", Act::Hang);
    world.scripts.always("b", Act::Hang);
    let request = world.complete("p");
    assert!(tokio::time::timeout(Duration::from_secs(1), request).await.is_err());
    assert_eq!(world.in_flight("p"), 0);
    assert_eq!(world.diary.outcomes(), [Outcome::Abandoned]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_at_capacity_is_passed_over() {
    let world = pair().await;
    let mut spec = layered_tests::world::instance("only");
    spec.max_concurrency = std::num::NonZeroU32::new(1);
    let members = vec![tidegate_domain::pool::PoolMember::Instance(spec)];
    let name = tidegate_domain::name::PoolName::new("one").unwrap();
    let pool = tidegate_domain::pool::Pool::new(name, members, PoolPolicy::default()).unwrap();
    world.pools.create(pool).await.unwrap();
    world.scripts.always("only", Act::AnswerAfter(Duration::from_secs(1)));
    let (first, second) = tokio::join!(world.complete("one"), world.complete("one"));
    assert!(first.is_ok());
    assert!(matches!(second, Err(CompletionError::NoneAvailable { attempts: 0, .. })));
    assert!(world.complete("one").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_model_is_answered_with_the_nearest_names() {
    let world = Plan::default().pool("fast", &["a"]).group("chat", &[&["sim:a"]]).start().await;
    let error = world.complete("fsat").await.unwrap_err();
    assert!(matches!(&error, CompletionError::UnknownModel { nearest, .. } if nearest[0] == "fast"), "{error:?}");
    assert!(world.diary.outcomes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_tiers_own_total_bounds_its_attempts_and_leaves_the_next_tier_its_time() {
    let patient = layered_tests::world::group("g", &[&["sim:a"], &["sim:b"]], FallbackPolicy::default());
    let hasty = |tier: &tidegate_domain::task_group::Tier| {
        let deadlines = Deadlines { total: Duration::from_secs(30), ..Deadlines::default() };
        let policy = tidegate_domain::task_group::TierPolicy { deadlines: Some(deadlines), ..tier.policy().clone() };
        tidegate_domain::task_group::Tier::new(tier.name().clone(), tier.models().to_vec(), policy).unwrap()
    };
    let tiers = patient.tiers().iter().map(hasty).collect();
    let name = patient.name().clone();
    let group = tidegate_domain::task_group::TaskGroup::new(name, tiers, FallbackPolicy::default()).unwrap();
    let world = Plan::default().start().await;
    world.groups.create(group).await.unwrap();
    world.scripts.always("a", Act::Hang);
    world.scripts.always("b", Act::AnswerAfter(Duration::from_secs(25)));
    let began = tokio::time::Instant::now();
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:b");
    assert_eq!(began.elapsed(), Duration::from_secs(55));
}

#[tokio::test(start_paused = true)]
async fn model_rotate_does_not_leave_its_tier_even_if_nobody_in_it_can_be_asked() {
    let world = tiers_with(FallbackStrategy::ModelRotate).await;
    world.scripts.always("a", Act::fail(FaultKind::Billing));
    world.scripts.always("b", Act::fail(FaultKind::Billing));
    world.complete("g").await.unwrap_err();
    assert!(matches!(world.complete("g").await, Err(CompletionError::NoneAvailable { .. })));
    assert_eq!(world.scripts.asked("c"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_may_take_as_long_as_any_request_and_still_closes_the_circuit() {
    let breaker = BreakerPolicy { failure_threshold: std::num::NonZeroU32::MIN, ..BreakerPolicy::default() };
    let world =
        Plan::default().pool_with("p", &["slow"], PoolPolicy { breaker, ..PoolPolicy::default() }).start().await;
    world.scripts.next("slow", Act::fail(FaultKind::Malformed));
    world.complete("p").await.unwrap_err();
    assert_eq!(world.diary.transitions(), ["slow degraded", "slow open"]);
    tokio::time::advance(Duration::from_mins(2)).await;
    world.scripts.next("slow", Act::AnswerAfter(Duration::from_mins(5)));
    world.complete("p").await.unwrap();
    assert_eq!(world.diary.transitions().last().unwrap(), "slow closed");
}

#[tokio::test(start_paused = true)]
async fn deadlines_without_end_are_deadlines_too() {
    let forever = Deadlines {
        headers: Duration::MAX,
        first_content: Duration::MAX,
        reasoning_first_content: Duration::MAX,
        idle: Duration::MAX,
        total: Duration::MAX,
        pace: None,
    };
    let policy = PoolPolicy { deadlines: forever, ..PoolPolicy::default() };
    let world = Plan::default().pool_with("p", &["a", "b"], policy).start().await;
    world.scripts.next("a", Act::fail(TRANSIENT));
    world.complete("p").await.unwrap();
    let stream = layered_tests::world::streamed(world.stream("p").await.unwrap());
    assert_eq!(layered_tests::world::read(stream).await.1, None);
}
