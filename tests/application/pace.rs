//! Streams that are slow or silent without standing still.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, next, read, streamed},
};
use tidegate_application::{RequestContext, StreamMarks};
use tidegate_domain::{
    fault::{FaultKind, Phase},
    inference::{InferenceRequest, RequestId},
    pool::PoolPolicy,
    resilience::{Deadlines, Pace},
};

const SECOND: Duration = Duration::from_secs(1);

async fn world(pace: Option<Pace>) -> World {
    let policy = PoolPolicy { deadlines: Deadlines { pace, ..Deadlines::default() }, ..PoolPolicy::default() };
    Plan::default().pool_with("p", &["a"], policy).start().await
}

/// Two tokens a second, over windows of ten seconds.
fn pace() -> Pace {
    Pace { tokens_per_second: NonZeroU32::new(2).unwrap(), window: 10 * SECOND }
}

/// `count` tokens, each after `interval`.
fn tokens(count: usize, interval: Duration) -> Vec<Beat> {
    std::iter::repeat_n([Beat::content("x"), Beat::Wait(interval)], count).flatten().collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_trickles_is_broken_off_at_the_end_of_the_first_window() {
    let world = world(Some(pace())).await;
    world.scripts.next("a", Act::Stream(tokens(60, SECOND)));
    let stream = streamed(world.stream("p").await.unwrap());
    let began = tokio::time::Instant::now();
    let (_, fault) = read(stream).await;
    assert_eq!(fault.unwrap().kind, FaultKind::Timeout(Phase::Pace));
    assert_eq!(began.elapsed(), 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_keeps_its_pace_is_left_alone_however_unevenly() {
    let world = world(Some(pace())).await;
    let bursts = (0..6).flat_map(|_| [tokens(30, Duration::ZERO), vec![Beat::Wait(10 * SECOND)]].concat());
    world.scripts.next("a", Act::Stream(bursts.chain([Beat::finish()]).collect()));
    assert_eq!(read(streamed(world.stream("p").await.unwrap())).await.1, None);
}

#[tokio::test(start_paused = true)]
async fn without_a_pace_a_stream_may_trickle() {
    let world = world(None).await;
    let beats = tokens(20, 30 * SECOND).into_iter().take(39).chain([Beat::finish()]);
    world.scripts.next("a", Act::Stream(beats.collect()));
    assert_eq!(read(streamed(world.stream("p").await.unwrap())).await.1, None);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_keeps_the_stream_waiting_does_not_make_it_slow() {
    let world = world(Some(pace())).await;
    world.scripts.next("a", Act::Stream([tokens(40, Duration::ZERO), vec![Beat::finish()]].concat()));
    let mut stream = streamed(world.stream("p").await.unwrap());
    while let Some(item) = next(&mut stream).await {
        item.unwrap();
        tokio::time::sleep(5 * SECOND).await;
    }
}

async fn with_keep_alive(world: &World, after: Duration) -> String {
    let body = Bytes::from_static(br#"{"model":"p","stream":true,"messages":[]}"#);
    let marks = StreamMarks { keep_alive: Some((after, "(quiet)")), ..StreamMarks::default() };
    let context = RequestContext { marks, ..RequestContext::new(RequestId::new("req")) };
    let request = InferenceRequest::parse(body).unwrap();
    read(streamed(world.orchestration.complete(request, context).await.unwrap())).await.0
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_that_it_is_there_as_often_as_it_was_silent_for_long() {
    let world = world(None).await;
    let beats = vec![Beat::content("x"), Beat::Wait(50 * SECOND), Beat::content("y"), Beat::finish()];
    world.scripts.always("a", Act::Stream(beats));
    assert_eq!(with_keep_alive(&world, 15 * SECOND).await, "x(quiet)(quiet)(quiet)yend");
    assert_eq!(with_keep_alive(&world, 60 * SECOND).await, "xyend");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_before_the_first_content() {
    let world = world(None).await;
    let beats = vec![Beat::role(), Beat::Wait(50 * SECOND), Beat::content("x"), Beat::finish()];
    world.scripts.always("a", Act::Stream(beats));
    assert_eq!(with_keep_alive(&world, 15 * SECOND).await, "role xend");
}

#[tokio::test(start_paused = true)]
async fn what_the_gateway_says_itself_does_not_keep_a_stalled_stream_alive() {
    let world = world(None).await;
    world.scripts.always("a", Act::Stream(vec![Beat::content("x"), Beat::Hang]));
    assert_eq!(with_keep_alive(&world, 25 * SECOND).await, "x(quiet)(quiet)");
}
