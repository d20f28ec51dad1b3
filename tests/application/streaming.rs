//! Streams: what is held, when they are shown, and how they end.

use std::time::Duration;

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, next, read, served_by, streamed},
};
use tidegate_application::CompletionError;
use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, TransportFault, Work},
    inference::Usage,
    name::PoolName,
    observe::Outcome,
    pool::PoolPolicy,
    resilience::Deadlines,
};

async fn world() -> World {
    let deadlines = Deadlines {
        headers: Duration::from_secs(5),
        first_content: Duration::from_secs(10),
        reasoning_first_content: Duration::from_secs(10),
        idle: Duration::from_secs(20),
        total: Duration::from_secs(100),
        pace: None,
    };
    let policy = PoolPolicy { deadlines, ..PoolPolicy::default() };
    Plan::default().pool_with("p", &["a", "b"], policy).start().await
}

fn reset() -> Fault {
    Fault::new(FaultKind::Transport(TransportFault::Reset), Work::Partial, "reset")
}

#[tokio::test(start_paused = true)]
async fn a_stream_arrives_byte_for_byte_with_what_was_held_before_its_first_content() {
    let world = world().await;
    let stream = streamed(world.stream("p").await.unwrap());
    assert_eq!(world.in_flight("p"), 1, "a stream counts until its last byte");
    assert_eq!(read(stream).await, ("role t0 t1 t2 end".to_owned(), None));
    assert_eq!(world.diary.outcomes(), [Outcome::Completed]);
    assert_eq!(world.in_flight("p"), 0);
    let statistics = world.pools.statistics(&PoolName::new("p").unwrap()).unwrap();
    assert_eq!((statistics.instances[0].input_tokens, statistics.instances[0].output_tokens), (3, 5));
}

#[tokio::test(start_paused = true)]
async fn a_fault_before_the_first_content_is_answered_elsewhere_unseen() {
    let world = world().await;
    world.scripts.next("a", Act::Stream(vec![Beat::role(), Beat::Fault(reset())]));
    let stream = streamed(world.stream("p").await.unwrap());
    assert_eq!(read(stream).await.0, "role t0 t1 t2 end");
    assert_eq!(world.diary.attempts(), ["a transport_reset", "b ok"]);
}

#[tokio::test(start_paused = true)]
async fn roles_and_pings_do_not_count_as_content() {
    let world = world().await;
    let pings = std::iter::repeat_n([Beat::role(), Beat::Wait(Duration::from_secs(1))], 100).flatten().collect();
    world.scripts.next("a", Act::Stream(pings));
    world.stream("p").await.unwrap();
    assert_eq!(world.diary.attempts(), ["a timeout_first_content", "b ok"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_stream_is_a_fault_and_answered_elsewhere() {
    let world = world().await;
    world.scripts.next("a", Act::Stream(vec![]));
    assert_eq!(served_by(&world.stream("p").await.unwrap()), "b");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_after_its_first_content_ends_with_the_fault() {
    let world = world().await;
    world.scripts.next("a", Act::Stream(vec![Beat::content("half"), Beat::Fault(reset())]));
    let (text, fault) = read(streamed(world.stream("p").await.unwrap())).await;
    assert_eq!(text, "half");
    assert_eq!(fault.unwrap().kind, reset().kind);
    assert_eq!(world.diary.outcomes(), [Outcome::BrokenOff(reset().kind)]);
    assert_eq!(world.diary.transitions(), ["a degraded"]);
    assert_eq!(world.in_flight("p"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_ends_without_a_finish_is_never_taken_for_complete() {
    let world = world().await;
    world.scripts.next("a", Act::Stream(vec![Beat::content("half")]));
    let (_, fault) = read(streamed(world.stream("p").await.unwrap())).await;
    assert_eq!(fault.unwrap().kind, FaultKind::Malformed);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_is_broken_off_exactly_at_the_idle_deadline_whatever_pings_it_sends() {
    let world = world().await;
    let pings = std::iter::repeat_n([Beat::role(), Beat::Wait(Duration::from_secs(3))], 20).flatten();
    world.scripts.next("a", Act::Stream([Beat::content("x")].into_iter().chain(pings).collect()));
    let stream = streamed(world.stream("p").await.unwrap());
    let began = tokio::time::Instant::now();
    let (_, fault) = read(stream).await;
    assert_eq!(fault.unwrap().kind, FaultKind::Timeout(Phase::Idle));
    assert_eq!(began.elapsed(), Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_never_ends_is_broken_off_at_the_total_deadline() {
    let world = world().await;
    let endless = std::iter::repeat_n([Beat::content("x"), Beat::Wait(Duration::from_secs(3))], 200).flatten();
    world.scripts.next("a", Act::Stream(endless.collect()));
    let began = tokio::time::Instant::now();
    let (_, fault) = read(streamed(world.stream("p").await.unwrap())).await;
    assert_eq!(fault.unwrap().kind, FaultKind::Timeout(Phase::Total));
    assert_eq!(began.elapsed(), Duration::from_secs(100));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_stops_the_upstream_and_says_nothing_about_it() {
    let world = world().await;
    world.scripts.next("a", Act::Stream(vec![Beat::content("x"), Beat::Hang]));
    let mut stream = streamed(world.stream("p").await.unwrap());
    next(&mut stream).await.unwrap().unwrap();
    drop(stream);
    assert_eq!(world.scripts.streams_dropped("a"), 1);
    assert_eq!(world.in_flight("p"), 0);
    assert_eq!(world.diary.outcomes(), [Outcome::Abandoned]);
    assert!(world.diary.transitions().is_empty());
}

/// What the request of `World::stream` for the pool `p` costs at least, by its bytes, with so many tokens of an answer.
fn guess(tokens: u64) -> Usage {
    let body = r#"{"model":"p","stream":true,"messages":[]}"#;
    Usage::estimated(body.len() as u64 / 4, tokens)
}

#[tokio::test(start_paused = true)]
async fn the_usage_of_a_stream_that_was_cut_is_estimated_from_what_was_relayed() {
    let world = world().await;
    world
        .scripts
        .next("a", Act::Stream(vec![Beat::role(), Beat::content("x"), Beat::content("y"), Beat::Fault(reset())]));
    read(streamed(world.stream("p").await.unwrap())).await;
    assert_eq!(world.diary.usages(), [Some(guess(2))]);
}

#[tokio::test(start_paused = true)]
async fn the_usage_of_a_stream_that_was_abandoned_is_estimated_from_what_was_relayed() {
    let world = world().await;
    world.scripts.next("a", Act::Stream(vec![Beat::content("x"), Beat::Hang]));
    let mut stream = streamed(world.stream("p").await.unwrap());
    next(&mut stream).await.unwrap().unwrap();
    drop(stream);
    assert_eq!(world.diary.usages(), [Some(guess(1))]);
}

#[tokio::test(start_paused = true)]
async fn a_usage_that_the_upstream_reports_is_no_estimate() {
    let world = world().await;
    read(streamed(world.stream("p").await.unwrap())).await;
    assert_eq!(world.diary.usages(), [Some(Usage { input_tokens: 3, output_tokens: 5, ..Usage::default() })]);
}

#[tokio::test(start_paused = true)]
async fn a_request_dropped_after_any_number_of_polls_leaks_nothing() {
    for polls in 0..40 {
        let world = world().await;
        world
            .scripts
            .next("a", Act::Stream(vec![Beat::role(), Beat::Wait(Duration::from_secs(1)), Beat::Fault(reset())]));
        let journey = async { read(streamed(world.stream("p").await.unwrap())).await };
        poll_then_drop(journey, polls).await;
        assert_eq!(world.in_flight("p"), 0, "after {polls} polls");
        assert!(world.diary.outcomes().len() <= 1);
    }
}

/// Polls a future `polls` times, letting time go on in between, and drops it.
async fn poll_then_drop(future: impl Future, polls: usize) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let done =
            std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if done {
            return;
        }
        tokio::time::advance(Duration::from_millis(250)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn both_kinds_of_answer_fail_over_alike() {
    let kinds = [FaultKind::Transient, FaultKind::Overloaded, FaultKind::Auth, FaultKind::Malformed];
    for kind in kinds {
        for stream in [false, true] {
            let world = world().await;
            world.scripts.next("a", Act::fail(kind));
            let completion = if stream { world.stream("p").await } else { world.complete("p").await };
            assert_eq!(served_by(&completion.unwrap()), "b", "{kind}, stream: {stream}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_nobody_can_serve_is_an_error_before_any_byte() {
    let world = world().await;
    world.scripts.always("a", Act::fail(FaultKind::Malformed));
    world.scripts.always("b", Act::fail(FaultKind::Malformed));
    assert!(matches!(world.stream("p").await, Err(CompletionError::Upstream { attempts: 2, .. })));
}
