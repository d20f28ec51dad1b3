//! Cards by model: those that the operator wrote, over those that came with the gateway.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::ModelCard;
use crate::name::{ModelRef, ProviderName};

/// The cards of one vendor's models, by the vendor's own spelling.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VendorCards(HashMap<Box<str>, ModelCard>);

impl VendorCards {
    /// The card of `model`: its own, or
    /// * for a dated release without one (`gpt-4o-2024-08-06`), that of the model it is a release of;
    /// * for an ARN (`arn:aws:bedrock:...:inference-profile/eu.amazon.nova-lite-v1:0`), that of the name it ends with;
    /// * for a profile without one (`eu.amazon.nova-lite-v1:0`), that of the model it is a profile of, without its prices.
    pub fn card(&self, model: &str) -> Option<ModelCard> {
        let model = if model.starts_with("arn:") { model.rsplit_once('/')?.1 } else { model };
        let own = self.0.get(model).or_else(|| self.0.get(undated(model)?));
        own.cloned().or_else(|| Some(ModelCard { prices: None, ..self.0.get(unprofiled(model)?)?.clone() }))
    }
}

impl FromIterator<(Box<str>, ModelCard)> for VendorCards {
    fn from_iter<I: IntoIterator<Item = (Box<str>, ModelCard)>>(cards: I) -> Self {
        Self(cards.into_iter().collect())
    }
}

/// The name before a date, `-2024-08-06` or `-20240806`; `None` if there is none.
fn undated(model: &str) -> Option<&str> {
    let (name, date) = ["-dddd-dd-dd", "-dddddddd"].into_iter().find_map(|form| {
        let (name, date) = model.split_at_checked(model.len().checked_sub(form.len())?)?;
        Some((name, date)).filter(|(_, date)| is_of_form(date, form))
    })?;
    let is_year = ["-19", "-20"].iter().any(|century| date.starts_with(century));
    (is_year && !name.is_empty()).then_some(name)
}

/// The name behind that of a part of the world, as in `us-gov.`; `None` if there is none.
fn unprofiled(model: &str) -> Option<&str> {
    let (place, model) = model.split_once('.')?;
    place.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-').then_some(model)
}

fn is_of_form(text: &str, form: &str) -> bool {
    text.bytes()
        .zip(form.bytes())
        .all(|(byte, wanted)| if wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted })
}

/// Every card that is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelCatalogue {
    /// What the operator says of models; it stands above everything else.
    pub own: BTreeMap<ModelRef, ModelCard>,
    /// What is known of a provider's models beside that.
    pub vendors: BTreeMap<ProviderName, Arc<VendorCards>>,
}

impl ModelCatalogue {
    /// What is known of `model`; `None` if nothing is.
    pub fn card(&self, model: &ModelRef) -> Option<ModelCard> {
        let known = self.vendors.get(model.provider()).and_then(|vendor| vendor.card(model.model()));
        match (self.own.get(model), known) {
            (Some(own), Some(known)) => Some(own.clone().over(&known)),
            (own, known) => own.cloned().or(known),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn window(tokens: u32) -> ModelCard {
        ModelCard { context_window: NonZeroU32::new(tokens), ..ModelCard::default() }
    }

    fn catalogue() -> ModelCatalogue {
        let cards = [
            ("gpt-4o", window(4)),
            ("gpt-4o-2024-05-13", window(5)),
            ("qwen3", window(6)),
            ("amazon.nova-lite-v1:0", window(7)),
        ];
        let vendor: VendorCards = cards.map(|(model, card)| (model.into(), card)).into_iter().collect();
        let own = ModelCard { max_output: NonZeroU32::new(9), ..ModelCard::default() };
        ModelCatalogue {
            own: [("openai:gpt-4o".parse().unwrap(), own)].into_iter().collect(),
            vendors: [(ProviderName::new("openai").unwrap(), Arc::new(vendor))].into_iter().collect(),
        }
    }

    #[track_caller]
    fn check(model: &str, expected: Option<u32>) {
        let card = catalogue().card(&model.parse().unwrap());
        assert_eq!(card.and_then(|card| card.context_window).map(NonZeroU32::get), expected, "{model}");
    }

    #[test]
    fn a_dated_release_without_a_card_has_that_of_its_model() {
        check("openai:gpt-4o", Some(4));
        check("openai:gpt-4o-2024-05-13", Some(5));
        check("openai:gpt-4o-2031-01-31", Some(4));
        check("openai:gpt-4o-20310131", Some(4));
        check("openai:gpt-4o-mini", None);
        check("openai:qwen3-12345678", None);
        check("openai:-20240806", None);
    }

    #[test]
    fn a_profile_and_an_arn_have_the_card_of_their_model() {
        check("openai:amazon.nova-lite-v1:0", Some(7));
        check("openai:eu.amazon.nova-lite-v1:0", Some(7));
        check("openai:arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", Some(7));
        check("openai:arn:aws:bedrock:us-east-1:123456789012:inference-profile/us-gov.amazon.nova-lite-v1:0", Some(7));
        check("openai:arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", None);
        check("openai:v2.amazon.nova-lite-v1:0", None);
        check("openai:amazon.nova-lite-v2:0", None);
    }

    #[test]
    fn a_provider_that_is_nobody_known_has_no_cards() {
        check("home:gpt-4o", None);
    }

    #[test]
    fn what_the_operator_says_stands_above_what_is_known() {
        let card = catalogue().card(&"openai:gpt-4o".parse().unwrap()).unwrap();
        assert_eq!((card.max_output, card.context_window), (NonZeroU32::new(9), NonZeroU32::new(4)));
    }
}
