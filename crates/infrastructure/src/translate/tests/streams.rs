//! Streams, through the reader of the provider's own protocol and the translator, cut everywhere.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::value::RawValue;
use tidegate_domain::inference::{Signals, StreamChunk};

use super::{fixtures::streams, *};
use crate::provider::{framed, recorded};

fn translator(from: Dialect, to: Dialect) -> StreamTranslator {
    StreamTranslator::new((from, to), about(&asked(to))).unwrap()
}

/// The bytes of a stream; one of Bedrock's is recorded as its events, a line each, and comes in frames.
fn on_the_wire(Text { dialect, text, .. }: &Text) -> Vec<u8> {
    if *dialect != Dialect::Bedrock {
        return text.as_bytes().to_vec();
    }
    let events = text.lines().map(|line| serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(line).unwrap());
    events.flatten().flat_map(|(kind, payload)| framed(&kind, payload.get())).collect()
}

/// What a caller of `to` gets of a stream that arrives in the pieces between `cuts`.
fn translated(dialect: Dialect, to: Dialect, stream: &[u8], cuts: &[usize]) -> (String, Signals) {
    let mut translator = translator(dialect, to);
    let (mut out, mut signals) = (Vec::new(), Signals::default());
    let ends = cuts.iter().copied().chain([stream.len()]);
    let mut start = 0;
    let pieces = ends.map(|end| Bytes::copy_from_slice(&stream[std::mem::replace(&mut start, end)..end]));
    for chunk in recorded(dialect, pieces) {
        let chunk = translator.push(&chunk.unwrap()).unwrap();
        signals.merge(chunk.signals);
        out.extend_from_slice(&chunk.bytes);
    }
    (String::from_utf8(out).unwrap(), signals)
}

#[test]
fn streams_say_the_same_in_every_other_dialect() {
    for stream in streams() {
        for to in callers(stream.dialect) {
            let (text, signals) = translated(stream.dialect, to, &on_the_wire(stream), &[]);
            assert!(signals.content && signals.finished && signals.done && signals.usage.is_some());
            snapshot("stream", stream, to, &text);
        }
    }
}

#[test]
fn no_cut_changes_what_is_said() {
    for stream in streams() {
        let bytes = &on_the_wire(stream);
        let every_byte: Vec<usize> = (1..bytes.len()).collect();
        for to in callers(stream.dialect) {
            let whole = translated(stream.dialect, to, bytes, &[]);
            for cut in 1..bytes.len() {
                assert_eq!(translated(stream.dialect, to, bytes, &[cut]), whole, "cut at {cut}");
            }
            assert_eq!(translated(stream.dialect, to, bytes, &every_byte), whole);
        }
    }
}

#[test]
fn content_is_shown_with_the_piece_that_carries_it() {
    for stream in streams() {
        let bytes = &on_the_wire(stream);
        for to in callers(stream.dialect) {
            let mut translator = translator(stream.dialect, to);
            let every_byte = bytes.iter().map(|byte| Bytes::copy_from_slice(&[*byte]));
            for chunk in recorded(stream.dialect, every_byte) {
                let chunk = translator.push(&chunk.unwrap()).unwrap();
                // Proofs have no place in some dialects; everything else that is content is seen at once.
                let says_nothing = chunk.bytes.is_empty() && chunk.signals.tokens > 0;
                assert!(!says_nothing || to != Dialect::Messages, "a piece of content became nothing");
            }
        }
    }
}

#[test]
fn calls_that_are_told_in_turns_are_never_lost_in_silence() {
    let delta = |index: u32, call: &str| {
        format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"tool_calls\":[{{\"index\":{index},{call}}}]}}}}]}}\n\n"
        )
    };
    let begun = |index| delta(index, r#""id":"c","function":{"name":"f","arguments":""}"#);
    let text = [begun(0), begun(1), delta(0, r#""function":{"arguments":"{}"}"#)].concat();
    let mut translator = translator(Dialect::Chat, Dialect::Messages);
    let chunk = StreamChunk { bytes: text.into(), signals: Signals::default() };
    assert_eq!(translator.push(&chunk).unwrap_err().kind, FaultKind::Malformed);
}
