//! Connections that are slow, many or oversized.

use std::time::Duration;

use tidegate_interface::server::{BindError, Server, ServerOptions};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    stage::{Stage, piece},
    wire::{chat, exchange, get, until},
};

const SOON: Duration = Duration::from_millis(50);

async fn closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    let _reset_or_end = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn a_head_that_trickles_in_is_given_up() {
    let stage = Stage::limited(ServerOptions { header_timeout: SOON, ..ServerOptions::default() });
    let mut silent = TcpStream::connect(stage.address).await.unwrap();
    let mut slow = TcpStream::connect(stage.address).await.unwrap();
    slow.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: ").await.unwrap();
    closed(&mut silent).await;
    closed(&mut slow).await;
}

#[tokio::test]
async fn a_later_head_that_trickles_in_is_given_up_too() {
    let stage = Stage::limited(ServerOptions { header_timeout: SOON, ..ServerOptions::default() });
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(b"GET /v1/models/fast HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    until(&mut stream, "}").await;
    stream.write_all(b"GET /v1/mod").await.unwrap();
    closed(&mut stream).await;
}

#[tokio::test]
async fn a_connection_at_rest_outlives_the_time_for_a_head() {
    let stage = Stage::limited(ServerOptions { header_timeout: SOON, ..ServerOptions::default() });
    let mut rested = TcpStream::connect(stage.address).await.unwrap();
    rested.write_all(b"GET /v1/models/fast HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    until(&mut rested, "}").await;
    // As long as it takes another connection, opened later, to be given up.
    let mut silent = TcpStream::connect(stage.address).await.unwrap();
    closed(&mut silent).await;
    rested.write_all(b"GET /v1/models/fast HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    until(&mut rested, "}").await;
}

#[tokio::test]
async fn a_connection_does_not_rest_for_ever() {
    let options = ServerOptions { header_timeout: SOON, idle_timeout: SOON, ..ServerOptions::default() };
    let stage = Stage::limited(options);
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(b"GET /v1/models/fast HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    closed(&mut stream).await;
}

#[tokio::test]
async fn a_caller_that_does_not_read_is_given_up() {
    let stage = Stage::limited(ServerOptions { write_timeout: SOON, ..ServerOptions::default() });
    let feed = stage.upstream.feed();
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(&chat(br#"{"model":"stream","stream":true}"#, "")).await.unwrap();
    feed.send(Ok(piece("data: one\n\n"))).unwrap();
    until(&mut stream, "one").await;
    // More than any buffer on the way holds.
    let large = format!("data: {}\n\n", "x".repeat(1 << 20));
    for _ in 0..64 {
        feed.send(Ok(piece(&large))).unwrap();
    }
    feed.closed().await;
}

#[tokio::test]
async fn a_head_of_too_many_bytes_or_headers_is_refused() {
    let stage = Stage::new();
    let large = format!("x: {}\r\n", "y".repeat(70 * 1024));
    let many = (0..101).map(|n| format!("x{n}: y\r\n")).collect::<Vec<_>>().concat();
    for headers in [large, many] {
        let request = format!("GET /v1/models HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        assert_eq!(exchange(stage.address, request.as_bytes()).await.status, 431);
    }
}

#[tokio::test]
async fn a_connection_beyond_the_cap_waits_for_its_turn() {
    let stage = Stage::limited(ServerOptions { max_connections: 1, ..ServerOptions::default() });
    let mut first = TcpStream::connect(stage.address).await.unwrap();
    first.write_all(b"GET /v1/models/fast HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    until(&mut first, "}").await;
    let address = stage.address;
    let second = tokio::spawn(async move { exchange(address, &get("/v1/models")).await.status });
    // The admin listener has room of its own, and an exchange there gives the second connection every chance.
    assert_eq!(exchange(stage.admin, &get("/livez")).await.status, 200);
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(second.await.unwrap(), 200);
}

#[tokio::test]
async fn an_ambiguous_framing_gets_one_answer_at_most() {
    let stage = Stage::new();
    let smuggled = b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /v1/models HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    stream.write_all(smuggled).await.unwrap();
    let mut raw = Vec::new();
    let _end = stream.read_to_end(&mut raw).await;
    let answers = String::from_utf8_lossy(&raw).matches("HTTP/1.1 ").count();
    assert!(answers <= 1, "{answers} answers");
    assert!(stage.upstream.bodies().is_empty());
}

#[tokio::test]
async fn a_taken_address_is_named_with_a_way_out() {
    let stage = Stage::new();
    let free = "127.0.0.1:0".parse().unwrap();
    let options = ServerOptions { listen: free, admin_listen: stage.admin, ..ServerOptions::default() };
    let error = Server::bind(options).unwrap_err();
    assert!(matches!(error, BindError::Taken { .. }));
    let message = error.to_string();
    assert!(message.contains(&stage.admin.to_string()) && message.contains("--admin-listen"), "{message}");
}
