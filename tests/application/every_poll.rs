//! Poll a request k times and drop it, or let the upstream's client panic at its k-th poll; for every k there is.
//!
//! A future can be dropped wherever it awaits, and everything it holds then comes back by `Drop` alone: places at every
//! level, reservations, in-flight counts, probes. Each journey below goes through another part of the path of a request;
//! after each cut the gateway must be as good as new.

use std::{
    future::{Future, poll_fn},
    num::NonZeroU32,
    panic::{AssertUnwindSafe, catch_unwind},
    task::Poll,
    time::Duration,
};

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, group, instance, next},
};
use tidegate_application::{Answer, Consent, RequestContext, StreamMarks};
use tidegate_domain::{
    admission::{Limits, QueuePolicy, RateLimitAlgorithm, RateLimitPolicy},
    fault::{Fault, FaultKind, TransportFault, Work},
    inference::{InferenceRequest, RequestId},
    name::{GroupName, PoolName},
    pool::{OnExhausted, Pool, PoolFallback, PoolMember, PoolPolicy, PoolQueue},
    resilience::{BreakerPolicy, Deadlines, HedgePolicy, MidStream},
    task_group::{FallbackPolicy, TaskGroup, Tier, TierLimits, TierModel, TierPolicy},
};

const ONE: NonZeroU32 = NonZeroU32::MIN;
const THREE: NonZeroU32 = NonZeroU32::new(3).unwrap();
/// The id of the request that is cut short.
const JOURNEY: &str = "req_journey";
/// What the whole gateway lets in within a day.
const REQUESTS: u32 = 3;
const TOKENS: u32 = 9000;

/// A way through the engine.
#[derive(Clone, Copy)]
struct Journey {
    /// Readies the models.
    scripts: fn(&World),
    target: &'static str,
    streams: bool,
    before: Before,
}

/// How it stands when a journey begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// Another request holds the only place.
    Taken,
    /// The circuit of its only instance has been opened, and is due for a probe.
    Broken,
    /// Its only instance is left alone for a while, and requests wait for it.
    Cooling,
}

const JOURNEYS: &[(&str, Journey)] = &[
    ("a whole answer after a failover", Journey { scripts: one_fault, target: "g", ..STREAMED }.whole()),
    ("a stream after a failover", Journey { scripts: one_fault, target: "g", ..STREAMED }),
    ("a stream after a stall", Journey { scripts: stalls, target: "g", ..STREAMED }),
    ("a stream that breaks", Journey { scripts: breaks, target: "p", ..STREAMED }),
    ("a wait before another round", Journey { scripts: all_fail, target: "g.tier2", ..STREAMED }.whole()),
    ("the same instance again after a wait", Journey { scripts: again, target: "same", ..STREAMED }),
    ("a wait in the queue", Journey { target: "g", before: Before::Taken, ..STREAMED }.whole()),
    ("a wait in the queue, streamed", Journey { target: "g", before: Before::Taken, ..STREAMED }),
    ("a probe", Journey { target: "same", before: Before::Broken, ..STREAMED }.whole()),
    ("a whole answer that is hedged", Journey { scripts: late, target: "hedged", ..STREAMED }.whole()),
    ("a stream that is hedged", Journey { scripts: late, target: "hedged", ..STREAMED }),
    ("a stream that another one goes on with", Journey { scripts: breaks_on, target: "on", ..STREAMED }),
    ("a stream that starts afresh", Journey { scripts: breaks_on, target: "afresh", ..STREAMED }),
    ("a wait for an instance", Journey { target: "line", before: Before::Cooling, ..STREAMED }.whole()),
    ("a wait for an instance, streamed", Journey { target: "line", before: Before::Cooling, ..STREAMED }),
    ("a streamed probe", Journey { target: "same", before: Before::Broken, ..STREAMED }),
];

const STREAMED: Journey = Journey { scripts: slow, target: "p", streams: true, before: Before::Nothing };

impl Journey {
    const fn whole(self) -> Self {
        Self { streams: false, ..self }
    }
}

fn fail(kind: FaultKind, work: Work) -> Act {
    Act::Fail(Fault::new(kind, work, "scripted"))
}

/// A stream that takes its time.
fn paced() -> Act {
    let mut beats = vec![Beat::role()];
    for _ in 0..3 {
        beats.extend([Beat::Wait(Duration::from_millis(300)), Beat::content("t ")]);
    }
    beats.push(Beat::finish());
    Act::Stream(beats)
}

fn slow(world: &World) {
    world.scripts.improvise(|_, stream| if stream { paced() } else { Act::AnswerAfter(Duration::from_millis(700)) });
}

fn one_fault(world: &World) {
    slow(world);
    world.scripts.next("a", fail(FaultKind::Transient, Work::Refused));
}

fn stalls(world: &World) {
    slow(world);
    world.scripts.next("a", Act::Stream(vec![Beat::role(), Beat::Hang]));
}

fn breaking() -> Act {
    let reset = Fault::new(FaultKind::Transport(TransportFault::Reset), Work::Partial, "scripted");
    Act::Stream(vec![Beat::content("t "), Beat::Wait(Duration::from_secs(1)), Beat::Fault(reset)])
}

fn breaks(world: &World) {
    slow(world);
    world.scripts.next("a", breaking());
}

/// The first to be asked begins late, so that a second one is asked beside it.
fn late(world: &World) {
    world.scripts.improvise(|model, stream| match (model, stream) {
        ("h", true) => Act::Stream(vec![Beat::Wait(Duration::from_secs(3)), Beat::content("t "), Beat::finish()]),
        ("h", false) => Act::AnswerAfter(Duration::from_secs(3)),
        (_, true) => paced(),
        (_, false) => Act::AnswerAfter(Duration::from_millis(700)),
    });
}

/// Two of three break amid their answer.
fn breaks_on(world: &World) {
    slow(world);
    for model in ["m", "n"] {
        world.scripts.next(model, breaking());
    }
}

fn all_fail(world: &World) {
    for model in ["a", "b", "c"] {
        world.scripts.always(model, fail(FaultKind::Transient, Work::Refused));
    }
}

fn again(world: &World) {
    slow(world);
    world.scripts.next("s", fail(FaultKind::Transient, Work::Refused));
}

/// Opens the circuit of the only instance, and waits until it is due for a probe.
async fn open_circuit(world: &World) {
    for _ in 0..2 {
        world.scripts.next("s", fail(FaultKind::Transient, Work::Refused));
    }
    world.complete("same").await.expect_err("both attempts fail");
    assert!(world.diary.transitions().contains(&"s open".to_owned()), "{:?}", world.diary.transitions());
    tokio::time::sleep(Duration::from_secs(20)).await;
}

/// Has the only instance say that it wants to be left alone for two seconds.
async fn cool_down(world: &World) {
    let limited = Fault::new(FaultKind::RateLimited, Work::Refused, "scripted");
    world.scripts.next("l", Act::Fail(Fault { retry_after: Some(Duration::from_secs(2)), ..limited }));
    world.complete("line").await.expect_err("it is limited");
}

/// A tier that hedges, pools that go on with broken streams or start them afresh, and one that requests wait for.
fn rescuing(plan: Plan) -> Plan {
    let hedge = Some(HedgePolicy::After(Duration::from_millis(500)));
    let models = ["sim:h", "sim:i"].map(|model| TierModel::Direct(model.parse().unwrap()));
    let tier = Tier::new("tier1".parse().unwrap(), models.to_vec(), TierPolicy { hedge, ..TierPolicy::default() });
    let hedged = TaskGroup::new("hedged".parse().unwrap(), vec![tier.unwrap()], FallbackPolicy::default()).unwrap();
    let mending = |mid_stream| PoolPolicy { mid_stream, max_instance_attempts: THREE, ..PoolPolicy::default() };
    let queue = OnExhausted::Queue(PoolQueue { max_wait: Duration::from_mins(1), size: THREE });
    let waited_for = PoolPolicy { on_exhausted: queue, fallback: PoolFallback::FailFast, ..PoolPolicy::default() };
    plan.task_group(hedged)
        .pool_of(narrow_pool("on", &["m", "n", "o"], mending(MidStream::Continue)))
        .pool_of(narrow_pool("afresh", &["m", "n", "o"], mending(MidStream::Restart)))
        .pool_of(narrow_pool("line", &["l"], waited_for))
}

async fn start(journey: Journey) -> World {
    let tier = |limits| TierPolicy { limits, max_retries: 1, ..TierPolicy::default() };
    let tiers = group("g", &[&["pool:p"], &["sim:c"]], FallbackPolicy::default());
    let narrow = TierLimits { concurrency: Some(ONE), ..TierLimits::default() };
    let tiers =
        tiers.tiers().iter().map(|of| Tier::new(of.name().clone(), of.models().to_vec(), tier(narrow)).unwrap());
    let task_group = TaskGroup::new(GroupName::new("g").unwrap(), tiers.collect(), FallbackPolicy::default());
    let daily = |capacity| RateLimitPolicy {
        algorithm: RateLimitAlgorithm::FixedWindow,
        capacity: NonZeroU32::new(capacity).unwrap(),
        period: Duration::from_hours(24),
    };
    let gateway = Limits {
        max_concurrency: Some(ONE),
        requests: Some(daily(REQUESTS)),
        tokens: Some(daily(TOKENS)),
        queue: QueuePolicy { size: 4, max_wait: Duration::from_mins(1) },
    };
    let one = Limits { max_concurrency: Some(ONE), ..Limits::default() };
    let patient = Deadlines { first_content: Duration::from_secs(2), ..Deadlines::default() };
    let world = rescuing(Plan::default())
        .pool_of(narrow_pool("p", &["a", "b"], PoolPolicy { limits: one, deadlines: patient, ..PoolPolicy::default() }))
        .pool_of(narrow_pool(
            "same",
            &["s"],
            PoolPolicy {
                fallback: PoolFallback::SimpleRetry,
                breaker: BreakerPolicy {
                    failure_threshold: NonZeroU32::new(2).unwrap(),
                    recovery_time: Duration::from_secs(5),
                    max_recovery_time: Duration::from_secs(5),
                    half_open_requests: ONE,
                    success_threshold: ONE,
                    ..BreakerPolicy::default()
                },
                ..PoolPolicy::default()
            },
        ))
        .task_group(task_group.unwrap().with_limits(one))
        .limits(gateway)
        .start()
        .await;
    (journey.scripts)(&world);
    world
}

/// Every instance serves one request at a time.
fn narrow_pool(name: &str, models: &[&str], policy: PoolPolicy) -> Pool {
    let narrow = |model: &&str| {
        let mut spec = instance(model);
        spec.max_concurrency = Some(ONE);
        PoolMember::Instance(spec)
    };
    Pool::new(PoolName::new(name).unwrap(), models.iter().map(narrow).collect(), policy).unwrap()
}

/// The whole way: asking, and reading to the end, with a pause after each piece so that it can be cut there too.
async fn travel(world: &World, journey: Journey) {
    let Journey { target, streams, .. } = journey;
    let body = format!(r#"{{"model":"{target}","stream":{streams},"messages":[]}}"#);
    let request = InferenceRequest::parse(body.into()).unwrap();
    let marks = StreamMarks { restart: Some(|_| "(afresh)".into()), ..StreamMarks::default() };
    let context = RequestContext { consent: Consent::Restart, marks, ..RequestContext::new(RequestId::new(JOURNEY)) };
    let Ok(completion) = world.orchestration.complete(request, context).await else { return };
    if let Answer::Stream(mut stream) = completion.answer {
        while next(&mut stream).await.is_some() {
            tokio::task::yield_now().await;
        }
    }
}

/// How a journey is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Dropped after so many polls.
    Dropped(usize),
    /// The upstream's client panics when it is polled for that time.
    Panic(usize),
    /// Not at all.
    Never,
}

/// Goes on a journey until it is over or cut short, and returns the polls it took.
async fn go(world: &World, journey: Journey, cut: Cut) -> usize {
    if let Cut::Panic(poll) = cut {
        world.scripts.panic_at_poll(poll);
    }
    let mut travelling = Box::pin(travel(world, journey));
    let mut polls = 0;
    poll_fn(|context| {
        if cut == Cut::Dropped(polls) {
            return Poll::Ready(());
        }
        polls += 1;
        // As the server does: whoever panics is dropped, and nothing else is.
        let polled = catch_unwind(AssertUnwindSafe(|| travelling.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) if cut == Cut::Dropped(polls) => Poll::Ready(()),
            Ok(polled) => polled,
            Err(_) => Poll::Ready(()),
        }
    })
    .await;
    drop(travelling);
    world.scripts.panic_at_poll(0);
    polls
}

/// One journey from a fresh start, and what must hold after it. Returns the polls it took.
fn run(name: &str, journey: Journey, cut: Cut) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = start(journey).await;
        let label = format!("{name}, {cut:?}");
        let mut holder = None;
        match journey.before {
            Before::Nothing => {}
            Before::Taken => holder = Some(world.stream("p").await.unwrap()),
            Before::Broken => open_circuit(&world).await,
            Before::Cooling => cool_down(&world).await,
        }
        let already = asked(&world);
        let leaves = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            drop(holder);
        };
        let (polls, ()) = tokio::join!(go(&world, journey, cut), leaves);
        check_outcome(&world, polls, &label);
        let used = u32::from(journey.before != Before::Nothing) + u32::from(asked(&world) > already);
        check_as_good_as_new(&world, used, &label).await;
        polls
    })
}

fn asked(world: &World) -> usize {
    ["a", "b", "c", "s", "h", "i", "l", "m", "n", "o"].iter().map(|model| world.scripts.asked(model)).sum()
}

/// Exactly one outcome and one trace of a request that was begun.
#[track_caller]
fn check_outcome(world: &World, polls: usize, label: &str) {
    let records = world.orchestration.requests().recent();
    let own: Vec<_> = records.iter().filter(|record| record.trace.request_id.as_str() == JOURNEY).collect();
    assert_eq!(own.len(), usize::from(polls > 0), "{label}: outcomes");
    for record in own {
        record.trace.replay().unwrap_or_else(|divergence| panic!("{label}: {divergence}"));
    }
}

/// An hour later nothing is left of the journey but what it used of the day's rates.
async fn check_as_good_as_new(world: &World, used: u32, label: &str) {
    let busy: Vec<_> = world.health.instances().into_iter().filter(|instance| instance.in_flight > 0).collect();
    assert!(busy.is_empty(), "{label}: in flight: {busy:?}");
    world.scripts.answer_at_once();
    tokio::time::sleep(Duration::from_hours(1)).await;
    let before = asked(world);
    // As much as the day's tokens allow: where nobody was asked, all of them are there.
    if used == 0 {
        let body = |tokens: u32| format!(r#"{{"model":"g","max_tokens":{tokens:04}}}"#).replace(":0", ":");
        let prompt = InferenceRequest::parse(body(8000).into()).unwrap().estimated_tokens() - 8000;
        world.send(&body(TOKENS - prompt), None).await.unwrap_or_else(|error| panic!("{label}: tokens: {error}"));
    }
    let left = REQUESTS - used - u32::from(used == 0);
    for _ in 0..left {
        world.complete("same").await.unwrap_or_else(|error| panic!("{label}: {error}"));
    }
    let refused = world.complete("g").await.expect_err(label);
    assert!(refused.to_string().contains("requests"), "{label}: {refused}");
    assert_eq!(asked(world), before + (REQUESTS - used) as usize, "{label}: each was asked once");
}

fn cut_everywhere(cut: fn(usize) -> Cut) {
    for &(name, journey) in JOURNEYS {
        let polls = run(name, journey, Cut::Never);
        assert!(polls > 1, "{name} has no await to be cut at");
        for at in 0..=polls {
            run(name, journey, cut(at));
        }
    }
}

#[test]
fn a_request_that_is_dropped_after_any_poll_leaves_nothing_behind() {
    cut_everywhere(Cut::Dropped);
}

#[test]
fn a_client_that_panics_at_any_poll_leaves_nothing_behind() {
    cut_everywhere(Cut::Panic);
}
