//! For how long an instance is left alone, and what comes after.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use layered_tests::{
    scripted::Act,
    world::{Plan, World, served_by},
};
use tidegate_domain::{
    fault::{Fault, FaultKind, TransportFault, Work},
    pool::PoolPolicy,
    resilience::{BreakerPolicy, Deadlines, Rate, SlowCalls},
};

#[tokio::test(start_paused = true)]
async fn a_limit_without_a_wait_is_left_alone_for_longer_each_time() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    world.scripts.always("a", Act::fail(FaultKind::RateLimited));
    let mut asked = Vec::new();
    for second in 0..200 {
        let before = world.scripts.asked("a");
        for _ in 0..2 {
            assert_eq!(served_by(&world.complete("p").await.unwrap()), "b");
        }
        if world.scripts.asked("a") > before {
            asked.push(second);
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let waits: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits.len(), 4, "{waits:?}");
    for (wait, named) in waits.into_iter().zip([10, 20, 40, 80]) {
        // A tenth of jitter, and the second in which nobody looked.
        assert!((named..=named + named / 10 + 1).contains(&wait), "{wait} s for {named} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_only_instance_is_not_given_up_for_connections_that_did_not_stand() {
    let refused = |model: &str, world: &World| {
        let fault = Fault::new(FaultKind::Transport(TransportFault::Connect), Work::NotSent, "scripted");
        world.scripts.always(model, Act::Fail(fault));
    };
    let world = Plan::default().pool("alone", &["a"]).pool("two", &["b", "c"]).start().await;
    for model in ["a", "b", "c"] {
        refused(model, &world);
    }
    for _ in 0..20 {
        world.complete("alone").await.unwrap_err();
        world.complete("two").await.unwrap_err();
    }
    world.scripts.always("a", Act::Answer);
    world.scripts.always("b", Act::Answer);
    assert_eq!(served_by(&world.complete("alone").await.unwrap()), "a");
    world.complete("two").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_does_not_hold_its_place_for_longer_than_a_first_content_may_take() {
    let breaker = BreakerPolicy {
        failure_threshold: NonZeroU32::MIN,
        recovery_time: Duration::from_secs(5),
        ..BreakerPolicy::default()
    };
    let deadlines = Deadlines { first_content: Duration::from_secs(20), ..Deadlines::default() };
    let policy = PoolPolicy { breaker, deadlines, ..PoolPolicy::default() };
    let world = Arc::new(Plan::default().pool_with("p", &["a"], policy).start().await);
    world.scripts.next("a", Act::fail(FaultKind::Malformed));
    world.complete("p").await.unwrap_err();
    tokio::time::advance(Duration::from_secs(5)).await;
    world.scripts.next("a", Act::Hang);
    let hanging = tokio::spawn({
        let world = Arc::clone(&world);
        async move { world.complete("p").await }
    });
    tokio::time::sleep(Duration::from_secs(19)).await;
    world.complete("p").await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.complete("p").await.unwrap();
    hanging.abort();
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_answers_are_slow_is_left_alone_though_none_failed() {
    let two = NonZeroU32::new(2).unwrap();
    let rate = Rate { minimum: two, ..Rate::default() };
    let calls = SlowCalls { rate, longer_than: Duration::from_secs(10) };
    let breaker = BreakerPolicy { slow_calls: Some(calls), ..BreakerPolicy::default() };
    let world =
        Plan::default().pool_with("p", &["a", "b"], PoolPolicy { breaker, ..PoolPolicy::default() }).start().await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(11)));
    for _ in 0..10 {
        world.complete("p").await.unwrap();
    }
    assert_eq!((world.scripts.asked("a"), world.scripts.asked("b")), (2, 8));
    assert_eq!(world.diary.transitions(), ["a open"]);
}
