//! The protocols that are spoken over HTTP: where each asks for what.

use tidegate_domain::inference::Operation;

use super::EVENT_STREAM;
use crate::provider::{anthropic, bedrock, cohere, endpoint::Paths, gemini, openai, vertex};

/// The protocols that are spoken over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) enum Wire {
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic,
    /// Cohere's.
    Cohere,
    /// Google's.
    Gemini,
    /// Google's, at Vertex AI.
    Vertex,
    /// Bedrock's.
    Bedrock,
}

impl Wire {
    /// Where below the base URL `model` is asked for an operation; `None` if the protocol does not have it.
    pub(in crate::provider) fn paths(self, operation: Operation, model: &str) -> Option<Paths> {
        match self {
            Self::OpenAi => openai::path(operation).map(Paths::from),
            Self::Anthropic => anthropic::path(operation).map(Paths::from),
            Self::Cohere => cohere::path(operation).map(Paths::from),
            Self::Gemini => gemini::paths(operation, model),
            Self::Vertex => vertex::paths(operation, model),
            Self::Bedrock => bedrock::paths(operation, model),
        }
    }

    /// What a streamed answer arrives as.
    pub(super) fn event_stream(self) -> &'static str {
        match self {
            Self::OpenAi | Self::Anthropic | Self::Gemini | Self::Vertex | Self::Cohere => EVENT_STREAM,
            Self::Bedrock => bedrock::EVENT_STREAM,
        }
    }

    /// What everybody offers who speaks the protocol.
    pub(in crate::provider) fn everywhere(self) -> &'static [Operation] {
        match self {
            Self::OpenAi => &openai::EVERYWHERE,
            Self::Anthropic => &anthropic::EVERYWHERE,
            Self::Cohere => &cohere::EVERYWHERE,
            Self::Gemini => &gemini::EVERYWHERE,
            Self::Vertex => &vertex::EVERYWHERE,
            Self::Bedrock => &bedrock::EVERYWHERE,
        }
    }
}
