//! A request for inference, its answer, and the port through which a provider is asked.
//!
//! A request is an [`Operation`], the caller's own bytes, and an [`Envelope`] of the few fields that routing reads; everything
//! else in it, down to key order and the spelling of numbers, reaches a same-protocol upstream untouched. For an upstream
//! that speaks another [`Dialect`] it is translated, once, or found [`Unfit`] before anybody is asked.

mod address;
mod answer;
mod claude;
mod client;
mod complaint;
mod continuation;
mod converse;
mod defaults;
mod envelope;
mod form;
mod needs;
mod operation;
mod parameter;
mod quota;
mod repeated;
mod request;
mod request_id;
mod settings;
mod stream_failure;
mod translation;
mod unfit;

pub use address::Address;
pub use answer::{AnswerStream, Reply, Signals, StreamChunk, Usage, WholeAnswer};
pub use claude::is_adaptive_claude;
pub use client::{BuildClientError, Call, ClientFactory, LlmClient, Succession};
pub use complaint::Complaint;
pub use continuation::{Identity, Part, Partial, Prefill};
pub use defaults::{DefaultValues, ParameterDefaults, ReasoningEffort, ResponseFormat, ToolChoice};
pub use envelope::{Envelope, InvalidEnvelope};
pub use operation::{Dialect, Family, Operation, UnknownOperation};
pub use parameter::Parameter;
pub use quota::{Allowance, Quota};
pub use request::{ASSUMED_ANSWER_TOKENS, InferenceRequest};
pub use request_id::RequestId;
pub use stream_failure::StreamFailure;
pub use translation::{Rewording, Translation};
pub use unfit::{Dropped, Unfit};
