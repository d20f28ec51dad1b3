//! Another configuration comes into force while requests are served.

mod thousand;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, instance, read, served_by, streamed},
};
use tidegate_domain::{
    config::ReloadOutcome,
    fault::{Fault, FaultKind, Work},
    name::PoolName,
    pool::{InstanceStatistics, PoolMember, RotationKind},
    task_group::{TaskGroup, Tier, TierPolicy},
};
use tokio::task::JoinSet;

fn statistics(world: &World, pool: &str) -> Vec<InstanceStatistics> {
    world.pools.statistics(&PoolName::new(pool).unwrap()).unwrap().instances
}

fn plan(models: &[&str]) -> Plan {
    Plan::default().pool("p", models)
}

/// A pool whose one instance has just been refused so, and would answer now.
async fn refused(kind: FaultKind) -> World {
    let world = plan(&["a"]).start().await;
    // Longer than any request waits.
    let retry_after = Some(Duration::from_hours(1));
    world.scripts.next("a", Act::Fail(Fault { retry_after, ..Fault::new(kind, Work::Refused, "scripted") }));
    world.complete("p").await.unwrap_err();
    assert!(!statistics(&world, "p")[0].available);
    world
}

/// Reloads the same pool at another place or with another key.
async fn reload_provider(world: &World, place: &'static str, key: &'static str) {
    world.written.provider(world.scripts.at(place, key));
    world.written.write(plan(&["a"]).hashed(&format!("{place} {key}")));
    assert!(matches!(world.reloads.reload().await, ReloadOutcome::Applied { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_reload_says_what_it_did() {
    let world = plan(&["a"]).start().await;
    world.written.write(plan(&["a", "b"]).pool("new", &["c"]).alias("quick", "sim:c").hashed("2"));
    let outcome = world.reloads.reload().await;
    assert_eq!(outcome.to_string(), "revision 2: pools +new ~p; aliases +quick");
    assert_eq!(served_by(&world.complete("quick").await.unwrap()), "sim:c");
    let report = world.health.report().await;
    assert_eq!((report.revision, report.configuration.content_hash.as_str()), (2, "2"));
}

#[tokio::test(start_paused = true)]
async fn what_says_the_same_is_not_put_in_force_again() {
    let world = plan(&["a"]).start().await;
    world.written.write(plan(&["a", "b"]).hashed("2"));
    world.reloads.reload().await;
    assert_eq!(world.reloads.reload().await, ReloadOutcome::Unchanged);
    assert_eq!(world.health.report().await.revision, 2);
    assert_eq!(world.diary.reloads(), ["applied", "unchanged"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_used_changes_nothing_and_shows_until_it_is_corrected() {
    let world = plan(&["a"]).start().await;
    world.written.scribble();
    assert_eq!(world.reloads.reload().await.to_string(), "pools.p: is no pool");
    assert_eq!(world.health.report().await.configuration.rejected, Some(1));
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "a");

    world.written.write(Plan::default().group("g", &[&["pool:nowhere"]]).hashed("2"));
    let outcome = world.reloads.reload().await;
    assert!(matches!(&outcome, ReloadOutcome::Rejected(_)), "{outcome:?}");
    assert!(outcome.to_string().contains("pool 'nowhere', which does not exist"), "{outcome}");

    world.written.write(plan(&["a"]).hashed(""));
    assert_eq!(world.reloads.reload().await, ReloadOutcome::Unchanged);
    let report = world.health.report().await;
    assert_eq!((report.revision, report.configuration.rejected), (1, None));
}

#[tokio::test(start_paused = true)]
async fn a_check_says_what_a_reload_would_and_changes_nothing() {
    let world = plan(&["a"]).start().await;
    world.written.write(plan(&["b"]).hashed("2"));
    assert_eq!(world.reloads.check().await.problems(), []);
    world.written.write(Plan::default().group("g", &[&["pool:nowhere"]]).hashed("3"));
    let report = world.reloads.check().await;
    assert!(report.headline().contains("pool 'nowhere', which does not exist"), "{report}");
    assert_eq!(report.problems()[0].help.as_deref(), Some("correct the definitions; nothing has changed"));
    world.written.scribble();
    assert_eq!(world.reloads.check().await.headline(), "pools.p: is no pool");
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "a");
    let report = world.health.report().await;
    assert_eq!((report.revision, report.configuration.rejected), (1, None));
    assert!(world.diary.reloads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rejected_reload_leaves_the_way_to_the_instances_too() {
    let world = refused(FaultKind::Auth).await;
    world.written.provider(world.scripts.at("", "new key"));
    world.written.write(Plan::default().group("g", &[&["pool:nowhere"]]).hashed("2"));
    assert!(matches!(world.reloads.reload().await, ReloadOutcome::Rejected(_)));
    assert!(!statistics(&world, "p")[0].available, "the key in force is still the one that was refused");
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_reloads_is_answered_by_two_and_the_last_word_wins() {
    let world = Arc::new(plan(&["a"]).start().await);
    world.written.write(plan(&["b"]).hashed("first"));
    let storm: Vec<_> = (0..100)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.reloads.reload().await })
        })
        .collect();
    while world.written.loads() == 0 {
        tokio::task::yield_now().await;
    }
    world.written.write(plan(&["c"]).hashed("last"));
    for asked in storm {
        assert!(matches!(asked.await.unwrap(), ReloadOutcome::Applied { .. }));
    }
    assert_eq!(world.written.loads(), 2);
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "c");
}

#[tokio::test(start_paused = true)]
async fn a_reload_that_nobody_waits_for_any_more_is_made_for_the_next_who_asks() {
    let world = plan(&["a"]).start().await;
    world.written.write(plan(&["b"]).hashed("2"));
    tokio::select! {
        biased;
        _ = world.reloads.reload() => panic!("reading takes longer"),
        () = std::future::ready(()) => {}
    }
    assert!(matches!(world.reloads.reload().await, ReloadOutcome::Applied { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_instance_elsewhere_is_another_one() {
    let world = refused(FaultKind::RateLimited).await;
    reload_provider(&world, "elsewhere", "").await;
    let instance = &statistics(&world, "p")[0];
    assert!(instance.available);
    assert_eq!(instance.failures, 0);
}

#[tokio::test(start_paused = true)]
async fn another_key_is_not_held_to_what_the_old_one_was_told() {
    for kind in [FaultKind::Auth, FaultKind::Billing] {
        let world = refused(kind).await;
        reload_provider(&world, "", "new").await;
        let instance = &statistics(&world, "p")[0];
        assert!(instance.available, "{kind}");
        assert_eq!(instance.failures, 1, "the rest is kept");
    }
}

#[tokio::test(start_paused = true)]
async fn another_key_does_not_lift_what_is_the_instances_own() {
    for kind in [FaultKind::RateLimited, FaultKind::Overloaded, FaultKind::ModelMissing] {
        let world = refused(kind).await;
        reload_provider(&world, "", "new").await;
        assert!(!statistics(&world, "p")[0].available, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_old_key_that_comes_late_does_not_bench_the_new_one() {
    let world = plan(&["a"]).start().await;
    let late = Beat::Wait(Duration::from_secs(1));
    let refusal = Beat::Fault(Fault::new(FaultKind::Auth, Work::Refused, "scripted"));
    world.scripts.next("a", Act::Stream(vec![late, refusal]));
    let (asked, ()) = tokio::join!(world.stream("p"), reload_provider(&world, "", "new"));
    asked.unwrap_err();
    assert!(statistics(&world, "p")[0].available);
}

#[tokio::test(start_paused = true)]
async fn late_refusals_of_the_old_key_do_not_eject_the_instance_under_the_new_one() {
    for kind in [FaultKind::Auth, FaultKind::Billing] {
        let world = Arc::new(plan(&["a"]).start().await);
        let mut callers = JoinSet::new();
        for _ in 0..6 {
            let late = Beat::Wait(Duration::from_secs(1));
            let refusal = Beat::Fault(Fault::new(kind, Work::Refused, "scripted"));
            world.scripts.next("a", Act::Stream(vec![late, refusal]));
            let world = Arc::clone(&world);
            callers.spawn(async move { world.stream("p").await.is_err() });
        }
        tokio::task::yield_now().await;
        reload_provider(&world, "", "new").await;
        assert!(callers.join_all().await.into_iter().all(|failed| failed));
        assert!(world.diary.transitions().is_empty(), "{kind}: {:?}", world.diary.transitions());
        world.complete("p").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_shrinks_lets_those_in_flight_finish_and_nobody_else_in() {
    let world = plan(&["a"]).start().await;
    let first = streamed(world.stream("p").await.unwrap());
    let second = streamed(world.stream("p").await.unwrap());
    let mut narrow = plan(&["a"]).hashed("2");
    let mut spec = instance("a");
    spec.max_concurrency = NonZeroU32::new(1);
    let members = vec![PoolMember::Instance(spec)];
    narrow.pools[0].value = narrow.pools[0].value.clone().with_members(members).unwrap();
    world.written.write(narrow);
    world.reloads.reload().await;
    world.complete("p").await.unwrap_err();
    assert_eq!(read(first).await.1, None);
    world.complete("p").await.unwrap_err();
    assert_eq!(read(second).await.1, None);
    world.complete("p").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_turn_of_a_tier_goes_on_through_a_reload() {
    let rotating = |hash: &str, models: &[&str]| {
        let mut configuration = Plan::default().group("g", &[models]).hashed(hash);
        let group = &configuration.task_groups[0].value;
        let tier = &group.tiers()[0];
        let policy = TierPolicy { rotation: RotationKind::RoundRobin, ..tier.policy().clone() };
        let tier = Tier::new(tier.name().clone(), tier.models().to_vec(), policy).unwrap();
        let fallback = group.fallback().clone();
        configuration.task_groups[0].value = TaskGroup::new(group.name().clone(), vec![tier], fallback).unwrap();
        configuration
    };
    let world = Plan::default().start().await;
    world.written.write(rotating("1", &["sim:a", "sim:b", "sim:c"]));
    world.reloads.reload().await;
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:a");
    world.written.write(rotating("2", &["sim:a", "sim:b", "sim:c", "sim:d"]));
    world.reloads.reload().await;
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:b");
}

#[tokio::test(start_paused = true)]
async fn a_stream_in_flight_finishes_on_its_own_snapshot() {
    let world = plan(&["a"]).start().await;
    world.scripts.next("a", Act::Stream(vec![Beat::content("x"), Beat::Wait(Duration::from_secs(5)), Beat::finish()]));
    let open = world.stream("p").await.unwrap();
    assert_eq!(open.head.revision, 1);
    world.written.write(Plan::default().pool("other", &["b"]).hashed("2"));
    world.reloads.reload().await;
    world.complete("p").await.unwrap_err();
    assert_eq!(read(streamed(open)).await, ("xend".to_owned(), None));
}
