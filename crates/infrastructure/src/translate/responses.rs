//! OpenAI's Responses.
//!
//! What lives at OpenAI between two requests (stored responses, conversations, background runs) cannot be had elsewhere and is
//! refused.

/// What marks a proof of thinking that was given out here as one of another dialect's: OpenAI's own look different, and nobody
/// else takes those back.
const SIGNED: &str = "signature:";
/// The same for what was thought and only its maker can read.
const SEALED: &str = "sealed:";
/// What marks a proof of OpenAI's own that is given out in another dialect: nobody else takes it back.
const ENCRYPTED: &str = "encrypted:";

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
