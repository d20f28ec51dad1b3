//! Google's `generateContent`, as the Gemini API and Vertex AI speak it: methods of a model, key, and what its answers mean.
//!
//! The model stands in the path; where the path begins is the provider's layout.

mod watch;

use bytes::Bytes;
use http::HeaderName;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Dialect, Operation, Usage, WholeAnswer},
};

pub(super) use self::watch::GeminiWatch;
use self::watch::Piece;
use super::{
    endpoint::{KeyHeader, Paths, percent_encoded},
    openai::faults,
};

/// Where the Gemini API is.
pub(crate) const BASE_URL: &str = "https://generativelanguage.googleapis.com/v1beta";
/// Never in the query, where logs and proxies would see it.
const KEY_HEADER: HeaderName = HeaderName::from_static("x-goog-api-key");

/// What everybody who speaks the protocol offers.
pub(super) const EVERYWHERE: [Operation; 3] =
    [Operation::Converse(Dialect::Gemini), Operation::CountContents, Operation::EmbedContents];

/// Where below the base URL `model` is asked for an operation, by a method of its own. A model of another collection than `models` is named
/// with its collection: `tunedModels/mine`.
pub(super) fn paths(operation: Operation, model: &str) -> Option<Paths> {
    let model = percent_encoded(model, |byte| byte == b'/');
    let model = if model.contains('/') { format!("/{model}") } else { format!("/models/{model}") };
    // Several texts at once, also where it is one: each has its vector, in their order.
    let vectors = || Some(Paths { whole: format!("{model}:batchEmbedContents"), stream: None });
    if operation == Operation::EmbedContents { vectors() } else { methods(operation, &model) }
}

/// Where the model at a path is asked for an operation.
pub(super) fn methods(operation: Operation, model: &str) -> Option<Paths> {
    let method = match operation {
        Operation::Converse(Dialect::Gemini) => "generateContent",
        Operation::CountContents => "countTokens",
        _ => return None,
    };
    let stream = operation.generates().then(|| format!("{model}:streamGenerateContent?alt=sse"));
    Some(Paths { whole: format!("{model}:{method}"), stream })
}

/// How the key is sent.
pub(super) fn key_header() -> KeyHeader {
    KeyHeader::Named(KEY_HEADER)
}

/// Reads a whole answer as far as the gateway must vouch for it.
pub(super) fn whole(body: Bytes, operation: Operation) -> Result<WholeAnswer, Fault> {
    let malformed = |detail| Fault::new(FaultKind::Malformed, Work::Ambiguous, detail);
    let Ok(piece) = Piece::read(&body) else { return Err(malformed("the answer is not JSON of the protocol")) };
    if piece.is_error {
        return Err(faults::in_band(&body, Work::Ambiguous));
    }
    if operation == Operation::CountContents {
        return count(body).ok_or_else(|| malformed("the answer is no count"));
    }
    if operation == Operation::EmbedContents {
        let has_vectors = serde_json::from_slice::<VectorsWire>(&body).is_ok();
        return if has_vectors {
            Ok(WholeAnswer::json(body, piece.usage))
        } else {
            Err(malformed("the answer has no vectors"))
        };
    }
    if let Some(fault) = piece.failure() {
        return Err(fault);
    }
    if piece.seen == 0 && !piece.is_blocked {
        return Err(malformed("the answer has no candidates"));
    }
    Ok(WholeAnswer::json(body, piece.usage))
}

/// A count of tokens, which costs nothing.
fn count(body: Bytes) -> Option<WholeAnswer> {
    let CountWire { total_tokens: Some(_) } = serde_json::from_slice(&body).ok()? else { return None };
    Some(WholeAnswer::json(body, Some(Usage::default())))
}

#[derive(serde::Deserialize)]
struct VectorsWire {
    #[serde(rename = "embeddings")]
    _embeddings: Vec<serde::de::IgnoredAny>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountWire {
    total_tokens: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &'static str, operation: Operation) -> Result<WholeAnswer, FaultKind> {
        whole(Bytes::from_static(body.as_bytes()), operation).map_err(|fault| fault.kind)
    }

    const CONTENTS: Operation = Operation::Converse(Dialect::Gemini);

    #[test]
    fn a_model_stands_in_the_path_whatever_its_name_holds() {
        let paths = |model| paths(CONTENTS, model).unwrap();
        assert_eq!(paths("gemini-2.5-pro").whole, "/models/gemini-2.5-pro:generateContent");
        assert_eq!(paths("tunedModels/t").stream.unwrap(), "/tunedModels/t:streamGenerateContent?alt=sse");
        assert_eq!(paths("a?b#c:d").whole, "/models/a%3Fb%23c%3Ad:generateContent");
        assert_eq!(super::paths(Operation::CountContents, "m").unwrap().stream, None);
        assert_eq!(super::paths(Operation::EmbedContents, "m").unwrap().whole, "/models/m:batchEmbedContents");
    }

    #[test]
    fn thoughts_are_part_of_what_an_answer_cost() {
        let body = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":
            {"promptTokenCount":9,"cachedContentTokenCount":3,"candidatesTokenCount":4,"thoughtsTokenCount":2}}"#;
        let usage = read(body, CONTENTS).unwrap().usage.unwrap();
        assert_eq!((usage.input_tokens, usage.cached_tokens), (9, 3));
        assert_eq!((usage.output_tokens, usage.reasoning_tokens), (6, 2));
    }

    #[test]
    fn a_prompt_that_was_blocked_is_answered() {
        assert!(read(r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, CONTENTS).is_ok());
    }

    #[test]
    fn vectors_cost_what_is_reported() {
        let usage =
            |body| read(body, Operation::EmbedContents).map(|answer| answer.usage.map(|usage| usage.input_tokens));
        assert_eq!(usage(r#"{"embeddings":[{}],"usageMetadata":{"promptTokenCount":9}}"#), Ok(Some(9)));
        assert_eq!(usage(r#"{"embeddings":[]}"#), Ok(None));
        assert_eq!(usage(r#"{"candidates":[]}"#), Err(FaultKind::Malformed));
    }

    #[test]
    fn a_call_that_the_model_botched_is_worth_another_attempt() {
        let botched = r#"{"candidates":[{"content":{},"finishReason":"MALFORMED_FUNCTION_CALL"}]}"#;
        assert_eq!(read(botched, CONTENTS), Err(FaultKind::Transient));
        let spoken = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"OTHER"}]}"#;
        assert!(read(spoken, CONTENTS).is_ok());
    }

    #[test]
    fn what_is_no_answer_is_a_fault() {
        for body in [r#"{"choices":[]}"#, "<html>", r#"{"candidates":[]}"#, r#"{"promptFeedback":{}}"#] {
            assert_eq!(read(body, CONTENTS), Err(FaultKind::Malformed), "{body}");
        }
        let exhausted = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#;
        assert_eq!(read(exhausted, CONTENTS), Err(FaultKind::RateLimited));
        assert!(read(r#"{"totalTokens":12}"#, Operation::CountContents).is_ok());
        assert_eq!(read("{}", Operation::CountContents), Err(FaultKind::Malformed));
    }
}
