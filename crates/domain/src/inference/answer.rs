//! What an upstream answers: one whole body, or a stream of chunks with what each of them means.

use bytes::Bytes;
use futures_core::Stream;

use super::Partial;
use crate::fault::Fault;

/// Tokens that an answer cost, as the upstream counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens generated, reasoning included.
    pub output_tokens: u64,
    /// Tokens of the prompt that came from the upstream's cache.
    pub cached_tokens: u64,
    /// Tokens generated as reasoning.
    pub reasoning_tokens: u64,
    /// Whether nobody counted: the prompt is then guessed from its bytes, the answer from what came of it.
    pub estimated: bool,
}

impl Usage {
    /// What is assumed where no upstream said: a stream that sent no usage, or was cut before it.
    pub fn estimated(input_tokens: u64, output_tokens: u64) -> Self {
        Self { input_tokens, output_tokens, estimated: true, ..Self::default() }
    }

    /// The cost of both together; estimated if one of them is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            estimated: self.estimated || other.estimated,
        }
    }
}

/// What a piece of a stream means to the gateway.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signals {
    /// It carries content: text, a tool call, reasoning or a refusal. Role-only deltas, comments and pings do not.
    pub content: bool,
    /// It carries a valid finish.
    pub finished: bool,
    /// It carries the protocol's terminal event.
    pub done: bool,
    /// It reports the usage.
    pub usage: Option<Usage>,
    /// About how many tokens of content it carries; an adapter that leaves it at 0 has each piece of content count as one.
    pub tokens: u32,
}

impl Signals {
    /// Whether the answer may be shown from here on: it has content, or it is validly over.
    pub fn commits(&self) -> bool {
        self.content || self.finished
    }

    /// Adds what a following piece means.
    pub fn merge(&mut self, next: Self) {
        self.content |= next.content;
        self.finished |= next.finished;
        self.done |= next.done;
        self.usage = next.usage.or(self.usage);
        self.tokens = self.tokens.saturating_add(next.tokens.max(u32::from(next.content)));
    }
}

/// Whole events of a stream in the caller's protocol, as they came off the wire: one or several, never a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamChunk {
    /// The bytes to forward.
    pub bytes: Bytes,
    /// What they mean, all events together.
    pub signals: Signals,
}

/// A streamed answer: chunks until the terminal event, then the end. A stream that breaks, reports an error in-band or
/// ends without its terminal event yields a [`Fault`] as its last item.
pub trait AnswerStream: Stream<Item = Result<StreamChunk, Fault>> + Send + Unpin + 'static {
    /// What it has delivered so far, for another upstream to go on from; its cost is not filled in. `None` if nobody can go on: it
    /// was not asked to keep anything, or delivered more than plain text.
    fn take_partial(&mut self) -> Option<Partial> {
        None
    }

    /// What its bytes are, where they are no events of a protocol: `audio/mpeg`.
    fn media_type(&self) -> Option<&str> {
        None
    }
}

/// An answer that came whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeAnswer {
    /// The body, in the caller's protocol.
    pub body: Bytes,
    /// What it cost, if the upstream said so.
    pub usage: Option<Usage>,
    /// What the body is, where it is not JSON: `audio/mpeg`.
    pub media_type: Option<Box<str>>,
}

impl WholeAnswer {
    /// An answer whose body is JSON.
    pub fn json(body: Bytes, usage: Option<Usage>) -> Self {
        Self { body, usage, media_type: None }
    }
}

/// What a provider answered.
#[derive(Debug)]
pub enum Reply<S> {
    /// The whole answer.
    Whole(WholeAnswer),
    /// The head of a stream.
    Stream(S),
}
