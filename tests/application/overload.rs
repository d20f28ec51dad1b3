//! Many requests at once, where everything is down, half open, or nearly full.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use layered_tests::{
    scripted::Act,
    world::{Plan, World},
};
use tidegate_application::CompletionError;
use tidegate_domain::{
    admission::Limits,
    fault::FaultKind,
    pool::{HealthPolicy, PoolPolicy},
    resilience::BreakerPolicy,
    task_group::FallbackPolicy,
};

const REQUESTS: usize = 10_000;
/// Two pools of three, all down; breakers and health let everything through if they are `blind`.
async fn all_down(blind: bool) -> Arc<World> {
    let mut policy = PoolPolicy::default();
    if blind {
        let never = NonZeroU32::MAX;
        policy.breaker = BreakerPolicy { failure_threshold: never, failure_rate: None, ..BreakerPolicy::default() };
        policy.health = HealthPolicy { failure_threshold: never, ..HealthPolicy::default() };
    }
    let plan = Plan::default().pool_with("p", &["a", "b", "c"], policy.clone());
    let world = plan.pool_with("q", &["d", "e", "f"], policy).start().await;
    for model in ["a", "b", "c", "d", "e", "f"] {
        world.scripts.always(model, Act::fail(FaultKind::Transient));
    }
    Arc::new(world)
}

/// The attempts that come of 500 requests a second to both pools in turn.
async fn attempts(world: Arc<World>) -> usize {
    let mut requests = Vec::with_capacity(REQUESTS);
    for at in 0..REQUESTS {
        let world = Arc::clone(&world);
        let pool = if at % 2 == 0 { "p" } else { "q" };
        requests.push(tokio::spawn(async move { world.complete(pool).await.map(|_| ()) }));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for request in requests {
        request.await.unwrap().unwrap_err();
    }
    world.diary.attempts().len()
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_everything_adds_a_fifth_to_the_load_and_ten_a_second() {
    let began = tokio::time::Instant::now();
    let attempts = attempts(all_down(true).await).await;
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!((20..=25).contains(&seconds), "500 requests a second, and the last one's waits: {seconds} s");
    // The ten are those that low traffic always has: what a budget begins with.
    let bound = REQUESTS * 12 / 10 + 10 * seconds + 10;
    assert!(attempts <= bound, "{attempts} attempts for {REQUESTS} requests");
    assert!(attempts >= REQUESTS * 115 / 100, "the budget is there to be used: {attempts}");
}

#[tokio::test(start_paused = true)]
async fn breakers_spare_upstreams_that_are_down_most_of_the_load() {
    let attempts = attempts(all_down(false).await).await;
    assert!(attempts < REQUESTS / 100, "{attempts} attempts for {REQUESTS} requests");
}

/// Begins `count` requests at once, and then ends them all: how many were answered.
async fn at_once(world: &World, target: &str, count: usize) -> Vec<Result<(), CompletionError>> {
    let mut requests: Vec<_> =
        (0..count).map(|_| Box::pin(async { world.complete(target).await.map(|_| ()) })).collect();
    let mut done = Vec::new();
    for request in &mut requests {
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(request.as_mut().poll(context))).await;
        done.push(match polled {
            std::task::Poll::Ready(result) => Some(result),
            std::task::Poll::Pending => None,
        });
    }
    let mut results = Vec::new();
    for (request, done) in requests.into_iter().zip(done) {
        results.push(match done {
            Some(result) => result,
            None => request.await,
        });
    }
    results
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_requests_at_a_half_open_circuit_exactly_its_probes_reach_the_instance() {
    for probes in [1, 3] {
        let breaker =
            BreakerPolicy { half_open_requests: NonZeroU32::new(probes).unwrap(), ..BreakerPolicy::default() };
        let fallback = FallbackPolicy::default();
        let group = layered_tests::world::group("g", &[&["sim:a"], &["sim:b"]], fallback).with_breaker(breaker);
        let world = Plan::default().task_group(group).start().await;
        world.scripts.always("a", Act::fail(FaultKind::Transient));
        while !world.diary.transitions().iter().any(|change| change == "sim:a open") {
            world.complete("g").await.unwrap();
        }
        let before = world.scripts.asked("a");
        tokio::time::advance(Duration::from_mins(10)).await;
        world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(1)));
        let results = at_once(&world, "g", 1000).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(world.scripts.asked("a") - before, probes as usize);
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_hundred_requests_with_room_for_one_exactly_one_is_admitted() {
    let limits = Limits { max_concurrency: NonZeroU32::new(1), ..Limits::default() };
    let world =
        Plan::default().pool_with("p", &["a", "b"], PoolPolicy { limits, ..PoolPolicy::default() }).start().await;
    for model in ["a", "b"] {
        world.scripts.always(model, Act::AnswerAfter(Duration::from_secs(1)));
    }
    let results = at_once(&world, "p", 200).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let refused = results.iter().filter(|result| matches!(result, Err(CompletionError::Refused(_)))).count();
    assert_eq!((refused, world.scripts.asked("a") + world.scripts.asked("b")), (199, 1));
}
