//! Reads a stream, event by event.

use std::borrow::Cow;

use serde::Deserialize;

use super::answer::stop_of;
use crate::provider::usage::CohereUsageWire;
use crate::translate::answer::{Event, Sink};

/// How far a stream is read: each event says all that is needed.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamReader;

#[derive(Deserialize)]
struct EventWire<'a> {
    r#type: EventKind,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    index: Option<u32>,
    #[serde(borrow)]
    delta: Option<DeltaWire<'a>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum EventKind {
    MessageStart,
    ContentStart,
    ContentDelta,
    ToolPlanDelta,
    ToolCallStart,
    ToolCallDelta,
    MessageEnd,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct DeltaWire<'a> {
    /// Of which kind depends on the event: a list, or one of what it lists.
    #[serde(borrow)]
    message: Option<&'a serde_json::value::RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    usage: Option<CohereUsageWire>,
}

/// More of a message.
#[derive(Deserialize)]
struct MessageWire<'a> {
    #[serde(borrow)]
    content: Option<ContentWire<'a>>,
    #[serde(borrow, default)]
    tool_plan: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tool_calls: Option<CallWire<'a>>,
}

#[derive(Deserialize)]
struct ContentWire<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    thinking: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct CallWire<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    function: Option<FunctionWire<'a>>,
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
    #[expect(clippy::unused_self, reason = "readers of other dialects keep something")]
    pub(in crate::translate) fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), serde_json::Error> {
        let EventWire { r#type, id, index, delta } = serde_json::from_slice(data)?;
        let message = delta.as_ref().and_then(|delta| delta.message);
        match r#type {
            EventKind::MessageStart => {
                sink.take(Event::Begin { id: id.as_deref().unwrap_or_default(), model: "", created: None });
            }
            EventKind::ContentStart
            | EventKind::ContentDelta
            | EventKind::ToolPlanDelta
            | EventKind::ToolCallStart
            | EventKind::ToolCallDelta => {
                let Some(message) = message else { return Ok(()) };
                read_message(&serde_json::from_str(message.get())?, (r#type, index.unwrap_or_default()), sink);
            }
            EventKind::MessageEnd => {
                let Some(DeltaWire { finish_reason, usage, .. }) = delta else { return Ok(()) };
                if let Some(usage) = usage {
                    sink.take(Event::Tokens(usage.into()));
                }
                sink.take(Event::Stop(stop_of(finish_reason.as_deref().unwrap_or_default())));
                sink.take(Event::End);
            }
            EventKind::Other => {}
        }
        Ok(())
    }
}

fn read_message(message: &MessageWire<'_>, (kind, index): (EventKind, u32), sink: &mut impl Sink) {
    let MessageWire { content, tool_plan, tool_calls } = message;
    let (text, thinking) = content
        .as_ref()
        .map_or((None, None), |content| (filled(content.text.as_deref()), filled(content.thinking.as_deref())));
    if let Some(thought) = filled(tool_plan.as_deref()).or(thinking) {
        sink.take(Event::Reasoning(thought));
    }
    if let Some(text) = text {
        sink.take(Event::Text(text));
    }
    let Some(CallWire { id, function }) = tool_calls else { return };
    let function = function.as_ref();
    if matches!(kind, EventKind::ToolCallStart) {
        let name = function.and_then(|function| function.name.as_deref()).unwrap_or_default();
        let made_up = format!("call_{index}");
        let id = filled(id.as_deref()).unwrap_or(&made_up);
        sink.take(Event::ToolCall { index, id, name });
    }
    if let Some(json) = filled(function.and_then(|function| function.arguments.as_deref())) {
        sink.take(Event::Arguments { index, json });
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
