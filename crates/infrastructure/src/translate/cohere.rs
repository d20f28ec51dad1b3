//! Cohere's Chat, in its second version.
//!
//! Citations are absent on both ways: they point from an answer into documents, and nobody else's do. A plan of Cohere's for its tools is
//! what others call a thought.

mod answer;
mod message_reader;
mod message_writer;
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
