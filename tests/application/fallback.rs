//! Where task groups and pools go after a fault: every strategy, and what is named besides.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use layered_tests::{
    scripted::Act,
    world::{Plan, World, group, served_by},
};
use tidegate_application::{ChangeError, CompileError, CompletionError};
use tidegate_domain::{
    fault::FaultKind,
    name::InstanceId,
    pool::{PoolFallback, PoolPolicy},
    task_group::{
        CustomFallback, FallbackCandidate, FallbackPolicy, FallbackStrategy, FallbackTarget, GroupReference, TaskGroup,
    },
};

fn reference(text: &str) -> GroupReference {
    let (group, tier) = text.split_once('.').map_or((text, None), |(group, tier)| (group, Some(tier)));
    GroupReference { group: group.parse().unwrap(), tier: tier.map(|tier| tier.parse().unwrap()) }
}

fn policy(strategy: FallbackStrategy, groups: &[&str], pools: &[&str]) -> FallbackPolicy {
    FallbackPolicy {
        strategy,
        groups: groups.iter().map(|text| reference(text)).collect(),
        pools: pools.iter().map(|name| name.parse().unwrap()).collect(),
        max_attempts: NonZeroU32::new(20).unwrap(),
        ..FallbackPolicy::default()
    }
}

/// Everybody fails, in a way that lets everybody else be asked, once.
async fn failing(plan: Plan) -> World {
    let world = plan.start().await;
    world.scripts.improvise(|_, _| Act::fail(FaultKind::ModelMissing));
    world
}

/// The instances that a request for `model` is sent to where everybody fails.
#[track_caller]
fn asked(world: &World) -> Vec<String> {
    let attempts = world.diary.attempts();
    attempts.iter().map(|attempt| attempt.split_once(' ').unwrap().0.replace("sim:", "")).collect()
}

async fn walk(plan: Plan, model: &str) -> Vec<String> {
    let world = failing(plan).await;
    world.complete(model).await.unwrap_err();
    asked(&world)
}

/// Two tiers of `g`, another group, and two pools.
fn plan(fallback: FallbackPolicy) -> Plan {
    Plan::default()
        .pool("p", &["p1", "p2"])
        .pool("q", &["q1"])
        .group_with("g", &[&["sim:a", "sim:b"], &["sim:c"]], fallback)
        .group("h", &[&["sim:h1"], &["sim:h2"]])
}

#[tokio::test(start_paused = true)]
async fn each_strategy_goes_as_far_as_it_says() {
    let case = async |strategy, groups: &[&str], pools: &[&str], expected: &[&str]| {
        assert_eq!(walk(plan(policy(strategy, groups, pools)), "g").await, expected, "{strategy:?}");
    };
    case(FallbackStrategy::TierDown, &[], &[], &["a", "b", "c"]).await;
    case(FallbackStrategy::ModelRotate, &[], &[], &["a", "b"]).await;
    case(FallbackStrategy::FailFast, &[], &[], &["a"]).await;
    case(FallbackStrategy::GroupFallback, &["h"], &[], &["a", "b", "h1", "h2"]).await;
    case(FallbackStrategy::PoolFallback, &[], &["q", "p"], &["a", "b", "q1", "p1", "p2"]).await;
    case(FallbackStrategy::TierDown, &["h.tier2"], &["q"], &["a", "b", "c", "h2", "q1"]).await;
    case(FallbackStrategy::ModelRotate, &["h.tier2", "g.tier2"], &[], &["a", "b", "h2", "c"]).await;
    case(FallbackStrategy::PoolFallback, &["h"], &["q"], &["a", "b", "q1", "h1", "h2"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_named_twice_is_asked_once() {
    let named = policy(FallbackStrategy::TierDown, &["g", "g.tier2", "h", "h.tier1"], &["q"]);
    assert_eq!(walk(plan(named), "g").await, ["a", "b", "c", "h1", "h2", "q1"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_for_a_tier_starts_there() {
    let named = policy(FallbackStrategy::TierDown, &["h"], &[]);
    assert_eq!(walk(plan(named.clone()), "g.tier2").await, ["c", "h1", "h2"]);
    let rotate = FallbackPolicy { strategy: FallbackStrategy::ModelRotate, ..named };
    assert_eq!(walk(plan(rotate), "g.tier2").await, ["c", "h1", "h2"]);
}

#[tokio::test(start_paused = true)]
async fn other_providers_come_before_one_that_failed() {
    let tiers: &[&[&str]] = &[&["x:a", "x:b", "y:c"], &["x:d", "z:e"]];
    let plan = Plan::default().group_with("g", tiers, policy(FallbackStrategy::ProviderFailover, &[], &[]));
    assert_eq!(walk(plan, "g").await, ["x:a", "y:c", "z:e", "x:b", "x:d"]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_left_for_another_passes_its_limits() {
    let full = tidegate_domain::admission::Limits { max_concurrency: NonZeroU32::new(1), ..Default::default() };
    let other = group("h", &[&["sim:h1"]], FallbackPolicy::default()).with_limits(full);
    let plan = Plan::default()
        .group_with("g", &[&["sim:a"]], policy(FallbackStrategy::GroupFallback, &["h"], &[]))
        .task_group(other);
    let world = plan.start().await;
    world.scripts.always("a", Act::fail(FaultKind::Transient));
    world.scripts.next("h1", Act::AnswerAfter(std::time::Duration::from_secs(5)));
    let (own, foreign) = tokio::join!(world.complete("h"), world.complete("g"));
    assert_eq!(served_by(&own.unwrap()), "sim:h1");
    assert!(matches!(foreign, Err(CompletionError::Upstream { .. })), "there is no room for it");
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:h1");
}

#[tokio::test(start_paused = true)]
async fn a_pool_falls_back_to_pools_each_once() {
    let fallback_pools = ["q", "p", "r"].map(|name| name.parse().unwrap()).to_vec();
    let fallback = PoolPolicy { fallback: PoolFallback::PoolFallback, fallback_pools, ..PoolPolicy::default() };
    let plan =
        Plan::default().pool_with("p", &["p1", "p2"], fallback).pool("q", &["q1"]).pool("r", &["r1", "r2", "r3"]);
    // Every pool has two attempts for one request.
    assert_eq!(walk(plan, "p").await, ["p1", "p2", "q1", "r1", "r2"]);
}

#[tokio::test(start_paused = true)]
async fn refused_content_goes_where_it_is_named_and_nowhere_else() {
    let content_filter = vec![FallbackTarget::Group(reference("h.tier2")), FallbackTarget::Pool("q".parse().unwrap())];
    let named = FallbackPolicy { content_filter, ..policy(FallbackStrategy::TierDown, &[], &["p"]) };
    let world = failing(plan(named)).await;
    world.scripts.next("b", Act::fail(FaultKind::ContentFilter));
    world.complete("g").await.unwrap_err();
    assert_eq!(asked(&world), ["a", "b", "h2", "q1"]);
}

#[tokio::test(start_paused = true)]
async fn refused_content_goes_nowhere_if_nobody_is_named() {
    let world = plan(policy(FallbackStrategy::TierDown, &["h"], &["p"])).start().await;
    world.scripts.next("a", Act::fail(FaultKind::RateLimited));
    world.scripts.next("b", Act::fail(FaultKind::ContentFilter));
    let Err(CompletionError::Upstream { fault, attempts }) = world.complete("g").await else { panic!("refused") };
    assert_eq!((fault.kind, attempts), (FaultKind::ContentFilter, 2));
}

/// Asks the last candidate that can be asked, and notes what it was told.
#[derive(Default)]
struct Backwards(Mutex<Vec<String>>);

impl CustomFallback for Backwards {
    fn next(&self, failed: &[(&InstanceId, FaultKind)], candidates: &[FallbackCandidate<'_>]) -> Option<usize> {
        let names: Vec<_> = candidates.iter().map(|candidate| candidate.model.model()).collect();
        self.0.lock().unwrap().push(format!("{} failed, {} left", failed.len(), names.join(" ")));
        candidates.iter().rposition(|candidate| candidate.exclusion.is_none())
    }
}

fn custom() -> FallbackPolicy {
    FallbackPolicy { custom: Some("backwards".into()), ..policy(FallbackStrategy::Custom, &["h"], &[]) }
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_the_program_decides_who_is_next() {
    let world = failing(Plan::default().pool("q", &["q1"])).await;
    let backwards = Arc::new(Backwards::default());
    world.catalog.register_fallback("backwards", Arc::clone(&backwards) as Arc<dyn CustomFallback>);
    world.catalog.load(plan(custom()).configuration()).await.unwrap();
    world.complete("g").await.unwrap_err();
    assert_eq!(asked(&world), ["a", "h2", "h1", "c", "b"]);
    assert_eq!(backwards.0.lock().unwrap()[..2], ["1 failed, b c h1 h2 left", "2 failed, b c h1 left"]);
}

#[track_caller]
fn invalid(error: ChangeError) -> CompileError {
    match error {
        ChangeError::Invalid(error) => error,
        other => panic!("{other}"),
    }
}

async fn refused(group: TaskGroup) -> CompileError {
    let world = plan(FallbackPolicy::default()).start().await;
    invalid(world.groups.create(group).await.unwrap_err())
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_nobody_registered_is_an_error() {
    let error = refused(group("x", &[&["sim:a"]], custom())).await;
    assert!(matches!(error, CompileError::UnknownPolicy { .. }), "{error}");
    assert!(error.to_string().ends_with("'backwards', which is not registered; known: none"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_to_nobody_is_an_error() {
    let mut wrong = policy(FallbackStrategy::TierDown, &["h.tier9"], &[]);
    let error = refused(group("x", &[&["sim:a"]], wrong.clone())).await;
    assert_eq!(error.to_string(), "'group:x' falls back to 'h.tier9', which does not exist");
    wrong = policy(FallbackStrategy::TierDown, &[], &["nowhere"]);
    let error = refused(group("x", &[&["sim:a"]], wrong)).await;
    assert!(matches!(error, CompileError::DanglingFallback { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_fallbacks_is_an_error_with_its_path() {
    let world = plan(policy(FallbackStrategy::TierDown, &["h"], &[])).start().await;
    let circle = group("x", &[&["sim:a"]], policy(FallbackStrategy::TierDown, &["y"], &[]));
    world.groups.create(group("y", &[&["sim:a"]], FallbackPolicy::default())).await.unwrap();
    world.groups.create(circle).await.unwrap();
    let back = group("y", &[&["sim:a"]], policy(FallbackStrategy::TierDown, &["x"], &[]));
    let version = tidegate_domain::repository::Version::FIRST;
    let error = invalid(world.groups.change(back, version).await.unwrap_err());
    let expected = "these fall back to each other in a circle: task group x -> task group y -> task group x";
    assert_eq!(error.to_string(), expected);
}
