//! Active checks, in the background, over paused time.

use std::{sync::Arc, time::Duration};

use layered_tests::{
    scripted::Act,
    world::{Plan, World, served_by},
};
use tidegate_application::InstanceOperation;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    pool::{CheckKind, CheckPolicy, Duty, HealthPolicy, HealthStatus, PoolPolicy},
};
use tokio::task::AbortHandle;

/// Stops the checks with the test.
struct Running(AbortHandle);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn policy(kind: CheckKind) -> PoolPolicy {
    let check = CheckPolicy { kind, daily_cost: 1_000, ..CheckPolicy::default() };
    PoolPolicy { health: HealthPolicy { check, ..HealthPolicy::default() }, ..PoolPolicy::default() }
}

async fn checked(kind: CheckKind) -> (Arc<World>, Running) {
    run(Plan::default().pool_with("p", &["a", "b"], policy(kind))).await
}

async fn run(plan: Plan) -> (Arc<World>, Running) {
    let world = Arc::new(plan.start().await);
    let checking = Arc::clone(&world);
    let running = tokio::spawn(async move { checking.checks.run().await });
    (world, Running(running.abort_handle()))
}

fn health(world: &World) -> Vec<HealthStatus> {
    world.health.instances().iter().map(|instance| instance.health).collect()
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

const INTERVAL: Duration = Duration::from_secs(30);
/// The third check comes by then, at the latest, and the recovery time is not over, at the earliest.
const THREE_CHECKS: Duration = Duration::from_secs(80);

#[tokio::test(start_paused = true)]
async fn an_idle_instance_that_fails_its_checks_gets_no_request_in_vain() {
    let (world, _running) = checked(CheckKind::Models).await;
    world.scripts.checks("a", Err(FaultKind::Transient));
    pass(THREE_CHECKS).await;
    assert_eq!(health(&world), [HealthStatus::Unhealthy, HealthStatus::Healthy]);
    for _ in 0..4 {
        assert_eq!(served_by(&world.complete("p").await.unwrap()), "b");
    }
    assert_eq!(world.scripts.asked("a"), 0);
    world.scripts.checks("a", Ok(()));
    pass(INTERVAL * 6).await;
    assert_eq!(health(&world), [HealthStatus::Healthy, HealthStatus::Healthy]);
    assert_eq!(
        world.diary.transitions(),
        ["a degraded", "a unhealthy", "a healthy"],
        "checks in their own track: recovering comes by time"
    );
}

#[tokio::test(start_paused = true)]
async fn checks_come_about_once_in_an_interval_and_never_together() {
    let (world, _running) = checked(CheckKind::Models).await;
    pass(INTERVAL * 20).await;
    for model in ["a", "b"] {
        let checked = world.scripts.checked(model);
        assert!((17..=25).contains(&checked), "{model}: {checked}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_only_watched_is_never_checked() {
    for kind in [CheckKind::None, CheckKind::Passive] {
        let (world, _running) = checked(kind).await;
        pass(INTERVAL * 10).await;
        assert_eq!(world.scripts.checked("a") + world.scripts.asked("a"), 0, "{}", kind.as_str());
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_has_just_answered_is_not_checked() {
    let (world, _running) = checked(CheckKind::Models).await;
    for _ in 0..300 {
        world.complete("p").await.unwrap();
        world.complete("p").await.unwrap();
        pass(Duration::from_secs(1)).await;
    }
    assert!(world.scripts.checked("a") + world.scripts.checked("b") <= 2, "at most once before the first answer");
}

#[tokio::test(start_paused = true)]
async fn no_check_ends_a_cooldown_or_closes_a_circuit() {
    let (world, _running) = checked(CheckKind::Models).await;
    for _ in 0..3 {
        world.scripts.next("a", Act::fail(FaultKind::Malformed));
        world.scripts.next(
            "b",
            Act::Fail(Fault {
                retry_after: Some(Duration::from_hours(1)),
                ..Fault::new(FaultKind::RateLimited, Work::Refused, "scripted")
            }),
        );
    }
    for _ in 0..3 {
        world.complete("p").await.unwrap_err();
    }
    let before: Vec<_> = world.health.instances().iter().map(|instance| instance.exclusion).collect();
    assert!(before.iter().all(Option::is_some), "{before:?}");
    pass(Duration::from_secs(40)).await;
    let after: Vec<_> = world.health.instances().iter().map(|instance| instance.exclusion).collect();
    assert_eq!(after, before);
    assert_eq!(world.scripts.checked("b"), 0, "a check would not end its cooldown");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_not_list_models_is_no_sickness() {
    let (world, _running) = checked(CheckKind::Models).await;
    for kind in [FaultKind::Auth, FaultKind::RateLimited, FaultKind::Client] {
        world.scripts.checks("a", Err(kind));
        pass(INTERVAL * 5).await;
        assert_eq!(health(&world)[0], HealthStatus::Healthy, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_that_nobody_answers_fails_when_its_time_is_over_and_there_is_one_at_a_time() {
    let check = CheckPolicy { kind: CheckKind::Models, timeout: Duration::from_secs(100), ..CheckPolicy::default() };
    let policy = PoolPolicy { health: HealthPolicy { check, ..HealthPolicy::default() }, ..PoolPolicy::default() };
    let (world, _running) = run(Plan::default().pool_with("p", &["a"], policy.clone())).await;
    world.scripts.leave_checks_unanswered();
    pass(Duration::from_secs(90)).await;
    assert_eq!(world.scripts.checked("a"), 1, "the first one is still under way");
    world.written.write(Plan::default().pool_with("p", &["a", "b"], policy).hashed("2"));
    world.reloads.reload().await;
    pass(Duration::from_secs(8)).await;
    assert_eq!(world.scripts.checked("a"), 1, "under another table, too");
    assert!(world.scripts.checked("b") == 1, "and who joins is checked");
    pass(Duration::from_secs(10)).await;
    assert_eq!(health(&world)[0], HealthStatus::Degraded);
}

#[tokio::test(start_paused = true)]
async fn completions_are_paid_for_up_to_the_days_cost_and_the_free_question_comes_first() {
    let (world, _running) = checked(CheckKind::Completion).await;
    pass(INTERVAL * 40).await;
    let (free, paid) = (world.scripts.checked("a"), world.scripts.asked("a"));
    // Three tokens in and five out at $10 and $50 a million make 280 micro-dollars; a thousand are allowed.
    assert_eq!(paid, 4);
    assert!(free > 30, "{free}");
    assert!(world.scripts.bodies("a")[0].windows(14).any(|part| part == br#""max_tokens":1"#));
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_fails_counts_as_a_failed_check() {
    let (world, _running) = checked(CheckKind::Completion).await;
    world.scripts.always("a", Act::fail(FaultKind::Transient));
    pass(THREE_CHECKS).await;
    assert_eq!(health(&world)[0], HealthStatus::Unhealthy);
    assert_eq!(world.health.instances()[0].failures, 0, "no attempt of a request");
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_took_out_is_not_checked() {
    let (world, _running) = checked(CheckKind::Models).await;
    let (pool, instance) = ("p".parse().unwrap(), "a".parse().unwrap());
    world.pools.operate(&pool, &instance, InstanceOperation::PutOn(Duty::Maintenance)).unwrap();
    pass(INTERVAL * 5).await;
    assert_eq!(world.scripts.checked("a"), 0);
    assert!(world.scripts.checked("b") > 0);
}
