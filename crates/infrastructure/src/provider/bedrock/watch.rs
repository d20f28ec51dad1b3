//! What the events of a streamed Converse answer mean.
//!
//! One pass, borrowed, without a tree: a value that only matters by being there is a raw slice.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::{fault::Work, inference::Signals};

use super::{BOTCHED, is_botched};
use crate::provider::{
    openai::{faults, tokens_of},
    sse::Event,
    usage::{ConverseUsageWire, Wording},
    watched::{Meaning, Watch},
};

/// The state of one streamed answer.
#[derive(Debug, Default)]
pub(in crate::provider) struct ConverseWatch {
    finished: bool,
}

/// One event; the key that is there says which.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventWire<'a> {
    #[serde(borrow)]
    content_block_start: Option<StartWire<'a>>,
    #[serde(borrow)]
    content_block_delta: Option<DeltaEventWire<'a>>,
    #[serde(borrow)]
    message_stop: Option<StopWire<'a>>,
    metadata: Option<MetadataWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartWire<'a> {
    #[serde(borrow)]
    start: Option<BlockWire<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockWire<'a> {
    #[serde(borrow)]
    tool_use: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeltaEventWire<'a> {
    #[serde(borrow)]
    delta: Option<DeltaWire<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeltaWire<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_use: Option<InputWire<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<ThoughtWire<'a>>,
}

#[derive(Deserialize)]
struct InputWire<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThoughtWire<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    redacted_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopWire<'a> {
    #[serde(borrow)]
    stop_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct MetadataWire {
    usage: Option<ConverseUsageWire>,
}

impl Watch for ConverseWatch {
    const TERMINAL: &'static [u8] = b"data: {\"metadata\":{}}\n\n";

    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning {
        if event.is_error {
            return Meaning::Failed(faults::in_band(&event.data, work));
        }
        let Ok(event) = serde_json::from_slice::<EventWire<'_>>(&event.data) else {
            return Meaning::malformed(work, "sent an event that is no part of an answer");
        };
        let mut signals = Signals::default();
        if let Some(start) = event.content_block_start {
            signals.content = start.start.is_some_and(|block| block.tool_use.is_some());
        }
        if let Some(delta) = event.content_block_delta {
            signals.tokens = delta.delta.map_or(0, |delta| delta.tokens());
            signals.content = signals.tokens > 0;
        }
        if let Some(stop) = event.message_stop {
            if stop.stop_reason.as_deref().is_some_and(is_botched) {
                return Meaning::malformed(work, BOTCHED);
            }
            self.finished |= stop.stop_reason.is_some();
            signals.finished = self.finished;
        }
        if let Some(metadata) = event.metadata {
            // Forwarded without a reason to stop, it would pass a part off as the whole.
            if !self.finished {
                return Meaning::malformed(work, "sent its terminal event before the answer had finished");
            }
            signals.usage = metadata.usage.and_then(Wording::usage);
            signals.done = true;
        }
        Meaning::Forward(signals)
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

impl DeltaWire<'_> {
    /// About how many tokens it carries.
    fn tokens(&self) -> u32 {
        let input = self.tool_use.as_ref().and_then(|call| call.input);
        let thought = self.reasoning_content.as_ref();
        let sealed = thought.and_then(|thought| thought.redacted_content);
        let said = [self.text, input, thought.and_then(|thought| thought.text), sealed];
        said.into_iter().map(|text| tokens_of(text.map(RawValue::get))).sum()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tidegate_domain::{
        fault::{Fault, FaultKind},
        inference::{StreamChunk, Usage},
    };

    use super::{
        super::{
            event_reader::FramedReader,
            frames::{event_frame as frame, framed},
        },
        *,
    };
    use crate::provider::network_stream::read_all;

    fn exception(kind: &str) -> Vec<u8> {
        framed(&[(":exception-type", kind), (":message-type", "exception")], br#"{"message":"m"}"#)
    }

    const DELTA: &str = r#"{"contentBlockIndex":0,"delta":{"text":"Hi"}}"#;

    fn read(pieces: &[&[u8]]) -> Vec<Result<StreamChunk, Fault>> {
        read_all(FramedReader::new(ConverseWatch::default()), pieces.iter().map(|piece| Bytes::copy_from_slice(piece)))
    }

    fn whole_answer() -> Vec<u8> {
        [
            frame("messageStart", r#"{"role":"assistant"}"#),
            frame("contentBlockDelta", DELTA),
            frame("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            frame("messageStop", "{\n\"stopReason\" : \"end_turn\"}"),
            frame("metadata", r#"{"usage":{"inputTokens":3,"outputTokens":1,"cacheReadInputTokens":4}}"#),
        ]
        .concat()
    }

    fn said(items: &[Result<StreamChunk, Fault>]) -> (String, Signals) {
        let mut signals = Signals::default();
        let mut text = String::new();
        for item in items {
            let chunk = item.as_ref().unwrap();
            signals.merge(chunk.signals);
            text.push_str(std::str::from_utf8(&chunk.bytes).unwrap());
        }
        (text, signals)
    }

    #[test]
    fn frames_become_events_wherever_they_are_cut() {
        let bytes = whole_answer();
        let (text, signals) = said(&read(&[&bytes]));
        assert!(text.starts_with("data: {\"messageStart\":{\"role\":\"assistant\"}}\n\ndata: {\"contentBlockDelta\":"));
        assert!(text.contains("data: {\"messageStop\":{ \"stopReason\" : \"end_turn\"}}\n\n"));
        let usage = Usage { input_tokens: 7, output_tokens: 1, cached_tokens: 4, ..Usage::default() };
        let expected = Signals { content: true, finished: true, done: true, usage: Some(usage), tokens: 1 };
        assert_eq!(signals, expected);
        for cut in 1..bytes.len() {
            assert_eq!(said(&read(&[&bytes[..cut], &bytes[cut..]])), (text.clone(), expected), "cut at {cut}");
        }
        let every_byte: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(said(&read(&every_byte)), (text, expected));
    }

    #[track_caller]
    fn check_fault(tail: &[u8], kind: FaultKind) {
        let items = read(&[&frame("contentBlockDelta", DELTA), tail]);
        assert!(items[0].as_ref().unwrap().signals.content);
        let fault = items[1].as_ref().unwrap_err();
        assert_eq!((fault.kind, fault.work, items.len()), (kind, Work::Partial, 2));
        // In one piece, too, what came before goes out first.
        let items = read(&[&[&frame("contentBlockDelta", DELTA), tail].concat()]);
        assert!(items[0].is_ok() && items.len() == 2);
        assert_eq!(items[1].as_ref().unwrap_err().kind, kind);
    }

    #[test]
    fn an_exception_amid_a_stream_is_a_fault_by_its_type() {
        check_fault(&exception("throttlingException"), FaultKind::RateLimited);
        check_fault(&exception("serviceUnavailableException"), FaultKind::Overloaded);
        check_fault(&exception("modelStreamErrorException"), FaultKind::Transient);
        check_fault(&exception("internalServerException"), FaultKind::Transient);
        check_fault(&exception("validationException"), FaultKind::Client);
        check_fault(&exception("somethingNewException"), FaultKind::Transient);
        let error = [(":error-code", "InternalFailure"), (":error-message", "m"), (":message-type", "error")];
        check_fault(&framed(&error, b""), FaultKind::Transient);
    }

    #[test]
    fn what_is_no_stream_of_the_protocol_is_a_fault() {
        let mut corrupt = frame("contentBlockDelta", DELTA);
        *corrupt.last_mut().unwrap() ^= 1;
        check_fault(&corrupt, FaultKind::Malformed);
        check_fault(b"HTTP/1.1 200 OK", FaultKind::Malformed);
        check_fault(&frame("contentBlockDelta", "not JSON"), FaultKind::Malformed);
        check_fault(&frame("metadata", "{}"), FaultKind::Malformed);
        check_fault(&frame("messageStop", r#"{"stopReason":"malformed_model_output"}"#), FaultKind::Malformed);
    }

    #[test]
    fn no_cut_off_stream_is_passed_off_as_whole() {
        let bytes = whole_answer();
        let stop = bytes.len()
            - frame("metadata", r#"{"usage":{"inputTokens":3,"outputTokens":1,"cacheReadInputTokens":4}}"#).len();
        for end in 0..bytes.len() {
            let items = read(&[&bytes[..end]]);
            let last = items.last().unwrap();
            // Behind the reason to stop nothing is missing but the cost.
            assert_eq!(last.as_ref().is_ok_and(|chunk| chunk.signals.done), end >= stop, "{end}");
        }
    }

    #[test]
    fn only_what_a_caller_can_use_is_content() {
        let signals = |kind: &str, payload: &str| said(&read(&[&frame(kind, payload)])[..1]).1;
        let start = r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"t","name":"f"}}}"#;
        assert!(signals("contentBlockStart", start).content);
        assert!(!signals("contentBlockStart", r#"{"contentBlockIndex":0,"start":{}}"#).content);
        for (delta, content) in [
            (r#"{"text":""}"#, false),
            (r#"{"toolUse":{"input":"{"}}"#, true),
            (r#"{"reasoningContent":{"text":"so"}}"#, true),
            (r#"{"reasoningContent":{"redactedContent":"AA=="}}"#, true),
            (r#"{"reasoningContent":{"signature":"s"}}"#, false),
            (r#"{"citation":{}}"#, false),
        ] {
            let event = format!(r#"{{"contentBlockIndex":0,"delta":{delta}}}"#);
            assert_eq!(signals("contentBlockDelta", &event).content, content, "{delta}");
        }
    }
}
