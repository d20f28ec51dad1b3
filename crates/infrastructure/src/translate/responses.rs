//! OpenAI's Responses, as callers speak it.
//!
//! What lives at OpenAI between two requests (stored responses, conversations, background runs) cannot be had elsewhere and is
//! refused. A provider is never asked in this dialect by translation: whoever speaks it speaks Chat Completions too.

/// What marks a proof of thinking that was given out here as one of another dialect's: OpenAI's own look different, and nobody
/// else takes those back.
const SIGNED: &str = "signature:";
/// The same for what was thought and only its maker can read.
const SEALED: &str = "sealed:";

mod answer;
mod item_reader;
mod request_reader;
mod stream_writer;

pub(super) use self::{answer::write_answer, request_reader::read_request, stream_writer::StreamWriter};
