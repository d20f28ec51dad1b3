//! What the events of a streamed message mean.
//!
//! One pass, borrowed, without a tree: a value that only matters by being there is a raw slice.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::{fault::Work, inference::Signals};

use crate::provider::{
    openai::{faults, tokens_of},
    sse::Event,
    usage::{MessagesUsageWire, Wording},
    watched::{Meaning, Watch},
};

/// The state of one streamed message.
#[derive(Debug, Default)]
pub(in crate::provider) struct MessagesWatch {
    usage: MessagesUsageWire,
    finished: bool,
}

#[derive(Deserialize)]
struct EventWire<'a> {
    r#type: Kind,
    message: Option<MessageWire>,
    #[serde(borrow)]
    content_block: Option<BlockWire<'a>>,
    #[serde(borrow)]
    delta: Option<DeltaWire<'a>>,
    usage: Option<MessagesUsageWire>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Kind {
    MessageStart,
    ContentBlockStart,
    ContentBlockDelta,
    MessageDelta,
    MessageStop,
    Error,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct MessageWire {
    usage: Option<MessagesUsageWire>,
}

#[derive(Deserialize)]
struct BlockWire<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeltaWire<'a> {
    #[serde(borrow)]
    stop_reason: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
    #[serde(borrow)]
    partial_json: Option<&'a RawValue>,
}

impl Watch for MessagesWatch {
    const TERMINAL: &'static [u8] = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning {
        let Ok(EventWire { r#type, message, content_block, delta, usage }) = serde_json::from_slice(&event.data) else {
            if event.is_error {
                return Meaning::Failed(faults::in_band(&event.data, work));
            }
            return Meaning::malformed(work, "sent an event that is no part of a message");
        };
        let mut signals = Signals::default();
        match r#type {
            Kind::Error => return Meaning::Failed(faults::in_band(&event.data, work)),
            Kind::MessageStart => self.usage = message.and_then(|message| message.usage).unwrap_or_default(),
            Kind::ContentBlockStart => signals.content = content_block.is_some_and(|block| block.is_whole()),
            Kind::ContentBlockDelta => {
                signals.tokens = delta.as_ref().map_or(0, DeltaWire::tokens);
                signals.content = signals.tokens > 0;
            }
            Kind::MessageDelta => {
                self.usage = usage.unwrap_or_default().merged(self.usage);
                self.finished |=
                    delta.is_some_and(|delta| delta.stop_reason.is_some_and(|reason| reason.get() != "null"));
                signals.finished = self.finished;
                signals.usage = self.usage.usage();
            }
            // Forwarded without a reason to stop, it would pass a part off as the whole.
            Kind::MessageStop if !self.finished => {
                return Meaning::malformed(work, "sent its terminal event before the message had finished");
            }
            Kind::MessageStop => signals.done = true,
            Kind::Other => {}
        }
        Meaning::Forward(signals)
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

impl BlockWire<'_> {
    /// Whether the start of the block is something that a caller can use: all but the empty starts of texts and thoughts.
    fn is_whole(&self) -> bool {
        !matches!(self.r#type.map(RawValue::get), None | Some("\"text\"" | "\"thinking\""))
    }
}

impl DeltaWire<'_> {
    /// About how many tokens it carries; a kind of delta that is not known carries one.
    fn tokens(&self) -> u32 {
        let said = [self.text, self.thinking, self.partial_json];
        if said.iter().all(Option::is_none) {
            1
        } else {
            said.into_iter().map(|text| tokens_of(text.map(RawValue::get))).sum()
        }
    }
}
