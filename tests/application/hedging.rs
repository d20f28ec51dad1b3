//! A second attempt beside one that is slow to begin.

use std::time::Duration;

use bytes::Bytes;
use layered_tests::{
    scripted::{Act, Beat, ScriptedStream},
    world::{Plan, World, read, served_by, streamed},
};
use tidegate_application::{Completion, CompletionError, RequestContext};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{InferenceRequest, RequestId},
    name::{GroupName, TierName},
    resilience::HedgePolicy,
    routing::Decision,
    task_group::{FallbackPolicy, FallbackStrategy, TaskGroup, Tier, TierModel, TierPolicy},
};

const SECOND: Duration = Duration::from_secs(1);

/// A group with one tier of `a` and `b`, in this order.
async fn world(hedge: Option<HedgePolicy>, strategy: FallbackStrategy) -> World {
    let policy = TierPolicy { hedge, ..TierPolicy::default() };
    let models = ["sim:a", "sim:b"].map(|model| TierModel::Direct(model.parse().unwrap()));
    let tier = Tier::new(TierName::new("tier1").unwrap(), models.to_vec(), policy).unwrap();
    let fallback = FallbackPolicy { strategy, ..FallbackPolicy::default() };
    let group = TaskGroup::new(GroupName::new("g").unwrap(), vec![tier], fallback).unwrap();
    Plan::default().task_group(group).start().await
}

async fn hedged() -> World {
    world(Some(HedgePolicy::After(2 * SECOND)), FallbackStrategy::TierDown).await
}

fn slow(seconds: u32) -> Act {
    Act::Stream(vec![Beat::Wait(seconds * SECOND), Beat::content("late"), Beat::finish()])
}

fn after(seconds: u32, fault: FaultKind) -> Act {
    let fault = Fault::new(fault, Work::Refused, "scripted");
    Act::Stream(vec![Beat::Wait(seconds * SECOND), Beat::Fault(fault)])
}

#[tokio::test(start_paused = true)]
async fn whoever_begins_first_answers_and_the_other_is_given_up() {
    let world = hedged().await;
    world.scripts.next("a", slow(30));
    let began = tokio::time::Instant::now();
    let completion = world.stream("g").await.unwrap();
    assert_eq!((served_by(&completion), began.elapsed()), ("sim:b", 2 * SECOND));
    assert_eq!(world.scripts.streams_dropped("a"), 1, "its upstream is stopped at once");
    assert_eq!(read(streamed(completion)).await.0, "role t0 t1 t2 end");
    assert_eq!(world.diary.attempts(), ["sim:b ok", "sim:a cancelled"]);
    assert!(world.diary.transitions().is_empty(), "who was given up has not failed");
    assert_eq!(given_up(&world), [0]);
}

#[tokio::test(start_paused = true)]
async fn the_first_attempt_may_still_win() {
    let world = hedged().await;
    world.scripts.next("a", slow(3));
    world.scripts.next("b", slow(30));
    let completion = world.stream("g").await.unwrap();
    assert_eq!(served_by(&completion), "sim:a");
    assert_eq!((world.scripts.asked("b"), world.scripts.streams_dropped("b")), (1, 1));
    drop(completion);
    assert_eq!(given_up(&world), [1]);
}

/// The attempts that the trace of the latest request says were given up for another.
fn given_up(world: &World) -> Vec<usize> {
    let records = world.orchestration.requests().recent();
    let trace = &records.first().expect("a request is over").trace;
    trace.replay().unwrap();
    let decisions = trace.decisions().iter();
    decisions.filter_map(|it| if let Decision::GaveUp { attempt } = it { Some(*attempt) } else { None }).collect()
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_hedged_too() {
    let world = hedged().await;
    world.scripts.next("a", Act::AnswerAfter(30 * SECOND));
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:b");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_begins_in_time_stays_alone() {
    let world = hedged().await;
    world.scripts.next("a", slow(1));
    world.stream("g").await.unwrap();
    assert_eq!(world.scripts.asked("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_hedged_by_default() {
    let world = world(None, FallbackStrategy::TierDown).await;
    world.scripts.next("a", slow(30));
    world.stream("g").await.unwrap();
    assert_eq!(world.scripts.asked("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn if_one_fails_the_other_is_waited_for() {
    for failing in ["a", "b"] {
        let world = hedged().await;
        let other = if failing == "a" { "b" } else { "a" };
        world.scripts.next(failing, after(5, FaultKind::Transient));
        world.scripts.next(other, slow(10));
        assert_eq!(served_by(&world.stream("g").await.unwrap()), format!("sim:{other}"));
        assert_eq!((world.scripts.asked("a"), world.scripts.asked("b")), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_mistake_of_the_callers_ends_both() {
    let world = hedged().await;
    world.scripts.next("a", slow(30));
    world.scripts.next("b", Act::fail(FaultKind::Client));
    let error = world.stream("g").await.unwrap_err();
    assert!(matches!(error, CompletionError::Upstream { fault, .. } if fault.kind == FaultKind::Client));
    assert_eq!(world.scripts.streams_dropped("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn after_an_instance_pushed_back_nobody_is_hedged() {
    let world = hedged().await;
    world.scripts.next("a", Act::fail(FaultKind::Overloaded));
    world.scripts.next("b", slow(30));
    world.stream("g").await.unwrap();
    assert_eq!((world.scripts.asked("a"), world.scripts.asked("b")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_strategy_without_fallback_is_not_hedged() {
    let world = world(Some(HedgePolicy::After(2 * SECOND)), FallbackStrategy::FailFast).await;
    world.scripts.next("a", slow(30));
    world.stream("g").await.unwrap();
    assert_eq!(world.scripts.asked("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_done_twice_is_not_hedged() {
    let storing = r#"{"model":"g","stream":true,"store":true,"messages":[]}"#;
    let plain = r#"{"model":"g","stream":true,"messages":[]}"#;
    for (body, is_idempotent, hedges) in
        [(storing, None, 0), (storing, Some(true), 1), (plain, Some(false), 0), (plain, None, 1)]
    {
        let world = hedged().await;
        world.scripts.next("a", slow(30));
        ask(&world, body, is_idempotent).await.unwrap();
        assert_eq!(world.scripts.asked("b"), hedges, "{body} {is_idempotent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_done_twice_is_not_repeated_after_an_ambiguous_fault() {
    let body = r#"{"model":"g","store":true,"messages":[]}"#;
    for (is_idempotent, asked) in [(None, 0), (Some(true), 1)] {
        let world = world(None, FallbackStrategy::TierDown).await;
        world.scripts.next("a", Act::Fail(Fault::new(FaultKind::Transient, Work::Ambiguous, "scripted")));
        let _ = ask(&world, body, is_idempotent).await;
        assert_eq!(world.scripts.asked("b"), asked, "{is_idempotent:?}");
    }
}

async fn ask(
    world: &World,
    body: &'static str,
    is_idempotent: Option<bool>,
) -> Result<Completion<ScriptedStream>, CompletionError> {
    let request = InferenceRequest::parse(Bytes::from_static(body.as_bytes())).unwrap();
    let context = RequestContext { is_idempotent, ..RequestContext::new(RequestId::new("req")) };
    world.orchestration.complete(request, context).await
}

#[tokio::test(start_paused = true)]
async fn the_percentile_hedges_once_it_is_known_and_only_what_is_slower() {
    let world = world(Some(HedgePolicy::P95), FallbackStrategy::TierDown).await;
    world.scripts.next("a", slow(30));
    world.stream("g").await.unwrap();
    assert_eq!(world.scripts.asked("b"), 0, "nobody knows yet what is slow");
    for _ in 0..40 {
        world.scripts.next("a", slow(1));
        world.stream("g").await.unwrap();
    }
    assert_eq!(world.scripts.asked("b"), 0);
    world.scripts.next("a", slow(30));
    let began = tokio::time::Instant::now();
    assert_eq!(served_by(&world.stream("g").await.unwrap()), "sim:b");
    assert_eq!(began.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn hedges_are_paid_for_by_the_budget() {
    let world = hedged().await;
    world.scripts.always("a", slow(5));
    let requests = (0..400).map(|_| world.stream("g"));
    let mut running: Vec<_> = requests.map(Box::pin).collect();
    for request in &mut running {
        let _ = std::future::poll_fn(|context| std::task::Poll::Ready(request.as_mut().poll(context).is_ready())).await;
    }
    for request in running {
        request.await.unwrap();
    }
    // A fifth of the requests, of which a fifth faded in the two seconds since, and the ten that low traffic always has.
    assert_eq!(world.scripts.asked("b"), 64 + 10);
}
