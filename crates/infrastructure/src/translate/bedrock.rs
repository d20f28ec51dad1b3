//! Amazon Bedrock's Converse, for providers: nobody asks in it, so its requests are only written and its answers only read.

mod answer;
mod block_writer;
mod request_writer;
mod stream_reader;

pub(super) use self::{answer::read_answer, request_writer::write_request, stream_reader::StreamReader};
