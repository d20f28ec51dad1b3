//! Reads a stream, event by event.

use std::borrow::Cow;

use serde::Deserialize;

use super::answer::stop_of;
use crate::provider::usage::MessagesUsageWire;
use crate::translate::answer::{Event, Sink};

/// How far a stream is read.
#[derive(Default)]
pub(in crate::translate) struct StreamReader {
    usage: MessagesUsageWire,
}

impl std::fmt::Debug for StreamReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("StreamReader").finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct EventWire<'a> {
    r#type: EventKind,
    index: Option<u32>,
    #[serde(borrow)]
    message: Option<MessageWire<'a>>,
    #[serde(borrow)]
    content_block: Option<BlockWire<'a>>,
    #[serde(borrow)]
    delta: Option<DeltaWire<'a>>,
    usage: Option<MessagesUsageWire>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum EventKind {
    MessageStart,
    ContentBlockStart,
    ContentBlockDelta,
    MessageDelta,
    MessageStop,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct MessageWire<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    model: Cow<'a, str>,
    #[serde(default)]
    usage: MessagesUsageWire,
}

#[derive(Deserialize)]
struct BlockWire<'a> {
    r#type: BlockKind,
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum BlockKind {
    ToolUse,
    RedactedThinking,
    #[serde(other)]
    Other,
}

/// More of a block, or of the message.
#[derive(Deserialize)]
struct DeltaWire<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partial_json: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    thinking: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
    stop_sequence: Option<String>,
}

impl StreamReader {
    /// Reads the data of one event.
    pub(in crate::translate) fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), serde_json::Error> {
        let EventWire { r#type, index, message, content_block, delta, usage } = serde_json::from_slice(data)?;
        let index = index.unwrap_or_default();
        match r#type {
            EventKind::MessageStart => self.begin(message, sink),
            EventKind::ContentBlockStart => begin_block(index, content_block, sink),
            EventKind::ContentBlockDelta => continue_block(index, delta, sink),
            EventKind::MessageDelta => {
                self.usage = usage.unwrap_or_default().merged(self.usage);
                sink.take(Event::Tokens(self.usage.into()));
                if let Some(DeltaWire { stop_reason: Some(reason), stop_sequence, .. }) = delta {
                    sink.take(Event::Stop(stop_of(&reason, stop_sequence)));
                }
            }
            EventKind::MessageStop => sink.take(Event::End),
            EventKind::Other => {}
        }
        Ok(())
    }

    fn begin(&mut self, message: Option<MessageWire<'_>>, sink: &mut impl Sink) {
        let Some(MessageWire { id, model, usage }) = message else { return };
        self.usage = usage;
        sink.take(Event::Begin { id: &id, model: &model, created: None });
        sink.take(Event::Tokens(usage.into()));
    }
}

fn begin_block(index: u32, block: Option<BlockWire<'_>>, sink: &mut impl Sink) {
    let Some(BlockWire { r#type, id, name, data }) = block else { return };
    match r#type {
        BlockKind::ToolUse => {
            sink.take(Event::ToolCall { index, id: &id.unwrap_or_default(), name: &name.unwrap_or_default() });
        }
        BlockKind::RedactedThinking => sink.take(Event::SealedReasoning(&data.unwrap_or_default())),
        BlockKind::Other => {}
    }
}

fn continue_block(index: u32, delta: Option<DeltaWire<'_>>, sink: &mut impl Sink) {
    let Some(DeltaWire { text, partial_json, thinking, signature, .. }) = delta else { return };
    if let Some(text) = filled(text.as_deref()) {
        sink.take(Event::Text(text));
    }
    if let Some(json) = filled(partial_json.as_deref()) {
        sink.take(Event::Arguments { index, json });
    }
    if let Some(thinking) = filled(thinking.as_deref()) {
        sink.take(Event::Reasoning(thinking));
    }
    if let Some(signature) = filled(signature.as_deref()) {
        sink.take(Event::Signature(signature));
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
