//! Anthropic's Messages, as a provider speaks it: routes, key, and what its answers mean.

mod watch;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Dialect, Operation, Usage, WholeAnswer},
};

pub(super) use self::watch::MessagesWatch;
use super::{
    endpoint::KeyHeader,
    openai::faults,
    usage::{MessagesUsageWire, Wording},
};

/// Where Anthropic itself is.
pub(crate) const BASE_URL: &str = "https://api.anthropic.com/v1";
/// The version of the protocol that is spoken where the caller names none.
const VERSION: HeaderValue = HeaderValue::from_static("2023-06-01");
pub(super) const VERSION_HEADER: HeaderName = HeaderName::from_static("anthropic-version");
const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// What everybody who speaks the protocol offers.
pub(super) const EVERYWHERE: [Operation; 2] = [Operation::Converse(Dialect::Messages), Operation::CountTokens];

/// Where below the base URL an operation is asked for.
pub(super) fn path(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Converse(Dialect::Messages) => Some("/messages"),
        Operation::CountTokens => Some("/messages/count_tokens"),
        Operation::Converse(
            Dialect::Chat | Dialect::Responses | Dialect::Gemini | Dialect::Cohere | Dialect::Bedrock,
        )
        | Operation::CountContents
        | Operation::Completions
        | Operation::Embeddings
        | Operation::Embed
        | Operation::EmbedContents
        | Operation::Moderations
        | Operation::Rerank
        | Operation::Images
        | Operation::ImageEdits
        | Operation::ImageVariations
        | Operation::Speech
        | Operation::Transcriptions
        | Operation::Translations => None,
    }
}

/// How the key is sent.
pub(super) fn key_header() -> KeyHeader {
    KeyHeader::Named(KEY_HEADER)
}

/// Names the version of the protocol, unless the caller or the configuration did.
pub(super) fn add_version(headers: &mut HeaderMap) {
    headers.entry(VERSION_HEADER).or_insert(VERSION);
}

#[derive(Deserialize)]
struct AnswerWire {
    r#type: Option<Box<str>>,
    usage: Option<MessagesUsageWire>,
    input_tokens: Option<u64>,
}

/// Reads a whole answer as far as the gateway must vouch for it.
pub(super) fn whole(body: Bytes, operation: Operation) -> Result<WholeAnswer, Fault> {
    let malformed = |detail| Fault::new(FaultKind::Malformed, Work::Ambiguous, detail);
    let Ok(AnswerWire { r#type, usage, input_tokens }) = serde_json::from_slice(&body) else {
        return Err(malformed("the answer is not JSON of the protocol"));
    };
    match r#type.as_deref() {
        Some("error") => Err(faults::in_band(&body, Work::Ambiguous)),
        Some("message") => Ok(WholeAnswer::json(body, usage.and_then(Wording::usage))),
        // Counting costs nothing.
        _ if operation == Operation::CountTokens && input_tokens.is_some() => {
            Ok(WholeAnswer::json(body, Some(Usage::default())))
        }
        _ => Err(malformed("the answer is no message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &'static str, operation: Operation) -> Result<WholeAnswer, FaultKind> {
        whole(Bytes::from_static(body.as_bytes()), operation).map_err(|fault| fault.kind)
    }

    #[test]
    fn a_message_is_an_answer_and_its_usage_counts_the_cache_as_input() {
        let body = r#"{"type":"message","content":[],"usage":{"input_tokens":3,"cache_read_input_tokens":10,
            "cache_creation_input_tokens":5,"output_tokens":7}}"#;
        let usage = read(body, Operation::Converse(Dialect::Messages)).unwrap().usage.unwrap();
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (18, 10, 7));
    }

    #[test]
    fn what_is_no_message_is_a_fault() {
        let messages = Operation::Converse(Dialect::Messages);
        assert_eq!(read(r#"{"choices":[]}"#, messages), Err(FaultKind::Malformed));
        assert_eq!(read("<html>", messages), Err(FaultKind::Malformed));
        let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
        assert_eq!(read(overloaded, messages), Err(FaultKind::Overloaded));
        assert!(read(r#"{"input_tokens":12}"#, Operation::CountTokens).is_ok());
        assert_eq!(read(r#"{"input_tokens":12}"#, messages), Err(FaultKind::Malformed));
    }
}
