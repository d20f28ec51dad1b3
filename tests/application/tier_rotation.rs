//! In which order a tier picks among pools and models: a pool is what its instances are together, or the best of them.

use std::time::Duration;

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, read, served_by, streamed},
};
use tidegate_domain::{
    fault::FaultKind,
    model::{ModelCard, Prices},
    name::{GroupName, TierName},
    pool::RotationKind,
    task_group::{FallbackPolicy, TaskGroup, Tier, TierModel, TierPolicy},
};

/// A tier `g.t` of the pool `p`, which holds `a` and `b`, and of the model `c`.
fn plan(rotation: RotationKind) -> Plan {
    let models = vec![TierModel::Pool("p".parse().unwrap()), TierModel::Direct("sim:c".parse().unwrap())];
    let policy = TierPolicy { rotation, ..TierPolicy::default() };
    let tier = Tier::new(TierName::new("t").unwrap(), models, policy).unwrap();
    let group = TaskGroup::new(GroupName::new("g").unwrap(), vec![tier], FallbackPolicy::default()).unwrap();
    Plan::default().pool("p", &["a", "b"]).task_group(group)
}

/// Who answers `times` requests to the tier, a second apart.
async fn served(world: &World, times: usize) -> Vec<String> {
    let mut served = Vec::new();
    for _ in 0..times {
        served.push(served_by(&world.complete("g.t").await.unwrap()).to_owned());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    served
}

#[tokio::test(start_paused = true)]
async fn a_pool_has_as_many_connections_as_its_instances_together() {
    let world = plan(RotationKind::LeastConnections).start().await;
    let mut held = Vec::new();
    // The pool has one more than the model each time that the tier is asked.
    for target in ["p", "g.t", "p", "g.t", "p"] {
        let completion = world.stream(target).await.unwrap();
        assert_eq!(served_by(&completion) == "sim:c", target == "g.t");
        held.push(completion);
    }
    assert_eq!(
        served(&world, 3).await,
        ["sim:c"; 3],
        "no instance of the pool has more than the model, but both together"
    );
    // Without its own the pool has less than the model.
    held.retain(|completion| served_by(completion) == "sim:c");
    assert_eq!(served(&world, 2).await, ["b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_pool_was_used_when_the_last_of_its_instances_was() {
    let world = plan(RotationKind::LeastRecentlyUsed).start().await;
    assert_eq!(served(&world, 4).await, ["a", "sim:c", "b", "sim:c"]);
    world.complete("p").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(served(&world, 2).await, ["sim:c", "b"], "whoever asked the pool, its turn is over");
}

#[tokio::test(start_paused = true)]
async fn the_fastest_of_a_pool_speaks_for_it() {
    let world = plan(RotationKind::ResponseTime).start().await;
    let millis = Duration::from_millis;
    for (model, first_content) in [("a", millis(9000)), ("b", millis(100)), ("c", millis(400))] {
        let beats = vec![Beat::Wait(first_content), Beat::content("x"), Beat::finish()];
        world.scripts.always(model, Act::Stream(beats));
    }
    for target in ["p", "p", "g.t", "g.t", "g.t", "g.t"] {
        read(streamed(world.stream(target).await.unwrap())).await;
    }
    assert!(world.scripts.asked("c") <= 1, "nobody knew how fast it was");
}

#[tokio::test(start_paused = true)]
async fn the_most_successful_of_a_pool_speaks_for_it() {
    let world = plan(RotationKind::PerformanceWeighted).start().await;
    world.scripts.always("a", Act::fail(FaultKind::Transient));
    world.scripts.always("b", Act::AnswerAfter(Duration::from_millis(100)));
    world.scripts.always("c", Act::AnswerAfter(Duration::from_millis(100)));
    served(&world, 200).await;
    let [pool, model] = ["b", "c"].map(|model| world.scripts.asked(model));
    assert!(2 * pool > model, "an instance that fails does not spoil the chance of the other: {pool} and {model}");
    assert!(2 * model > pool, "{pool} and {model}");
}

#[tokio::test(start_paused = true)]
async fn the_cheapest_of_a_pool_speaks_for_it() {
    let priced = |price| {
        let prices = Some(Prices { input: price, cached_input: None, output: price });
        ModelCard { prices, ..ModelCard::default() }
    };
    let cards = |b| {
        let plan = plan(RotationKind::Cheapest).card("sim:a", priced(9_000_000)).card("sim:b", priced(b));
        plan.card("sim:c", priced(2_000_000))
    };
    assert_eq!(served(&cards(1_000_000).start().await, 2).await, ["a", "b"], "its own order is its own");
    assert_eq!(served(&cards(3_000_000).start().await, 2).await, ["sim:c", "sim:c"]);
}
