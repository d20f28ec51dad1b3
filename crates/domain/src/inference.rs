//! A request for inference, its answer, and the port through which a provider is asked.
//!
//! A request is the caller's own bytes plus an [`Envelope`] of the few fields that routing reads; everything else in it,
//! down to key order and the spelling of numbers, reaches a same-protocol upstream untouched.

mod answer;
mod client;
mod envelope;
mod needs;
mod parameter;
mod request;

pub use answer::{AnswerStream, Reply, Signals, StreamChunk, Usage, WholeAnswer};
pub use client::{BuildClientError, Call, ClientFactory, LlmClient, Succession};
pub use envelope::{Envelope, InvalidEnvelope, MAX_DEPTH};
pub use parameter::Parameter;
pub use request::{ASSUMED_ANSWER_TOKENS, InferenceRequest, ParameterDefaults, RequestId};
