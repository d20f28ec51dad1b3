//! What the events of a streamed image, transcript or speech mean.
//!
//! Whatever such an event says is something that a caller can use. That nothing is missing is said by the last event of each
//! picture or text, `….completed` or `….done`, or by a `[DONE]`; the stream then ends by itself.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::{fault::Work, inference::Signals};

use super::{faults, wire::read_usage};
use crate::provider::{
    sse::Event,
    watched::{Meaning, Watch},
};

/// The state of one streamed answer.
#[derive(Debug)]
pub(in crate::provider) struct MediaWatch {
    /// How many pictures or texts it has.
    wanted: u32,
    finished: u32,
}

#[derive(Deserialize)]
struct EventWire<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

impl MediaWatch {
    /// Watches an answer of so many pictures or texts.
    pub(in crate::provider) fn new(wanted: u32) -> Self {
        Self { wanted, finished: 0 }
    }

    fn signals(&self) -> Signals {
        Signals { content: true, finished: self.is_finished(), ..Signals::default() }
    }
}

impl Watch for MediaWatch {
    // The stream has no terminal event of its own.
    const TERMINAL: &'static [u8] = b"";
    // A picture is one event.
    const MAX_EVENT_BYTES: usize = 32 * 1024 * 1024;

    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning {
        if &*event.data == b"[DONE]" {
            self.finished = self.wanted;
            return Meaning::Forward(Signals { finished: true, done: true, ..Signals::default() });
        }
        let Ok(EventWire { r#type, error, usage }) = serde_json::from_slice(&event.data) else {
            return Meaning::malformed(work, "sent an event that is no JSON");
        };
        let kind = r#type.as_deref().unwrap_or_default();
        if event.is_error || kind == "error" || error.is_some_and(|error| error.get() != "null") {
            return Meaning::Failed(faults::in_band(&event.data, work));
        }
        if matches!(kind.rsplit('.').next(), Some("completed" | "done")) {
            self.finished += 1;
        }
        Meaning::Forward(Signals { usage: usage.and_then(|usage| read_usage(usage.get())), ..self.signals() })
    }

    fn is_finished(&self) -> bool {
        self.finished >= self.wanted
    }

    fn is_half(data: &[u8]) -> bool {
        data != b"[DONE]" && serde_json::from_slice::<serde::de::IgnoredAny>(data).is_err()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_domain::fault::FaultKind;

    use super::*;
    use crate::provider::{network_stream::read_all, watched::WatchedReader};

    /// The last signals of a stream of `wanted` answers, and how it failed.
    fn read(wanted: u32, stream: &'static str) -> (Signals, Option<FaultKind>) {
        let reader = WatchedReader::new(MediaWatch::new(wanted));
        let (mut signals, mut fault) = (Signals::default(), None);
        for item in read_all(reader, std::iter::once(Bytes::from_static(stream.as_bytes()))) {
            match item {
                Ok(chunk) => signals.merge(chunk.signals),
                Err(error) => fault = Some(error.kind),
            }
        }
        (signals, fault)
    }

    const DELTA: &str = "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\n\n";

    #[test]
    fn a_transcript_is_whole_with_its_last_event() {
        let whole = concat!(
            "data: {\"type\":\"transcript.text.delta\",\"delta\":\"a\"}\n\n",
            "data: {\"type\":\"transcript.text.done\",\"text\":\"a\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}\n\n",
        );
        let (signals, fault) = read(1, whole);
        assert!(signals.content && signals.finished && signals.done && fault.is_none());
        assert_eq!(signals.usage.unwrap().input_tokens, 9);
    }

    #[test]
    fn a_stream_without_its_last_event_was_cut() {
        assert_eq!(read(1, DELTA).1, Some(FaultKind::Malformed));
        let one_of_two = "data: {\"type\":\"image_generation.completed\",\"b64_json\":\"AA\"}\n\n";
        assert_eq!(read(2, one_of_two).1, Some(FaultKind::Malformed));
        assert_eq!(read(1, one_of_two).1, None);
    }

    #[test]
    fn an_error_is_a_fault() {
        let failed =
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"server_error\",\"message\":\"m\"}}\n\n";
        assert_eq!(read(1, failed).1, Some(FaultKind::Transient));
    }
}
