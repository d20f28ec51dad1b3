//! A caller who goes away stops whatever is done for it, in every phase of its request, over real sockets.
//!
//! That is to take less than 100 ms. No test can say how long a machine takes, but what could make it wait can be ruled out: from the
//! moment at which the caller leaves, the clock of the runtime stands still ([`StoppedClock`]), so no timer of anybody goes off. What
//! is stopped nevertheless is stopped as soon as the sockets tell of it. `tests/chaos` reports how long that takes.

use std::{sync::mpsc, time::Duration};

use layered_tests::upstream::{Behaviour, Failure, FaultyUpstream, Phase};
use tidegate::domain::resilience::MidStream;
use tokio::{io::AsyncWriteExt, net::TcpStream, task::yield_now, time::Instant};

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

/// The clock of a runtime, stopped. A paused clock jumps to the next timer when nothing is left to do but to wait for a socket; it does
/// not while a blocking task runs, and here one does until this is dropped.
struct StoppedClock {
    at: Instant,
    /// Dropped, it ends the blocking task.
    _held: mpsc::Sender<()>,
}

impl StoppedClock {
    fn stop() -> Self {
        let (held, dropped) = mpsc::channel();
        // Let go in the end even so: then the timers that a failing test waits for go off.
        tokio::task::spawn_blocking(move || dropped.recv_timeout(Duration::from_secs(30)));
        tokio::time::pause();
        Self { at: Instant::now(), _held: held }
    }
}

impl Drop for StoppedClock {
    fn drop(&mut self) {
        let has_gone_on = self.at.elapsed() > Duration::ZERO;
        tokio::time::resume();
        assert!(!has_gone_on || std::thread::panicking(), "a timer had to go off first");
    }
}

/// The caller goes away, and these upstreams see their connections closed before any timer goes off.
async fn leaving_stops(caller: TcpStream, upstreams: &[&FaultyUpstream]) {
    let _clock = StoppedClock::stop();
    drop(caller);
    for upstream in upstreams {
        tokio::time::timeout(Duration::from_secs(10), upstream.wait_for_disconnect())
            .await
            .expect("the upstream is stopped");
    }
}

#[tokio::test]
async fn before_the_head_of_the_answer() {
    for stream in [false, true] {
        let pair = Pair::start().await;
        pair.primary.always(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Hang });
        let caller = asking(&pair, stream).await;
        pair.primary.wait_for_requests(1).await;
        leaving_stops(caller, &[&pair.primary]).await;
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
        leaving_stops(caller, &[&pair.primary]).await;
        assert_eq!(pair.fallback.request_count(), 0);
    }
}

#[tokio::test]
async fn amid_a_stream() {
    let pair = Pair::start().await;
    pair.primary.always(Behaviour::Fail { at: Phase::AfterTokens(3), how: Failure::Hang });
    let mut caller = asking(&pair, true).await;
    until(&mut caller, "primary-2").await;
    leaving_stops(caller, &[&pair.primary]).await;
}

#[tokio::test]
async fn while_another_one_is_asked_instead() {
    for stream in [false, true] {
        let pair = Pair::start().await;
        pair.primary.always(Behaviour::status(500));
        pair.fallback.always(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Hang });
        let caller = asking(&pair, stream).await;
        pair.fallback.wait_for_requests(1).await;
        leaving_stops(caller, &[&pair.fallback]).await;
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
    leaving_stops(caller, &[&pair.fallback]).await;
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
        leaving_stops(caller, &[&pair.primary, &pair.fallback]).await;
    }
}

/// Waits until so many requests are over, and returns how the latest one ended.
async fn over(pair: &Pair, count: usize) -> String {
    let ended = async {
        loop {
            let answer = exchange(pair.admin, &get("/admin/v1/requests")).await.json();
            match answer["requests"].as_array().unwrap() {
                requests if requests.len() >= count => return requests[0]["outcome"].as_str().unwrap().to_owned(),
                _ => yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the request is over")
}

/// The caller goes away, and so many requests are over before any timer goes off: how the latest one ended.
async fn over_once_left(caller: TcpStream, pair: &Pair, count: usize) -> String {
    let _clock = StoppedClock::stop();
    drop(caller);
    over(pair, count).await
}

#[tokio::test]
async fn in_the_queue() {
    let pair = Pair::narrow().await;
    pair.primary.enqueue(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Hang });
    let served = asking(&pair, false).await;
    pair.primary.wait_for_requests(1).await;
    let queued = asking(&pair, false).await;
    assert_eq!(over_once_left(queued, &pair, 1).await, "abandoned", "while the only place is taken");
    leaving_stops(served, &[&pair.primary]).await;
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
    assert_eq!(over_once_left(caller, &pair, 1).await, "abandoned");
    assert_eq!(pair.primary.request_count(), 1, "nobody is asked again for a caller who is gone");
}
