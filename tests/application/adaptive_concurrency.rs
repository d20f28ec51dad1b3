//! Instances that find out how many requests at once they take.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, read, served_by, streamed},
};
use tidegate_application::CompletionError;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    pool::{InstanceStatistics, OnExhausted, PoolPolicy, PoolQueue, RotationKind},
    resilience::AdaptivePolicy,
};
use tokio::{task::JoinSet, time::advance};

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// From two to ten at once, in the order of declaration.
fn policy() -> PoolPolicy {
    let adaptive = AdaptivePolicy { floor: number(2), ceiling: number(10), ..AdaptivePolicy::default() };
    PoolPolicy {
        rotation: RotationKind::Declared,
        adaptive_concurrency: Some(adaptive),
        max_instance_attempts: number(9),
        ..PoolPolicy::default()
    }
}

async fn start(models: &[&str]) -> Arc<World> {
    Arc::new(Plan::default().pool_with("p", models, policy()).start().await)
}

fn seen(world: &World) -> InstanceStatistics {
    world.pools.statistics(&"p".parse().unwrap()).unwrap().instances.remove(0)
}

fn limit(world: &World) -> u32 {
    seen(world).concurrency_limit.unwrap()
}

/// A refusal of an attempt after which the instance can be asked again a moment later.
fn pushback() -> Act {
    let wait = Some(Duration::from_millis(1));
    Act::Fail(Fault { retry_after: wait, ..Fault::new(FaultKind::Overloaded, Work::Refused, "scripted") })
}

/// Pushes back until the limit is at its floor.
async fn hold_down(world: &World) {
    for _ in 0..4 {
        world.scripts.next("a", pushback());
        world.complete("p").await.unwrap();
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(limit(world), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_limited_unless_somebody_says_so() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    world.scripts.next("a", Act::fail(FaultKind::Overloaded));
    world.complete("p").await.ok();
    assert_eq!(seen(&world).concurrency_limit, None);
}

#[tokio::test(start_paused = true)]
async fn who_pushes_back_is_sent_less_at_once_and_others_take_over() {
    let world = start(&["a", "b"]).await;
    assert_eq!(limit(&world), 10);
    hold_down(&world).await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(5)));
    let mut requests = JoinSet::new();
    for _ in 0..5 {
        let world = Arc::clone(&world);
        requests.spawn(async move { served_by(&world.complete("p").await.unwrap()).to_owned() });
    }
    let served = requests.join_all().await;
    assert_eq!(served.iter().filter(|by| *by == "a").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_used_up_rate_that_names_its_end_is_no_pushback() {
    let world = start(&["a", "b"]).await;
    let limited = |retry_after| Fault { retry_after, ..Fault::new(FaultKind::RateLimited, Work::Refused, "scripted") };
    world.scripts.next("a", Act::Fail(limited(Some(Duration::from_secs(1)))));
    world.complete("p").await.unwrap();
    assert_eq!(limit(&world), 10);
    advance(Duration::from_secs(5)).await;
    world.scripts.next("a", Act::Fail(limited(None)));
    world.complete("p").await.unwrap();
    assert_eq!(limit(&world), 5);
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_used_grows_again() {
    let world = start(&["a", "b"]).await;
    hold_down(&world).await;
    for _ in 0..40 {
        world.complete("p").await.unwrap();
    }
    assert_eq!(limit(&world), 3, "one at once is half of two, but not of three");
}

/// A stream that begins after a while.
fn beginning_after(seconds: u64) -> Act {
    Act::Stream(vec![Beat::Wait(Duration::from_secs(seconds)), Beat::content("text "), Beat::finish()])
}

async fn stream_at_once(world: &Arc<World>, count: usize) {
    let mut requests = JoinSet::new();
    for _ in 0..count {
        let world = Arc::clone(world);
        requests.spawn(async move { read(streamed(world.stream("p").await.unwrap())).await });
    }
    assert!(requests.join_all().await.iter().all(|(_, fault)| fault.is_none()));
}

#[tokio::test(start_paused = true)]
async fn streams_that_begin_ever_later_lower_the_limit_before_anybody_refuses() {
    let world = start(&["a", "b"]).await;
    world.scripts.always("a", beginning_after(1));
    stream_at_once(&world, 1).await;
    world.scripts.always("a", beginning_after(6));
    stream_at_once(&world, 10).await;
    assert!(limit(&world) < 10, "{}", limit(&world));
}

#[tokio::test(start_paused = true)]
async fn whole_answers_may_take_as_long_as_they_like() {
    let world = start(&["a", "b"]).await;
    for seconds in [1, 100] {
        world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(seconds)));
        let mut requests = JoinSet::new();
        for _ in 0..10 {
            let world = Arc::clone(&world);
            requests.spawn(async move { world.complete("p").await.map(drop) });
        }
        assert!(requests.join_all().await.iter().all(Result::is_ok));
    }
    assert_eq!(limit(&world), 10);
}

#[tokio::test(start_paused = true)]
async fn an_operators_reset_forgets_it_and_lets_whoever_waits_look_again() {
    let queue = OnExhausted::Queue(PoolQueue { max_wait: Duration::from_mins(10), size: number(10) });
    let world = Plan::default().pool_with("p", &["a"], PoolPolicy { on_exhausted: queue, ..policy() }).start().await;
    let world = Arc::new(world);
    world.scripts.next("a", Act::fail(FaultKind::Auth));
    world.complete("p").await.unwrap_err();
    let began = tokio::time::Instant::now();
    let waiting = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.complete("p").await.map(drop) }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    let instance = seen(&world).id;
    let reset = tidegate_application::InstanceOperation::Reset;
    world.pools.operate(&"p".parse().unwrap(), &instance, reset).unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(began.elapsed().as_secs(), 1, "it did not wait for the end of the cooldown");
    assert_eq!(limit(&world), 10);
}

#[tokio::test(start_paused = true)]
async fn a_reload_keeps_what_was_found_out_and_can_switch_it_off() {
    let world = start(&["a", "b"]).await;
    hold_down(&world).await;
    let wider = AdaptivePolicy { ceiling: number(20), ..policy().adaptive_concurrency.unwrap() };
    for (hash, adaptive, expected) in [("2", Some(wider), Some(2)), ("3", None, None)] {
        let plan =
            Plan::default().pool_with("p", &["a", "b"], PoolPolicy { adaptive_concurrency: adaptive, ..policy() });
        world.written.write(plan.hashed(hash));
        world.reloads.reload().await;
        assert_eq!(seen(&world).concurrency_limit, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_of_every_instance_nobody_is_asked() {
    let world = start(&["a"]).await;
    world.scripts.always("a", Act::Hang);
    let mut requests = JoinSet::new();
    for _ in 0..10 {
        let world = Arc::clone(&world);
        requests.spawn(async move { world.complete("p").await.map(drop) });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(world.complete("p").await, Err(CompletionError::NoneAvailable { .. })));
    assert_eq!((seen(&world).in_flight, seen(&world).exclusion.unwrap().as_str()), (10, "at_capacity"));
}
