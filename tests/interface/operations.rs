//! The operations endpoints.

use tidegate_application::{domain::pool::PoolStatus, health::HealthReport};
use tidegate_interface::{
    cli::{Colour, render_status},
    server::ServerOptions,
};

use crate::{
    stage::{Stage, healthy},
    wire::{exchange, get},
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
async fn check(health: HealthReport, expected: (u16, &str)) -> serde_json::Value {
    let stage = Stage::with(ServerOptions::default(), health);
    let answer = exchange(stage.admin, &get("/healthz")).await;
    let report = answer.json();
    assert_eq!((answer.status, report["status"].as_str().unwrap()), expected);
    assert!(render_status(&answer.body, Colour::Never).unwrap().starts_with(expected.1));
    report
}

#[tokio::test]
async fn health_is_good_while_everything_is_usable() {
    let report = check(healthy(), (200, "active")).await;
    assert_eq!(report["revision"], 7);
    let pool = serde_json::json!({"name": "fast", "status": "active", "usable": 2, "of": 2});
    assert_eq!(report["pools"][0], pool);
}

#[tokio::test]
async fn a_pool_in_part_or_a_silent_store_degrade_and_say_why() {
    let mut health = healthy();
    health.pools[0].usable = 1;
    health.pools[0].status = PoolStatus::Degraded;
    let report = check(health, (200, "degraded")).await;
    assert_eq!(report["pools"][0]["reason"], "1 of 2 instances cannot be used");

    let report = check(HealthReport { store: Err("disk full".to_owned()), ..healthy() }, (200, "degraded")).await;
    assert_eq!(report["store"]["reason"], "disk full");
}

#[tokio::test]
async fn what_nobody_can_use_fails_the_check_and_says_why() {
    let mut health = healthy();
    health.task_groups[0].usable_tiers = 0;
    let report = check(health, (503, "inactive")).await;
    assert_eq!(report["task_groups"][0]["reason"], "none of 1 tiers can be used");

    let mut health = healthy();
    health.wrappers[0].usable = false;
    let report = check(health, (503, "inactive")).await;
    assert_eq!(report["wrappers"][0]["reason"], "pool:fast cannot be used");
}

#[tokio::test]
async fn a_wrong_path_or_method_is_an_error_in_json() {
    let stage = Stage::new();
    assert_eq!(exchange(stage.admin, &get("/v1/models")).await.code(), "unknown_url");
    let request = b"POST /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(exchange(stage.admin, request).await.code(), "method_not_allowed");
}
