//! Streams that break after a part of their answer was shown, and what is done about it.

use std::{num::NonZeroU32, time::Duration};

use bytes::Bytes;
use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, next, read, streamed},
};
use tidegate_application::{Completion, CompletionError, Consent, RequestContext, StreamMarks};
use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, TransportFault, Work},
    inference::{InferenceRequest, RequestId, Usage},
    model::{Capability, ModelCard},
    observe::Outcome,
    pool::PoolPolicy,
    resilience::{Deadlines, MidStream},
    routing::Decision,
};

const ASKED: &str = r#"{"model":"p","stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// A pool of three whose policy for broken streams is `mid_stream`.
async fn world(mid_stream: MidStream) -> World {
    let deadlines = Deadlines {
        headers: Duration::from_secs(5),
        first_content: Duration::from_secs(10),
        reasoning_first_content: Duration::from_secs(10),
        idle: Duration::from_secs(20),
        total: Duration::from_secs(100),
        pace: None,
    };
    let max_instance_attempts = NonZeroU32::new(3).unwrap();
    let policy = PoolPolicy { deadlines, mid_stream, max_instance_attempts, ..PoolPolicy::default() };
    Plan::default().pool_with("p", &["a", "b", "c"], policy).start().await
}

fn reset() -> Fault {
    Fault::new(FaultKind::Transport(TransportFault::Reset), Work::Partial, "reset")
}

/// A stream that breaks after `text`.
fn broken(text: &str) -> Act {
    Act::Stream(vec![Beat::role(), Beat::content(text), Beat::Fault(reset())])
}

/// A stream that ends well after `text`.
fn whole(text: &str) -> Act {
    Act::Stream(vec![Beat::content(text), Beat::finish()])
}

fn context(consent: Consent) -> RequestContext {
    let marks = StreamMarks {
        keep_alive: Some((Duration::from_secs(15), "(quiet)")),
        seam: Some(|instance| Bytes::from(format!("({instance} goes on)"))),
        restart: Some(|instance| Bytes::from(format!("({instance} starts afresh)"))),
    };
    RequestContext { consent, marks, ..RequestContext::new(RequestId::new("req")) }
}

async fn ask(
    world: &World,
    body: &str,
    consent: Consent,
) -> Result<Completion<layered_tests::scripted::ScriptedStream>, CompletionError> {
    let request = InferenceRequest::parse(Bytes::from(body.to_owned())).unwrap();
    world.orchestration.complete(request, context(consent)).await
}

async fn told(world: &World, body: &str, consent: Consent) -> (String, Option<FaultKind>) {
    let (text, fault) = read(streamed(ask(world, body, consent).await.unwrap())).await;
    (text, fault.map(|fault| fault.kind))
}

#[tokio::test(start_paused = true)]
async fn another_instance_goes_on_from_the_last_character_that_was_shown() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", broken("one "));
    world.scripts.next("b", whole("two"));
    let (text, fault) = told(&world, ASKED, Consent::Seam).await;
    assert_eq!((text.as_str(), fault), ("role one (p/b goes on)twoend", None));
    assert_eq!(world.scripts.beginnings("b"), [Some("one ".to_owned())]);
    assert_eq!(world.diary.outcomes(), [Outcome::Completed]);
    assert_eq!(world.in_flight("p"), 0);
}

#[tokio::test(start_paused = true)]
async fn whose_card_says_that_it_cannot_go_on_is_not_asked_to() {
    let policy = PoolPolicy { mid_stream: MidStream::Continue, ..PoolPolicy::default() };
    let able = |capabilities: &[Capability]| ModelCard {
        capabilities: Some(capabilities.iter().copied().collect()),
        ..ModelCard::default()
    };
    let plan = Plan::default().pool_with("p", &["a", "b", "c"], policy).card("sim:b", able(&[Capability::Streaming]));
    let world = plan.card("sim:c", able(&[Capability::Streaming, Capability::Prefill])).start().await;
    world.scripts.next("a", broken("one "));
    world.scripts.next("c", whole("two"));
    let (text, fault) = told(&world, ASKED, Consent::Seam).await;
    assert_eq!((text.as_str(), fault), ("role one (p/c goes on)twoend", None));
    assert_eq!(world.scripts.asked("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_both_parts_cost_is_added_up() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", broken("one "));
    told(&world, ASKED, Consent::Seam).await;
    let first = Usage::estimated(ASKED.len() as u64 / 4, 1);
    let second = Usage { input_tokens: 3, output_tokens: 5, ..Usage::default() };
    assert_eq!(world.diary.usages(), [Some(first.plus(second))]);
}

#[tokio::test(start_paused = true)]
async fn the_next_one_goes_on_with_what_both_before_it_showed() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", broken("one "));
    world.scripts.next("b", broken("two "));
    let (text, fault) = told(&world, ASKED, Consent::Seam).await;
    assert_eq!(text, "role one (p/b goes on)role two (p/c goes on)role t0 t1 t2 end");
    assert_eq!(fault, None);
    assert_eq!(world.scripts.beginnings("c"), [Some("one two ".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_will_not_have_a_beginning_is_passed_over() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", broken("one "));
    world.scripts.next("b", Act::fail(FaultKind::Client));
    world.scripts.next("c", whole("two"));
    assert_eq!(told(&world, ASKED, Consent::Seam).await.0, "role one (p/c goes on)twoend");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_cannot_go_on_is_not_asked() {
    let world = world(MidStream::Continue).await;
    world.scripts.forbid_to_go_on("b");
    world.scripts.next("a", broken("one "));
    world.scripts.next("c", whole("two"));
    assert_eq!(told(&world, ASKED, Consent::Seam).await.0, "role one (p/c goes on)twoend");
    assert_eq!(world.scripts.asked("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn when_nobody_goes_on_the_caller_is_told_of_the_fault_that_broke_the_stream() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", broken("one "));
    world.scripts.next("b", Act::fail(FaultKind::Client));
    world.scripts.next("c", Act::fail(FaultKind::Transient));
    let (text, fault) = told(&world, ASKED, Consent::Seam).await;
    assert_eq!((text.as_str(), fault), ("role one ", Some(reset().kind)));
    assert_eq!(world.diary.outcomes(), [Outcome::BrokenOff(reset().kind)]);
    assert_eq!(world.in_flight("p"), 0);
    let records = world.orchestration.requests().recent();
    let decisions = records[0].trace.decisions().iter();
    let failed = decisions.filter_map(|it| if let Decision::DidNotGoOn { kind } = it { Some(*kind) } else { None });
    assert_eq!(failed.collect::<Vec<_>>(), [FaultKind::Client, FaultKind::Transient]);
    records[0].trace.replay().unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_more_than_text_is_not_continued() {
    let several = r#"{"model":"p","stream":true,"n":2,"messages":[{"role":"user","content":"hi"}]}"#;
    let prefilled = r#"{"model":"p","stream":true,"messages":[{"role":"assistant","content":"hi"}]}"#;
    let tool_call = Act::Stream(vec![Beat::content("one "), Beat::tool_call("{"), Beat::Fault(reset())]);
    for (body, act) in [(several, broken("one ")), (prefilled, broken("one ")), (ASKED, tool_call)] {
        let world = world(MidStream::Continue).await;
        world.scripts.next("a", act);
        assert_eq!(told(&world, body, Consent::Seam).await.1, Some(reset().kind));
        assert_eq!(world.diary.attempts(), ["a ok"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_the_content_amid_the_answer_is_not_routed_around() {
    let world = world(MidStream::Continue).await;
    let refused = Fault::new(FaultKind::ContentFilter, Work::Partial, "filtered");
    world.scripts.next("a", Act::Stream(vec![Beat::content("one "), Beat::Fault(refused)]));
    assert_eq!(told(&world, ASKED, Consent::Seam).await.1, Some(FaultKind::ContentFilter));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_wants_to_be_told_is_told() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", broken("one "));
    let (text, fault) = told(&world, ASKED, Consent::Nothing).await;
    assert_eq!((text.as_str(), fault), ("role one ", Some(reset().kind)));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_agreed_gets_a_fresh_answer_and_is_told_to_discard_the_old_one() {
    let world = world(MidStream::Restart).await;
    world.scripts.next("a", broken("one "));
    world.scripts.next("b", whole("all of it"));
    let (text, fault) = told(&world, ASKED, Consent::Restart).await;
    assert_eq!((text.as_str(), fault), ("role one (p/b starts afresh)all of itend", None));
    assert_eq!(world.scripts.beginnings("b"), [None]);
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_a_fresh_answer_without_having_agreed() {
    let world = world(MidStream::Restart).await;
    world.scripts.next("a", broken("one "));
    let (text, fault) = told(&world, ASKED, Consent::Seam).await;
    assert_eq!((text.as_str(), fault), ("role one ", Some(reset().kind)));
}

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_is_continued_like_one_that_broke() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", Act::Stream(vec![Beat::content("one "), Beat::Hang]));
    world.scripts.next("b", whole("two"));
    let (text, fault) = told(&world, ASKED, Consent::Seam).await;
    assert_eq!((text.as_str(), fault), ("one (quiet)(p/b goes on)twoend", None));
    assert_eq!(world.scripts.streams_dropped("a"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_caller_hears_that_the_stream_is_there_while_others_are_asked() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", broken("one "));
    let slow = vec![Beat::Wait(Duration::from_secs(9)), Beat::Fault(reset())];
    world.scripts.next("b", Act::Stream(slow));
    world
        .scripts
        .next("c", Act::Stream(vec![Beat::Wait(Duration::from_secs(9)), Beat::content("two"), Beat::finish()]));
    let (text, fault) = told(&world, ASKED, Consent::Seam).await;
    assert_eq!((text.as_str(), fault), ("role one (quiet)(p/c goes on)twoend", None));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_while_others_are_asked_stops_them() {
    let world = world(MidStream::Continue).await;
    world.scripts.next("a", broken("one "));
    world.scripts.next("b", Act::Stream(vec![Beat::role(), Beat::Hang]));
    let mut stream = streamed(ask(&world, ASKED, Consent::Seam).await.unwrap());
    for _ in 0..2 {
        next(&mut stream).await.unwrap().unwrap();
    }
    let waiting = tokio::time::timeout(Duration::from_secs(1), next(&mut stream)).await;
    assert!(waiting.is_err(), "the next one is being asked");
    assert_eq!(world.in_flight("p"), 1);
    drop(stream);
    assert_eq!((world.in_flight("p"), world.scripts.streams_dropped("b")), (0, 1));
    assert_eq!(world.diary.outcomes(), [Outcome::Abandoned]);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_request_bounds_every_part_of_its_answer() {
    let world = world(MidStream::Continue).await;
    let endless = |text| {
        let beats = [Beat::content(text), Beat::Wait(Duration::from_secs(15))];
        Act::Stream(std::iter::repeat_n(beats, 20).flatten().collect())
    };
    world.scripts.next("a", broken("one "));
    world.scripts.next("b", endless("two "));
    let began = tokio::time::Instant::now();
    assert_eq!(told(&world, ASKED, Consent::Seam).await.1, Some(FaultKind::Timeout(Phase::Total)));
    assert!(began.elapsed() <= Duration::from_secs(106), "{:?}", began.elapsed());
}
