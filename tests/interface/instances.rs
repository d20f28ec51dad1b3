//! How instances are, and what operators do to them, over HTTP.

use serde_json::{Value, json};

use crate::{
    stage::Stage,
    wire::{Answer, chat, exchange, get},
};

async fn operate(stage: &Stage, target: &str, body: &str) -> Answer {
    let length = body.len();
    let request = format!(
        "POST /admin/v1/pools/{target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    exchange(stage.admin, request.as_bytes()).await
}

async fn fast(stage: &Stage) -> Value {
    let answer = exchange(stage.admin, &get("/admin/v1/pools/fast/instances")).await;
    assert_eq!(answer.status, 200);
    answer.json()["instances"][0].clone()
}

#[tokio::test]
async fn an_operator_takes_an_instance_out_and_back() {
    let stage = Stage::new();
    let out = operate(&stage, "fast/instances/fast:maintenance", "{}").await;
    assert_eq!(
        (out.status, &out.json()["health"], &out.json()["excluded"]),
        (200, &json!("maintenance"), &json!("maintenance"))
    );
    assert_eq!(exchange(stage.address, &chat(br#"{"model":"fast"}"#, "")).await.status, 503);
    let back = operate(&stage, "fast/instances/fast:resume", "{}").await;
    assert_eq!((&back.json()["health"], &back.json()["available"]), (&json!("recovering"), &json!(true)));
    assert_eq!(exchange(stage.address, &chat(br#"{"model":"fast"}"#, "")).await.status, 200);
}

#[tokio::test]
async fn an_operator_holds_a_circuit_and_lets_it_go() {
    let stage = Stage::new();
    for (state, breaker, held) in
        [("open", "open", json!("open")), ("closed", "closed", json!("closed")), ("auto", "closed", Value::Null)]
    {
        let body = format!("{{\"state\":\"{state}\"}}");
        let answer = operate(&stage, "fast/instances/fast:breaker", &body).await.json();
        assert_eq!((&answer["breaker"], &answer["breaker_held"]), (&json!(breaker), &held), "{state}");
    }
}

#[tokio::test]
async fn an_instance_shows_what_it_has_done() {
    let stage = Stage::new();
    exchange(stage.address, &chat(br#"{"model":"fast"}"#, "")).await;
    let seen = fast(&stage).await;
    assert_eq!((&seen["id"], &seen["attempts"], &seen["successes"]), (&json!("fast"), &json!(1), &json!(1)));
    assert_eq!(seen["duration_seconds"]["count"], 1);
    exchange(stage.address, &chat(br#"{"model":"locked"}"#, "")).await;
    let locked = exchange(stage.admin, &get("/admin/v1/pools/locked/instances")).await.json()["instances"][0].clone();
    assert_eq!((&locked["failures_by_kind"], &locked["last_fault"]["what"]), (&json!({"auth": 1}), &json!("auth")));
    assert_eq!(locked["excluded"], "cooling_down");
    assert!(locked["excluded_for_seconds"].as_f64().unwrap() > 200.0, "{locked}");
}

#[tokio::test]
async fn what_is_not_understood_changes_nothing() {
    let stage = Stage::new();
    for (target, body, status) in [
        ("fast/instances/fast:breaker", "{}", 415),
        ("fast/instances/fast:breaker", r#"{"state":"ajar"}"#, 415),
        ("fast/instances/fast:drain", r#"{"state":"open"}"#, 415),
        ("fast/instances/fast:explode", "{}", 404),
        ("fast/instances/fast", "{}", 404),
        ("fast/instances/slow:drain", "{}", 404),
        ("nowhere/instances/fast:drain", "{}", 404),
    ] {
        assert_eq!(operate(&stage, target, body).await.status, status, "{target} {body}");
    }
    let bare = b"POST /admin/v1/pools/fast/instances/fast:drain HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(exchange(stage.admin, bare).await.status, 415, "a form in a browser could send that");
    assert_eq!(fast(&stage).await["health"], "healthy");
}

#[tokio::test]
async fn what_became_of_requests_is_told_by_target() {
    let stage = Stage::new();
    let answer = exchange(stage.admin, &get("/admin/v1/statistics")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"targets": []})));
    for (model, status) in [("fast", 200), ("limited", 429)] {
        let asked = exchange(stage.address, &chat(format!(r#"{{"model":"{model}"}}"#).as_bytes(), "")).await;
        assert_eq!(asked.status, status, "{model}");
    }
    let mut told = exchange(stage.admin, &get("/admin/v1/statistics")).await.json();
    for time in ["first_content_seconds", "duration_seconds"] {
        assert!(told["targets"][0].as_object_mut().unwrap().remove(time).is_some(), "how long it took");
    }
    let leg = |failures| json!({"attempts": 1, "failures": failures, "fallbacks_in": 0, "fallbacks_out": 0});
    let target = |name, completed, failures_by_kind, leg, (read, written)| {
        json!({
            "target": name, "requests": 1, "completed": completed, "failures_by_kind": failures_by_kind,
            "none_available": 0, "refused": 0, "abandoned": 0,
            "attempts": 1, "retries": 0, "failovers": 0, "fallbacks": 0, "legs": [leg],
            "input_tokens": read, "output_tokens": written
        })
    };
    // The answer does not say what it used, so that it is estimated.
    let fast = target("pool:fast", 1, json!({}), leg(0), (4, 14));
    let limited = target("pool:limited", 0, json!({"rate_limited": 1}), leg(1), (0, 0));
    assert_eq!(told, json!({"targets": [fast, limited]}));
}
