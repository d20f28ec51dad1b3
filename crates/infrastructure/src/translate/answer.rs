//! An answer in nobody's words: whole, and as the events of a stream.

use tidegate_domain::inference::Usage;

use super::{conversation::Part, logprobs::TokenLogprob};
use crate::provider::usage::Wording;

/// A whole answer: one turn of the model's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) model: String,
    /// Seconds since 1970, where the provider says so.
    pub(crate) created: Option<u64>,
    pub(crate) parts: Vec<Part>,
    pub(crate) stop: Option<Stop>,
    pub(crate) tokens: Tokens,
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It was done.
    Done,
    /// It came to a stop sequence, which is named where the provider does.
    Sequence(Option<String>),
    /// It reached the most tokens it may generate, or its window.
    Length,
    /// It waits for the results of tools.
    ToolCalls,
    /// It, or its provider, refused to go on.
    Refused,
}

/// What an answer cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) usage: Usage,
    /// Tokens of the prompt that were put into the provider's cache; part of the input tokens.
    pub(crate) cache_written: u64,
}

impl<W: Wording> From<W> for Tokens {
    fn from(wording: W) -> Self {
        Self { usage: wording.counted(), cache_written: wording.cache_written() }
    }
}

/// What one piece of a streamed answer says. Pieces of one part follow each other; a piece of another kind, or of another
/// tool call, begins the next part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event<'a> {
    /// The answer begins.
    Begin { id: &'a str, model: &'a str, created: Option<u64> },
    /// How likely the tokens of the text are that comes next.
    Logprobs(&'a [TokenLogprob]),
    /// More of a text.
    Text(&'a str),
    /// More of what the model thinks.
    Reasoning(&'a str),
    /// The proof of what it thought so far, whole.
    Signature(&'a str),
    /// What the model thought, readable only to its maker.
    SealedReasoning(&'a str),
    /// More of a refusal.
    Refusal(&'a str),
    /// The model begins to call a tool.
    ToolCall { index: u32, id: &'a str, name: &'a str },
    /// More of the arguments of a call.
    Arguments { index: u32, json: &'a str },
    /// The model stopped.
    Stop(Stop),
    /// What the answer cost, so far or in all; the last one counts.
    Tokens(Tokens),
    /// The stream is complete.
    End,
}

/// Takes the events of a stream.
pub(crate) trait Sink {
    /// Takes the next one.
    fn take(&mut self, event: Event<'_>);
}
