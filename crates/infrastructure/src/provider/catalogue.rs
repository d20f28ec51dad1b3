//! The providers that come with the gateway as data: where each is and what it offers.
//!
//! What tells them apart is not code: nearly all speak OpenAI's protocol. `config/catalog/providers.toml` is embedded in the binary.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use tidegate_domain::inference::Operation;

use super::Protocol;

/// A provider of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Preset {
    /// What it speaks.
    pub(crate) protocol: Protocol,
    /// Where it is.
    pub(crate) base_url: String,
    /// What it offers; everything that its protocol has, if absent.
    pub(crate) operations: Option<Vec<Operation>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetToml {
    #[expect(dead_code, reason = "for whoever reads the file")]
    name: String,
    #[serde(default)]
    protocol: ProtocolToml,
    base_url: String,
    operations: Option<Vec<String>>,
}

/// The protocols of which a preset can be one: those that are asked with nothing but a key.
#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum ProtocolToml {
    #[default]
    OpenAi,
    Anthropic,
    Cohere,
    Gemini,
}

impl From<ProtocolToml> for Protocol {
    fn from(protocol: ProtocolToml) -> Self {
        match protocol {
            ProtocolToml::OpenAi => Self::OpenAi,
            ProtocolToml::Anthropic => Self::Anthropic,
            ProtocolToml::Cohere => Self::Cohere,
            ProtocolToml::Gemini => Self::Gemini,
        }
    }
}

static CATALOGUE: LazyLock<BTreeMap<String, Preset>> = LazyLock::new(|| {
    // A test reads the file; a release that could not would have none.
    read(include_str!("../../../../config/catalog/providers.toml")).unwrap_or_default()
});

fn read(text: &str) -> Option<BTreeMap<String, Preset>> {
    let read: BTreeMap<String, PresetToml> = toml::from_str(text).ok()?;
    read.into_iter().map(|(word, preset)| Some((word, preset_of(preset)?))).collect()
}

fn preset_of(PresetToml { name: _, protocol, base_url, operations }: PresetToml) -> Option<Preset> {
    let parsed = |words: Vec<String>| words.iter().map(|word| word.parse().ok()).collect::<Option<_>>();
    let operations = match operations {
        Some(words) => Some(parsed(words)?),
        None => None,
    };
    Some(Preset { protocol: protocol.into(), base_url, operations })
}

/// The words for the presets, sorted.
pub(crate) fn presets() -> Vec<&'static str> {
    CATALOGUE.keys().map(String::as_str).collect()
}

/// The preset of that word.
pub(crate) fn preset(word: &str) -> Option<&'static Preset> {
    CATALOGUE.get(word)
}

#[cfg(test)]
mod tests {
    use tidegate_domain::inference::Dialect;

    use super::*;
    use crate::provider::{endpoint::Endpoint, http_client::Wire};

    #[test]
    fn every_preset_can_be_asked_for_what_it_offers() {
        assert!(presets().len() > 20, "the catalogue is read");
        for (word, Preset { protocol, base_url, operations }) in &*CATALOGUE {
            let Some(operations) = operations else {
                assert_eq!(protocol.home(), Some(base_url.as_str()), "{word}");
                continue;
            };
            assert_eq!(*protocol, Protocol::OpenAi, "{word} offers what its protocol has");
            let routes = operations.iter().map(|operation| (*operation, Wire::OpenAi.paths(*operation, "m").unwrap()));
            let endpoint = Endpoint::new(base_url, http::HeaderMap::new(), routes);
            assert!(endpoint.is_ok() && !operations.is_empty(), "{word}");
            let is_local = base_url.starts_with("http://localhost:");
            assert!(is_local || base_url.starts_with("https://"), "{word} is not asked in the clear");
        }
        assert!(preset("groq").unwrap().operations.as_ref().unwrap().contains(&Operation::Converse(Dialect::Chat)));
        assert_eq!(preset("gemini_native").map(|preset| preset.protocol), Some(Protocol::Gemini));
        assert_eq!(preset("nobody"), None);
    }
}
