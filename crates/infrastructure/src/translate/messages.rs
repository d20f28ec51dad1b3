//! Anthropic's Messages.

mod answer;
mod block_reader;
mod block_writer;
mod request_reader;
mod request_writer;
mod stream_reader;
mod stream_writer;

pub(super) use self::{
    answer::{read_answer, write_answer},
    request_reader::read_request,
    request_writer::write_request,
    stream_reader::StreamReader,
    stream_writer::StreamWriter,
};
