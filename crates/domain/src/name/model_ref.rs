//! `provider:model`: one model at one configured provider.

use std::{fmt, str::FromStr, sync::Arc};

use super::{InvalidName, ProviderName, visible};

/// The longest model name, in bytes.
const MAX_MODEL_BYTES: usize = 256;

/// One model at one provider, written `provider:model`; the model may itself hold colons.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelRef {
    provider: ProviderName,
    model: Arc<str>,
}

/// A text that is no `provider:model`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidModelRef {
    /// There is no colon.
    #[error("'{0}' names no provider; write provider:model")]
    NoProvider(String),
    /// The part before the colon is no provider name.
    #[error(transparent)]
    Provider(#[from] InvalidName),
    /// The part after the colon is blank, over-long or holds white space.
    #[error("'{0}' is no model name; it has 1 to {MAX_MODEL_BYTES} bytes and no white space")]
    Model(String),
}

impl ModelRef {
    /// Pairs a provider with one of its models.
    ///
    /// # Errors
    /// [`InvalidModelRef::Model`] if `model` is blank, over-long or holds white space.
    pub fn new(provider: ProviderName, model: &str) -> Result<Self, InvalidModelRef> {
        if model.is_empty() || model.len() > MAX_MODEL_BYTES || !model.chars().all(visible) {
            return Err(InvalidModelRef::Model(model.chars().take(MAX_MODEL_BYTES).collect()));
        }
        Ok(Self { provider, model: model.into() })
    }

    /// The provider.
    pub fn provider(&self) -> &ProviderName {
        &self.provider
    }

    /// The model, as its provider spells it.
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl FromStr for ModelRef {
    type Err = InvalidModelRef;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let Some((provider, model)) = raw.split_once(':') else {
            return Err(InvalidModelRef::NoProvider(raw.chars().take(MAX_MODEL_BYTES).collect()));
        };
        Self::new(ProviderName::new(provider)?, model)
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.provider, self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_keeps_its_own_colons() {
        let reference: ModelRef = "ollama:llama3:8b".parse().unwrap();
        assert_eq!(reference.provider().as_str(), "ollama");
        assert_eq!(reference.model(), "llama3:8b");
        assert_eq!(reference.to_string(), "ollama:llama3:8b");
    }

    #[test]
    fn a_bare_model_names_no_provider() {
        assert_eq!("gpt-4o".parse::<ModelRef>(), Err(InvalidModelRef::NoProvider("gpt-4o".to_owned())));
        assert!(matches!("openai:".parse::<ModelRef>(), Err(InvalidModelRef::Model(_))));
        assert!(matches!(":gpt".parse::<ModelRef>(), Err(InvalidModelRef::Provider(_))));
    }
}
