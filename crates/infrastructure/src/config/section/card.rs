//! What `[models.X]` says of its model, beside its name.

use std::num::NonZeroU32;

use tidegate_domain::model::{Capabilities, Capability, ModelCard, Prices};
use validator::Validate;

use crate::{config::fields::Fields, model_catalogue::micro_dollars};

#[derive(Validate)]
struct CardToml {
    #[validate(range(min = 1, max = 1_000_000_000))]
    context_window: Option<i64>,
    #[validate(range(min = 1, max = 1_000_000_000))]
    max_output: Option<i64>,
}

#[derive(Validate)]
struct PricesToml {
    #[validate(range(min = 0.0, max = 1_000_000.0))]
    input: Option<f64>,
    #[validate(range(min = 0.0, max = 1_000_000.0))]
    cached_input: Option<f64>,
    #[validate(range(min = 0.0, max = 1_000_000.0))]
    output: Option<f64>,
}

/// Reads a card; `None` if it says nothing or has errors.
pub(super) fn read(fields: &mut Fields<'_>) -> Option<ModelCard> {
    let mark = fields.findings.mark();
    let read = CardToml { context_window: fields.integer("context_window"), max_output: fields.integer("max_output") };
    fields.check(&read);
    let CardToml { context_window, max_output } = read;
    let tokens = |number: i64| u32::try_from(number).ok().and_then(NonZeroU32::new);
    let card = ModelCard {
        context_window: context_window.and_then(tokens),
        max_output: max_output.and_then(tokens),
        capabilities: capabilities(fields),
        prices: prices(fields),
        region: fields.word("region").map(|word| word.text.into()),
    };
    let is_told = card != ModelCard::default() && !fields.findings.has_errors_since(mark);
    is_told.then_some(card)
}

fn capabilities(fields: &mut Fields<'_>) -> Option<Capabilities> {
    let names = Capability::ALL.map(Capability::as_str);
    let words = fields.words("capabilities")?;
    let mut known = Capabilities::default();
    for word in words {
        let Some(capability) = Capability::of_name(&word.text) else {
            let help = word.did_you_mean(names);
            fields.findings.error(&word.place, format!("{} is no capability", word.quoted()), help);
            continue;
        };
        known.insert(capability);
    }
    Some(known)
}

fn prices(fields: &mut Fields<'_>) -> Option<Prices> {
    let mut table = fields.table("prices")?;
    let read = PricesToml {
        input: table.number("input"),
        cached_input: table.number("cached_input"),
        output: table.number("output"),
    };
    table.check(&read);
    table.require("input", "write what a million tokens of prompt cost, in dollars; 0 if nothing");
    table.require("output", "write what a million tokens of answer cost, in dollars; 0 if nothing");
    table.finish();
    let PricesToml { input, cached_input, output } = read;
    Some(Prices {
        input: micro_dollars(input?),
        cached_input: cached_input.map(micro_dollars),
        output: micro_dollars(output?),
    })
}
