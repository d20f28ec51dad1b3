//! Definitions: creating, changing and removing them while the engine serves.

use layered_tests::{
    scripted::Act,
    world::{Plan, group, pool, served_by},
};
use tidegate_application::{ChangeError, CompileError, Owner};
use tidegate_domain::{
    fault::FaultKind,
    name::{GroupName, PoolName},
    pool::{PoolPolicy, PoolRepository},
    repository::{RepositoryError, Version},
    task_group::FallbackPolicy,
};

fn name(name: &str) -> PoolName {
    PoolName::new(name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_pool_serves_as_soon_as_it_is_created_and_no_longer_once_it_is_removed() {
    let world = Plan::default().pool("fixed", &["a"]).start().await;
    let created = world.pools.create(pool("new", &["b"], PoolPolicy::default())).await.unwrap();
    assert_eq!(served_by(&world.complete("new").await.unwrap()), "b");
    world.pools.remove(&name("new"), created.version).await.unwrap();
    world.complete("new").await.unwrap_err();
    assert!(world.stored_pools.list().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_writers_get_one_success_and_one_conflict() {
    let world = Plan::default().start().await;
    let created = world.pools.create(pool("p", &["a"], PoolPolicy::default())).await.unwrap();
    let change = |model| world.pools.change(pool("p", &[model], PoolPolicy::default()), created.version);
    let (first, second) = tokio::join!(change("b"), change("c"));
    assert_eq!(first.unwrap().version, Version::new(2));
    let conflict = second.unwrap_err();
    assert!(matches!(conflict, ChangeError::Repository(RepositoryError::Conflict { .. })), "{conflict:?}");
    assert_eq!(served_by(&world.complete("p").await.unwrap()), "b");
}

#[tokio::test(start_paused = true)]
async fn what_a_file_owns_is_not_changed_here_and_the_error_says_which_file() {
    let world = Plan::default().pool("fixed", &["a"]).start().await;
    let error = world.pools.change(pool("fixed", &["b"], PoolPolicy::default()), Version::FIRST).await.unwrap_err();
    assert_eq!(error.to_string(), "pool 'fixed' is defined in tidegate.toml; change it there");
    let view = world.pools.get(&name("fixed")).await.unwrap().unwrap();
    assert_eq!(view.owner, Owner::File("tidegate.toml".into()));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_does_not_fit_the_rest_is_neither_stored_nor_served() {
    let world = Plan::default().pool("p", &["a"]).group("g", &[&["pool:p"]]).start().await;
    let dangling = group("bad", &[&["pool:nowhere"]], FallbackPolicy::default());
    let error = world.groups.create(dangling).await.unwrap_err();
    assert!(matches!(error, ChangeError::Invalid(CompileError::DanglingPool { .. })), "{error:?}");
    assert_eq!(world.groups.list().await.unwrap().len(), 1);
    world.complete("bad").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_something_refers_to_is_not_removed() {
    let world = Plan::default().start().await;
    let created = world.pools.create(pool("p", &["a"], PoolPolicy::default())).await.unwrap();
    world.groups.create(group("g", &[&["pool:p"]], FallbackPolicy::default())).await.unwrap();
    let error = world.pools.remove(&name("p"), created.version).await.unwrap_err();
    assert!(matches!(error, ChangeError::Invalid(CompileError::DanglingPool { .. })), "{error:?}");
    assert!(world.complete("g").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn names_are_taken_across_kinds() {
    let world = Plan::default().pool("x", &["a"]).start().await;
    let error = world.groups.create(group("x", &[&["sim:a"]], FallbackPolicy::default())).await.unwrap_err();
    assert!(matches!(error, ChangeError::Invalid(CompileError::NameClash { .. })), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn instances_that_stay_keep_their_state_and_their_turn_through_a_change() {
    let world = Plan::default().start().await;
    let created = world.pools.create(pool("p", &["a", "b"], PoolPolicy::default())).await.unwrap();
    for _ in 0..3 {
        world.scripts.next("a", Act::fail(FaultKind::Transient));
        world.scripts.next("b", Act::Answer);
        world.complete("p").await.unwrap();
        world.complete("p").await.ok();
    }
    let before = world.pools.statistics(&name("p")).unwrap();
    world.pools.change(pool("p", &["a", "b", "c"], PoolPolicy::default()), created.version).await.unwrap();
    let after = world.pools.statistics(&name("p")).unwrap();
    assert_eq!(after.instances[..2], before.instances[..]);
    assert_eq!(after.instances[2].successes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_pool_derives_one_instance_per_distinct_model_of_its_references() {
    let world = Plan::default().group("g", &[&["sim:a", "sim:b"], &["sim:a", "sim:c"]]).start().await;
    let reference = tidegate_domain::pool::PoolMember::Reference { group: GroupName::new("g").unwrap(), tier: None };
    let derived = tidegate_domain::pool::Pool::new(name("derived"), vec![reference], PoolPolicy::default()).unwrap();
    world.pools.create(derived).await.unwrap();
    let ids: Vec<_> =
        world.pools.statistics(&name("derived")).unwrap().instances.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(ids, ["g/sim:a", "g/sim:b", "g/sim:c"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_load_leaves_what_serves_as_it_was() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    let broken = Plan::default().group("g", &[&["pool:nowhere"]]).configuration();
    world.catalog.load(broken).await.unwrap_err();
    assert!(world.complete("p").await.is_ok());
    assert_eq!(world.health.report().await.revision, 1);
}
