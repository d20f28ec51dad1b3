//! Limits: who is let in, who waits, who is refused, and that nothing leaks.

use std::{
    future::Future,
    num::NonZeroU32,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use layered_tests::{
    scripted::{Act, Beat, ScriptedStream},
    world::{Plan, World, group, read, served_by, streamed},
};
use tidegate_application::{
    Caller, Completion, CompletionError, RefusalReason, RequestContext, Scope,
    domain::inference::{InferenceRequest, RequestId},
};
use tidegate_domain::{
    admission::{Limits, Measure, QueuePolicy, RateLimitAlgorithm, RateLimitPolicy},
    fault::{Fault, FaultKind, Work},
    name::{GroupName, PoolName, TierName},
    observe::Outcome,
    pool::PoolPolicy,
    task_group::{FallbackPolicy, TaskGroup, Tier, TierLimits, TierModel, TierPolicy},
};

fn some(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number)
}

fn rate(capacity: u32) -> Option<RateLimitPolicy> {
    some(capacity).map(RateLimitPolicy::per_minute)
}

fn at_once(max: u32) -> Limits {
    Limits { max_concurrency: some(max), ..Limits::default() }
}

fn queued(limits: Limits, size: u32) -> Limits {
    Limits { queue: QueuePolicy { size, max_wait: Duration::from_secs(20) }, ..limits }
}

fn limited_pool(plan: Plan, name: &str, limits: Limits) -> Plan {
    plan.pool_with(name, &["a"], PoolPolicy { limits, ..PoolPolicy::default() })
}

async fn pool(limits: Limits) -> World {
    limited_pool(Plan::default(), "p", limits).start().await
}

#[track_caller]
fn refusal(answer: Result<Completion<ScriptedStream>, CompletionError>) -> (Measure, RefusalReason, Option<Duration>) {
    match answer {
        Err(CompletionError::Refused(refused)) => (refused.measure, refused.reason, refused.retry_after),
        other => panic!("expected a refusal, not {other:?}"),
    }
}

type Request<'a> = Pin<Box<dyn Future<Output = Result<Completion<ScriptedStream>, CompletionError>> + 'a>>;

/// Polls once.
fn poll(request: &mut Request<'_>) -> Poll<Result<Completion<ScriptedStream>, CompletionError>> {
    request.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn a_full_pool_refuses_before_anybody_is_asked_and_says_what_is_full() {
    let world = pool(at_once(1)).await;
    let held = world.stream("p").await.unwrap();
    let error = world.complete("p").await.unwrap_err();
    assert_eq!(error.to_string(), "the limit of pool 'p' on requests at once is reached");
    assert!(
        matches!(error, CompletionError::Refused(refused) if refused.scope == Scope::Pool(PoolName::new("p").unwrap()))
    );
    assert_eq!((world.scripts.asked("a"), world.diary.outcomes()), (1, vec![Outcome::Refused]));
    read(streamed(held)).await;
    world.complete("p").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_is_reached_says_when_to_come_back_and_then_lets_in() {
    for algorithm in RateLimitAlgorithm::ALL {
        let requests = RateLimitPolicy { algorithm, capacity: some(2).unwrap(), period: Duration::from_secs(10) };
        let world = pool(Limits { requests: Some(requests), ..Limits::default() }).await;
        world.complete("p").await.unwrap();
        world.complete("p").await.unwrap();
        let (measure, reason, wait) = refusal(world.complete("p").await);
        assert_eq!((measure, reason), (Measure::Requests, RefusalReason::Reached));
        tokio::time::advance(wait.unwrap().saturating_sub(Duration::from_millis(1))).await;
        refusal(world.complete("p").await);
        tokio::time::advance(Duration::from_millis(1)).await;
        world.complete("p").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn tokens_are_reserved_from_the_estimate_and_settled_by_what_was_used() {
    let world = pool(Limits { tokens: rate(1100), ..Limits::default() }).await;
    // Each is estimated at over 1,000 tokens and uses 8: only one fits at a time, and many one after another.
    for _ in 0..3 {
        world.complete("p").await.unwrap();
        read(streamed(world.stream("p").await.unwrap())).await;
    }
    let held = world.stream("p").await.unwrap();
    assert_eq!(refusal(world.complete("p").await).0, Measure::Tokens);
    drop(held);
    // A stream that was left costs what came of it.
    world.complete("p").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_did_no_work_costs_no_tokens_and_what_may_have_keeps_its_estimate() {
    for (work, is_free) in [(Work::Refused, true), (Work::NotSent, true), (Work::Ambiguous, false)] {
        let world = pool(Limits { tokens: rate(1100), ..Limits::default() }).await;
        world.scripts.always("a", Act::Fail(Fault::new(FaultKind::Transient, work, "scripted")));
        world.complete("p").await.unwrap_err();
        world.scripts.always("a", Act::Answer);
        let second = world.complete("p").await;
        assert_eq!(!matches!(second, Err(CompletionError::Refused(_))), is_free, "{work:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_may_have_worked_keeps_its_estimate_beside_the_usage_of_the_one_that_answered() {
    for (work, is_free) in [(Work::Refused, true), (Work::Ambiguous, false)] {
        let world = pool(Limits { tokens: rate(1100), ..Limits::default() }).await;
        world.scripts.next("a", Act::Fail(Fault::new(FaultKind::Transient, work, "scripted")));
        assert_eq!(world.complete("p").await.unwrap().head.attempts, 2);
        let second = world.complete("p").await;
        assert_eq!(!matches!(second, Err(CompletionError::Refused(_))), is_free, "{work:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_above_the_limit_is_refused_for_good_even_where_others_wait() {
    let world = pool(queued(Limits { tokens: rate(500), ..Limits::default() }, 5)).await;
    assert_eq!(refusal(world.complete("p").await), (Measure::Tokens, RefusalReason::Exceeded, None));
    world.send(r#"{"model":"p","max_tokens":10}"#, None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_gateway_and_the_target_are_passed_both_or_neither() {
    let limits = Limits { max_concurrency: some(1), ..Limits::default() };
    let plan = Plan::default().pool("other", &["b"]).limits(limits);
    let world = limited_pool(plan, "p", Limits { requests: rate(1), ..Limits::default() }).start().await;
    let held = world.stream("other").await.unwrap();
    for _ in 0..5 {
        assert_eq!(refusal(world.complete("p").await).0, Measure::Concurrency);
    }
    drop(held);
    world.complete("p").await.expect("what the gateway refused has used nothing of the pool's rate");
    assert_eq!(refusal(world.complete("p").await).0, Measure::Requests);
    world.complete("other").await.expect("what the pool refused holds nothing of the gateway");
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_its_turn_and_is_let_in_when_another_leaves() {
    let world = pool(queued(at_once(1), 2)).await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(3)));
    let began = tokio::time::Instant::now();
    let (first, second, third) = tokio::join!(world.complete("p"), world.complete("p"), world.complete("p"));
    assert!(first.is_ok() && second.is_ok() && third.is_ok());
    assert_eq!(began.elapsed(), Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn a_request_that_waits_for_a_rate_is_let_in_the_moment_there_is_room() {
    let requests = RateLimitPolicy { period: Duration::from_secs(5), ..rate(1).unwrap() };
    let world = pool(queued(Limits { requests: Some(requests), ..Limits::default() }, 9)).await;
    let began = tokio::time::Instant::now();
    let (a, b, c) = tokio::join!(world.complete("p"), world.complete("p"), world.complete("p"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(began.elapsed(), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn who_watches_the_clock_for_the_others_may_go_away() {
    let requests = RateLimitPolicy { period: Duration::from_secs(5), ..rate(1).unwrap() };
    let world = pool(queued(Limits { requests: Some(requests), ..Limits::default() }, 9)).await;
    world.complete("p").await.unwrap();
    let began = tokio::time::Instant::now();
    let mut first: Request<'_> = Box::pin(world.complete("p"));
    let mut second: Request<'_> = Box::pin(world.complete("p"));
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    drop(first);
    second.await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_and_a_wait_that_is_over_refuse() {
    let world = pool(queued(at_once(1), 1)).await;
    world.scripts.always("a", Act::Hang);
    let mut held: Request<'_> = Box::pin(world.complete("p"));
    assert!(poll(&mut held).is_pending());
    let began = tokio::time::Instant::now();
    let (waited, full) = tokio::join!(world.complete("p"), world.complete("p"));
    assert_eq!(refusal(waited), (Measure::Concurrency, RefusalReason::WaitOver, None));
    assert_eq!(refusal(full), (Measure::Concurrency, RefusalReason::QueueFull, None));
    assert_eq!(began.elapsed(), Duration::from_secs(20));
    let hasty = world.send(r#"{"model":"p"}"#, Some(Duration::from_secs(2))).await;
    assert_eq!(refusal(hasty).1, RefusalReason::WaitOver);
    assert_eq!(began.elapsed(), Duration::from_secs(22), "its own deadline is sooner");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_moment_beyond_the_deadline() {
    let world = pool(queued(Limits { requests: rate(1), ..Limits::default() }, 9)).await;
    world.complete("p").await.unwrap();
    let refused = refusal(world.complete("p").await);
    assert_eq!(refused, (Measure::Requests, RefusalReason::Reached, Some(Duration::from_mins(1))));
}

#[tokio::test(start_paused = true)]
async fn callers_take_turns() {
    let world = pool(queued(at_once(1), 100)).await;
    world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(1)));
    let ask = |caller: u64| {
        let context = RequestContext { caller: Caller(caller), ..RequestContext::new(RequestId::new("r")) };
        world.orchestration.complete(InferenceRequest::parse(r#"{"model":"p"}"#.into()).unwrap(), context)
    };
    let mut greedy: Vec<Request<'_>> = (0..10).map(|_| Box::pin(ask(1)) as Request<'_>).collect();
    for request in &mut greedy {
        assert!(poll(request).is_pending());
    }
    let mut modest: Request<'_> = Box::pin(ask(2));
    assert!(poll(&mut modest).is_pending());
    let began = tokio::time::Instant::now();
    let mut greedy = greedy.into_iter();
    let (first, second) = (greedy.next().unwrap(), greedy.next().unwrap());
    let (first, second, modest) = tokio::join!(first, second, async {
        let answer = modest.await;
        (answer, began.elapsed())
    });
    assert!(first.is_ok() && second.is_ok() && modest.0.is_ok());
    assert!(modest.1 <= Duration::from_secs(3), "{:?}", modest.1);
}

fn tiers(limits: [TierLimits; 2]) -> TaskGroup {
    let tiers = limits.into_iter().zip(["a", "b"]).map(|(limits, model)| {
        let models = vec![TierModel::Direct(format!("sim:{model}").parse().unwrap())];
        Tier::new(TierName::new(model).unwrap(), models, TierPolicy { limits, ..TierPolicy::default() }).unwrap()
    });
    TaskGroup::new(GroupName::new("g").unwrap(), tiers.collect(), FallbackPolicy::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_tier_at_its_limit_is_passed_over_for_the_next_one() {
    let limits = [
        TierLimits { concurrency: some(1), ..TierLimits::default() },
        TierLimits { requests_per_minute: some(1), ..TierLimits::default() },
        TierLimits { tokens_per_minute: some(1500), ..TierLimits::default() },
    ];
    for limits in limits {
        let world = Plan::default().task_group(tiers([limits, TierLimits::default()])).start().await;
        let held = world.stream("g").await.unwrap();
        assert_eq!(served_by(&held), "sim:a");
        assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:b", "{limits:?}");
        drop(held);
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:a", "{limits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_every_tier_at_its_limit_the_refusal_says_when_to_come_back() {
    let limits = TierLimits { requests_per_minute: some(1), ..TierLimits::default() };
    let world = Plan::default().task_group(tiers([limits, limits])).start().await;
    world.complete("g").await.unwrap();
    tokio::time::advance(Duration::from_secs(10)).await;
    world.complete("g").await.unwrap();
    let error = world.complete("g").await.unwrap_err();
    let CompletionError::NoneAvailable { retry_after, .. } = error else { panic!("{error:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(50)));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_pool_holds_within_a_tier_too() {
    let plan = Plan::default().group("g", &[&["pool:p"], &["sim:b"]]);
    let world = limited_pool(plan, "p", Limits { requests: rate(1), ..Limits::default() }).start().await;
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "a");
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:b");
    assert_eq!(refusal(world.complete("p").await).0, Measure::Requests, "one budget, whatever the way there");
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_a_group_holds_for_each_of_its_names() {
    let limited = group("g", &[&["sim:a"], &["sim:b"]], FallbackPolicy::default()).with_limits(at_once(1));
    let world = Plan::default().task_group(limited).start().await;
    let _held = world.stream("g.tier2").await.unwrap();
    assert_eq!(refusal(world.complete("g").await).0, Measure::Concurrency);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_table_forgets_nothing_and_lets_the_waiting_in_where_it_makes_room() {
    let plan = |max| limited_pool(Plan::default(), "p", queued(at_once(max), 5)).configuration();
    let world = pool(queued(at_once(1), 5)).await;
    world.scripts.next("a", Act::Stream(vec![Beat::content("x"), Beat::Hang]));
    let held = world.stream("p").await.unwrap();
    let mut waiting: Request<'_> = Box::pin(world.complete("p"));
    assert!(poll(&mut waiting).is_pending());
    world.catalog.load(plan(1)).await.unwrap();
    assert!(poll(&mut waiting).is_pending(), "the place is still taken");
    world.catalog.load(plan(2)).await.unwrap();
    assert!(waiting.await.is_ok());
    drop(held);
    world.catalog.load(Plan::default().pool("p", &["a"]).configuration()).await.unwrap();
    let (first, second, third) = tokio::join!(world.complete("p"), world.complete("p"), world.complete("p"));
    assert!(first.is_ok() && second.is_ok() && third.is_ok(), "without limits everybody is let in");
}

#[tokio::test(start_paused = true)]
async fn of_a_thousand_waiters_dropped_at_random_none_takes_a_wake_up_along() {
    for seed in 1_u64..6 {
        let world = pool(queued(at_once(1), 1000)).await;
        world.scripts.next("a", Act::Stream(vec![Beat::content("x"), Beat::Hang]));
        let held = world.stream("p").await.unwrap();
        world.scripts.always("a", Act::Hang);
        let mut waiting: Vec<Request<'_>> = (0..1000).map(|_| Box::pin(world.complete("p")) as Request<'_>).collect();
        assert!(waiting.iter_mut().all(|request| poll(request).is_pending()));
        let mut random = seed;
        let mut is_dropped = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 62 != 0
        };
        waiting.retain(|_| !is_dropped());
        drop(held);
        waiting.retain(|_| !is_dropped());
        assert!(waiting.iter_mut().all(|request| poll(request).is_pending()));
        assert_eq!(world.scripts.asked("a"), 2, "the next one was let in at once, and nobody else");
        drop(waiting);
        world.scripts.always("a", Act::Answer);
        world.complete("p").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_queued_request_dropped_after_any_number_of_polls_leaks_nothing() {
    for polls in 0..30 {
        let world = pool(queued(Limits { requests: rate(1000), tokens: rate(3000), ..at_once(1) }, 9)).await;
        world.scripts.always("a", Act::AnswerAfter(Duration::from_secs(2)));
        let mut first: Request<'_> = Box::pin(world.complete("p"));
        let mut second: Request<'_> = Box::pin(world.complete("p"));
        for _ in 0..polls {
            if poll(&mut first).is_ready() || poll(&mut second).is_ready() {
                break;
            }
            tokio::time::advance(Duration::from_millis(250)).await;
        }
        drop((second, first));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(world.in_flight("p"), 0);
        world.scripts.always("a", Act::Answer);
        world.complete("p").await.unwrap_or_else(|error| panic!("after {polls} polls: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_at_once_with_room_for_one_exactly_one_is_let_in() {
    for _ in 0..50 {
        let world = Arc::new(pool(at_once(1)).await);
        world.scripts.always("a", Act::Hang);
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.complete("p").await.map(drop) })
            })
            .collect();
        // The one that is let in is at its instance in its own time.
        while world.diary.outcomes().len() < 199 || world.scripts.asked("a") == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((world.scripts.asked("a"), world.diary.outcomes()), (1, vec![Outcome::Refused; 199]));
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        for task in tasks {
            let _ = task.await;
        }
        world.scripts.always("a", Act::Answer);
        world.complete("p").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_with_room_for_one_and_for_all_to_wait_are_all_served() {
    for _ in 0..50 {
        let world = Arc::new(pool(queued(at_once(1), 200)).await);
        let tasks: Vec<_> = (0..200)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.complete("p").await.map(drop) })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(world.scripts.asked("a"), 200);
    }
}
