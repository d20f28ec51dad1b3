//! A caller who goes away stops whatever is done for it, in every phase of its request, over real sockets.

use std::time::Duration;

use layered_tests::upstream::{Behaviour, Failure, FaultyUpstream, Phase};
use tidegate::domain::resilience::MidStream;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    scenarios::Pair,
    wire::{chat, exchange, get, until},
};

/// Asks, and stays connected.
async fn asking(pair: &Pair, stream: bool) -> TcpStream {
    asking_for("chat", pair, stream).await
}

async fn asking_for(model: &str, pair: &Pair, stream: bool) -> TcpStream {
    let body = format!(r#"{{"model":"{model}","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#);
    let mut caller = TcpStream::connect(pair.address).await.unwrap();
    caller.write_all(&chat(body.as_bytes(), "")).await.unwrap();
    caller
}

/// The upstream sees its connection closed. How long that may take is no test's to say; that it never does, is.
async fn is_stopped(upstream: &FaultyUpstream) {
    tokio::time::timeout(Duration::from_secs(10), upstream.wait_for_disconnect())
        .await
        .expect("the upstream is stopped");
}

#[tokio::test]
async fn before_the_head_of_the_answer() {
    for stream in [false, true] {
        let pair = Pair::start().await;
        pair.primary.always(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Hang });
        let caller = asking(&pair, stream).await;
        pair.primary.wait_for_requests(1).await;
        drop(caller);
        is_stopped(&pair.primary).await;
        assert_eq!(pair.fallback.request_count(), 0);
    }
}

#[tokio::test]
async fn between_the_head_and_the_first_content() {
    for stream in [false, true] {
        let pair = Pair::start().await;
        pair.primary.always(Behaviour::Fail { at: Phase::AfterHeaders, how: Failure::Hang });
        let caller = asking(&pair, stream).await;
        pair.primary.wait_for_requests(1).await;
        drop(caller);
        is_stopped(&pair.primary).await;
        assert_eq!(pair.fallback.request_count(), 0);
    }
}

#[tokio::test]
async fn amid_a_stream() {
    let pair = Pair::start().await;
    pair.primary.always(Behaviour::Fail { at: Phase::AfterTokens(3), how: Failure::Hang });
    let mut caller = asking(&pair, true).await;
    until(&mut caller, "primary-2").await;
    drop(caller);
    is_stopped(&pair.primary).await;
}

#[tokio::test]
async fn while_another_one_is_asked_instead() {
    for stream in [false, true] {
        let pair = Pair::start().await;
        pair.primary.always(Behaviour::status(500));
        pair.fallback.always(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Hang });
        let caller = asking(&pair, stream).await;
        pair.fallback.wait_for_requests(1).await;
        drop(caller);
        is_stopped(&pair.fallback).await;
    }
}

#[tokio::test]
async fn while_another_one_is_to_go_on_with_a_broken_stream() {
    let pair = Pair::with(MidStream::Continue, &["primary", "fallback"]).await;
    pair.primary.always(Behaviour::Fail { at: Phase::AfterTokens(3), how: Failure::Close });
    pair.fallback.always(Behaviour::Fail { at: Phase::AfterHeaders, how: Failure::Hang });
    let mut caller = asking(&pair, true).await;
    until(&mut caller, "primary-2").await;
    pair.fallback.wait_for_requests(1).await;
    drop(caller);
    is_stopped(&pair.fallback).await;
}

#[tokio::test]
async fn amid_a_hedge() {
    for stream in [false, true] {
        let pair = Pair::hedged().await;
        for upstream in [&pair.primary, &pair.fallback] {
            upstream.always(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Hang });
        }
        let caller = asking(&pair, stream).await;
        pair.primary.wait_for_requests(1).await;
        pair.fallback.wait_for_requests(1).await;
        drop(caller);
        is_stopped(&pair.primary).await;
        is_stopped(&pair.fallback).await;
    }
}

/// Waits until so many requests are over, and returns how the latest one ended.
async fn over(pair: &Pair, count: usize) -> String {
    let ended = async {
        loop {
            let answer = exchange(pair.admin, &get("/admin/v1/requests")).await.json();
            match answer["requests"].as_array().unwrap() {
                requests if requests.len() >= count => return requests[0]["outcome"].as_str().unwrap().to_owned(),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the request is over")
}

#[tokio::test]
async fn in_the_queue() {
    let pair = Pair::narrow().await;
    pair.primary.enqueue(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Hang });
    let served = asking(&pair, false).await;
    pair.primary.wait_for_requests(1).await;
    let queued = asking(&pair, false).await;
    drop(queued);
    assert_eq!(over(&pair, 1).await, "abandoned", "while the only place is taken");
    drop(served);
    is_stopped(&pair.primary).await;
    over(&pair, 2).await;
    let mut next = asking(&pair, true).await;
    until(&mut next, "primary-2").await;
    assert_eq!(pair.primary.request_count(), 2, "whoever left the queue was never asked for");
}

#[tokio::test]
async fn in_a_backoff() {
    let pair = Pair::start().await;
    pair.primary.always(Behaviour::status(500));
    let caller = asking_for("primary:model", &pair, false).await;
    pair.primary.wait_for_requests(1).await;
    drop(caller);
    assert_eq!(over(&pair, 1).await, "abandoned");
    assert_eq!(pair.primary.request_count(), 1, "nobody is asked again for a caller who is gone");
}
