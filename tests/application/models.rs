//! What is known of models: what requests cost.

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, read, streamed},
};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    model::{Cost, ModelCard, Prices},
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
