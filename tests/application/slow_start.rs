//! Who joins a pool or comes back to it gets its share little by little.

use std::{num::NonZeroU32, time::Duration};

use layered_tests::{
    scripted::Act,
    world::{Plan, World, pool},
};
use tidegate_domain::{
    config::ReloadOutcome,
    fault::{Fault, FaultKind, Work},
    pool::{HealthPolicy, Pool, PoolMember, PoolPolicy, SlowStart, Weight},
};

const WINDOW: Duration = Duration::from_secs(100);

fn slowly() -> PoolPolicy {
    let health = HealthPolicy { failure_threshold: NonZeroU32::MIN, ..HealthPolicy::default() };
    let slow_start = SlowStart { window: WINDOW, aggression: NonZeroU32::new(100).unwrap() };
    PoolPolicy { slow_start: Some(slow_start), health, ..PoolPolicy::default() }
}

fn plan(models: &[&str]) -> Plan {
    Plan::default().pool_with("p", models, slowly())
}

/// How many of a hundred requests `model` gets.
async fn share(world: &World, model: &str) -> usize {
    let before = world.scripts.asked(model);
    for _ in 0..100 {
        world.complete("p").await.unwrap();
    }
    world.scripts.asked(model) - before
}

/// The share of `model`, which is one of two, grows from now on.
async fn check_ramp(world: &World, model: &str) {
    let at_first = share(world, model).await;
    tokio::time::sleep(WINDOW / 2).await;
    let amid = share(world, model).await;
    tokio::time::sleep(WINDOW / 2).await;
    let at_last = share(world, model).await;
    assert!((1..20).contains(&at_first), "{at_first} at first");
    assert!((20..45).contains(&amid), "{amid} amid, after {at_first}");
    assert_eq!(at_last, 50, "after {at_first} and {amid}");
}

#[tokio::test(start_paused = true)]
async fn nobody_starts_slowly_when_the_gateway_starts() {
    let world = plan(&["a", "b"]).start().await;
    assert_eq!(share(&world, "b").await, 50);
}

#[tokio::test(start_paused = true)]
async fn who_joins_by_a_reload_starts_slowly() {
    let world = plan(&["a"]).start().await;
    world.written.write(plan(&["a", "b"]).hashed("2"));
    assert!(matches!(world.reloads.reload().await, ReloadOutcome::Applied { .. }));
    check_ramp(&world, "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_amid_the_ramp_does_not_begin_it_anew() {
    let world = plan(&["a"]).start().await;
    world.written.write(plan(&["a", "b"]).hashed("2"));
    world.reloads.reload().await;
    share(&world, "b").await;
    tokio::time::sleep(WINDOW).await;
    world.written.write(plan(&["a", "b"]).alias("x", "sim:a").hashed("3"));
    world.reloads.reload().await;
    assert_eq!(share(&world, "b").await, 50);
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_from_an_ejection_starts_slowly() {
    let world = plan(&["a", "b"]).start().await;
    world.scripts.next("a", Act::fail(FaultKind::Transient));
    assert_eq!(share(&world, "a").await, 1, "it fails once and is ejected");
    tokio::time::sleep(slowly().health.recovery_time).await;
    check_ramp(&world, "a").await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_from_a_cooldown_starts_slowly() {
    let world = plan(&["a", "b"]).start().await;
    let fault = Fault::new(FaultKind::RateLimited, Work::Refused, "slow down");
    world.scripts.next("a", Act::Fail(Fault { retry_after: Some(Duration::from_secs(7)), ..fault }));
    assert_eq!(share(&world, "a").await, 1);
    // A cooldown is longer by a tenth at most.
    tokio::time::sleep(Duration::from_millis(7700)).await;
    check_ramp(&world, "a").await;
}

/// A pool of two of whom the second has this weight.
fn weighing(weight: u32) -> Pool {
    let whole = pool("p", &["a", "b"], slowly());
    let mut members = whole.members().to_vec();
    if let PoolMember::Instance(instance) = &mut members[1] {
        instance.weight = Weight::new(weight).unwrap();
    }
    whole.with_members(members).unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_is_no_longer_drained_starts_slowly() {
    let world = Plan::default().start().await;
    let stored = world.pools.create(weighing(0)).await.unwrap();
    assert_eq!(share(&world, "b").await, 0);
    world.pools.change(weighing(1), stored.version).await.unwrap();
    check_ramp(&world, "b").await;
}
