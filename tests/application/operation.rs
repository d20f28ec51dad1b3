//! What an operator does to instances while they serve.

use std::{num::NonZeroU32, time::Duration};

use layered_tests::{
    scripted::Act,
    world::{Plan, World, served_by},
};
use tidegate_application::{InstanceOperation, OperateError};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    pool::{Duty, HealthStatus, InstanceStatistics, PoolPolicy},
    resilience::{BreakerOverride, BreakerPolicy, BreakerState},
};

fn operate(world: &World, instance: &str, operation: InstanceOperation) -> InstanceStatistics {
    world.pools.operate(&"p".parse().unwrap(), &instance.parse().unwrap(), operation).unwrap().1
}

async fn who_answers(world: &World) -> Vec<String> {
    let mut answered = Vec::new();
    for _ in 0..4 {
        answered.push(served_by(&world.complete("p").await.unwrap()).to_owned());
    }
    answered.sort();
    answered.dedup();
    answered
}

#[tokio::test(start_paused = true)]
async fn an_instance_under_maintenance_gets_nothing_until_it_serves_again() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    let out = operate(&world, "a", InstanceOperation::PutOn(Duty::Maintenance));
    assert_eq!(
        (out.health, out.available, out.exclusion.unwrap().as_str()),
        (HealthStatus::Maintenance, false, "maintenance")
    );
    assert_eq!(who_answers(&world).await, ["b"]);
    let back = operate(&world, "a", InstanceOperation::PutOn(Duty::Serving));
    assert_eq!((back.health, back.available), (HealthStatus::Recovering, true));
    assert_eq!(who_answers(&world).await, ["a", "b"]);
    assert_eq!(world.diary.transitions(), ["a maintenance", "a recovering", "a healthy"]);
}

#[tokio::test(start_paused = true)]
async fn a_drained_instance_finishes_what_it_serves() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    world.scripts.next("a", Act::AnswerAfter(Duration::from_secs(5)));
    let (answer, ()) = tokio::join!(world.complete("p"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        operate(&world, "a", InstanceOperation::PutOn(Duty::Draining));
        world.complete("p").await.unwrap_err();
    });
    answer.unwrap();
    operate(&world, "a", InstanceOperation::PutOn(Duty::Serving));
    world.complete("p").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reload_does_not_lift_what_an_operator_said() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    operate(&world, "a", InstanceOperation::PutOn(Duty::Draining));
    world.written.write(Plan::default().pool("p", &["b", "a"]).hashed("2"));
    world.reloads.reload().await;
    assert_eq!(who_answers(&world).await, ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_ends_cooldowns_and_closes_the_circuit() {
    let breaker = BreakerPolicy { failure_threshold: NonZeroU32::MIN, ..BreakerPolicy::default() };
    let policy = PoolPolicy { breaker, ..PoolPolicy::default() };
    let world = Plan::default().pool_with("p", &["a"], policy).start().await;
    let refused =
        |kind| Fault { retry_after: Some(Duration::from_hours(1)), ..Fault::new(kind, Work::Refused, "scripted") };
    for kind in [FaultKind::RateLimited, FaultKind::Billing, FaultKind::Malformed] {
        world.scripts.next("a", Act::Fail(refused(kind)));
        world.complete("p").await.unwrap_err();
        world.complete("p").await.unwrap_err();
        let reset = operate(&world, "a", InstanceOperation::Reset);
        assert_eq!((reset.available, reset.breaker), (true, BreakerState::Closed), "{kind}");
        world.complete("p").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_is_held_open_and_closed() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    let open = operate(&world, "a", InstanceOperation::HoldBreaker(Some(BreakerOverride::Open)));
    assert_eq!((open.breaker, open.exclusion.unwrap().as_str()), (BreakerState::Open, "held_open"));
    tokio::time::advance(Duration::from_hours(1)).await;
    assert_eq!(who_answers(&world).await, ["b"]);
    operate(&world, "a", InstanceOperation::HoldBreaker(Some(BreakerOverride::Closed)));
    assert_eq!(who_answers(&world).await, ["a", "b"]);
    operate(&world, "a", InstanceOperation::HoldBreaker(None));
    assert_eq!(world.diary.transitions(), ["a open", "a closed"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_named() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    let operate = |pool: &str, instance: &str| {
        world.pools.operate(&pool.parse().unwrap(), &instance.parse().unwrap(), InstanceOperation::Reset).unwrap_err()
    };
    assert!(matches!(operate("q", "a"), OperateError::NoSuchPool(_)));
    assert_eq!(operate("p", "c").to_string(), "pool 'p' has no instance 'c'; it has a, b");
}
