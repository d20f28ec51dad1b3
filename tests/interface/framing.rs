//! The framing of requests and responses: what two readers could see differently is refused, and everything else is
//! understood however it is cut.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    stage::{Stage, WHOLE, done, piece},
    wire::{chat, exchange, until},
};

const BODY: &str = r#"{"model":"fast"}"#;

/// Everything that the server says to `bytes` until it closes.
async fn answers(stage: &Stage, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    // A server that refuses closes before it has read everything.
    let _refused = stream.write_all(bytes).await;
    let mut raw = Vec::new();
    let _reset_or_end = stream.read_to_end(&mut raw).await;
    String::from_utf8(raw).unwrap()
}

#[tokio::test]
async fn no_smuggled_request_is_ever_answered_as_a_second_one() {
    let stage = Stage::new();
    let second = "GET /v1/models HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    for framing in [
        "content-length: 5\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 5",
        "transfer-encoding: xchunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity, chunked",
        "transfer-encoding:\x0bchunked",
        "transfer-encoding : chunked",
        "content-length: 5\r\ncontent-length: 0",
        "content-length: 0, 5",
        "content-length: +5",
        "content-length: 0\n5",
        "x: folded\r\n content-length: 5",
    ] {
        let first = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\n{framing}\r\n\r\n0\r\n\r\n");
        let said = answers(&stage, format!("{first}{second}").as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 400 "), "{framing:?}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{framing:?}: {said}");
        assert!(said.contains("\"code\":\"malformed_request\"") && said.contains("connection: close"), "{said}");
    }
    assert!(stage.upstream.bodies().is_empty());
}

#[tokio::test]
async fn a_chunk_that_is_framed_wrongly_ends_the_connection() {
    let stage = Stage::new();
    for chunks in
        ["5\n{\"mo\r\n0\r\n\r\n", "0x5\r\n{\"mod\r\n0\r\n\r\n", "fffffffffffffffff\r\n", "5\r\n{\"model\r\n0\r\n\r\n"]
    {
        let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
        let said = answers(&stage, format!("{head}{chunks}GET /v1/models HTTP/1.1\r\n\r\n").as_bytes()).await;
        assert!(said.starts_with("HTTP/1.1 400 "), "{chunks:?}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{chunks:?}: {said}");
    }
    assert!(stage.upstream.bodies().is_empty());
}

#[tokio::test]
async fn a_request_is_understood_wherever_it_is_cut() {
    let stage = Stage::new();
    let request = chat(BODY.as_bytes(), "");
    for cut in (1..request.len()).step_by(7) {
        let mut stream = TcpStream::connect(stage.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(&request[..cut]).await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(&request[cut..]).await.unwrap();
        let said = until(&mut stream, WHOLE).await;
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "cut at {cut}: {said}");
    }
}

#[tokio::test]
async fn requests_that_are_sent_ahead_are_answered_in_order() {
    let stage = Stage::new();
    let first =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
    let second = "GET /v1/models/fast HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let said = answers(&stage, format!("{first}{second}").as_bytes()).await;
    let (whole, model) = (said.find(WHOLE).unwrap(), said.find("\"owned_by\"").unwrap());
    assert!(whole < model, "{said}");
    assert_eq!(said.matches("HTTP/1.1 200 OK\r\n").count(), 2);
}

#[tokio::test]
async fn a_caller_that_asks_before_it_sends_is_told_to_go_on() {
    let stage = Stage::new();
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        BODY.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(BODY.as_bytes()).await.unwrap();
    assert!(until(&mut stream, WHOLE).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_body_that_is_refused_unseen_is_not_asked_for() {
    let stage = Stage::new();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-type: image/png\r\ncontent-length: 9\r\n\r\n";
    let said = answers(&stage, head.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 415 "), "{said}");
}

#[tokio::test]
async fn a_stream_to_a_caller_of_the_old_version_ends_with_its_connection() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    let pieces = [piece("data: one\n\n"), done()];
    for piece in pieces.clone() {
        feed.send(Ok(piece)).unwrap();
    }
    drop(feed);
    let body = br#"{"model":"stream","stream":true}"#;
    let head = format!("POST /v1/chat/completions HTTP/1.0\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = exchange(stage.address, &[head.as_bytes(), body].concat()).await;
    assert_eq!((answer.header("transfer-encoding"), answer.header("connection")), (None, Some("close")));
    assert_eq!(answer.body, pieces.map(|piece| piece.bytes).concat());
}

#[tokio::test]
async fn a_head_is_asked_for_without_its_body() {
    let stage = Stage::new();
    let said = answers(&stage, b"HEAD /v1/models/fast HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("\r\n\r\n"), "{said}");
    assert_eq!(said.matches("\r\n\r\n").count(), 1);
    assert!(said.contains("\r\ncontent-length: ") && said.contains("\r\ndate: "), "{said}");
}

#[tokio::test]
async fn pieces_of_any_size_arrive_as_they_were() {
    let stage = Stage::new();
    let feed = stage.upstream.feed();
    let sizes = [1, 15, 16, 255, 4096, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 200_000, 3, 70_000];
    let pieces = sizes.map(|size| piece(&format!("data: {}\n\n", "x".repeat(size))));
    for piece in pieces.iter().cloned().chain([done()]) {
        feed.send(Ok(piece)).unwrap();
    }
    drop(feed);
    let answer = exchange(stage.address, &chat(br#"{"model":"stream","stream":true}"#, "")).await;
    let sent: Vec<u8> = pieces.iter().chain([&done()]).flat_map(|piece| piece.bytes.to_vec()).collect();
    assert!(answer.body == sent, "{} of {} bytes", answer.body.len(), sent.len());
}
