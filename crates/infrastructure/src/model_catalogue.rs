//! The model catalogue that comes with the gateway: data in `config/catalog/`, one file a vendor, embedded in the binary.
//!
//! A provider's models are those of the vendor at whose host it is asked: the same model costs and takes something else
//! elsewhere, so that a provider at another host has none of these cards. A vendor with a host in each region has a pattern.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{Arc, LazyLock, OnceLock},
};

use serde::Deserialize;
use tidegate_domain::{
    model::{Capability, ModelCard, Prices, VendorCards},
    name::ProviderName,
};

use crate::provider::ProviderSettings;

/// The files of the catalogue.
const FILES: [(&str, &str); 12] = [
    ("anthropic", include_str!("../../../config/catalog/anthropic.toml")),
    ("bedrock", include_str!("../../../config/catalog/bedrock.toml")),
    ("cerebras", include_str!("../../../config/catalog/cerebras.toml")),
    ("cohere", include_str!("../../../config/catalog/cohere.toml")),
    ("deepseek", include_str!("../../../config/catalog/deepseek.toml")),
    ("gemini", include_str!("../../../config/catalog/gemini.toml")),
    ("groq", include_str!("../../../config/catalog/groq.toml")),
    ("mistral", include_str!("../../../config/catalog/mistral.toml")),
    ("moonshot", include_str!("../../../config/catalog/moonshot.toml")),
    ("openai", include_str!("../../../config/catalog/openai.toml")),
    ("together", include_str!("../../../config/catalog/together.toml")),
    ("xai", include_str!("../../../config/catalog/xai.toml")),
];

/// A vendor: the hosts at which its models are asked for, in which `*` stands for any beginning of one label, and their cards.
struct Vendor {
    hosts: Vec<String>,
    file: &'static str,
    /// Read when the first provider is found at one of the hosts: few gateways ask many vendors, and to read them all takes a megabyte.
    cards: OnceLock<Arc<VendorCards>>,
}

/// Begun when the first configuration with a provider is loaded. A test reads every file whole.
static VENDORS: LazyLock<Vec<Vendor>> = LazyLock::new(|| FILES.iter().filter_map(|(_, file)| vendor(file)).collect());

/// What is known of the models of each of `providers`.
pub fn vendors(providers: &[ProviderSettings]) -> BTreeMap<ProviderName, Arc<VendorCards>> {
    providers
        .iter()
        .filter_map(|provider| {
            let base_url = provider.base_url.clone().or_else(|| provider.home())?;
            Some((provider.name.clone(), cards_at(&base_url)?))
        })
        .collect()
}

fn cards_at(base_url: &str) -> Option<Arc<VendorCards>> {
    let url: http::Uri = base_url.parse().ok()?;
    let host = url.host()?;
    let vendor = VENDORS.iter().find(|vendor| vendor.hosts.iter().any(|pattern| is_host_of(pattern, host)))?;
    // The file is part of the binary; one that could not be read would be an empty one.
    Some(Arc::clone(vendor.cards.get_or_init(|| read(vendor.file).unwrap_or_default())))
}

/// Whether every label of the host is that of the pattern, where a `*` stands for any beginning of one.
fn is_host_of(pattern: &str, host: &str) -> bool {
    let (wanted, labels) = (pattern.split('.'), host.split('.'));
    wanted.clone().count() == labels.clone().count()
        && wanted.zip(labels).all(|(wanted, label)| match wanted.strip_prefix('*') {
            None => wanted.eq_ignore_ascii_case(label),
            Some(end) => {
                let start = label.len().saturating_sub(end.len());
                start > 0 && label.get(start..).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
            }
        })
}

/// What stands above the models.
#[derive(Deserialize)]
struct HeadToml {
    hosts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorToml {
    /// For people: when the figures were right.
    #[serde(rename = "as_of")]
    _as_of: String,
    #[serde(rename = "hosts")]
    _hosts: Vec<String>,
    models: BTreeMap<Box<str>, CardToml>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardToml {
    context_window: Option<NonZeroU32>,
    max_output: Option<NonZeroU32>,
    capabilities: Option<Vec<String>>,
    prices: Option<PricesToml>,
    /// What it costs by another name: the one in front of its own.
    #[serde(default)]
    profiles: BTreeMap<String, PricesToml>,
}

#[derive(Deserialize, Clone, Copy)]
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

/// A vendor of whose file nothing but the head is read.
fn vendor(file: &'static str) -> Option<Vendor> {
    let (head, _models) = file.split_once("\n[")?;
    let HeadToml { hosts } = toml::from_str(head).ok()?;
    Some(Vendor { hosts, file, cards: OnceLock::new() })
}

fn read(file: &str) -> Result<Arc<VendorCards>, UnreadableCatalogue> {
    let VendorToml { models, .. } = toml::from_str(file)?;
    let mut cards = Vec::new();
    for (model, CardToml { context_window, max_output, capabilities, prices, profiles }) in models {
        let known = |name: String| Capability::of_name(&name).ok_or(UnreadableCatalogue::Capability(name));
        let capabilities = capabilities.map(|names| names.into_iter().map(known).collect()).transpose()?;
        let card =
            ModelCard { context_window, max_output, capabilities, prices: prices.map(Prices::from), region: None };
        cards.extend(profiles.into_iter().map(|(profile, prices)| {
            (format!("{profile}.{model}").into(), ModelCard { prices: Some(prices.into()), ..card.clone() })
        }));
        cards.push((model, card));
    }
    Ok(Arc::new(cards.into_iter().collect()))
}

impl From<PricesToml> for Prices {
    fn from(PricesToml { input, cached_input, output }: PricesToml) -> Self {
        Self {
            input: micro_dollars(input),
            cached_input: cached_input.map(micro_dollars),
            output: micro_dollars(output),
        }
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
    use crate::provider::{GoogleCloud, Protocol};

    #[test]
    fn every_file_can_be_read() {
        for (name, file) in FILES {
            let cards = read(file).unwrap_or_else(|error| panic!("{name}.toml: {error}"));
            assert_ne!(*cards, VendorCards::default(), "{name}.toml");
            assert!(vendor(file).is_some_and(|vendor| !vendor.hosts.is_empty()), "{name}.toml");
        }
        assert_eq!(VENDORS.len(), FILES.len());
    }

    #[test]
    fn a_vendor_is_known_by_its_host() {
        let card = |url: &str, model: &str| cards_at(url).and_then(|cards| cards.card(model));
        let known = card("https://API.openai.com/v1", "gpt-4o-2024-08-06").unwrap();
        assert_eq!(known.context_window.map(NonZeroU32::get), Some(128_000));
        assert!(known.can(Capability::Vision) && !known.can(Capability::Prefill));
        assert_eq!(known.prices.map(|prices| prices.output), Some(10_000_000));
        assert_eq!(card("https://api.openai.com.example.org/v1", "gpt-4o"), None);
        assert_eq!(card("http://127.0.0.1:8000/v1", "gpt-4o"), None);
    }

    #[test]
    fn a_region_is_one_label_of_a_host() {
        let card = |url: &str| cards_at(url)?.card("amazon.nova-lite-v1:0");
        assert!(card("https://bedrock-runtime.us-east-1.amazonaws.com").is_some());
        assert_eq!(card("https://bedrock-runtime.us.east.amazonaws.com"), None);
        assert_eq!(card("https://bedrock-runtime..amazonaws.com"), None);
        assert_eq!(card("https://bedrock-runtime.us-east-1.amazonaws.com.example.org"), None);
    }

    #[test]
    fn bedrock_without_a_base_url_is_at_home_in_its_region() {
        let name = ProviderName::new("aws").unwrap();
        let settings = ProviderSettings::new(name.clone(), Protocol::Bedrock);
        assert!(vendors(std::slice::from_ref(&settings)).is_empty());
        let settings = ProviderSettings { region: Some("eu-west-3".to_owned()), ..settings };
        assert!(vendors(&[settings]).contains_key(&name));
    }

    #[test]
    fn a_profile_has_its_own_price_and_the_windows_of_its_model() {
        let cards = cards_at("https://bedrock-runtime.eu-central-1.amazonaws.com").unwrap();
        let (lite, eu) =
            (cards.card("amazon.nova-lite-v1:0").unwrap(), cards.card("eu.amazon.nova-lite-v1:0").unwrap());
        assert_eq!((lite.context_window, lite.capabilities), (eu.context_window, eu.capabilities));
        assert_ne!(lite.prices, eu.prices);
        let nowhere = cards.card("sa.amazon.nova-lite-v1:0").unwrap();
        assert_eq!(nowhere, ModelCard { prices: None, ..lite });
    }

    #[test]
    fn googles_models_are_known_in_every_location_of_its_cloud() {
        for location in ["us-central1", "eu", "global"] {
            let cloud = GoogleCloud { project: "p".to_owned(), location: location.to_owned() };
            let provider = ProviderSettings {
                google_cloud: Some(cloud),
                ..ProviderSettings::new("vertex".parse().unwrap(), Protocol::Vertex)
            };
            let known = vendors(&[provider]);
            assert!(known.values().any(|cards| cards.card("gemini-2.5-pro").is_some()), "{location}");
        }
        assert!(cards_at("https://aiplatform.googleapis.com.example.org/v1").is_none());
        assert!(cards_at("https://-aiplatform.googleapis.co/v1").is_none());
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
