//! What upstreams say is left of our rate, and who is passed over for it.

use std::time::Duration;

use layered_tests::{
    scripted::Act,
    world::{Plan, served_by},
};
use tidegate_application::CompletionError;
use tidegate_domain::{
    fault::FaultKind,
    inference::{Allowance, Quota},
    task_group::ModelRequirements,
};

fn requests(remaining: u64, seconds: u64) -> Quota {
    Quota { requests: Some(Allowance { remaining, reset: Duration::from_secs(seconds) }), tokens: None }
}

fn tokens(remaining: u64, seconds: u64) -> Quota {
    Quota { tokens: Some(Allowance { remaining, reset: Duration::from_secs(seconds) }), requests: None }
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_which_nothing_is_left_is_passed_over_until_its_reset() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    world.scripts.says_left("a", requests(0, 30));
    for expected in ["a", "b", "b", "b"] {
        assert_eq!(served_by(&world.complete("p").await.unwrap()), expected);
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    for expected in ["a", "b"] {
        assert_eq!(served_by(&world.complete("p").await.unwrap()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_refusal_says_counts_too_and_the_callers_learn_when_to_come_back() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    world.scripts.says_left("a", requests(0, 30));
    world.scripts.next("a", Act::fail(FaultKind::Client));
    world.complete("p").await.unwrap_err();
    let error = world.complete("p").await.unwrap_err();
    let CompletionError::NoneAvailable { retry_after, attempts: 0, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(30)));
}

#[tokio::test(start_paused = true)]
async fn a_later_answer_that_says_otherwise_lifts_it() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    world.scripts.says_left("a", requests(5, 30));
    for _ in 0..3 {
        world.complete("p").await.unwrap();
    }
    assert_eq!(world.scripts.asked("a"), 3);
}

#[tokio::test(start_paused = true)]
async fn the_reason_is_told() {
    let world = Plan::default().group("g", &[&["sim:a"]]).start().await;
    world.scripts.says_left("a", requests(0, 30));
    world.complete("g").await.unwrap();
    let selection = world.groups.select_model(&"g".parse().unwrap(), &ModelRequirements::default()).unwrap();
    assert_eq!(selection.models[0].exclusion.unwrap().as_str(), "quota_spent");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_needs_more_tokens_than_are_left_goes_elsewhere_until_the_reset() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    world.scripts.says_left("a", tokens(500, 30));
    let ask = async |most: u32| {
        let body = format!(r#"{{"model":"p","max_tokens":{most},"messages":[]}}"#);
        served_by(&world.send(&body, None).await.unwrap()).to_owned()
    };
    assert_eq!(ask(10).await, "a");
    for (most, expected) in [(2000, "b"), (2000, "b"), (10, "a"), (2000, "b")] {
        assert_eq!(ask(most).await, expected, "{most}");
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    world.scripts.says_left("a", tokens(5000, 30));
    assert_eq!(ask(2000).await, "a");
}

#[tokio::test(start_paused = true)]
async fn another_key_has_another_quota() {
    let world = Plan::default().pool("p", &["a"]).start().await;
    world.scripts.says_left("a", requests(0, 3000));
    world.complete("p").await.unwrap();
    world.complete("p").await.unwrap_err();
    world.written.provider(world.scripts.at("", "another key"));
    world.written.write(Plan::default().pool("p", &["a"]).hashed("2"));
    world.reloads.reload().await;
    world.complete("p").await.unwrap();
}
