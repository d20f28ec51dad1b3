//! What a request needs of the model that serves it, and why a model does not fit.

use std::num::NonZeroU32;

use super::{Capabilities, Capability};

/// What a request needs of the model that serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestNeeds {
    /// What the model must be able to do.
    pub capabilities: Capabilities,
    /// The tokens of the prompt: rather too few than too many, since nobody has counted them.
    pub prompt_tokens: u32,
    /// The tokens of answer that the caller asks for; `None` if it leaves them open.
    pub max_output: Option<u32>,
}

impl RequestNeeds {
    /// The tokens that the request takes at least: the prompt, and the answer that it asks for.
    pub fn least_tokens(&self) -> u32 {
        self.prompt_tokens.saturating_add(self.max_output.unwrap_or_default())
    }
}

/// Why a model does not fit a request, as far as its card tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unfit {
    /// Prompt and answer do not fit into its context window.
    ContextWindow {
        /// The window, in tokens.
        window: NonZeroU32,
    },
    /// The caller asks for a longer answer than it gives.
    AnswerTooLong {
        /// The most tokens that it answers.
        largest: NonZeroU32,
    },
    /// It cannot do something that the request needs.
    Lacks(Capability),
}
