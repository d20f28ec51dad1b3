//! Streamed answers: byte for byte, with a truthful end.

use serde_json::Value;
use tidegate_application::domain::fault::{Fault, FaultKind, TransportFault, Work};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    stage::{Stage, aside, done, piece},
    wire::{chat, exchange, rest, until},
};

const REQUEST: &[u8] = br#"{"model":"stream","stream":true}"#;
const HELLO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\\u2026\"}}]}\n\n";

#[tokio::test]
async fn a_stream_is_forwarded_byte_for_byte() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    let pieces = [aside(": ping\n\n"), piece(HELLO), aside("event: x\r\ndata: {\"n\":1.10}\r\n\r\n"), done()];
    for piece in pieces.clone() {
        feed.send(Ok(piece)).unwrap();
    }
    drop(feed);
    let answer = exchange(stage.address, &chat(REQUEST, "")).await;
    assert_eq!(answer.body, pieces.map(|piece| piece.bytes).concat());
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    assert_eq!(answer.header("x-tidegate-instance"), Some("stream/stream"));
}

#[tokio::test]
async fn a_chunk_is_shown_before_the_next_one_exists() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(&chat(REQUEST, "")).await.unwrap();
    for text in ["data: one\n\n", "data: two\n\n", "data: three\n\n"] {
        feed.send(Ok(piece(text))).unwrap();
        until(&mut stream, text).await;
    }
}

#[tokio::test]
async fn a_stream_that_breaks_ends_with_one_error_event_and_no_done() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    feed.send(Ok(piece(HELLO))).unwrap();
    let reset = FaultKind::Transport(TransportFault::Reset);
    feed.send(Err(Fault::new(reset, Work::Partial, "10.0.0.7 hung up"))).unwrap();
    feed.send(Ok(done())).unwrap();
    let body = broken_off(&stage).await;
    assert!(!body.contains("10.0.0.7"));
    feed.closed().await;
}

#[tokio::test]
async fn a_stream_that_ends_without_a_finish_has_broken_too() {
    let stage = Stage::new();
    stage.upstream.feed().send(Ok(piece(HELLO))).unwrap();
    broken_off(&stage).await;
}

#[tokio::test]
async fn a_stream_that_breaks_before_its_first_content_is_an_error_like_any_other() {
    let stage = Stage::new();
    stage.upstream.feed().send(Ok(aside(": ping\n\n"))).unwrap();
    let answer = exchange(stage.address, &chat(REQUEST, "")).await;
    assert_eq!((answer.status, &*answer.code()), (502, "upstream_error"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

/// The body of a stream that breaks off after `HELLO`; what follows that is one error event.
async fn broken_off(stage: &Stage) -> String {
    let answer = exchange(stage.address, &chat(REQUEST, "")).await;
    assert_eq!(answer.status, 200);
    let body = String::from_utf8(answer.body).unwrap();
    let event = body.strip_prefix(HELLO).unwrap().strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
    let error: Value = serde_json::from_str(event).unwrap();
    assert_eq!(error["error"]["code"], "upstream_stream_error");
    assert!(error["error"]["message"].is_string() && error["error"]["type"].is_string());
    body
}

#[tokio::test]
async fn a_caller_that_leaves_mid_stream_stops_the_upstream() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(&chat(REQUEST, "")).await.unwrap();
    feed.send(Ok(piece(HELLO))).unwrap();
    until(&mut stream, "Hello").await;
    drop(stream);
    feed.closed().await;
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_first_byte_stops_the_upstream() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(&chat(br#"{"model":"silent"}"#, "")).await.unwrap();
    while stage.upstream.bodies().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    feed.closed().await;
}

#[tokio::test]
async fn a_slow_reader_holds_the_stream_back_and_misses_nothing() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    let text = format!("data: {}\n\n", "x".repeat(32 * 1024));
    for _ in 0..128 {
        feed.send(Ok(piece(&text))).unwrap();
    }
    feed.send(Ok(done())).unwrap();
    drop(feed);
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(&chat(REQUEST, "")).await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(rest(&mut stream).await.body.len(), 128 * text.len() + done().bytes.len());
}
