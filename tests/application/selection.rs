//! Names, selection and health: what leads where, and who would be asked.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, read, served_by, streamed},
};
use tidegate_domain::{
    fault::{FaultKind, Phase},
    model::{ModelCard, Prices},
    name::{GroupName, InstanceId, PoolName},
    pool::{HealthPolicy, InstanceSpec, Pool, PoolMember, PoolPolicy, PoolStatus, RotationKind, Weight},
    resilience::BreakerPolicy,
    task_group::{Exclusion, ModelRequirements},
};
use tokio::task::JoinSet;

async fn world() -> World {
    Plan::default()
        .pool("fast", &["a", "b"])
        .group("chat", &[&["pool:fast"], &["sim:c"]])
        .wrapper("assistant", "group:chat")
        .alias("short", "sim:c")
        .start()
        .await
}

#[tokio::test(start_paused = true)]
async fn every_spelling_of_a_name_leads_to_its_target() {
    let world = world().await;
    let spellings = [
        ("fast", "a"),
        ("pool:fast", "b"),
        ("chat", "a"),
        ("group:chat.tier2", "sim:c"),
        ("chat.tier2", "sim:c"),
        ("assistant", "b"),
        ("wrapper:assistant", "a"),
        ("short", "sim:c"),
        ("sim:c", "sim:c"),
        ("direct:sim:c", "sim:c"),
    ];
    for (spelling, instance) in spellings {
        assert_eq!(served_by(&world.complete(spelling).await.unwrap()), instance, "{spelling}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_no_definition_names_cannot_be_asked() {
    let world = world().await;
    world.complete("sim:expensive").await.unwrap_err();
    world.complete("direct:other:model").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn the_default_target_takes_what_leads_nowhere_else() {
    let world = Plan::default().pool("fast", &["a"]).default_target("pool:fast").start().await;
    assert_eq!(served_by(&world.complete("gpt-4o").await.unwrap()), "a");
}

#[tokio::test(start_paused = true)]
async fn the_models_are_listed_with_their_kinds_and_without_explicit_spellings() {
    let models = world().await.orchestration.models();
    let listed: Vec<_> = models.iter().map(|model| format!("{} {}", model.name, model.kind)).collect();
    assert_eq!(
        listed,
        [
            "assistant wrapper",
            "chat task_group",
            "chat.tier1 task_group",
            "chat.tier2 task_group",
            "fast pool",
            "short alias",
            "sim:a model",
            "sim:b model",
            "sim:c model",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_upstream_is_asked_for_its_own_model_and_gets_the_rest_untouched() {
    let world = world().await;
    world.send(r#"{"messages":[], "model":"fast","x":1e400}"#, None).await.unwrap();
    assert_eq!(world.scripts.bodies("a")[0], r#"{"messages":[], "model":"a","x":1e400}"#);
}

#[tokio::test(start_paused = true)]
async fn a_selection_ranks_by_tier_and_says_why_somebody_is_excluded() {
    let world = world().await;
    world.scripts.next("a", Act::fail(FaultKind::Billing));
    world.complete("fast").await.unwrap();
    let requirements =
        ModelRequirements { excluded_models: vec!["sim:c".parse().unwrap()], ..ModelRequirements::default() };
    let selection = world.groups.select_model(&GroupName::new("chat").unwrap(), &requirements).unwrap();
    let ranked: Vec<_> =
        selection.models.iter().map(|model| (model.model.model(), model.exclusion.map(Exclusion::as_str))).collect();
    assert_eq!(ranked, [("b", None), ("a", Some("cooling_down")), ("c", Some("excluded_by_caller"))]);
    assert_eq!(selection.first().unwrap().model.model(), "b");
}

#[tokio::test(start_paused = true)]
async fn the_health_report_tells_a_part_from_the_whole() {
    let world = world().await;
    assert!(world.health.report().await.can_serve());
    world.scripts.next("a", Act::fail(FaultKind::Auth));
    world.complete("fast").await.unwrap();
    let report = world.health.report().await;
    assert_eq!((report.pools[0].status, report.pools[0].usable), (PoolStatus::Degraded, 1));
    assert!(report.can_serve());
    assert_eq!(report.store, Ok(()));
    assert!(world.wrappers.list()[0].usable);
}

#[tokio::test(start_paused = true)]
async fn a_check_asks_every_instance_and_changes_nothing() {
    let world = world().await;
    let checks = world.groups.check_health(&GroupName::new("chat").unwrap()).await.unwrap();
    let ids: Vec<_> = checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "sim:c"]);
    assert!(checks.iter().all(|check| check.result.is_ok()));
    assert!(world.diary.transitions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_check_that_nobody_answers_is_given_up() {
    let world = world().await;
    world.scripts.leave_checks_unanswered();
    let checks = world.groups.check_health(&GroupName::new("chat").unwrap()).await.unwrap();
    let kinds: Vec<_> = checks.into_iter().map(|check| check.result.unwrap_err().kind).collect();
    assert_eq!(kinds, [FaultKind::Timeout(Phase::Headers); 3]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_names_its_instance_within_the_whole_gateway() {
    let world = world().await;
    let mut named = Vec::new();
    for model in ["fast", "chat.tier2", "sim:c"] {
        named.push(world.complete(model).await.unwrap().head.instance.to_string());
    }
    assert_eq!(named, ["fast/a", "chat.tier2/sim:c", "sim:c"]);
}

#[tokio::test(start_paused = true)]
async fn a_first_piece_of_content_may_be_of_any_size() {
    let world = world().await;
    let large = "x".repeat(100_000);
    world.scripts.next("a", Act::Stream(vec![Beat::content(&large), Beat::finish()]));
    let (text, fault) = read(streamed(world.stream("fast").await.unwrap())).await;
    assert_eq!((text.len(), fault), (100_003, None));
}

#[tokio::test(start_paused = true)]
async fn simultaneous_requests_never_herd_onto_one_instance() {
    for rotation in [RotationKind::LeastConnections, RotationKind::RoundRobin, RotationKind::Weighted] {
        let policy = PoolPolicy { rotation, ..PoolPolicy::default() };
        let world = Arc::new(Plan::default().pool_with("p", &["a", "b", "c", "d", "e"], policy).start().await);
        for model in ["a", "b", "c", "d", "e"] {
            world.scripts.always(model, Act::Hang);
        }
        let mut requests = JoinSet::new();
        for _ in 0..198 {
            let world = Arc::clone(&world);
            requests.spawn(async move { world.complete("p").await.map(drop) });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        let statistics = world.pools.statistics(&PoolName::new("p").unwrap()).unwrap();
        let mut busy: Vec<_> = statistics.instances.iter().map(|instance| instance.in_flight).collect();
        busy.sort_unstable();
        assert_eq!(busy, [39, 39, 40, 40, 40], "{rotation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_instance_achieves_decides_its_chance() {
    let policy = PoolPolicy {
        rotation: RotationKind::PerformanceWeighted,
        health: HealthPolicy { failure_threshold: NonZeroU32::MAX, ..HealthPolicy::default() },
        breaker: BreakerPolicy { failure_threshold: NonZeroU32::MAX, failure_rate: None, ..BreakerPolicy::default() },
        ..PoolPolicy::default()
    };
    let world = Plan::default().pool_with("p", &["fails", "slow", "fast"], policy).start().await;
    world.scripts.always("fails", Act::fail(FaultKind::Transient));
    world.scripts.always("slow", Act::AnswerAfter(Duration::from_millis(400)));
    world.scripts.always("fast", Act::AnswerAfter(Duration::from_millis(100)));
    for _ in 0..500 {
        world.complete("p").await.unwrap();
    }
    let [fails, slow, fast] = ["fails", "slow", "fast"].map(|model| world.scripts.asked(model));
    assert!(3 * slow < fast, "four times as slow: {slow} of {fast}");
    assert!(fails > 0 && 2 * fails < slow, "not left alone, but left in peace: {fails} of {slow}");
}

#[tokio::test(start_paused = true)]
async fn the_cheapest_depends_on_what_the_request_asks_for() {
    let priced = |input, output| {
        let prices = Some(Prices { input, cached_input: None, output });
        ModelCard { prices, ..ModelCard::default() }
    };
    let policy = PoolPolicy {
        rotation: RotationKind::Cheapest,
        max_instance_attempts: NonZeroU32::new(3).unwrap(),
        ..PoolPolicy::default()
    };
    let world = Plan::default()
        .pool_with("p", &["unknown", "reads", "writes"], policy)
        .card("sim:reads", priced(1_000_000, 9_000_000))
        .card("sim:writes", priced(3_000_000, 5_000_000))
        .start()
        .await;
    let long_answer = r#"{"model":"p","messages":[],"max_tokens":1000}"#.to_owned();
    let long_prompt = format!(r#"{{"model":"p","messages":["{}"],"max_tokens":10}}"#, "x".repeat(8000));
    for (body, expected) in [(long_answer, "writes"), (long_prompt, "reads")] {
        assert_eq!(served_by(&world.send(&body, None).await.unwrap()), expected);
    }
    world.scripts.next("reads", Act::fail(FaultKind::Transient));
    world.scripts.next("writes", Act::fail(FaultKind::Transient));
    world.complete("p").await.unwrap();
    let attempts = world.diary.attempts();
    assert_eq!(attempts[2..], ["writes transient", "reads transient", "unknown ok"]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_listed_with_the_id_of_a_derived_one_overrides_it() {
    let world = Plan::default().group("g", &[&["sim:a", "sim:b"]]).start().await;
    let group = GroupName::new("g").unwrap();
    let mut drained = InstanceSpec::new(InstanceId::new("g/sim:a").unwrap(), "sim:a".parse().unwrap());
    drained.weight = Weight::new(0).unwrap();
    let members = vec![PoolMember::Instance(drained), PoolMember::Reference { group, tier: None }];
    let pool = Pool::new(PoolName::new("p").unwrap(), members, PoolPolicy::default()).unwrap();
    world.pools.create(pool).await.unwrap();
    for _ in 0..3 {
        assert_eq!(served_by(&world.complete("p").await.unwrap()), "g/sim:b");
    }
    let statistics = world.pools.statistics(&PoolName::new("p").unwrap()).unwrap();
    let ids: Vec<_> = statistics.instances.iter().map(|instance| instance.id.as_str()).collect();
    assert_eq!(ids, ["g/sim:a", "g/sim:b"]);
}
