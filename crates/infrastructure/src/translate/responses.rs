//! OpenAI's Responses.
//!
//! What lives at OpenAI between two requests (stored responses, conversations, background runs) cannot be had elsewhere and is
//! refused.

/// What marks a proof of thinking that was given out here as one of another dialect's: OpenAI's own look different, and nobody
/// else takes those back.
const SIGNED: &str = "tidegate:signature:";
/// The same for what was thought and only its maker can read.
const SEALED: &str = "tidegate:sealed:";
/// What marks a proof of OpenAI's own that is given out in another dialect: nobody else takes it back.
const ENCRYPTED: &str = "tidegate:openai:";

/// Whether a proof is one of OpenAI's.
pub(in crate::translate) fn is_openais(proof: &str) -> bool {
    proof.starts_with(ENCRYPTED)
}

mod answer;
mod answer_reader;
mod echo;
mod item_reader;
mod request_reader;
mod request_writer;
mod stream_reader;
mod stream_writer;

pub(super) use self::{
    answer::write_answer, answer_reader::read_answer, echo::Echo, request_reader::read_request,
    request_writer::write_request, stream_reader::StreamReader, stream_writer::StreamWriter,
};

#[cfg(test)]
mod tests {
    use tidegate_domain::inference::{Dialect, InferenceRequest, Operation, Translation};

    use crate::translate;

    #[test]
    fn a_thought_with_a_proof_of_openais_is_shown_to_nobody_else() {
        let thoughts = [
            r#"{"type":"thinking","thinking":"hm","signature":"tidegate:openai:abc"}"#,
            r#"{"type":"redacted_thinking","data":"tidegate:openai:abc"}"#,
        ];
        for (thought, word) in thoughts.into_iter().zip(["signature", "data"]) {
            let turns = format!(
                r#"{{"role":"user","content":"q"}},{{"role":"assistant","content":[{thought}]}},{{"role":"user","content":"r"}}"#
            );
            let body = format!(r#"{{"model":"m","max_tokens":9,"messages":[{turns}]}}"#);
            let asked = InferenceRequest::read(Operation::Converse(Dialect::Messages), body.into()).unwrap();
            let Translation { request, dropped, .. } =
                translate::request(&asked, Dialect::Messages, Dialect::Bedrock).unwrap();
            assert!(!String::from_utf8_lossy(request.body()).contains("tidegate:"), "{thought}");
            assert!(dropped.to_string().contains(word), "{dropped}");
        }
    }
}
