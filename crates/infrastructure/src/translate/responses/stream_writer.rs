//! Writes a stream, event by event.
//!
//! Here a stream repeats at the end of each item, and at its own, everything that was said: the writer keeps the answer.

use super::{
    Echo,
    answer::{Status, arguments_of, item_id, write_call, write_item, write_part, write_response},
};
use crate::translate::{
    answer::{Answer, Event},
    conversation::{Content, Part, ToolCall},
    json::{Object, object},
    logprobs::{TokenLogprob, write_tokens},
};

/// How far a stream is written.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamWriter {
    answer: Answer,
    echo: Echo,
    open: Option<Open>,
    /// How likely the tokens of the text are that comes next.
    logprobs: Vec<TokenLogprob>,
    sequence: u64,
    has_lost: bool,
}

/// The item that is open, with what it says so far.
#[derive(Debug)]
struct Open {
    id: String,
    part: Part,
    /// The index of a call upstream.
    call: Option<u32>,
}

impl StreamWriter {
    /// For the answer to a request, which it repeats in part.
    pub(in crate::translate) fn new(echo: Echo) -> Self {
        Self { echo, ..Self::default() }
    }

    /// Writes what an event comes to.
    pub(in crate::translate) fn write(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Begin { id, model, created } => {
                (self.answer.id, self.answer.model) = ((*id).to_owned(), (*model).to_owned());
                self.answer.created = *created;
                self.response("response.created", Status::InProgress, out);
                self.response("response.in_progress", Status::InProgress, out);
            }
            Event::Text(text) => {
                self.within(Content::Text(String::new()), out);
                self.more(text, "response.output_text.delta", out);
            }
            Event::Logprobs(tokens) => self.logprobs.extend_from_slice(tokens),
            Event::Refusal(text) => {
                self.within(Content::Refusal(String::new()), out);
                self.more(text, "response.refusal.delta", out);
            }
            Event::Reasoning(text) => {
                self.within(Content::Reasoning { text: String::new(), signature: None }, out);
                if !text.is_empty() {
                    self.more(text, "response.reasoning_summary_text.delta", out);
                }
            }
            Event::Signature(proof) => self.sign(proof, out),
            Event::SealedReasoning(data) => {
                self.begin(Content::SealedReasoning((*data).to_owned()), None, out);
                self.close(Status::Completed, out);
            }
            Event::ToolCall { index, id, name } => {
                let call = ToolCall { id: (*id).to_owned(), name: (*name).to_owned(), arguments: String::new() };
                self.begin(Content::ToolCall(call), Some(*index), out);
            }
            Event::Arguments { index, json } => {
                if self.open.as_ref().is_some_and(|open| open.call == Some(*index)) {
                    self.more(json, "response.function_call_arguments.delta", out);
                } else {
                    self.has_lost = true;
                }
            }
            Event::Tokens(tokens) => self.answer.tokens = *tokens,
            Event::Stop(stop) => self.answer.stop = Some(stop.clone()),
            Event::End => {
                let status = Status::of(self.answer.stop.as_ref());
                self.close(status, out);
                let kind = if status == Status::Completed { "response.completed" } else { "response.incomplete" };
                self.response(kind, status, out);
            }
        }
    }

    /// Whether something of the answer could not be written: the stream must not be passed off as whole.
    pub(in crate::translate) fn has_lost(&self) -> bool {
        self.has_lost
    }

    fn response(&mut self, kind: &'static str, status: Status, out: &mut Vec<u8>) {
        let Self { answer, echo, sequence, .. } = self;
        write_event(out, kind, sequence, |event| {
            event.object("response", |response| write_response(response, (answer, echo), status));
        });
    }

    /// Sees to it that an item of that kind is open.
    fn within(&mut self, empty: Content, out: &mut Vec<u8>) {
        let is_open = |open: &Open| std::mem::discriminant(&open.part.content) == std::mem::discriminant(&empty);
        if !self.open.as_ref().is_some_and(is_open) {
            self.begin(empty, None, out);
        }
    }

    fn begin(&mut self, content: Content, call: Option<u32>, out: &mut Vec<u8>) {
        self.close(Status::Completed, out);
        let at = self.answer.parts.len();
        let id = item_id(&self.answer.id, at, &content);
        write_event(out, "response.output_item.added", &mut self.sequence, |event| {
            event.put("output_index", &at);
            event.object("item", |item| {
                item.put("id", &id);
                begin_item(item, &content);
            });
        });
        self.open = Some(Open { id, part: Part::from(content), call });
        // A thought may turn out to be nothing but its proof.
        if !self.open.as_ref().is_some_and(Open::is_silent_thought) {
            self.edge(Edge::Beginning, out);
        }
    }

    /// Writes the beginning or the end of the part that the open item consists of, if it has one.
    fn edge(&mut self, edge: Edge, out: &mut Vec<u8>) {
        let Some(Open { id, part, .. }) = &self.open else { return };
        let Some((beginning, end, _)) = part_of(&part.content) else { return };
        let kind = if edge == Edge::Beginning { beginning } else { end };
        write_event(out, kind, &mut self.sequence, |event| {
            locate(event, id, self.answer.parts.len(), &part.content);
            event.object("part", |object| write_any_part(object, part));
        });
    }

    fn more(&mut self, text: &str, kind: &'static str, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(Open::is_silent_thought) {
            self.edge(Edge::Beginning, out);
        }
        let at = self.answer.parts.len();
        let Some(Open { id, part: Part { content, logprobs, .. }, .. }) = &mut self.open else { return };
        let mut tokens = Vec::new();
        match content {
            Content::Text(said) => {
                said.push_str(text);
                tokens = std::mem::take(&mut self.logprobs);
            }
            Content::Refusal(said) | Content::Reasoning { text: said, .. } => said.push_str(text),
            Content::ToolCall(call) => call.arguments.push_str(text),
            _ => {}
        }
        write_event(out, kind, &mut self.sequence, |event| {
            locate(event, id, at, content);
            event.put("delta", text);
            put_logprobs(event, content, &tokens);
        });
        logprobs.append(&mut tokens);
    }

    /// Ends a thought with its proof: what is thought next has one of its own.
    fn sign(&mut self, proof: &str, out: &mut Vec<u8>) {
        self.within(Content::Reasoning { text: String::new(), signature: None }, out);
        if let Some(Open { part: Part { content: Content::Reasoning { signature, .. }, .. }, .. }) = &mut self.open {
            *signature = Some(proof.to_owned());
        }
        self.close(Status::Completed, out);
    }

    /// Writes the event that repeats what the open item said.
    fn said(&mut self, out: &mut Vec<u8>) {
        let Some(Open { id, part: Part { content, logprobs, .. }, .. }) = &self.open else { return };
        let Some((kind, key, text)) = done(content) else { return };
        write_event(out, kind, &mut self.sequence, |event| {
            locate(event, id, self.answer.parts.len(), content);
            event.put(key, text);
            put_logprobs(event, content, logprobs);
        });
    }

    /// Ends the item that is open, and says once more what it said.
    fn close(&mut self, status: Status, out: &mut Vec<u8>) {
        if self.open.as_ref().is_some_and(Open::is_bare_call) {
            self.more("{}", "response.function_call_arguments.delta", out);
        }
        if let Some(Open { part: Part { content: Content::Text(_), logprobs, .. }, .. }) = &mut self.open {
            logprobs.append(&mut self.logprobs);
        }
        if !self.open.as_ref().is_some_and(Open::is_silent_thought) {
            self.said(out);
            self.edge(Edge::End, out);
        }
        let Some(Open { id, part, .. }) = self.open.take() else { return };
        let at = self.answer.parts.len();
        write_event(out, "response.output_item.done", &mut self.sequence, |event| {
            event.put("output_index", &at);
            event.object("item", |item| write_item(item, (&id, status), &part));
        });
        self.answer.parts.push(part);
    }
}

/// Where a part begins, and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Beginning,
    End,
}

impl Open {
    /// Whether it is a thought of which nothing was said yet.
    fn is_silent_thought(&self) -> bool {
        matches!(&self.part.content, Content::Reasoning { text, .. } if text.is_empty())
    }

    fn is_bare_call(&self) -> bool {
        matches!(&self.part.content, Content::ToolCall(call) if call.arguments.is_empty())
    }
}

/// The part that an item consists of, if it has parts: the events of its beginning and its end, and the key of its index.
fn part_of(content: &Content) -> Option<(&'static str, &'static str, &'static str)> {
    match content {
        Content::Text(_) | Content::Refusal(_) => {
            Some(("response.content_part.added", "response.content_part.done", "content_index"))
        }
        Content::Reasoning { .. } => {
            Some(("response.reasoning_summary_part.added", "response.reasoning_summary_part.done", "summary_index"))
        }
        _ => None,
    }
}

/// The event that repeats what an item said: its kind, its key, and the text.
fn done(content: &Content) -> Option<(&'static str, &'static str, &str)> {
    match content {
        Content::Text(text) => Some(("response.output_text.done", "text", text)),
        Content::Refusal(text) => Some(("response.refusal.done", "refusal", text)),
        Content::Reasoning { text, .. } => Some(("response.reasoning_summary_text.done", "text", text)),
        Content::ToolCall(call) => Some(("response.function_call_arguments.done", "arguments", arguments_of(call))),
        _ => None,
    }
}

fn locate(event: &mut Object<'_>, id: &str, at: usize, content: &Content) {
    event.put("item_id", id);
    event.put("output_index", &at);
    if let Some((_, _, index)) = part_of(content) {
        event.put(index, &0);
    }
}

/// What events about a text have besides.
fn put_logprobs(event: &mut Object<'_>, content: &Content, tokens: &[TokenLogprob]) {
    if let Content::Text(_) = content {
        event.list("logprobs", |list| write_tokens(list, tokens));
    }
}

fn begin_item(item: &mut Object<'_>, content: &Content) {
    match content {
        Content::ToolCall(call) => write_call(item, call, "in_progress", ""),
        Content::Reasoning { .. } | Content::SealedReasoning(_) => {
            item.put_word("type", "reasoning");
            item.list("summary", |_| {});
        }
        _ => {
            item.put_word("type", "message");
            item.put_word("status", "in_progress");
            item.put_word("role", "assistant");
            item.list("content", |_| {});
        }
    }
}

/// Writes a part with what it says so far.
fn write_any_part(object: &mut Object<'_>, part: &Part) {
    if let Content::Reasoning { text, .. } = &part.content {
        object.put_word("type", "summary_text");
        object.put("text", text);
    } else {
        write_part(object, &part.content, &part.logprobs);
    }
}

fn write_event(out: &mut Vec<u8>, kind: &'static str, sequence: &mut u64, fill: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    object(out, |event| {
        event.put_word("type", kind);
        event.put("sequence_number", sequence);
        fill(event);
    });
    out.extend_from_slice(b"\n\n");
    *sequence += 1;
}
