//! What an upstream does with a request: behaviours, and the steps they come down to.

use std::time::Duration;

use serde_json::{Value, json};

use super::Transcript;

/// What an upstream does with a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers, whole or streamed as it was asked.
    Answer(Answer),
    /// Answers with this status, these headers and this body.
    Status { status: u16, headers: Vec<(String, String)>, body: String },
    /// Starts to answer and fails.
    Fail { at: Phase, how: Failure },
    /// Does exactly this.
    Script(Vec<Step>),
    /// Does so under another name.
    Named(String, Box<Behaviour>),
}

/// How an answer is made.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How many tokens it has.
    pub tokens: usize,
    /// The time before each token of a stream.
    pub interval: Duration,
    /// Whether it reports its usage.
    pub usage: bool,
    /// Whether a stream has its finish.
    pub finish: bool,
    /// Whether a stream has its `[DONE]`.
    pub done: bool,
    /// What ends a line of a stream.
    pub line_ending: &'static str,
    /// How many bytes of a stream are written at a time; an event at a time if absent.
    pub piece: Option<usize>,
    /// Whose words it says; its own if absent. Asked to go on from the beginning of these words, it says the rest of them.
    pub words_of: Option<&'static str>,
    /// What it does with the beginning of an answer.
    pub prefill: OnPrefill,
}

/// What an upstream does that is given the beginning of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnPrefill {
    /// It goes on.
    GoOn,
    /// It answers with a 400.
    Reject,
}

/// When a failure shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before anything is answered.
    BeforeHeaders,
    /// After the head.
    AfterHeaders,
    /// After this many tokens of a stream, or half of a whole body.
    AfterTokens(usize),
}

/// How an answer fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nothing more comes, and the connection stays.
    Hang,
    /// The connection is reset.
    Reset,
    /// The connection is closed in the middle of the body.
    Close,
    /// The body ends as a body should, too early.
    End,
    /// These bytes come, then the body ends as a body should.
    Say(String),
}

/// One thing that an upstream does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Writes and flushes.
    Write(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Waits until the client goes away.
    Hang,
    /// Resets the connection.
    Reset,
    /// Closes the connection.
    Close,
}

impl Default for Answer {
    fn default() -> Self {
        Self {
            tokens: 3,
            interval: Duration::ZERO,
            usage: true,
            finish: true,
            done: true,
            line_ending: "\n",
            piece: None,
            words_of: None,
            prefill: OnPrefill::GoOn,
        }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self::Answer(Answer::default())
    }
}

impl Behaviour {
    /// An error answer in the protocol's shape.
    pub fn status(status: u16) -> Self {
        let body = json!({ "error": { "message": "told to", "type": null, "param": null, "code": null } }).to_string();
        Self::Status { status, headers: vec![("content-type".to_owned(), "application/json".to_owned())], body }
    }

    /// Does so under another name: that is what its words begin with.
    #[must_use]
    pub fn named(self, name: String) -> Self {
        Self::Named(name, Box::new(self))
    }

    /// Adds a header to a status.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Status { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Says something else in a status.
    #[must_use]
    pub fn with_body(mut self, text: &str) -> Self {
        if let Self::Status { body, .. } = &mut self {
            text.clone_into(body);
        }
        self
    }

    /// What this behaviour comes down to for `request`.
    pub(super) fn steps(&self, name: &str, request: &Transcript) -> Vec<Step> {
        let asked = request.json();
        let streams = asked["stream"] == true;
        match self {
            Self::Script(steps) => steps.clone(),
            Self::Named(name, behaviour) => behaviour.steps(name, request),
            Self::Status { status, headers, body } => vec![status_step(*status, headers, body)],
            Self::Answer(_) if request.method == "GET" => vec![status_step(200, &[], r#"{"object":"list","data":[]}"#)],
            Self::Answer(answer) if answer.prefill == OnPrefill::Reject && prefilled(&asked).is_some() => {
                Self::status(400).steps(name, request)
            }
            Self::Answer(answer) if streams => answer.stream(name, &asked, None),
            Self::Answer(answer) => vec![status_step(200, &json_type(), &answer.body(name, &asked))],
            Self::Fail { at, how } => failing(*at, how, name, &asked),
        }
    }
}

impl Answer {
    /// The text of the answer of the upstream `name`.
    pub fn text(&self, name: &str) -> String {
        let words_of = self.words_of.unwrap_or(name);
        (0..self.tokens).map(|at| token(words_of, at)).collect()
    }

    /// The tokens that are left to say after what the request begins with.
    fn tokens_left(&self, words_of: &str, asked: &Value) -> std::ops::Range<usize> {
        let Some(beginning) = prefilled(asked) else { return 0..self.tokens };
        let mut said = String::new();
        let mut at = 0;
        while at < self.tokens && said.trim_end() != beginning.trim_end() {
            said.push_str(&token(words_of, at));
            at += 1;
        }
        at..self.tokens
    }

    fn body(&self, name: &str, asked: &Value) -> String {
        let message = json!({ "role": "assistant", "content": self.text(name) });
        let mut body = envelope(name, asked, &json!([{ "index": 0, "message": message, "finish_reason": "stop" }]));
        if self.usage {
            body["usage"] = usage(self.tokens);
        }
        body.to_string()
    }

    /// The steps of a stream; if it fails, of its start and of the failure.
    fn stream(&self, name: &str, asked: &Value, failure: Option<(usize, &Failure)>) -> Vec<Step> {
        let mut steps = vec![head_step(name, "text/event-stream")];
        let delta = |delta: Value, finish: Value| {
            envelope(name, asked, &json!([{ "index": 0, "delta": delta, "finish_reason": finish }])).to_string()
        };
        self.event(&mut steps, &delta(json!({ "role": "assistant", "content": "" }), Value::Null));
        let words_of = self.words_of.unwrap_or(name);
        let mut tokens = self.tokens_left(words_of, asked);
        if let Some((until, _)) = failure {
            tokens.end = until.max(tokens.start);
        }
        let count = tokens.len();
        for at in tokens {
            if !self.interval.is_zero() {
                steps.push(Step::Pause(self.interval));
            }
            self.event(&mut steps, &delta(json!({ "content": token(words_of, at) }), Value::Null));
        }
        if let Some((_, failure)) = failure {
            steps.extend(failure.steps());
            return steps;
        }
        if self.finish {
            self.event(&mut steps, &delta(json!({}), json!("stop")));
        }
        if self.usage && asked["stream_options"]["include_usage"] == true {
            let mut chunk = envelope(name, asked, &json!([]));
            chunk["usage"] = usage(count);
            self.event(&mut steps, &chunk.to_string());
        }
        if self.done {
            self.event(&mut steps, "[DONE]");
        }
        steps.push(Step::Write(LAST_CHUNK.to_vec()));
        steps
    }

    fn event(&self, steps: &mut Vec<Step>, data: &str) {
        let ending = self.line_ending;
        let event = format!("data: {data}{ending}{ending}");
        for piece in event.as_bytes().chunks(self.piece.unwrap_or(event.len())) {
            steps.push(Step::Write(chunk(piece)));
        }
    }
}

impl Failure {
    /// The steps of failing within a chunked body.
    fn steps(&self) -> Vec<Step> {
        match self {
            Self::Hang => vec![Step::Hang],
            Self::Reset => vec![Step::Reset],
            Self::Close => vec![Step::Close],
            Self::End => vec![Step::Write(LAST_CHUNK.to_vec())],
            Self::Say(text) => vec![Step::Write(chunk(text.as_bytes())), Step::Write(LAST_CHUNK.to_vec())],
        }
    }
}

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn failing(at: Phase, how: &Failure, name: &str, asked: &Value) -> Vec<Step> {
    let media_type = if asked["stream"] == true { "text/event-stream" } else { "application/json" };
    match at {
        Phase::BeforeHeaders => how.steps(),
        Phase::AfterHeaders => [vec![head_step(name, media_type)], how.steps()].concat(),
        Phase::AfterTokens(tokens) if asked["stream"] == true => {
            Answer::default().stream(name, asked, Some((tokens, how)))
        }
        Phase::AfterTokens(_) => {
            let body = Answer::default().body(name, asked);
            let half = Step::Write(chunk(&body.as_bytes()[..body.len() / 2]));
            [vec![head_step(name, media_type), half], how.steps()].concat()
        }
    }
}

/// What the request has the answer begin with.
fn prefilled(asked: &Value) -> Option<&str> {
    let last = asked["messages"].as_array()?.last()?;
    (last["role"] == "assistant").then(|| last["content"].as_str())?
}

fn token(name: &str, at: usize) -> String {
    format!("{name}-{at} ")
}

fn usage(tokens: usize) -> Value {
    json!({ "prompt_tokens": 5, "completion_tokens": tokens, "total_tokens": 5 + tokens })
}

fn envelope(name: &str, asked: &Value, choices: &Value) -> Value {
    json!({ "id": format!("chatcmpl-{name}"), "model": asked["model"], "choices": choices })
}

fn json_type() -> [(String, String); 1] {
    [("content-type".to_owned(), "application/json".to_owned())]
}

fn status_step(status: u16, headers: &[(String, String)], body: &str) -> Step {
    let headers: String = headers.iter().flat_map(|(name, value)| [name.as_str(), ": ", value, "\r\n"]).collect();
    Step::Write(format!("HTTP/1.1 {status} Told\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes())
}

fn head_step(name: &str, media_type: &str) -> Step {
    let headers = format!("content-type: {media_type}\r\nx-upstream: {name}\r\ntransfer-encoding: chunked\r\n");
    Step::Write(format!("HTTP/1.1 200 OK\r\n{headers}\r\n").into_bytes())
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}
