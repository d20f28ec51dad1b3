//! OpenAI's protocol, as OpenAI and the many that follow it speak it: routes, and what their answers mean.

pub(super) mod faults;
mod media;
mod responses;
mod watch;
mod wire;

use bytes::Bytes;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Dialect, Operation, WholeAnswer},
};

use self::wire::Answer;
pub(super) use self::wire::tokens_of;
pub(super) use self::{media::MediaWatch, responses::ResponsesWatch, watch::ChatWatch};

/// Where OpenAI itself is.
pub(crate) const BASE_URL: &str = "https://api.openai.com/v1";

/// What everybody who speaks the protocol offers.
pub(super) const EVERYWHERE: [Operation; 1] = [Operation::Converse(Dialect::Chat)];

/// Where below the base URL an operation is asked for.
pub(super) fn path(operation: Operation) -> Option<&'static str> {
    match operation {
        Operation::Converse(Dialect::Chat) => Some("/chat/completions"),
        Operation::Converse(Dialect::Responses) => Some("/responses"),
        Operation::Completions => Some("/completions"),
        Operation::Embeddings => Some("/embeddings"),
        Operation::Moderations => Some("/moderations"),
        Operation::Rerank => Some("/rerank"),
        Operation::Images => Some("/images/generations"),
        Operation::ImageEdits => Some("/images/edits"),
        Operation::ImageVariations => Some("/images/variations"),
        Operation::Speech => Some("/audio/speech"),
        Operation::Transcriptions => Some("/audio/transcriptions"),
        Operation::Translations => Some("/audio/translations"),
        Operation::Converse(Dialect::Messages | Dialect::Gemini | Dialect::Cohere | Dialect::Bedrock)
        | Operation::CountTokens
        | Operation::CountContents
        | Operation::Embed
        | Operation::EmbedContents => None,
    }
}

/// Reads a whole answer as far as the gateway must vouch for it.
pub(super) fn whole(body: Bytes, operation: Operation) -> Result<WholeAnswer, Fault> {
    if operation == Operation::Converse(Dialect::Responses) {
        return responses::whole(body);
    }
    let malformed = |detail| Fault::new(FaultKind::Malformed, Work::Ambiguous, detail);
    let has_choices = matches!(operation, Operation::Converse(Dialect::Chat) | Operation::Completions);
    match Answer::parse(&body) {
        Ok(answer) if answer.is_error => Err(faults::in_band(&body, Work::Ambiguous)),
        Ok(answer) if has_choices && answer.choices.seen == 0 => Err(malformed("the answer has no choices")),
        Ok(answer) => Ok(WholeAnswer::json(body, answer.usage)),
        Err(_) => Err(malformed("the answer is not JSON of the protocol")),
    }
}

/// Whether a body reports an error in place of an answer.
pub(super) fn is_error(body: &[u8]) -> bool {
    Answer::parse(body).is_ok_and(|answer| answer.is_error)
}
