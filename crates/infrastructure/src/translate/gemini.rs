//! Google's `generateContent`, as the Gemini API and Vertex AI speak it.
//!
//! The model stands in the path, and so does whether a stream is asked for: neither is part of what is read and written here.

mod answer;
mod logprobs;
mod part_reader;
mod part_writer;
mod proof;
mod request_reader;
mod request_writer;
mod schema;
mod stream_reader;
mod stream_writer;

pub(super) use self::{
    answer::{read_answer, write_answer},
    proof::{googles, marked},
    request_reader::{read_counted, read_request},
    request_writer::write_request,
    stream_reader::StreamReader,
    stream_writer::StreamWriter,
};
