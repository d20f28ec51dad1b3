//! What a pool does when few or none of its instances can be asked: it keeps some, panics, waits, or asks the least bad.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use layered_tests::{
    scripted::Act,
    world::{Plan, World, instance, served_by},
};
use tidegate_application::CompletionError;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    name::PoolName,
    observe::Outcome,
    pool::{
        EjectionPolicy, HealthPolicy, InstanceStatistics, OnExhausted, Pool, PoolMember, PoolPolicy, PoolQueue,
        PoolStatus, RotationKind,
    },
    resilience::BreakerPolicy,
};
use tokio::{task::JoinSet, time::Instant};

const WAIT: Duration = Duration::from_secs(5);

/// Ejects at the first fault, never opens a circuit, and asks in the order of declaration.
fn policy() -> PoolPolicy {
    PoolPolicy {
        rotation: RotationKind::Declared,
        health: HealthPolicy { failure_threshold: NonZeroU32::MIN, ..HealthPolicy::default() },
        breaker: BreakerPolicy { failure_threshold: NonZeroU32::MAX, failure_rate: None, ..BreakerPolicy::default() },
        max_instance_attempts: NonZeroU32::new(9).unwrap(),
        ..PoolPolicy::default()
    }
}

/// Opens a circuit at the first fault.
fn brittle() -> PoolPolicy {
    let breaker = BreakerPolicy { failure_threshold: NonZeroU32::MIN, ..BreakerPolicy::default() };
    PoolPolicy { breaker, ..policy() }
}

fn ejecting(max_percent: u32, panic_threshold: u32, base: PoolPolicy) -> PoolPolicy {
    PoolPolicy { ejection: EjectionPolicy { max_percent, panic_threshold }, ..base }
}

async fn start(models: &[&str], policy: PoolPolicy) -> World {
    Plan::default().pool_with("p", models, policy).start().await
}

/// Lets each of `models` fail once.
async fn fail(world: &World, models: &[&str]) {
    for model in models {
        world.scripts.next(model, Act::fail(FaultKind::Transient));
    }
    world.complete("p").await.ok();
}

fn statistics(world: &World) -> (PoolStatus, Vec<InstanceStatistics>) {
    let statistics = world.pools.statistics(&PoolName::new("p").unwrap()).unwrap();
    (statistics.status, statistics.instances)
}

fn available(world: &World) -> Vec<bool> {
    statistics(world).1.iter().map(|instance| instance.available).collect()
}

#[tokio::test(start_paused = true)]
async fn the_last_instance_is_never_ejected() {
    let world = start(&["a", "b"], policy()).await;
    fail(&world, &["a"]).await;
    assert_eq!(available(&world), [false, true]);
    fail(&world, &["b"]).await;
    assert_eq!(available(&world), [true, false], "the one that comes back soonest");
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "a");
    assert_eq!(statistics(&world).0, PoolStatus::Degraded);
}

#[tokio::test(start_paused = true)]
async fn the_last_instance_is_still_subject_to_its_circuit() {
    let world = start(&["a"], brittle()).await;
    fail(&world, &["a"]).await;
    assert!(matches!(world.complete("p").await, Err(CompletionError::NoneAvailable { retry_after: Some(_), .. })));
    assert_eq!(statistics(&world).0, PoolStatus::Inactive);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_a_part_of_the_instances_is_ejected() {
    let world = start(&["a", "b", "c", "d"], ejecting(50, 0, policy())).await;
    fail(&world, &["a", "b", "c"]).await;
    assert_eq!(available(&world).iter().filter(|available| **available).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn below_the_threshold_the_pool_panics_and_asks_all_of_them() {
    let world = start(&["a", "b", "c"], ejecting(100, 50, brittle())).await;
    fail(&world, &["a"]).await;
    assert_eq!((served_by(&world.complete("p").await.unwrap()), statistics(&world).0), ("b", PoolStatus::Degraded));
    fail(&world, &["b"]).await;
    assert_eq!(statistics(&world).0, PoolStatus::Panic);
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "a", "past its open circuit");
    assert_eq!(world.diary.transitions().last().unwrap(), "a panic");
    let report = world.health.report().await;
    assert_eq!((report.pools[0].status, report.pools[0].usable, report.can_serve()), (PoolStatus::Panic, 1, true));
}

#[tokio::test(start_paused = true)]
async fn a_panic_spares_who_asked_to_be_left_alone_or_refused_our_key() {
    let world = start(&["key", "limit", "broken"], ejecting(100, 100, brittle())).await;
    world.scripts.next("key", Act::fail(FaultKind::Auth));
    world.scripts.next("limit", Act::fail(FaultKind::RateLimited));
    fail(&world, &["broken"]).await;
    for _ in 0..5 {
        assert_eq!(served_by(&world.complete("p").await.unwrap()), "broken");
    }
    assert_eq!((world.scripts.asked("key"), world.scripts.asked("limit")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pool_does_not_panic_while_another_tier_can_answer() {
    let world = Plan::default()
        .pool_with("p", &["a"], ejecting(100, 100, brittle()))
        .group("g", &[&["pool:p"], &["sim:spare"]])
        .start()
        .await;
    world.scripts.next("a", Act::fail(FaultKind::Transient));
    for _ in 0..3 {
        assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:spare");
    }
    assert_eq!(world.scripts.asked("a"), 1);
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "a", "for whoever asks the pool there is nobody else");
}

#[tokio::test(start_paused = true)]
async fn the_least_bad_is_the_one_that_would_be_back_first() {
    let world = start(&["a", "b"], PoolPolicy { on_exhausted: OnExhausted::LeastBad, ..brittle() }).await;
    fail(&world, &["a"]).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    fail(&world, &["b"]).await;
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "a");
    world.scripts.next("a", Act::fail(FaultKind::Transient));
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "b", "and then the next");
}

#[tokio::test(start_paused = true)]
async fn whoever_only_asked_to_be_left_alone_is_not_the_least_bad() {
    let world = start(&["a"], PoolPolicy { on_exhausted: OnExhausted::LeastBad, ..brittle() }).await;
    world.scripts.next("a", Act::fail(FaultKind::RateLimited));
    world.send(r#"{"model":"p"}"#, Some(Duration::from_secs(1))).await.unwrap_err();
    world.complete("p").await.unwrap_err();
    assert_eq!(world.scripts.asked("a"), 1);
}

/// A pool of one instance that serves one request at a time, before which so many may wait.
async fn queueing(size: u32) -> Arc<World> {
    let queue = PoolQueue { max_wait: WAIT, size: NonZeroU32::new(size).unwrap() };
    let policy = PoolPolicy { on_exhausted: OnExhausted::Queue(queue), ..policy() };
    let mut only = instance("a");
    only.max_concurrency = Some(NonZeroU32::MIN);
    let pool = Pool::new(PoolName::new("p").unwrap(), vec![PoolMember::Instance(only)], policy).unwrap();
    let world = Plan::default().start().await;
    world.pools.create(pool).await.unwrap();
    Arc::new(world)
}

/// Sends requests one after another without waiting for them; each says when it was answered, in seconds from the start.
fn send(world: &Arc<World>, count: usize) -> JoinSet<(usize, Result<u64, CompletionError>)> {
    let (mut requests, start) = (JoinSet::new(), Instant::now());
    for number in 0..count {
        let world = Arc::clone(world);
        requests.spawn(async move { (number, world.complete("p").await.map(|_| start.elapsed().as_secs())) });
    }
    requests
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_an_instance_in_the_order_of_their_arrival() {
    let world = queueing(10).await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(1)));
    let mut answers = send(&world, 4).join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    let seconds: Vec<_> = answers.into_iter().map(|(_, answer)| answer.unwrap()).collect();
    assert_eq!(seconds, [1, 2, 3, 4]);
    assert_eq!(world.in_flight("p"), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_later_does_not_overtake_those_who_wait() {
    let world = queueing(10).await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(1)));
    let mut first = send(&world, 3);
    // At the very moment at which a place is free.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let late = send(&world, 1).join_next().await.unwrap().unwrap().1;
    assert_eq!(late.unwrap(), 3);
    assert!(first.try_join_next().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_bounded_in_time_and_in_number() {
    let world = queueing(2).await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_mins(1)));
    let start = Instant::now();
    let mut requests = send(&world, 4);
    let refused = requests.join_next().await.unwrap().unwrap();
    assert!(matches!(refused.1, Err(CompletionError::NoneAvailable { .. })));
    assert_eq!((refused.0, start.elapsed()), (3, Duration::ZERO), "the queue is full");
    for _ in 0..2 {
        assert!(requests.join_next().await.unwrap().unwrap().1.is_err());
        assert_eq!(start.elapsed(), WAIT);
    }
    requests.join_next().await.unwrap().unwrap().1.unwrap();
    assert_eq!(world.diary.outcomes().iter().filter(|outcome| **outcome == Outcome::NoneAvailable).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_callers_deadline() {
    let world = queueing(2).await;
    world.scripts.always("a", Act::Hang);
    let _busy = send(&world, 1);
    tokio::task::yield_now().await;
    let start = Instant::now();
    world.send(r#"{"model":"p"}"#, Some(Duration::from_secs(2))).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_leaves_the_line_to_the_others() {
    let world = queueing(10).await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(1)));
    let busy = send(&world, 1);
    tokio::task::yield_now().await;
    let mut impatient = send(&world, 2);
    tokio::task::yield_now().await;
    let mut patient = send(&world, 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    impatient.shutdown().await;
    assert_eq!(patient.join_next().await.unwrap().unwrap().1.unwrap(), 2);
    drop(busy);
}

#[tokio::test(start_paused = true)]
async fn a_cooldown_that_ends_by_itself_wakes_the_line() {
    let world = queueing(10).await;
    let fault = Fault::new(FaultKind::RateLimited, Work::Refused, "slow down");
    world.scripts.next("a", Act::Fail(Fault { retry_after: Some(Duration::from_secs(3)), ..fault }));
    world.send(r#"{"model":"p"}"#, Some(Duration::from_secs(1))).await.unwrap_err();
    let start = Instant::now();
    world.complete("p").await.unwrap();
    // A cooldown is longer by a tenth at most.
    assert!((Duration::from_secs(3)..Duration::from_millis(3400)).contains(&start.elapsed()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_go_on_waiting_through_a_change_of_the_pool() {
    let world = queueing(10).await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(2)));
    let requests = send(&world, 2);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let name = PoolName::new("p").unwrap();
    let stored = world.pools.get(&name).await.unwrap().unwrap();
    let tidegate_application::Owner::Store(version) = stored.owner else { panic!("a file owns it") };
    world.pools.change(stored.pool.described("changed"), version).await.unwrap();
    let late = send(&world, 1);
    let (answers, late) = (requests.join_all().await, late.join_all().await);
    let mut seconds: Vec<_> = answers.into_iter().map(|(_, answer)| answer.unwrap()).collect();
    seconds.sort_unstable();
    assert_eq!(
        (seconds, late.into_iter().map(|(_, answer)| answer.unwrap()).collect::<Vec<_>>()),
        (vec![2, 4], vec![5])
    );
}
