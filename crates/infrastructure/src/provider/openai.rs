//! OpenAI's protocol, as OpenAI and the many that follow it speak it: routes, and what their answers mean.

pub(super) mod faults;
mod reader;
mod wire;

use bytes::Bytes;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Dialect, Operation, WholeAnswer},
};

pub(super) use self::reader::AnswerReader;
use self::wire::Answer;

/// Where OpenAI itself is.
pub(crate) const BASE_URL: &str = "https://api.openai.com/v1";

/// The operations, and where below the base URL each is asked for.
pub(super) const ROUTES: [(Operation, &str); 1] = [(Operation::Converse(Dialect::Chat), "/chat/completions")];

/// Reads a whole answer as far as the gateway must vouch for it.
pub(super) fn whole(body: Bytes, operation: Operation) -> Result<WholeAnswer, Fault> {
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
