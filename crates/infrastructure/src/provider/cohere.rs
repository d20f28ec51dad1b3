//! Cohere's Chat and what goes with it, as a provider speaks it: routes, and what its answers mean.

mod watch;

use bytes::Bytes;
use serde::Deserialize;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Dialect, Operation, Usage, WholeAnswer},
};

pub(super) use self::watch::CohereWatch;
use self::watch::has_failed;
use super::{
    openai::faults,
    usage::{CohereUsageWire, Wording, believed, whole_number},
};

/// Where Cohere itself is.
pub(crate) const BASE_URL: &str = "https://api.cohere.com/v2";

/// What everybody who speaks the protocol offers.
pub(super) const EVERYWHERE: [Operation; 3] =
    [Operation::Converse(Dialect::Cohere), Operation::Embed, Operation::Rerank];

/// Where below the base URL an operation is asked for.
pub(super) fn path(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Converse(Dialect::Cohere) => Some("/chat"),
        Operation::Embed => Some("/embed"),
        Operation::Rerank => Some("/rerank"),
        _ => None,
    }
}

#[derive(Deserialize)]
struct AnswerWire {
    finish_reason: Option<Box<str>>,
    message: Option<MessageWire>,
    usage: Option<CohereUsageWire>,
}

/// An answer's message is an object, an error's a text.
#[derive(Deserialize)]
struct MessageWire {
    #[serde(rename = "role")]
    _role: Box<str>,
}

/// Reads a whole answer as far as the gateway must vouch for it.
pub(super) fn whole(body: Bytes) -> Result<WholeAnswer, Fault> {
    let malformed = |detail| Fault::new(FaultKind::Malformed, Work::Ambiguous, detail);
    let Ok(AnswerWire { finish_reason, message, usage }) = serde_json::from_slice(&body) else {
        return Err(malformed("the answer is not JSON of the protocol"));
    };
    match finish_reason.as_deref() {
        Some(reason) if has_failed(reason) => Err(faults::in_band(&body, Work::Ambiguous)),
        Some(_) if message.is_some() => Ok(WholeAnswer::json(body, usage.and_then(Wording::usage))),
        _ => Err(malformed("the answer has no message, or none that has finished")),
    }
}

#[derive(Deserialize)]
struct VectorsWire {
    meta: Option<MetaWire>,
}

#[derive(Deserialize)]
struct MetaWire {
    billed_units: Option<BilledWire>,
}

#[derive(Deserialize)]
struct BilledWire {
    input_tokens: Option<f64>,
    image_tokens: Option<f64>,
}

/// Reads vectors, of which no token is generated.
pub(super) fn whole_vectors(body: Bytes) -> Result<WholeAnswer, Fault> {
    let Ok(VectorsWire { meta }) = serde_json::from_slice(&body) else {
        return Err(Fault::new(FaultKind::Malformed, Work::Ambiguous, "the answer is not JSON of the protocol"));
    };
    let billed = meta.and_then(|meta| meta.billed_units);
    let usage = billed.and_then(|BilledWire { input_tokens, image_tokens }| {
        let counts = [input_tokens, image_tokens].into_iter().flatten().map(whole_number);
        let input_tokens = counts.reduce(u64::saturating_add)?;
        believed(Usage { input_tokens, ..Usage::default() })
    });
    Ok(WholeAnswer::json(body, usage))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &'static str) -> Result<WholeAnswer, FaultKind> {
        whole(Bytes::from_static(body.as_bytes())).map_err(|fault| fault.kind)
    }

    #[test]
    fn a_message_that_finished_is_an_answer_and_its_usage_is_what_was_counted() {
        let body = r#"{"id":"i","finish_reason":"COMPLETE","message":{"role":"assistant","content":[]},"usage":{"cached_tokens":4,
            "billed_units":{"input_tokens":3,"output_tokens":7},"tokens":{"input_tokens":70.0,"output_tokens":8}}}"#;
        let usage = read(body).unwrap().usage.unwrap();
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (70, 4, 8));
    }

    #[test]
    fn what_is_no_answer_is_a_fault() {
        assert_eq!(read("<html>"), Err(FaultKind::Malformed));
        assert_eq!(read(r#"{"message":"invalid request"}"#), Err(FaultKind::Malformed));
        assert_eq!(read(r#"{"message":{"role":"assistant"}}"#), Err(FaultKind::Malformed));
        let failed = r#"{"finish_reason":"ERROR","message":{"role":"assistant"}}"#;
        assert_eq!(read(failed), Err(FaultKind::Transient));
    }

    #[test]
    fn vectors_cost_what_was_billed() {
        let usage = |body: &'static str| whole_vectors(Bytes::from_static(body.as_bytes())).unwrap().usage;
        let billed = r#"{"id":"i","embeddings":{},"meta":{"billed_units":{"input_tokens":4.0,"image_tokens":10}}}"#;
        assert_eq!(usage(billed).unwrap().input_tokens, 14);
        assert_eq!(usage(r#"{"embeddings":{},"meta":{"billed_units":{"images":1}}}"#), None);
    }
}
