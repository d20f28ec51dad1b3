//! What is sent and what comes back: fixed bytes, so that every byte of every answer can be compared.

use std::fmt::Write as _;

use bytes::Bytes;

/// Pieces of a streamed answer.
pub const CHUNKS: usize = 32;

/// How an answer is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// All of it at once.
    Whole,
    /// As server-sent events.
    Stream,
}

/// The protocol that a caller speaks. The upstream always speaks `OpenAI`'s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// `OpenAI`'s Chat Completions: the bytes are passed on.
    Chat,
    /// Anthropic's Messages: the bytes are translated.
    Messages,
}

/// The bytes of one exchange, on both sides.
#[derive(Debug)]
pub struct Exchange {
    /// The whole request.
    pub request: Vec<u8>,
    /// The body of the answer, framing removed.
    pub answer: Vec<u8>,
}

impl Exchange {
    /// The exchange of `shape`, asked in `protocol` for `model`: a body of 540 bytes, and an answer of 543 or of 32 chunks.
    pub fn new(shape: Shape, protocol: Protocol, model: &str) -> Self {
        let stream = if shape == Shape::Stream { r#""stream":true,"# } else { "" };
        let (path, stream) = match protocol {
            Protocol::Chat => ("/v1/chat/completions", stream.to_owned()),
            Protocol::Messages => ("/v1/messages", format!(r#""max_tokens":100,{stream}"#)),
        };
        let before = format!(r#"{{"model":"{model}",{stream}"messages":[{{"role":"user","content":""#);
        let after = r#""}],"temperature":0.7}"#;
        let filling = words(540 - before.len() - after.len());
        let body = format!("{before}{filling}{after}");
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: bench\r\nuser-agent: tidegate-bench\r\naccept: */*\r\ncontent-type: application/json\r\n\
             authorization: Bearer sk-bench\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = match shape {
            Shape::Whole => whole_answer(),
            Shape::Stream => (0..CHUNKS).map(piece).collect(),
        };
        Self { request: request.into_bytes(), answer: answer.into_bytes() }
    }

    /// The same request, answered by what came of it once: a translated answer. `None` if a word of the upstream's is missing in it.
    pub fn answered_by(&self, answer: Vec<u8>) -> Option<Self> {
        let holds = |text: &str| answer.windows(text.len()).any(|window| window == text.as_bytes());
        let has_whole = holds(&words(100));
        let has_pieces = (0..CHUNKS).all(|at| holds(&format!("token {at:02} ")));
        (has_whole || has_pieces).then(|| Self { request: self.request.clone(), answer })
    }
}

const DONE: &str = "data: [DONE]\n\n";

/// The answer that is not streamed, 543 bytes long.
pub fn whole_answer() -> String {
    let before = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"mock","choices":[{"index":0,"message":{"role":"assistant","content":""#;
    let after =
        r#""},"finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":80,"total_tokens":200}}"#;
    format!("{before}{}{after}", words(543 - before.len() - after.len()))
}

/// The event of piece `at` of a streamed answer; the last one finishes it.
pub fn event(at: usize) -> String {
    let finish = if at + 1 == CHUNKS { r#""stop""# } else { "null" };
    let role = if at == 0 { r#""role":"assistant","# } else { "" };
    format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"mock\",\
         \"choices\":[{{\"index\":0,\"delta\":{{{role}\"content\":\"token {at:02} \"}},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

/// The events of a streamed answer, the last one with the end of the stream.
pub fn stream_pieces() -> Vec<Bytes> {
    (0..CHUNKS).map(piece).map(Bytes::from).collect()
}

fn piece(at: usize) -> String {
    if at + 1 == CHUNKS { event(at) + DONE } else { event(at) }
}

/// What goes over the wire for piece `at`; the last one with the end of the stream.
pub fn framed_event(at: usize) -> String {
    let text = piece(at);
    let mut framed = String::new();
    // A string takes whatever is written to it.
    let _ = write!(framed, "{:x}\r\n{text}\r\n", text.len());
    if at + 1 == CHUNKS {
        framed.push_str("0\r\n\r\n");
    }
    framed
}

fn words(length: usize) -> String {
    "the tide comes in and the tide goes out ".chars().cycle().take(length).collect()
}
