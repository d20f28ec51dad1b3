//! Reads a stream, event by event, after its frames became events.

use std::borrow::Cow;

use serde::Deserialize;

use super::answer::stop_of;
use crate::provider::usage::ConverseUsageWire;
use crate::translate::answer::{Event, Sink};

/// How far a stream is read.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamReader;

/// One event; the key that is there says which.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventWire<'a> {
    message_start: Option<serde::de::IgnoredAny>,
    #[serde(borrow)]
    content_block_start: Option<BlockStartWire<'a>>,
    #[serde(borrow)]
    content_block_delta: Option<BlockDeltaWire<'a>>,
    #[serde(borrow)]
    message_stop: Option<StopWire<'a>>,
    metadata: Option<MetadataWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStartWire<'a> {
    content_block_index: Option<u32>,
    #[serde(borrow)]
    start: Option<StartWire<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartWire<'a> {
    #[serde(borrow)]
    tool_use: Option<CallWire<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallWire<'a> {
    #[serde(borrow)]
    tool_use_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDeltaWire<'a> {
    content_block_index: Option<u32>,
    #[serde(borrow)]
    delta: Option<DeltaWire<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeltaWire<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tool_use: Option<InputWire<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<ThoughtWire<'a>>,
}

#[derive(Deserialize)]
struct InputWire<'a> {
    #[serde(borrow, default)]
    input: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThoughtWire<'a> {
    #[serde(borrow, default)]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    redacted_content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopWire<'a> {
    #[serde(borrow, default)]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct MetadataWire {
    usage: Option<ConverseUsageWire>,
}

impl StreamReader {
    /// Reads the data of one event.
    #[expect(clippy::unused_self, reason = "readers of other dialects keep something")]
    pub(in crate::translate) fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), serde_json::Error> {
        let event: EventWire<'_> = serde_json::from_slice(data)?;
        if event.message_start.is_some() {
            sink.take(Event::Begin { id: "", model: "", created: None });
        }
        if let Some(BlockStartWire { content_block_index, start: Some(StartWire { tool_use: Some(call) }) }) =
            event.content_block_start
        {
            let index = content_block_index.unwrap_or_default();
            sink.take(Event::ToolCall { index, id: &call.tool_use_id, name: &call.name });
        }
        if let Some(BlockDeltaWire { content_block_index, delta: Some(delta) }) = event.content_block_delta {
            read_delta(content_block_index.unwrap_or_default(), &delta, sink);
        }
        if let Some(reason) = event.message_stop.and_then(|stop| stop.stop_reason) {
            sink.take(Event::Stop(stop_of(&reason)));
        }
        if let Some(MetadataWire { usage }) = event.metadata {
            if let Some(usage) = usage {
                sink.take(Event::Tokens(usage.into()));
            }
            sink.take(Event::End);
        }
        Ok(())
    }
}

fn read_delta(index: u32, delta: &DeltaWire<'_>, sink: &mut impl Sink) {
    let thought = delta.reasoning_content.as_ref();
    let input = delta.tool_use.as_ref().and_then(|call| filled(call.input.as_deref()));
    if let Some(text) = filled(delta.text.as_deref()) {
        sink.take(Event::Text(text));
    }
    if let Some(json) = input {
        sink.take(Event::Arguments { index, json });
    }
    let Some(ThoughtWire { text, signature, redacted_content }) = thought else { return };
    if let Some(text) = filled(text.as_deref()) {
        sink.take(Event::Reasoning(text));
    }
    if let Some(signature) = filled(signature.as_deref()) {
        sink.take(Event::Signature(signature));
    }
    if let Some(data) = filled(redacted_content.as_deref()) {
        sink.take(Event::SealedReasoning(data));
    }
}

fn filled(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}
