//! OpenAI's Chat Completions. Calls, their results, tools and images are spelt so by others too, who use what is here.

mod answer;
mod message_reader;
mod request_reader;
mod request_writer;
mod stream_reader;
mod stream_writer;
mod wire;

pub(super) use self::{
    answer::{read_answer, write_answer},
    message_reader::{read_call, read_image},
    request_reader::read_request,
    request_writer::{
        ToolWords, call_of, write_call, write_image, write_request, write_result, write_text, write_tools,
    },
    stream_reader::StreamReader,
    stream_writer::StreamWriter,
};
