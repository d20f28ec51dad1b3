//! The operations endpoints.

use serde_json::json;
use tidegate_interface::cli::{Colour, Explained, render_status};

use crate::{
    stage::Stage,
    wire::{chat, exchange, get},
};

#[tokio::test]
async fn a_server_is_alive_and_ready() {
    let stage = Stage::new();
    for path in ["/livez", "/readyz"] {
        let answer = exchange(stage.admin, &get(path)).await;
        assert_eq!((answer.status, &answer.body[..]), (200, b"ok\n".as_slice()));
    }
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    let stage = Stage::new();
    let answer = exchange(stage.admin, &get("/metrics")).await;
    assert_eq!((answer.status, &answer.body[..]), (200, b"requests_total 1\n".as_slice()));
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}

/// `expected`: status, the word for the whole.
async fn check_health(stage: &Stage, expected: (u16, &str)) -> serde_json::Value {
    let answer = exchange(stage.admin, &get("/healthz")).await;
    let report = answer.json();
    assert_eq!((answer.status, report["status"].as_str().unwrap()), expected);
    assert!(render_status(&answer.body, Colour::Never).unwrap().starts_with(expected.1));
    report
}

fn entry(report: &serde_json::Value, kind: &str, name: &str) -> serde_json::Value {
    let entries = report[kind].as_array().unwrap();
    entries.iter().find(|entry| entry["name"] == name).unwrap().clone()
}

#[tokio::test]
async fn health_follows_what_becomes_of_requests_and_says_why() {
    let stage = Stage::new();
    let report = check_health(&stage, (200, "active")).await;
    assert_eq!(report["revision"], 1);
    assert_eq!(report["configuration"], json!({"name": "configuration", "status": "active", "content_hash": ""}));
    assert_eq!(report["store"], json!({"name": "store", "status": "active"}));
    let locked = json!({"name": "locked", "status": "active", "usable": 1, "of": 1, "in_flight": 0});
    assert_eq!(entry(&report, "pools", "locked"), locked);
    assert_eq!(entry(&report, "wrappers", "gpt"), json!({"name": "gpt", "status": "active"}));

    exchange(stage.address, &chat(br#"{"model":"locked"}"#, "")).await;
    let report = check_health(&stage, (503, "inactive")).await;
    let locked = entry(&report, "pools", "locked");
    assert_eq!((&locked["usable"], &locked["of"]), (&json!(0), &json!(1)));
    assert_eq!(locked["reason"], "none of 1 instances can be used");
    assert_eq!(entry(&report, "pools", "fast")["status"], "active");
}

#[tokio::test]
async fn a_request_that_is_over_is_found_by_the_id_that_its_caller_was_told() {
    let stage = Stage::new();
    let answer = exchange(stage.address, &chat(br#"{"model":"fast"}"#, "")).await;
    let id = answer.header("x-tidegate-request-id").unwrap().to_owned();
    exchange(stage.address, &chat(br#"{"model":"broken"}"#, "")).await;

    let shown = exchange(stage.admin, &get(&format!("/admin/v1/requests/{id}"))).await;
    assert_eq!((shown.status, shown.header("content-type")), (200, Some("application/json")));
    let document = shown.json();
    assert_eq!((&document["id"], &document["outcome"]), (&json!(id), &json!("completed")));
    assert_eq!(document["attempts"][0]["instance"], "fast/fast");

    let listed = exchange(stage.admin, &get("/admin/v1/requests?outcome=failed")).await.json();
    let listed = listed["requests"].as_array().unwrap();
    assert_eq!(
        (listed.len(), &listed[0]["fault"], &listed[0]["target"]),
        (1, &json!("transient"), &json!("pool:broken"))
    );
    let both = exchange(stage.admin, &get("/admin/v1/requests?limit=1")).await.json();
    assert_eq!(both["requests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_request_that_nobody_knows_and_a_query_that_nobody_understands_are_errors() {
    let stage = Stage::new();
    let unknown = exchange(stage.admin, &get("/admin/v1/requests/req_0")).await;
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "request_not_found"));
    for query in ["limit=many", "colour=red"] {
        let refused = exchange(stage.admin, &get(&format!("/admin/v1/requests?{query}"))).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_value"));
    }
    assert_eq!(
        exchange(stage.address, &get("/admin/v1/requests")).await.status,
        404,
        "operators' routes are not callers'"
    );
}

#[tokio::test]
async fn a_wrong_path_or_method_is_an_error_in_json() {
    let stage = Stage::new();
    assert_eq!(exchange(stage.admin, &get("/v1/models")).await.code(), "unknown_url");
    let request = b"POST /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(exchange(stage.admin, request).await.code(), "method_not_allowed");
}

#[tokio::test]
async fn a_request_is_explained_and_not_sent() {
    let stage = Stage::new();
    let body = br#"{"model":"gpt","messages":[]}"#;
    let head = format!(
        "POST /admin/v1/explain HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = exchange(stage.admin, &[head.as_bytes(), body].concat()).await;
    assert_eq!(answer.status, 200);
    let explained = Explained::of_answer(&answer.body).unwrap();
    assert!(
        explained.render("gpt", Colour::Never).starts_with("gpt is pool:"),
        "{}",
        explained.render("gpt", Colour::Never)
    );
    assert_eq!(answer.json()["legs"][0]["candidates"][0]["turn"], 1);
    assert!(stage.upstream.bodies().is_empty());
}
