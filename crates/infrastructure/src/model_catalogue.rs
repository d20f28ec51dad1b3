//! The model catalogue that comes with the gateway: data in `config/catalog/`, one file a vendor, embedded in the binary.
//!
//! A provider's models are those of the vendor at whose host it is asked: the same model costs and takes something else
//! elsewhere, so that a provider at another host has none of these cards.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, LazyLock},
};

use serde::Deserialize;
use tidegate_domain::{
    model::{Capability, ModelCard, Prices, VendorCards},
    name::ProviderName,
};

use crate::provider::ProviderSettings;

/// The files of the catalogue.
const FILES: [(&str, &str); 10] = [
    ("anthropic", include_str!("../../../config/catalog/anthropic.toml")),
    ("cerebras", include_str!("../../../config/catalog/cerebras.toml")),
    ("deepseek", include_str!("../../../config/catalog/deepseek.toml")),
    ("gemini", include_str!("../../../config/catalog/gemini.toml")),
    ("groq", include_str!("../../../config/catalog/groq.toml")),
    ("mistral", include_str!("../../../config/catalog/mistral.toml")),
    ("moonshot", include_str!("../../../config/catalog/moonshot.toml")),
    ("openai", include_str!("../../../config/catalog/openai.toml")),
    ("together", include_str!("../../../config/catalog/together.toml")),
    ("xai", include_str!("../../../config/catalog/xai.toml")),
];

/// A vendor: the hosts at which its models are asked for, and their cards.
struct Vendor {
    hosts: Vec<String>,
    cards: Arc<VendorCards>,
}

/// Read once, when the first configuration with a provider is loaded.
static VENDORS: LazyLock<Vec<Vendor>> = LazyLock::new(|| {
    // The files are part of the binary, and a test reads every one of them.
    FILES.iter().filter_map(|(_, text)| read(text).ok()).collect()
});

/// What is known of the models of each of `providers`.
pub fn vendors(providers: &[ProviderSettings]) -> BTreeMap<ProviderName, Arc<VendorCards>> {
    providers
        .iter()
        .filter_map(|provider| Some((provider.name.clone(), cards_at(provider.base_url.as_deref()?)?)))
        .collect()
}

fn cards_at(base_url: &str) -> Option<Arc<VendorCards>> {
    let url: http::Uri = base_url.parse().ok()?;
    let host = url.host()?;
    let vendor = VENDORS.iter().find(|vendor| vendor.hosts.iter().any(|known| known.eq_ignore_ascii_case(host)))?;
    Some(Arc::clone(&vendor.cards))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorToml {
    /// For people: when the figures were right.
    #[serde(rename = "as_of")]
    _as_of: String,
    hosts: Vec<String>,
    models: BTreeMap<Box<str>, CardToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardToml {
    context_window: Option<NonZeroU32>,
    max_output: Option<NonZeroU32>,
    capabilities: Option<Vec<String>>,
    prices: Option<PricesToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PricesToml {
    input: f64,
    cached_input: Option<f64>,
    output: f64,
}

/// Why a file of the catalogue cannot be read.
#[derive(Debug, thiserror::Error)]
enum UnreadableCatalogue {
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    #[error("'{0}' is no capability")]
    Capability(String),
}

fn read(text: &str) -> Result<Vendor, UnreadableCatalogue> {
    let VendorToml { _as_of: _, hosts, models } = toml::from_str(text)?;
    let cards = models.into_iter().map(|(model, card)| Ok((model, ModelCard::try_from(card)?)));
    let cards = cards.collect::<Result<VendorCards, UnreadableCatalogue>>()?;
    Ok(Vendor { hosts, cards: Arc::new(cards) })
}

impl TryFrom<CardToml> for ModelCard {
    type Error = UnreadableCatalogue;

    fn try_from(card: CardToml) -> Result<Self, UnreadableCatalogue> {
        let CardToml { context_window, max_output, capabilities, prices } = card;
        let known = |name: String| Capability::of_name(&name).ok_or(UnreadableCatalogue::Capability(name));
        let capabilities = capabilities.map(|names| names.into_iter().map(known).collect()).transpose()?;
        let prices = prices.map(|PricesToml { input, cached_input, output }| Prices {
            input: micro_dollars(input),
            cached_input: cached_input.map(micro_dollars),
            output: micro_dollars(output),
        });
        Ok(Self { context_window, max_output, capabilities, prices, region: None })
    }
}

/// Dollars as whole micro-dollars.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a price is small and not negative")]
pub(crate) fn micro_dollars(dollars: f64) -> u64 {
    (dollars * 1_000_000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_can_be_read() {
        for (name, text) in FILES {
            let vendor = read(text).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
            assert!(!vendor.hosts.is_empty(), "{name}.toml");
        }
        assert_eq!(VENDORS.len(), FILES.len());
    }

    #[test]
    fn a_vendor_is_known_by_its_host() {
        let card = |url: &str, model: &str| cards_at(url).and_then(|cards| cards.card(model).cloned());
        let known = card("https://API.openai.com/v1", "gpt-4o-2024-08-06").unwrap();
        assert_eq!(known.context_window.map(NonZeroU32::get), Some(128_000));
        assert!(known.can(Capability::Vision) && !known.can(Capability::Prefill));
        assert_eq!(known.prices.map(|prices| prices.output), Some(10_000_000));
        assert_eq!(card("https://api.openai.com.example.org/v1", "gpt-4o"), None);
        assert_eq!(card("http://127.0.0.1:8000/v1", "gpt-4o"), None);
    }

    #[test]
    fn no_card_promises_more_answer_than_its_window_holds() {
        for (name, text) in FILES {
            let VendorToml { models, .. } = toml::from_str(text).unwrap();
            for (model, CardToml { context_window, max_output, .. }) in models {
                let (Some(window), Some(answer)) = (context_window, max_output) else { continue };
                assert!(answer <= window, "{name}.toml: {model}");
            }
        }
    }

    #[test]
    fn a_price_is_a_whole_number_of_micro_dollars() {
        assert_eq!(micro_dollars(0.0375), 37_500);
        assert_eq!(micro_dollars(1.1), 1_100_000);
    }
}
