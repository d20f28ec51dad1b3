//! What came in place of a stream: a whole answer, or a fault.

use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Dialect, InferenceRequest, Operation, Usage, WholeAnswer},
};

use crate::provider::{
    anthropic, bedrock, cohere, gemini,
    openai::{self, faults, faults::MAX_ERROR_BYTES},
    transport::{Answer, ReadBodyError, body_fault, read_body},
};

/// The largest answer that is taken whole.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Reads a whole answer as far as the gateway must vouch for it.
pub(super) async fn whole_answer(answer: Answer, request: &InferenceRequest) -> Result<WholeAnswer, Fault> {
    let operation = request.operation();
    // A transcript may be plain text, or subtitles.
    let is_text = matches!(operation, Operation::Transcriptions | Operation::Translations) && !is_json(&answer);
    let media_type = if is_text { media_type(&answer).map(Box::from) } else { None };
    let body = read_body(answer.body, MAX_ANSWER_BYTES).await.map_err(|error| match error {
        ReadBodyError::TooLong => malformed("the answer is longer than 32 MiB"),
        ReadBodyError::Broken(error) => body_fault(&error, Work::Ambiguous),
    })?;
    match operation {
        Operation::Converse(Dialect::Messages) | Operation::CountTokens => anthropic::whole(body, operation),
        Operation::Converse(Dialect::Cohere) => cohere::whole(body),
        Operation::Embed => cohere::whole_vectors(body).map(|answer| without_generation(answer, request)),
        Operation::Converse(Dialect::Gemini) | Operation::CountContents | Operation::EmbedContents => {
            gemini::whole(body, operation)
        }
        Operation::Converse(Dialect::Bedrock) => bedrock::whole(body),
        Operation::Converse(Dialect::Chat | Dialect::Responses) | Operation::Completions => {
            openai::whole(body, operation)
        }
        Operation::Transcriptions | Operation::Translations if is_text => {
            Ok(without_generation(WholeAnswer { media_type, ..WholeAnswer::json(body, None) }, request))
        }
        Operation::Embeddings
        | Operation::Moderations
        | Operation::Rerank
        | Operation::Images
        | Operation::ImageEdits
        | Operation::ImageVariations
        | Operation::Speech
        | Operation::Transcriptions
        | Operation::Translations => openai::whole(body, operation).map(|answer| without_generation(answer, request)),
    }
}

/// Whether an answer says that it is JSON.
pub(super) fn is_json(answer: &Answer) -> bool {
    media_type(answer).is_some_and(|media_type| media_type.trim_start().starts_with("application/json"))
}

/// An answer of which no token was generated: without a report, the prompt is all that it cost.
fn without_generation(answer: WholeAnswer, request: &InferenceRequest) -> WholeAnswer {
    let usage = answer.usage.unwrap_or_else(|| Usage::estimated(request.prompt_tokens().into(), 0));
    WholeAnswer { usage: Some(usage), ..answer }
}

/// The fault of an answer with another status than 2xx. A body that cannot be read leaves the status to speak.
pub(super) async fn refusal(answer: Answer) -> Fault {
    let Answer { status, fields, body } = answer;
    let body = read_body(body, MAX_ERROR_BYTES).await.unwrap_or_default();
    faults::answered(status.as_u16(), &fields.to_map(), &body)
}

/// The fault of a 200 that is no stream though one was asked for: an error in disguise, or a portal's page.
pub(super) async fn no_stream(answer: Answer) -> Fault {
    let body = read_body(answer.body, MAX_ERROR_BYTES).await.unwrap_or_default();
    if openai::is_error(&body) {
        return faults::in_band(&body, Work::Ambiguous);
    }
    malformed("a stream was asked for and something else came")
}

pub(super) fn malformed(detail: &'static str) -> Fault {
    Fault::new(FaultKind::Malformed, Work::Ambiguous, detail)
}

/// The media type of an answer, if it names one.
pub(super) fn media_type(answer: &Answer) -> Option<&str> {
    answer.fields.text("content-type")
}

/// Whether an answer is a stream of the `expected` type; one that names no type passes for it.
pub(super) fn is_stream(answer: &Answer, expected: &str) -> bool {
    let Some(media_type) = answer.fields.get("content-type") else { return true };
    media_type.get(..expected.len()).is_some_and(|start| start.eq_ignore_ascii_case(expected.as_bytes()))
}
