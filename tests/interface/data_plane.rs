//! Routes, headers and errors of the data plane.

use crate::{
    stage::{Stage, WHOLE},
    wire::{Answer, chat, exchange, get},
};

async fn ask(stage: &Stage, body: &str, headers: &str) -> Answer {
    exchange(stage.address, &chat(body.as_bytes(), headers)).await
}

#[tokio::test]
async fn an_answer_arrives_as_it_was_and_says_who_gave_it() {
    let stage = Stage::new();
    let answer = ask(&stage, r#"{"model":"fast","messages":[],"seed":1e400}"#, "").await;
    assert_eq!((answer.status, &answer.body[..]), (200, WHOLE.as_bytes()));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-tidegate-instance"), Some("fast/fast"));
    assert_eq!(answer.header("x-tidegate-attempts"), Some("1"));
    assert_eq!(answer.header("x-tidegate-revision"), Some("1"));
    let id = answer.header("x-tidegate-request-id").unwrap();
    assert_eq!(answer.header("x-request-id"), Some(id));
    assert_eq!((id.len(), &id[..4]), (36, "req_"));
    assert_eq!(stage.upstream.bodies(), [r#"{"model":"fast","messages":[],"seed":1e400}"#]);
}

#[tokio::test]
async fn no_two_requests_share_an_id() {
    let stage = Stage::new();
    let first = exchange(stage.address, &get("/v1/models")).await;
    let second = exchange(stage.address, &get("/v1/models")).await;
    assert_ne!(first.header("x-request-id").unwrap(), second.header("x-request-id").unwrap());
}

/// `expected`: status, code, param.
#[track_caller]
fn check(answer: &Answer, expected: (u16, &str, Option<&str>)) {
    let body = answer.json();
    let error = body["error"].as_object().expect("the body is an error");
    assert_eq!((answer.status, &*answer.code(), error["param"].as_str()), expected);
    assert!(error["message"].is_string() && error["type"].is_string());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-request-id").is_some());
    assert!(!body.to_string().contains("10.0.0.7"));
}

#[tokio::test]
async fn a_body_that_cannot_be_routed_is_refused_with_the_field() {
    let stage = Stage::new();
    check(&ask(&stage, "{\"model\":", "").await, (400, "invalid_json", None));
    check(&ask(&stage, "", "").await, (400, "invalid_json", None));
    check(&ask(&stage, "[]", "").await, (400, "invalid_json", None));
    check(&ask(&stage, r#"{"messages":[]}"#, "").await, (400, "invalid_value", Some("model")));
    check(&ask(&stage, r#"{"model":7}"#, "").await, (400, "invalid_value", Some("model")));
    check(&ask(&stage, r#"{"model":"a","model":"b"}"#, "").await, (400, "invalid_value", Some("model")));
    check(&ask(&stage, r#"{"model":"fast","stream":"yes"}"#, "").await, (400, "invalid_value", Some("stream")));
    assert!(stage.upstream.bodies().is_empty());
}

#[tokio::test]
async fn json_nested_without_end_does_not_bring_the_gateway_down() {
    let stage = Stage::new();
    let deep = format!(r#"{{"model":"fast","messages":{}"#, "[".repeat(100_000));
    check(&ask(&stage, &deep, "").await, (400, "invalid_json", None));
    assert_eq!(ask(&stage, r#"{"model":"fast"}"#, "").await.status, 200);
}

#[tokio::test]
async fn a_deadline_that_means_nothing_is_refused() {
    let stage = Stage::new();
    let answer = ask(&stage, r#"{"model":"fast"}"#, "x-tidegate-timeout-ms: soon\r\n").await;
    check(&answer, (400, "invalid_value", Some("x-tidegate-timeout-ms")));
}

#[tokio::test]
async fn a_callers_deadline_ends_the_wait() {
    let stage = Stage::new();
    let _unsaid = stage.upstream.feed();
    let answer = ask(&stage, r#"{"model":"silent"}"#, "x-tidegate-timeout-ms: 20\r\n").await;
    check(&answer, (504, "upstream_timeout", None));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
}

#[tokio::test]
async fn only_what_is_clearly_no_json_is_an_unsupported_media_type() {
    let stage = Stage::new();
    let body = r#"{"model":"fast"}"#;
    for accepted in
        ["application/json", "application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded"]
    {
        assert_eq!(ask(&stage, body, &format!("content-type: {accepted}\r\n")).await.status, 200, "{accepted}");
    }
    let form = ask(&stage, body, "content-type: multipart/form-data; boundary=x\r\n").await;
    check(&form, (415, "unsupported_media_type", None));
    check(&ask(&stage, body, "content-encoding: gzip\r\n").await, (415, "unsupported_media_type", None));
}

#[tokio::test]
async fn a_failure_upstream_reaches_the_caller_as_the_table_says() {
    let stage = Stage::new();
    let failed = async |model: &str| ask(&stage, &format!(r#"{{"model":"{model}"}}"#), "").await;
    check(&failed("nobody").await, (404, "model_not_found", Some("model")));
    for (model, status, code) in
        [("broken", 502, "upstream_error"), ("unreachable", 502, "upstream_error"), ("locked", 502, "upstream_auth")]
    {
        let answer = failed(model).await;
        check(&answer, (status, code, None));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("x-tidegate-attempts"), Some("1"));
    }
    let limited = failed("limited").await;
    check(&limited, (429, "upstream_rate_limited", None));
    let wait: u32 = limited.header("retry-after-ms").unwrap().parse().unwrap();
    assert!((2500..=2750).contains(&wait), "what the upstream asked for, and a tenth of jitter at most: {wait}");
    assert_eq!(limited.header("retry-after"), Some("3"));
    check(&failed("invalid").await, (422, "theirs", None));
    check(&failed("filtered").await, (400, "theirs", None));
}

#[tokio::test]
async fn a_panic_is_one_requests_error_and_nobody_elses() {
    let stage = Stage::new();
    check(&ask(&stage, r#"{"model":"panicking"}"#, "").await, (500, "internal_error", None));
    assert_eq!(ask(&stage, r#"{"model":"fast"}"#, "").await.status, 200);
}

#[tokio::test]
async fn every_name_is_listed_with_its_kind() {
    let stage = Stage::new();
    let list = exchange(stage.address, &get("/v1/models")).await.json();
    assert_eq!(list["object"], "list");
    let first =
        serde_json::json!({"id": "fast", "object": "model", "created": 0, "owned_by": "tidegate", "kind": "pool"});
    assert!(list["data"].as_array().unwrap().contains(&first));
    assert_eq!(exchange(stage.address, &get("/v1/models/fast")).await.json(), first);
    for (name, kind) in [("gpt", "wrapper"), ("chat", "task_group"), ("chat.tier1", "task_group")] {
        assert_eq!(exchange(stage.address, &get(&format!("/v1/models/{name}"))).await.json()["kind"], kind);
    }
    for spelling in ["/v1/models/openai:org/model", "/v1/models/openai%3Aorg%2Fmodel"] {
        assert_eq!(exchange(stage.address, &get(spelling)).await.json()["id"], "openai:org/model");
    }
    check(&exchange(stage.address, &get("/v1/models/nobody")).await, (404, "model_not_found", Some("model")));
}

#[tokio::test]
async fn a_wrong_path_or_method_is_an_error_in_json_too() {
    let stage = Stage::new();
    for path in ["/", "/v1", "/v1/nothing", "//v1/models", "/v1/chat/completions/", "/metrics", "/healthz"] {
        check(&exchange(stage.address, &get(path)).await, (404, "unknown_url", None));
    }
    let got = exchange(stage.address, &get("/v1/chat/completions")).await;
    check(&got, (405, "method_not_allowed", None));
    assert_eq!(got.header("allow"), Some("post"));
    let request = b"DELETE /v1/models HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    check(&exchange(stage.address, request).await, (405, "method_not_allowed", None));
}

#[tokio::test]
async fn a_limit_of_the_gateways_own_refuses_by_name_and_says_when_to_come_back() {
    let stage = Stage::new();
    assert_eq!(ask(&stage, r#"{"model":"rationed"}"#, "").await.status, 200);
    let answer = ask(&stage, r#"{"model":"rationed"}"#, "").await;
    check(&answer, (429, "rate_limit_exceeded", None));
    assert_eq!(answer.json()["error"]["type"], "requests");
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(message, "the limit of pool 'rationed' on the rate of requests is reached");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&wait) && answer.header("retry-after-ms").is_some());
    assert_eq!(answer.header("x-should-retry"), Some("false"), "no SDK is to sit out an hour");
    assert_eq!(stage.upstream.bodies().len(), 1);
}
