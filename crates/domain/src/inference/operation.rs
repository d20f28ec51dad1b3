//! What a caller asks for, and in whose words.
//!
//! An operation is one kind of endpoint. Those that carry a conversation exist once in each [`Dialect`], and can be translated
//! from one into another; all others are passed on as they came, to a provider that has them.

use std::{fmt, str::FromStr};

/// The words in which a conversation with a model is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Messages,
    /// Google's `generateContent`, as the Gemini API and Vertex AI speak it.
    Gemini,
    /// Cohere's Chat, in its second version.
    Cohere,
    /// Amazon Bedrock's Converse: providers are asked in it, and no caller asks in it.
    Bedrock,
}

/// What a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// The next turn of a conversation.
    Converse(Dialect),
    /// How many tokens a conversation in Anthropic's words has.
    CountTokens,
    /// How many tokens a conversation in Google's words has.
    CountContents,
    /// The continuation of a text.
    Completions,
    /// Vectors of texts.
    Embeddings,
    /// Vectors of texts and images, in Cohere's words.
    Embed,
    /// Vectors of texts, in Google's words: providers are asked so, and no caller asks so.
    EmbedContents,
    /// What is wrong with a text or an image.
    Moderations,
    /// Documents in the order of their use for a query.
    Rerank,
    /// Images.
    Images,
    /// Images, made out of others.
    ImageEdits,
    /// Images like another one.
    ImageVariations,
    /// A text, spoken.
    Speech,
    /// What is spoken, as a text.
    Transcriptions,
    /// What is spoken, as an English text.
    Translations,
}

/// Whose conventions an operation follows: how errors are worded, and how a stream of events ends badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// OpenAI, and the many that follow it.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Cohere.
    Cohere,
    /// Google.
    Google,
}

impl Dialect {
    /// Every dialect.
    pub const ALL: [Self; 6] = [Self::Chat, Self::Responses, Self::Messages, Self::Gemini, Self::Cohere, Self::Bedrock];

    /// Whose conventions it follows; one without callers, OpenAI's.
    pub fn family(self) -> Family {
        match self {
            Self::Chat | Self::Responses | Self::Bedrock => Family::OpenAi,
            Self::Messages => Family::Anthropic,
            Self::Cohere => Family::Cohere,
            Self::Gemini => Family::Google,
        }
    }

    /// Whether callers ask in it.
    pub fn has_callers(self) -> bool {
        self != Self::Bedrock
    }
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 20] = [
        Self::Converse(Dialect::Chat),
        Self::Converse(Dialect::Responses),
        Self::Converse(Dialect::Messages),
        Self::Converse(Dialect::Gemini),
        Self::Converse(Dialect::Cohere),
        Self::Converse(Dialect::Bedrock),
        Self::CountTokens,
        Self::CountContents,
        Self::Completions,
        Self::Embeddings,
        Self::Embed,
        Self::EmbedContents,
        Self::Moderations,
        Self::Rerank,
        Self::Images,
        Self::ImageEdits,
        Self::ImageVariations,
        Self::Speech,
        Self::Transcriptions,
        Self::Translations,
    ];

    /// The dialect, if it is a conversation.
    pub fn dialect(self) -> Option<Dialect> {
        match self {
            Self::Converse(dialect) => Some(dialect),
            _ => None,
        }
    }

    /// Whose conventions it follows.
    pub fn family(self) -> Family {
        match self {
            Self::Converse(dialect) => dialect.family(),
            Self::CountTokens => Family::Anthropic,
            Self::Embed => Family::Cohere,
            Self::CountContents | Self::EmbedContents => Family::Google,
            Self::Completions
            | Self::Embeddings
            | Self::Moderations
            | Self::Rerank
            | Self::Images
            | Self::ImageEdits
            | Self::ImageVariations
            | Self::Speech
            | Self::Transcriptions
            | Self::Translations => Family::OpenAi,
        }
    }

    /// Whether callers ask for it.
    pub fn has_callers(self) -> bool {
        self != Self::EmbedContents && self.dialect().is_none_or(Dialect::has_callers)
    }

    /// Whether a stream of it reports its usage only if `stream_options.include_usage` asks for that.
    pub fn must_demand_usage(self) -> bool {
        matches!(self, Self::Converse(Dialect::Chat) | Self::Completions)
    }

    /// Whether its answer can be a stream of events.
    pub fn streams(self) -> bool {
        self.generates() || matches!(self, Self::Images | Self::ImageEdits | Self::Transcriptions)
    }

    /// Whether its request may be a form, which is how a file is sent along.
    pub fn takes_form(self) -> bool {
        matches!(self, Self::ImageEdits | Self::ImageVariations | Self::Transcriptions | Self::Translations)
    }

    /// Whether its answer is made of generated tokens.
    pub fn generates(self) -> bool {
        matches!(self, Self::Converse(_) | Self::Completions)
    }

    /// The word for configuration, logs and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Converse(Dialect::Chat) => "chat_completions",
            Self::Converse(Dialect::Responses) => "responses",
            Self::Converse(Dialect::Messages) => "messages",
            Self::Converse(Dialect::Cohere) => "cohere_chat",
            Self::Converse(Dialect::Bedrock) => "converse",
            Self::Converse(Dialect::Gemini) => "generate_content",
            Self::CountTokens => "count_tokens",
            Self::CountContents => "count_contents",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Embed => "embed",
            Self::EmbedContents => "embed_contents",
            Self::Moderations => "moderations",
            Self::Rerank => "rerank",
            Self::Images => "images",
            Self::ImageEdits => "image_edits",
            Self::ImageVariations => "image_variations",
            Self::Speech => "speech",
            Self::Transcriptions => "transcriptions",
            Self::Translations => "translations",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A word that names no operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no operation")]
pub struct UnknownOperation(pub String);

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(word: &str) -> Result<Self, UnknownOperation> {
        let named = Self::ALL.into_iter().find(|operation| operation.as_str() == word);
        named.ok_or_else(|| UnknownOperation(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_known_by_its_word() {
        for operation in Operation::ALL {
            assert_eq!(operation.as_str().parse(), Ok(operation));
        }
        assert!("chat".parse::<Operation>().is_err());
    }

    #[test]
    fn every_dialect_is_an_operation() {
        let dialects: Vec<_> = Operation::ALL.into_iter().filter_map(Operation::dialect).collect();
        assert_eq!(dialects, Dialect::ALL);
    }
}
