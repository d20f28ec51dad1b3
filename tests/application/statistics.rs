//! What instances have done and how they are, for whoever looks.

use std::{num::NonZeroU32, time::Duration};

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, read, streamed},
};
use tidegate_domain::{
    fault::FaultKind,
    pool::{InstanceStatistics, PoolPolicy},
    resilience::{BreakerPolicy, BreakerState},
};
use tidegate_infrastructure::telemetry::state_series;

fn instance(world: &World, label: &str) -> Option<InstanceStatistics> {
    world.health.instances().into_iter().find(|instance| instance.label.as_str() == label)
}

#[tokio::test(start_paused = true)]
async fn an_instance_tells_its_attempts_by_what_came_of_them() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    world.scripts.next("a", Act::AnswerAfter(Duration::from_secs(2)));
    world.complete("p").await.unwrap();
    for kind in [FaultKind::Client, FaultKind::Malformed, FaultKind::Malformed] {
        world.scripts.next("a", Act::fail(kind));
        world.complete("p").await.unwrap_err();
    }
    let seen = instance(&world, "p/a").unwrap();
    assert_eq!((seen.attempts, seen.successes, seen.failures, seen.in_flight), (4, 1, 3, 0));
    assert_eq!(seen.failures_by_kind, [(FaultKind::Client, 1), (FaultKind::Malformed, 2)]);
    assert_eq!((seen.consecutive_faults, seen.last_fault.unwrap().kind), (2, FaultKind::Malformed));
    assert_eq!((seen.input_tokens, seen.output_tokens), (3, 5));
    let duration = seen.duration.unwrap();
    assert_eq!((duration.count, duration.mean), (1, Duration::from_secs(2)));
    assert!(duration.p99 > Duration::from_secs(1) && duration.p99 < Duration::from_secs(3), "{duration:?}");
    world.complete("p").await.unwrap();
    assert_eq!(instance(&world, "p/a").unwrap().consecutive_faults, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_tells_its_first_content_from_its_end() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    world.scripts.next(
        "a",
        Act::Stream(vec![
            Beat::Wait(Duration::from_secs(1)),
            Beat::content("one"),
            Beat::Wait(Duration::from_secs(9)),
            Beat::finish(),
        ]),
    );
    let stream = streamed(world.stream("p").await.unwrap());
    read(stream).await;
    let seen = instance(&world, "p/a").unwrap();
    assert_eq!(seen.first_content.unwrap().mean, Duration::from_secs(1));
    assert_eq!(seen.duration.unwrap().mean, Duration::from_secs(10));
}

fn shown(world: &World) -> String {
    let pools: Vec<_> = world.health.pools().into_iter().map(|pool| (pool.name, pool.status)).collect();
    state_series(&world.health.instances(), &pools)
}

#[tokio::test(start_paused = true)]
async fn a_pool_without_anybody_to_ask_shows_as_inactive() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    assert!(shown(&world).contains("\ntidegate_pool_status{pool=\"p\"} 0\n"));
    world.scripts.next("a", Act::fail(FaultKind::Auth));
    world.complete("p").await.unwrap_err();
    assert!(shown(&world).contains("\ntidegate_pool_status{pool=\"p\"} 3\n"));
}

#[tokio::test(start_paused = true)]
async fn the_state_of_a_circuit_shows_half_open_though_nothing_happened() {
    let breaker = BreakerPolicy {
        failure_threshold: NonZeroU32::MIN,
        recovery_time: Duration::from_secs(5),
        ..BreakerPolicy::default()
    };
    let world =
        Plan::default().pool_with("p", &["a", "b"], PoolPolicy { breaker, ..PoolPolicy::default() }).start().await;
    let shows = |state: u32| {
        let text = shown(&world);
        assert!(text.contains(&format!("\ntidegate_breaker_state{{instance=\"p/a\"}} {state}\n")), "{text}");
        assert!(text.contains("\ntidegate_breaker_state{instance=\"p/b\"} 0\n"), "{text}");
    };
    shows(0);
    world.scripts.next("a", Act::fail(FaultKind::Malformed));
    world.complete("p").await.unwrap();
    shows(2);
    tokio::time::advance(Duration::from_secs(5)).await;
    shows(1);
    world.complete("p").await.unwrap();
    shows(0);
    let changes: Vec<_> = instance(&world, "p/a").unwrap().timeline.into_iter().map(|(_, state)| state).collect();
    assert_eq!(changes, [BreakerState::Open, BreakerState::HalfOpen, BreakerState::Closed]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_gone_leaves_no_state_behind() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    assert!(instance(&world, "p/b").is_some());
    world.written.write(Plan::default().pool("p", &["a"]).hashed("2"));
    world.reloads.reload().await;
    assert!(instance(&world, "p/b").is_none());
    assert!(!shown(&world).contains("p/b"));
}

#[tokio::test(start_paused = true)]
async fn a_model_that_nobody_asks_directly_is_not_listed_twice() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    assert_eq!(world.health.instances().len(), 1);
    world.complete("sim:a").await.unwrap();
    assert_eq!(world.health.instances().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_target_tells_its_requests_by_what_came_of_them_and_its_tiers_by_who_came_and_went() {
    let world = Plan::default().group("g", &[&["sim:a", "sim:b"], &["sim:c"]]).start().await;
    for model in ["a", "b"] {
        world.scripts.next(model, Act::fail(FaultKind::Transient));
    }
    world.complete("g").await.unwrap();
    world.scripts.next("a", Act::fail(FaultKind::Client));
    world.complete("g").await.unwrap_err();
    let [seen] = &world.statistics.all()[..] else { panic!("one target") };
    assert_eq!(seen.target.to_string(), "group:g");
    assert_eq!((seen.requests, seen.completed, seen.attempts), (2, 1, 4));
    assert_eq!((seen.retries, seen.failovers, seen.fallbacks), (0, 1, 1));
    assert_eq!(seen.failures_by_kind, [(FaultKind::Client, 1)]);
    let [first, second] = seen.legs[..] else { panic!("two tiers") };
    assert_eq!((first.attempts, first.failures, first.fallbacks_in, first.fallbacks_out), (3, 3, 0, 1));
    assert_eq!((second.attempts, second.failures, second.fallbacks_in, second.fallbacks_out), (1, 0, 1, 0));
    assert_eq!(seen.duration.unwrap().count, 1);
}

#[tokio::test(start_paused = true)]
async fn asking_the_same_instance_again_is_a_retry() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    world.scripts.next("a", Act::fail(FaultKind::Transient));
    world.complete("p").await.unwrap();
    let [seen] = &world.statistics.all()[..] else { panic!("one target") };
    assert_eq!((seen.attempts, seen.retries, seen.failovers, seen.fallbacks), (2, 1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_wrapper_counts_by_itself_what_its_target_counts_with_the_rest() {
    let plan =
        Plan::default().pool("p", &["a"]).wrapper("w", "pool:p").wrapper("v", "pool:p").default_target("wrapper:v");
    let world = plan.start().await;
    for name in ["p", "w", "wrapper:w", "nobody"] {
        world.complete(name).await.unwrap();
    }
    let seen: Vec<_> = world.statistics.all().into_iter().map(|it| (it.target.to_string(), it.completed)).collect();
    let expected = [("pool:p", 4), ("wrapper:v", 1), ("wrapper:w", 2)].map(|(name, count)| (name.to_owned(), count));
    assert_eq!(seen, expected);
}
