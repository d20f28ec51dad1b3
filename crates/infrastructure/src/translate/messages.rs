//! Anthropic's Messages.

mod answer;
mod block_reader;
mod block_writer;
mod request_reader;
mod request_writer;
mod stream_reader;
mod stream_writer;

use super::foreign::MARK;

pub(super) use self::{
    answer::{read_answer, write_answer},
    request_reader::{read_prompt, read_request},
    request_writer::write_request,
    stream_reader::StreamReader,
    stream_writer::StreamWriter,
};

/// Whether a proof may be one of Anthropic's: it is one, and bears no mark.
pub(super) fn may_be_anthropics(proof: &str) -> bool {
    !proof.is_empty() && !proof.starts_with(MARK)
}
