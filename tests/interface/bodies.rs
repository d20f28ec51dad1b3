//! Bodies that are too large or never arrive.

use std::time::Duration;

use tidegate_interface::server::ServerOptions;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    stage::Stage,
    wire::{Answer, chat, exchange, rest},
};

const HUNDRED_MEGABYTES: usize = 100 * 1024 * 1024;

fn small() -> Stage {
    Stage::limited(ServerOptions { body_limit: 64 * 1024, ..ServerOptions::default() })
}

#[track_caller]
fn check_refused(answer: &Answer) {
    assert_eq!((answer.status, &*answer.code()), (413, "request_too_large"));
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_body_announced_as_too_large_is_refused_before_it_is_sent() {
    let stage = small();
    for length in ["104857600", "1000000000000000000"] {
        let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-length: {length}\r\n\r\n");
        check_refused(&exchange(stage.address, head.as_bytes()).await);
    }
}

/// Sends up to `HUNDRED_MEGABYTES` of `piece`, until the server takes no more; returns how much went out.
async fn pour(mut writer: tokio::net::tcp::OwnedWriteHalf, piece: Vec<u8>) -> usize {
    let mut sent = 0;
    while sent < HUNDRED_MEGABYTES && writer.write_all(&piece).await.is_ok() {
        sent += piece.len();
    }
    sent
}

async fn refused_while_pouring(framing: &str, piece: Vec<u8>) {
    let stage = small();
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\n{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, writer) = stream.into_split();
    let pouring = tokio::spawn(pour(writer, piece));
    let mut raw = Vec::new();
    let _end = reader.read_to_end(&mut raw).await;
    check_refused(&Answer::parse(&raw));
    pouring.abort();
    assert!(stage.upstream.bodies().is_empty());
}

#[tokio::test]
async fn a_caller_that_pours_on_still_hears_why_it_is_refused() {
    refused_while_pouring("content-length: 104857600", vec![b' '; 16 * 1024]).await;
}

#[tokio::test]
async fn a_chunked_body_without_end_is_refused_at_the_limit() {
    let piece = [b"4000\r\n".as_slice(), &[b' '; 0x4000], b"\r\n"].concat();
    refused_while_pouring("transfer-encoding: chunked", piece).await;
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_is_taken_however_it_is_framed() {
    let stage = small();
    let mut body = br#"{"model":"fast"}"#.to_vec();
    body.resize(64 * 1024, b' ');
    assert_eq!(exchange(stage.address, &chat(&body, "")).await.status, 200);
    let head =
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let framed =
        body.chunks(1000).flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    let request: Vec<u8> = head.iter().copied().chain(framed).chain(*b"0\r\n\r\n").collect();
    assert_eq!(exchange(stage.address, &request).await.status, 200);
    assert_eq!(stage.upstream.bodies(), [body.clone(), body]);
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up() {
    let options = ServerOptions { body_timeout: Duration::from_millis(50), ..ServerOptions::default() };
    let stage = Stage::limited(options);
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head).await.unwrap();
    let answer = rest(&mut stream).await;
    assert_eq!((answer.status, &*answer.code()), (408, "request_timeout"));
}

#[tokio::test]
async fn a_body_that_breaks_off_reaches_nobody() {
    let stage = Stage::new();
    let mut stream = TcpStream::connect(stage.address).await.unwrap();
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{\"model\":\"fast\"}";
    stream.write_all(head).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut raw = Vec::new();
    let _end = stream.read_to_end(&mut raw).await;
    assert!(!raw.starts_with(b"HTTP/1.1 2"));
    assert!(stage.upstream.bodies().is_empty());
}
