//! A thousand reloads under load.
//!
//! The load is an open loop: each request is due at a moment of its own, whether those before it are answered or not. A gateway that
//! stalls during a reload does not keep its callers from asking, as it would where each waits for the answer before.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, read, served_by, streamed},
};
use tidegate_application::Answer;
use tidegate_domain::{
    config::ReloadOutcome, fault::FaultKind, observe::Outcome, pool::PoolPolicy, resilience::BreakerPolicy,
};
use tokio::{task::JoinSet, time::Instant};

use super::statistics;

const RELOADS: u32 = 1_000;
/// Five hundred requests in a second.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(2);
/// No multiple of the other, so that reloads come at every moment of a request's life.
const BETWEEN_RELOADS: Duration = Duration::from_millis(7);
const REQUESTS: u32 = 3_500;

/// What every configuration has: two pools that serve, one whose circuit is open, one that cools down.
fn steady() -> Plan {
    // It opens at once, and for longer than all of this takes: there is a neighbour, so nobody is in a hurry to probe it.
    let hour = Duration::from_hours(1);
    let breaker = BreakerPolicy {
        failure_threshold: NonZeroU32::MIN,
        recovery_time: hour,
        max_recovery_time: hour,
        ..BreakerPolicy::default()
    };
    let policy = PoolPolicy { breaker, ..PoolPolicy::default() };
    Plan::default()
        .pool("steady", &["a", "b"])
        .pool("streaming", &["s"])
        .pool_with("broken", &["broken", "well"], policy)
        .pool("cooling", &["cooling"])
}

/// The name `moving` leads to another pool in every revision, and that pool exists in this revision only.
fn with_owner_of(revision: u64) -> Plan {
    let pool = format!("of-{revision}");
    steady().pool(&pool, &["a", "c"]).wrapper("moving", &format!("pool:{pool}"))
}

/// Every second configuration is unusable: no TOML at first, then one that names a pool that does not exist.
async fn reload(world: &World, number: u32, in_force: u64) -> bool {
    let next = in_force + 1;
    match number % 4 {
        0 | 2 => world.written.write(with_owner_of(next).hashed(&next.to_string())),
        1 => world.written.scribble(),
        _ => world.written.write(with_owner_of(next).group("bad", &[&["pool:nowhere"]]).hashed("bad")),
    }
    matches!(world.reloads.reload().await, ReloadOutcome::Applied { .. })
}

/// Asks one of the three names, and holds what came to the revision that was in force at that moment.
async fn ask(world: Arc<World>, in_force: Arc<AtomicU64>, number: u32) {
    let revision = in_force.load(Relaxed);
    let completion = match number % 3 {
        0 => world.complete("steady").await.unwrap(),
        1 => world.stream("streaming").await.unwrap(),
        _ => world.complete("moving").await.unwrap(),
    };
    assert_eq!(completion.head.revision, revision);
    if number % 3 == 2 {
        let owner = format!("of-{revision}/");
        assert!(completion.head.instance.as_str().starts_with(&owner), "{} in {revision}", completion.head.instance);
    }
    if matches!(completion.answer, Answer::Stream(_)) {
        assert_eq!(read(streamed(completion)).await, ("xend".to_owned(), None));
    }
}

/// Sends each request at its moment and waits for all of them.
async fn send(world: Arc<World>, in_force: Arc<AtomicU64>) {
    let started = Instant::now();
    let mut requests = JoinSet::new();
    for number in 0..REQUESTS {
        tokio::time::sleep_until(started + BETWEEN_REQUESTS * number).await;
        requests.spawn(ask(Arc::clone(&world), Arc::clone(&in_force), number));
    }
    requests.join_all().await;
}

/// A world with an open circuit and a cooldown, whose other models take longer than it takes to reload.
async fn world() -> World {
    let world = with_owner_of(1).start().await;
    world.scripts.next("broken", Act::fail(FaultKind::Malformed));
    assert_eq!(served_by(&world.complete("broken").await.unwrap()), "well");
    world.scripts.next("cooling", Act::fail(FaultKind::Billing));
    world.complete("cooling").await.unwrap_err();
    for model in ["a", "b", "c"] {
        world.scripts.always(model, Act::AnswerAfter(Duration::from_millis(19)));
    }
    let beats = vec![Beat::content("x"), Beat::Wait(Duration::from_millis(45)), Beat::finish()];
    world.scripts.always("s", Act::Stream(beats));
    world
}

#[tokio::test(start_paused = true)]
async fn a_thousand_reloads_half_of_them_broken_disturb_nobody() {
    let (world, in_force) = (Arc::new(world().await), Arc::new(AtomicU64::new(1)));
    let known = |world: &World| ["broken", "cooling"].map(|pool| statistics(world, pool));
    let (before, earlier) = (known(&world), world.diary.outcomes().len());
    let load = tokio::spawn(send(Arc::clone(&world), Arc::clone(&in_force)));
    for number in 0..RELOADS {
        let applied = reload(&world, number, in_force.load(Relaxed)).await;
        assert_eq!(applied, number % 2 == 0, "{number}");
        if applied {
            in_force.fetch_add(1, Relaxed);
        }
        tokio::time::sleep(BETWEEN_RELOADS).await;
    }
    load.await.unwrap();
    assert_eq!(world.diary.outcomes()[earlier..], vec![Outcome::Completed; REQUESTS as usize]);
    assert_eq!(known(&world), before, "an open circuit and a cooldown go on");
    assert_eq!((world.in_flight("steady"), world.in_flight("streaming")), (0, 0));
    let report = world.health.report().await;
    assert_eq!((report.revision, report.configuration.rejected), (501, Some(1)));
}
