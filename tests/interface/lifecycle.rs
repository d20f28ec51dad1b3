//! The orderly end: what is in flight is finished, and nothing holds it up beyond its bound.

use std::time::Duration;

use tidegate_interface::server::{Ended, ServerOptions};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    stage::{Stage, done, piece},
    wire::{chat, exchange, get, rest, until},
};

const REQUEST: &[u8] = br#"{"model":"stream","stream":true}"#;

fn draining_for(drain_timeout: Duration) -> Stage {
    Stage::limited(ServerOptions { drain_timeout, ..ServerOptions::default() })
}

async fn open_stream(stage: &Stage) -> TcpStream {
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(&chat(REQUEST, "")).await.unwrap();
    until(&mut stream, "one").await;
    stream
}

#[tokio::test]
async fn a_server_at_rest_ends_at_once() {
    let stage = Stage::new();
    let mut idle = TcpStream::connect(stage.address).await.unwrap();
    idle.write_all(b"GET /v1/models/fast HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    until(&mut idle, "}").await;
    stage.lifecycle.drain();
    assert_eq!(stage.ended().await, Ended::Drained);
}

#[tokio::test]
async fn a_draining_server_is_not_ready_takes_no_connection_and_finishes_what_it_has() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    feed.send(Ok(piece("data: one\n\n"))).unwrap();
    let mut stream = open_stream(&stage).await;
    assert_eq!(exchange(stage.admin, &get("/readyz")).await.status, 200);

    stage.lifecycle.drain();
    assert_eq!(exchange(stage.admin, &get("/readyz")).await.status, 503);
    assert_eq!(exchange(stage.admin, &get("/livez")).await.status, 200);
    while TcpStream::connect(stage.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    feed.send(Ok(done())).unwrap();
    drop(feed);
    until(&mut stream, "data: [DONE]\n\n\r\n0\r\n\r\n").await;
    assert_eq!(stage.ended().await, Ended::Drained);
}

#[tokio::test]
async fn a_stream_that_outlasts_the_drain_gets_its_error_event_and_is_cut() {
    let stage = draining_for(Duration::from_millis(50));
    let feed = stage.upstream.feed();
    feed.send(Ok(piece("data: one\n\n"))).unwrap();
    let mut stream = open_stream(&stage).await;
    stage.lifecycle.drain();
    let last = until(&mut stream, "\r\n0\r\n\r\n").await;
    assert!(last.contains(r#""code":"upstream_stream_error""#), "{last}");
    assert!(!last.contains("[DONE]"));
    feed.closed().await;
    assert_eq!(stage.ended().await, Ended::Cut(1));
}

#[tokio::test]
async fn a_second_signal_does_not_wait() {
    let stage = draining_for(Duration::from_hours(1));
    let feed = stage.upstream.feed();
    feed.send(Ok(piece("data: one\n\n"))).unwrap();
    let mut stream = open_stream(&stage).await;
    stage.lifecycle.drain();
    stage.lifecycle.cut();
    until(&mut stream, "upstream_stream_error").await;
    assert_eq!(stage.ended().await, Ended::Cut(1));
}

#[tokio::test]
async fn a_stream_that_never_pauses_is_cut_as_well() {
    let stage = draining_for(Duration::from_millis(50));
    let feed = stage.upstream.feed();
    feed.send(Ok(piece("data: one\n\n"))).unwrap();
    let mut stream = open_stream(&stage).await;
    let large = format!("data: {}\n\n", "x".repeat(1 << 16));
    for _ in 0..4096 {
        feed.send(Ok(piece(&large))).unwrap();
    }
    stage.lifecycle.drain();
    stage.lifecycle.cut();
    assert!(rest_of(&mut stream).await.contains("upstream_stream_error"));
    assert_eq!(stage.ended().await, Ended::Cut(1));
}

async fn rest_of(stream: &mut TcpStream) -> String {
    until(stream, "upstream_stream_error").await
}

#[tokio::test]
async fn a_request_without_an_answer_is_refused_at_the_end() {
    let stage = draining_for(Duration::from_millis(50));
    let _unsaid = stage.upstream.feed();
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(&chat(br#"{"model":"silent"}"#, "")).await.unwrap();
    while stage.upstream.bodies().is_empty() {
        tokio::task::yield_now().await;
    }
    stage.lifecycle.drain();
    let answer = rest(&mut stream).await;
    assert_eq!((answer.status, &*answer.code()), (503, "gateway_shutting_down"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(stage.ended().await, Ended::Cut(1));
}

#[tokio::test]
async fn a_caller_that_does_not_read_cannot_hold_up_the_end() {
    let stage = draining_for(Duration::from_millis(50));
    let feed = stage.upstream.feed();
    feed.send(Ok(piece("data: one\n\n"))).unwrap();
    let _stream = open_stream(&stage).await;
    let large = format!("data: {}\n\n", "x".repeat(1 << 20));
    for _ in 0..64 {
        feed.send(Ok(piece(&large))).unwrap();
    }
    stage.lifecycle.drain();
    assert_eq!(stage.ended().await, Ended::Cut(1));
}
