//! Requests that have something in common go to the same instance, as long as it can take them.

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use bytes::Bytes;
use layered_tests::{
    scripted::Act,
    world::{Plan, World, served_by},
};
use tidegate_application::RequestContext;
use tidegate_domain::{
    fault::FaultKind,
    inference::{InferenceRequest, RequestId},
    pool::{AffinityPolicy, AffinitySource, PoolPolicy, RotationKind, digest},
};
use tokio::task::JoinSet;

const MODELS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn plan(models: &[&str]) -> Plan {
    let affinity = AffinityPolicy {
        by: vec![AffinitySource::Header, AffinitySource::User],
        prefix_bytes: NonZeroU32::MIN,
        max_load_factor: NonZeroU32::new(125).unwrap(),
    };
    let policy = PoolPolicy { affinity: Some(affinity), rotation: RotationKind::Random, ..PoolPolicy::default() };
    Plan::default().pool_with("p", models, policy)
}

/// Who answers a request of `user`.
async fn answers(world: &World, user: &str) -> String {
    let body = format!(r#"{{"model":"p","messages":[],"user":"{user}"}}"#);
    served_by(&world.send(&body, None).await.unwrap()).to_owned()
}

/// Who answers each of fifty users.
async fn homes(world: &World) -> BTreeMap<String, String> {
    let mut homes = BTreeMap::new();
    for user in 0..50 {
        let user = format!("user{user}");
        let home = answers(world, &user).await;
        homes.insert(user, home);
    }
    homes
}

#[tokio::test(start_paused = true)]
async fn a_user_stays_at_one_instance_and_users_are_spread() {
    let world = plan(&MODELS).start().await;
    let first = homes(&world).await;
    assert_eq!(homes(&world).await, first);
    for model in MODELS {
        assert!(first.values().any(|home| home == model), "nobody is at home at {model}: {first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_gateway_sends_users_to_the_same_instances() {
    let (one, other) = (plan(&MODELS).start().await, plan(&MODELS).start().await);
    assert_eq!(homes(&one).await, homes(&other).await);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_cannot_be_asked_moves_its_own_users_alone_and_for_a_while() {
    let world = plan(&MODELS).start().await;
    let before = homes(&world).await;
    let moved = before.iter().find(|(_, home)| *home == "a").unwrap().0.clone();
    world.scripts.next("a", Act::fail(FaultKind::RateLimited));
    let refuge = answers(&world, &moved).await;
    assert_ne!(refuge, "a");
    let meanwhile = homes(&world).await;
    for (user, home) in &before {
        assert!(home == "a" || meanwhile[user] == *home, "{user} has moved from {home}");
    }
    assert_eq!(meanwhile[&moved], refuge, "it goes where its key goes next");
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(homes(&world).await, before);
}

#[tokio::test(start_paused = true)]
async fn a_hot_user_overflows_to_the_others() {
    let world = Arc::new(plan(&MODELS).start().await);
    for model in MODELS {
        world.scripts.always(model, Act::AnswerAfter(Duration::from_secs(1)));
    }
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let world = Arc::clone(&world);
        requests.spawn(async move { answers(&world, "hot").await });
    }
    requests.join_all().await;
    let most = MODELS.map(|model| world.scripts.asked(model)).into_iter().max();
    assert_eq!(most, Some(25), "a fifth of the requests, and a quarter more");
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_header_goes_before_the_user() {
    let world = plan(&MODELS).start().await;
    let mut homes = Vec::new();
    for user in 0..20 {
        let body = format!(r#"{{"model":"p","messages":[],"user":"user{user}"}}"#);
        let request = InferenceRequest::parse(Bytes::from(body)).unwrap();
        let context =
            RequestContext { affinity: Some(digest(b"session")), ..RequestContext::new(RequestId::new("req")) };
        homes.push(served_by(&world.orchestration.complete(request, context).await.unwrap()).to_owned());
    }
    homes.dedup();
    assert_eq!(homes.len(), 1, "{homes:?}");
}

#[tokio::test(start_paused = true)]
async fn who_has_no_key_is_picked_for_by_the_rotation() {
    let world = plan(&MODELS).start().await;
    for _ in 0..50 {
        world.complete("p").await.unwrap();
    }
    assert!(MODELS.iter().all(|model| world.scripts.asked(model) > 0));
}
