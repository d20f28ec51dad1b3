//! Reads a stream, event by event.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    ENCRYPTED,
    answer_reader::{HeadWire, ItemWire, PARAGRAPH},
};
use crate::translate::{
    answer::{Event, Sink},
    logprobs::read_tokens,
};

/// How far a stream is read.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamReader {
    has_begun: bool,
    calls: Vec<Call>,
    /// Whether the open item has told a thought: its proof then belongs to that.
    has_thought: bool,
}

/// A call that has begun.
#[derive(Debug)]
struct Call {
    /// Its place in the output.
    index: u32,
    /// Whether pieces of its arguments came.
    is_told: bool,
}

#[derive(Deserialize)]
struct EventWire<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(default)]
    output_index: u32,
    #[serde(default)]
    summary_index: u32,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<HeadWire<'a>>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
}

impl<'a> EventWire<'a> {
    fn text(&self) -> Result<Cow<'a, str>, serde_json::Error> {
        self.delta.map_or(Ok(Cow::Borrowed("")), |delta| serde_json::from_str(delta.get()))
    }

    fn item(&self) -> Result<Option<ItemWire>, serde_json::Error> {
        self.item.map(|item| serde_json::from_str(item.get())).transpose()
    }
}

impl StreamReader {
    /// Reads the data of one event.
    pub(in crate::translate) fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), serde_json::Error> {
        let event: EventWire<'_> = serde_json::from_slice(data)?;
        if let Some(head) = event.response.as_ref().filter(|_| !self.has_begun) {
            self.has_begun = true;
            sink.take(Event::Begin { id: &head.id, model: &head.model, created: head.created() });
        }
        match &*event.r#type {
            "response.output_item.added" => self.begin_item(event.output_index, event.item()?, sink),
            "response.output_item.done" => self.end_item(event.output_index, event.item()?, sink),
            "response.output_text.delta" => {
                if let Some(tokens) = event.logprobs.filter(|tokens| tokens.get() != "[]") {
                    sink.take(Event::Logprobs(&read_tokens(tokens)));
                }
                sink.take(Event::Text(&event.text()?));
            }
            "response.refusal.delta" => sink.take(Event::Refusal(&event.text()?)),
            "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
                self.has_thought = true;
                sink.take(Event::Reasoning(&event.text()?));
            }
            "response.reasoning_summary_part.added" if event.summary_index > 0 => {
                sink.take(Event::Reasoning(PARAGRAPH));
            }
            "response.function_call_arguments.delta" => self.tell_call(event.output_index, &event.text()?, sink),
            "response.completed" | "response.incomplete" => self.end(event.response.as_ref(), sink),
            _ => {}
        }
        Ok(())
    }

    fn begin_item(&mut self, index: u32, item: Option<ItemWire>, sink: &mut impl Sink) {
        self.has_thought = false;
        if let Some(item) = item.filter(|item| item.r#type == "function_call") {
            self.begin_call(index, &item, sink);
        }
    }

    fn begin_call(&mut self, index: u32, item: &ItemWire, sink: &mut impl Sink) {
        if self.calls.iter().any(|call| call.index == index) {
            return;
        }
        self.calls.push(Call { index, is_told: false });
        let (id, name) = (item.call_id.as_deref().unwrap_or_default(), item.name.as_deref().unwrap_or_default());
        sink.take(Event::ToolCall { index, id, name });
    }

    fn tell_call(&mut self, index: u32, json: &str, sink: &mut impl Sink) {
        if json.is_empty() {
            return;
        }
        if let Some(call) = self.calls.iter_mut().find(|call| call.index == index) {
            call.is_told = true;
        }
        sink.take(Event::Arguments { index, json });
    }

    /// The end of an item repeats it: some say there alone what a call is given, and everybody what proves a thought.
    fn end_item(&mut self, index: u32, item: Option<ItemWire>, sink: &mut impl Sink) {
        let Some(item) = item else { return };
        match (&*item.r#type, &item.encrypted_content) {
            ("function_call", _) => {
                self.begin_call(index, &item, sink);
                if self.calls.iter().any(|call| call.index == index && !call.is_told) {
                    self.tell_call(index, item.arguments.as_deref().unwrap_or_default(), sink);
                }
            }
            ("reasoning", Some(proof)) => {
                let proof = format!("{ENCRYPTED}{proof}");
                sink.take(if self.has_thought { Event::Signature(&proof) } else { Event::SealedReasoning(&proof) });
            }
            _ => {}
        }
    }

    fn end(&self, response: Option<&HeadWire<'_>>, sink: &mut impl Sink) {
        if let Some(head) = response {
            if let Some(tokens) = head.tokens() {
                sink.take(Event::Tokens(tokens));
            }
            sink.take(Event::Stop(head.stop(!self.calls.is_empty())));
        }
        sink.take(Event::End);
    }
}
