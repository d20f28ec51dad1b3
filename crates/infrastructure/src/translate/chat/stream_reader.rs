//! Reads a stream, event by event.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::{ExtraWire, UsageWire, logprobs_of, stop_of};
use crate::translate::{
    answer::{Event, Sink},
    json,
};

/// How far a stream is read.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamReader {
    has_begun: bool,
    /// The calls that have begun, by their index.
    calls: Vec<u32>,
}

#[derive(Deserialize)]
struct ChunkWire<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    created: Option<u64>,
    #[serde(borrow, default)]
    choices: Option<Vec<ChoiceWire<'a>>>,
    usage: Option<UsageWire>,
}

#[derive(Deserialize)]
struct ChoiceWire<'a> {
    #[serde(default)]
    index: Option<u32>,
    #[serde(borrow, default)]
    delta: Option<DeltaWire<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    logprobs: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeltaWire<'a> {
    #[serde(borrow, default)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    refusal: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    reasoning: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<CallWire<'a>>>,
}

#[derive(Deserialize)]
struct CallWire<'a> {
    index: Option<u32>,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    function: Option<FunctionWire<'a>>,
    extra_content: Option<ExtraWire>,
}

#[derive(Deserialize)]
struct FunctionWire<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

impl StreamReader {
    /// Reads the data of one event.
    pub(in crate::translate) fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), serde_json::Error> {
        if data == b"[DONE]" {
            sink.take(Event::End);
            return Ok(());
        }
        let ChunkWire { id, model, created, choices, usage } = json::read(data)?;
        if !self.has_begun {
            self.has_begun = true;
            let (id, model) = (id.unwrap_or_default(), model.unwrap_or_default());
            sink.take(Event::Begin { id: &id, model: &model, created });
        }
        // Whoever asks in another dialect asks for one choice.
        let first = choices.into_iter().flatten().find(|choice| choice.index.unwrap_or(0) == 0);
        if let Some(choice) = first {
            self.read_choice(&choice, sink);
        }
        if let Some(usage) = usage {
            sink.take(Event::Tokens(usage.tokens()));
        }
        Ok(())
    }

    fn read_choice(&mut self, choice: &ChoiceWire<'_>, sink: &mut impl Sink) {
        if let Some(logprobs) = choice.logprobs {
            sink.take(Event::Logprobs(&logprobs_of(logprobs)));
        }
        if let Some(delta) = &choice.delta {
            let filled = |text: &'_ Option<Cow<'_, str>>| text.as_deref().is_some_and(|text| !text.is_empty());
            let thought = if filled(&delta.reasoning_content) { &delta.reasoning_content } else { &delta.reasoning };
            if filled(thought) {
                sink.take(Event::Reasoning(thought.as_deref().unwrap_or_default()));
            }
            if filled(&delta.content) {
                sink.take(Event::Text(delta.content.as_deref().unwrap_or_default()));
            }
            if filled(&delta.refusal) {
                sink.take(Event::Refusal(delta.refusal.as_deref().unwrap_or_default()));
            }
            for (at, call) in delta.tool_calls.iter().flatten().enumerate() {
                self.read_call(at, call, sink);
            }
        }
        if let Some(stop) = choice.finish_reason.as_deref().and_then(stop_of) {
            sink.take(Event::Stop(stop));
        }
    }

    fn read_call(&mut self, at: usize, call: &CallWire<'_>, sink: &mut impl Sink) {
        let index = call.index.unwrap_or_else(|| u32::try_from(at).unwrap_or(u32::MAX));
        let function = call.function.as_ref();
        if !self.calls.contains(&index) {
            self.calls.push(index);
            if let Some(proof) = call.extra_content.as_ref().and_then(ExtraWire::proof) {
                sink.take(Event::Signature(&proof));
            }
            let made_up = format!("call_{index}");
            let id = call.id.as_deref().filter(|id| !id.is_empty()).unwrap_or(&made_up);
            let name = function.and_then(|function| function.name.as_deref()).unwrap_or_default();
            sink.take(Event::ToolCall { index, id, name });
        }
        let json = function.and_then(|function| function.arguments.as_deref()).unwrap_or_default();
        if !json.is_empty() {
            sink.take(Event::Arguments { index, json });
        }
    }
}
