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

/// What a client of the provider's protocol makes of a stream that arrives in the pieces between `cuts`.
fn delivered(dialect: Dialect, stream: &[u8], cuts: &[usize]) -> Vec<StreamChunk> {
    let ends = cuts.iter().copied().chain([stream.len()]);
    let mut start = 0;
    let pieces = ends.map(|end| Bytes::copy_from_slice(&stream[std::mem::replace(&mut start, end)..end]));
    recorded(dialect, pieces).into_iter().map(Result::unwrap).collect()
}

/// What a caller of `to` gets of it.
fn translated(dialect: Dialect, to: Dialect, chunks: &[StreamChunk]) -> (String, Signals) {
    let mut translator = translator(dialect, to);
    let (mut out, mut signals) = (Vec::new(), Signals::default());
    for chunk in chunks {
        let chunk = translator.push(chunk).unwrap();
        signals.merge(chunk.signals);
        out.extend_from_slice(&chunk.bytes);
    }
    (String::from_utf8(out).unwrap(), signals)
}

#[test]
fn streams_say_the_same_in_every_other_dialect() {
    for stream in streams() {
        for to in callers(stream.dialect) {
            let (text, signals) = translated(stream.dialect, to, &delivered(stream.dialect, &on_the_wire(stream), &[]));
            assert!(signals.content && signals.finished && signals.done && signals.usage.is_some());
            snapshot("stream", stream, to, &text);
        }
    }
}

/// A caller gets what is made of the chunks, whatever the pieces were: each way to be cut into chunks is translated once.
#[test]
fn no_cut_changes_what_is_said() {
    for stream in streams() {
        let bytes = &on_the_wire(stream);
        let once = (1..bytes.len()).map(|cut| vec![cut]);
        let mut random = fastrand::Rng::with_seed(7);
        let twice = std::iter::repeat_with(|| {
            let mut cuts = [random.usize(1..bytes.len()), random.usize(1..bytes.len())];
            cuts.sort_unstable();
            cuts.to_vec()
        });
        let everywhere = std::iter::once((1..bytes.len()).collect());
        let mut ways: Vec<Vec<StreamChunk>> = Vec::new();
        for cuts in once.chain(twice.take(64)).chain(everywhere) {
            let chunks = delivered(stream.dialect, bytes, &cuts);
            if !ways.contains(&chunks) {
                ways.push(chunks);
            }
        }
        let whole = delivered(stream.dialect, bytes, &[]);
        for to in callers(stream.dialect) {
            let said = translated(stream.dialect, to, &whole);
            for way in &ways {
                assert_eq!(translated(stream.dialect, to, way), said, "{} to {to:?}", stream.name);
            }
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
