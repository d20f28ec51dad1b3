//! Selecting a model by what is required of it.

use std::{num::NonZeroU32, time::Duration};

use layered_tests::{
    scripted::Act,
    world::{Plan, World},
};
use tidegate_domain::{
    model::{ModelCard, Prices, RequestNeeds},
    task_group::{LatencyClass, ModelRequirements, Urgency},
};

/// Dollars for a million tokens.
fn priced(input: u64, output: u64) -> ModelCard {
    let prices = Prices { input: input * 1_000_000, cached_input: None, output: output * 1_000_000 };
    ModelCard { prices: Some(prices), ..ModelCard::default() }
}

async fn world() -> World {
    Plan::default()
        .pool("p", &["dear", "european", "small"])
        .group("g", &[&["pool:p"], &["sim:dark"]])
        .card("sim:dear", priced(10, 50))
        .card("sim:european", ModelCard { region: Some("eu".into()), ..priced(2, 8) })
        .card("sim:small", ModelCard { context_window: NonZeroU32::new(100), ..priced(1, 2) })
        .start()
        .await
}

/// The models of the group in order, with what rules them out.
fn selected(world: &World, requirements: &ModelRequirements) -> Vec<String> {
    let selection = world.groups.select_model(&"g".parse().unwrap(), requirements).unwrap();
    let models = selection.models.iter();
    models
        .map(|model| match model.exclusion {
            None => model.model.model().to_owned(),
            Some(reason) => format!("{} {reason}", model.model.model()),
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_does_not_do_is_ruled_out_with_the_reason() {
    let world = world().await;
    let all = ModelRequirements::default();
    assert_eq!(selected(&world, &all), ["dear", "european", "small", "dark"]);
    let thrifty = ModelRequirements { max_cost_per_1k: Some(8000), ..all.clone() };
    assert_eq!(selected(&world, &thrifty), ["european", "small", "dark", "dear too_dear"]);
    let eu = ModelRequirements { region: Some("eu".into()), ..all.clone() };
    assert_eq!(selected(&world, &eu), ["european", "dear other_region", "small other_region", "dark other_region"]);
    let needs = RequestNeeds { prompt_tokens: 500, ..RequestNeeds::default() };
    let long = ModelRequirements { needs, ..all };
    assert_eq!(selected(&world, &long), ["dear", "european", "dark", "small context_window"]);
}

#[tokio::test(start_paused = true)]
async fn with_time_the_cheapest_of_a_tier_comes_first() {
    let low = ModelRequirements { urgency: Urgency::Low, ..ModelRequirements::default() };
    assert_eq!(selected(&world().await, &low), ["small", "european", "dear", "dark"]);
}

#[tokio::test(start_paused = true)]
async fn without_time_the_fastest_comes_first_and_the_slow_do_not_do() {
    let world = world().await;
    for (model, millis) in [("dear", 8000), ("european", 500), ("small", 3000)] {
        world.scripts.next(model, Act::AnswerAfter(Duration::from_millis(millis)));
        world.complete("p").await.unwrap();
    }
    let high = ModelRequirements { urgency: Urgency::High, ..ModelRequirements::default() };
    assert_eq!(selected(&world, &high), ["european", "small", "dear", "dark"]);
    let hurry = ModelRequirements { max_latency: Some(LatencyClass::Moderate), ..high };
    assert_eq!(selected(&world, &hurry), ["european", "small", "dark", "dear too_slow"]);
}
