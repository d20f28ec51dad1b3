//! What is known of models: what requests cost, and who is passed over for them.

use std::{num::NonZeroU32, time::Duration};

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, read, served_by, streamed},
};
use tidegate_application::CompletionError;
use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, Work},
    model::{Capability, Cost, ModelCard, Prices, Shortfall},
    observe::Outcome,
};

/// Dollars for a million tokens.
fn priced(input: u64, output: u64) -> ModelCard {
    let prices = Prices { input: input * 1_000_000, cached_input: None, output: output * 1_000_000 };
    ModelCard { prices: Some(prices), ..ModelCard::default() }
}

#[tokio::test(start_paused = true)]
async fn a_request_costs_what_its_tokens_do() {
    let world = Plan::default().pool("fast", &["a", "b"]).card("sim:a", priced(2, 10)).start().await;
    world.complete("sim:a").await.unwrap();
    read(streamed(world.stream("sim:a").await.unwrap())).await;
    world.complete("sim:b").await.unwrap();
    // A script's answer takes 3 tokens and has 5.
    let cost = Some(Cost { micro_dollars: 3 * 2 + 5 * 10, estimated: false });
    assert_eq!(world.diary.costs(), [cost, cost, None]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_nobody_counted_has_an_estimated_cost() {
    let world = Plan::default().pool("fast", &["a", "b"]).card("sim:a", priced(2, 10)).start().await;
    world.scripts.next("a", Act::Stream(vec![Beat::content("half")]));
    read(streamed(world.stream("sim:a").await.unwrap())).await;
    let cost = world.diary.costs()[0].unwrap();
    assert!(cost.estimated && cost.micro_dollars > 10, "{cost}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_costs_where_its_work_may_be_billed() {
    let card = priced(2, 10);
    let world = Plan::default().pool("fast", &["a", "b"]).card("sim:a", card.clone()).card("sim:b", card).start().await;
    world.scripts.next("a", Act::Fail(Fault::new(FaultKind::Malformed, Work::Ambiguous, "cut")));
    world.complete("fast").await.unwrap();
    world.scripts.next("a", Act::fail(FaultKind::Transient));
    world.scripts.next("b", Act::fail(FaultKind::Transient));
    world.complete("fast").await.unwrap();
    let answered = 3 * 2 + 5 * 10;
    let [first, second] = world.diary.costs()[..] else { panic!("two requests") };
    assert!(first.is_some_and(|cost| cost.estimated && cost.micro_dollars > answered));
    assert_eq!(second, Some(Cost { micro_dollars: answered, estimated: false }));
}

fn window(tokens: u32) -> ModelCard {
    ModelCard { context_window: NonZeroU32::new(tokens), ..ModelCard::default() }
}

fn able(capabilities: &[Capability]) -> ModelCard {
    ModelCard { capabilities: Some(capabilities.iter().copied().collect()), ..ModelCard::default() }
}

fn tokens(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// A request whose prompt has about so many tokens.
fn prompt(model: &str, tokens: usize, more: &str) -> String {
    let text = "x".repeat(tokens * 5);
    format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"{text}"}}]{more}}}"#)
}

/// A group of a small model, a large one and one of which nothing is known.
async fn sizes() -> World {
    Plan::default()
        .group("g", &[&["sim:small"], &["sim:large"], &["sim:dark"]])
        .group("known", &[&["sim:small", "sim:large"]])
        .card("sim:small", window(1000))
        .card("sim:large", window(100_000))
        .start()
        .await
}

#[tokio::test(start_paused = true)]
async fn a_prompt_is_not_sent_where_it_cannot_fit() {
    let world = sizes().await;
    assert_eq!(served_by(&world.send(&prompt("g", 500, ""), None).await.unwrap()), "sim:small");
    assert_eq!(served_by(&world.send(&prompt("g", 5000, ""), None).await.unwrap()), "sim:large");
    assert_eq!(served_by(&world.send(&prompt("g", 200_000, ""), None).await.unwrap()), "sim:dark");
    assert_eq!(world.scripts.asked("small"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_answer_that_is_asked_for_has_to_fit_as_well() {
    let world = sizes().await;
    let asking = r#","max_tokens":900"#;
    assert_eq!(served_by(&world.send(&prompt("g", 500, asking), None).await.unwrap()), "sim:large");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_if_nobody_can_serve_it() {
    let world = sizes().await;
    let error = world.send(&prompt("known", 200_000, ""), None).await.unwrap_err();
    let CompletionError::FallsShort { shortfall, .. } = &error else { panic!("{error}") };
    assert_eq!(*shortfall, Shortfall::ContextWindow { window: tokens(100_000) });
    assert_eq!(
        error.to_string(),
        "no model of 'group:known' can serve the request: prompt and answer do not fit into the largest context window, \
         which is 100000 tokens"
    );
    assert_eq!(world.diary.outcomes(), [Outcome::Failed(FaultKind::ContextLength)]);
    assert!(world.diary.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_to_a_model_that_is_able() {
    let world = Plan::default()
        .pool("p", &["plain", "seeing", "blind"])
        .card("sim:plain", able(&[Capability::Streaming]))
        .card("sim:blind", able(&[Capability::Streaming, Capability::Tools]))
        .card("sim:seeing", able(&[Capability::Streaming, Capability::Tools, Capability::Vision]))
        .start()
        .await;
    let image = r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.org/1.png"}}]}"#;
    for _ in 0..3 {
        let body = format!(r#"{{"model":"p","tools":[{{}}],"messages":[{image}]}}"#);
        assert_eq!(served_by(&world.send(&body, None).await.unwrap()), "seeing");
    }
    let body = r#"{"model":"p","messages":[],"reasoning_effort":"high"}"#;
    let error = world.send(body, None).await.unwrap_err();
    assert_eq!(error.to_string(), "no model of 'pool:p' can serve the request: it needs 'reasoning'");
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_proves_too_long_goes_on_to_a_larger_window_alone() {
    let plan = Plan::default()
        .group("g", &[&["sim:medium", "sim:small"], &["sim:twin", "sim:dark"], &["sim:large"]])
        .card("sim:small", window(1000))
        .card("sim:medium", window(2000))
        .card("sim:twin", window(2000))
        .card("sim:large", window(3000));
    let world = plan.start().await;
    world.scripts.next("medium", Act::fail(FaultKind::ContextLength));
    assert_eq!(served_by(&world.complete("g").await.unwrap()), "sim:large");
    assert_eq!(world.diary.attempts(), ["sim:medium context_length", "sim:large ok"]);
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_proves_too_long_for_the_largest_is_the_callers_fault() {
    let world = sizes().await;
    world.scripts.always("small", Act::fail(FaultKind::ContextLength));
    world.scripts.always("large", Act::fail(FaultKind::ContextLength));
    let Err(CompletionError::Upstream { fault, attempts }) = world.complete("g").await else { panic!("too long") };
    assert_eq!((fault.kind, attempts), (FaultKind::ContextLength, 2));
    assert_eq!(world.scripts.asked("dark"), 0, "nobody knows whether it takes more");
}

#[tokio::test(start_paused = true)]
async fn those_that_cannot_serve_do_not_use_up_the_attempts_of_a_pool() {
    let world = Plan::default()
        .pool("p", &["s1", "s2", "s3", "l1", "l2"])
        .card("sim:s1", window(100))
        .card("sim:s2", window(100))
        .card("sim:s3", window(100))
        .start()
        .await;
    world.scripts.always("l1", Act::fail(FaultKind::Transient));
    assert_eq!(served_by(&world.send(&prompt("p", 5000, ""), None).await.unwrap()), "l2");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_thinks_may_take_five_times_as_long_to_begin() {
    let late = || Act::Stream(vec![Beat::Wait(Duration::from_mins(2)), Beat::content("so"), Beat::finish()]);
    let plan = Plan::default().pool("p", &["thinks", "other"]).group("g", &[&["sim:thinks"], &["sim:other"]]);
    let world = plan.card("sim:thinks", able(&[Capability::Reasoning, Capability::Streaming])).start().await;
    for target in ["p", "g", "sim:thinks"] {
        world.scripts.next("thinks", late());
        assert!(served_by(&world.stream(target).await.unwrap()).ends_with("thinks"), "{target}");
    }
    world.scripts.next("other", late());
    let error = world.stream("sim:other").await.unwrap_err();
    let late = FaultKind::Timeout(Phase::FirstContent);
    assert!(matches!(error, CompletionError::Upstream { fault, .. } if fault.kind == late));
}
