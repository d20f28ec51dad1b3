//! What must hold of any bytes as what comes off an upstream's connection: server-sent events, the frames of AWS, and the headers that say
//! when to come back.
//!
//! Fuzz targets call it with bytes of their own, and tests with their corpora; it is in no other build.

#![expect(clippy::expect_used, reason = "whoever examines panics where something does not hold")]

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{
    bedrock::{Frame, Frames, framed},
    retry_after::{MAX_WAIT, quota, rate_limit_reset, retry_after, retry_info},
    sse::{Event, EventBlocks, first_event},
};

/// The longest event that is taken here.
const LONGEST: usize = 4096;

/// Reads `stream` as server-sent events, whole and in pieces.
///
/// # Panics
/// If a reader panics, a byte is lost or added, or the pieces are read otherwise than the whole.
pub fn events(stream: &[u8]) {
    let whole = events_of(stream, usize::MAX);
    for piece in [1, 2, 3, 7, 64] {
        let read = events_of(stream, piece);
        // What is too long in one piece may be whole by the end of it.
        assert!(whole.is_none() || read.is_none() || read == whole, "in pieces of {piece}: {read:?} and not {whole:?}");
    }
    if stream.len() <= LONGEST {
        let whole = whole.expect("nothing is too long");
        assert!(stream.starts_with(&whole.bytes), "events are made of other bytes than came");
        // Whether a CR at their end is all of a line's end is known by what follows.
        let followed = [&whole.bytes[..], b"x"].concat();
        assert_eq!(events_of(&followed, usize::MAX), Some(whole), "whole events are read otherwise alone");
    }
}

/// The whole events of a stream: their bytes, and what those say that have data. Where an event ends that says nothing is nobody's concern.
#[derive(Debug, Default, PartialEq, Eq)]
struct Events {
    bytes: Vec<u8>,
    said: Vec<(Vec<u8>, bool)>,
}

/// The events of a stream that arrives in pieces of that size; `None` if one is too long.
fn events_of(stream: &[u8], piece: usize) -> Option<Events> {
    let (mut blocks, mut read) = (EventBlocks::default(), Events::default());
    for piece in stream.chunks(piece) {
        let block = blocks.push(Bytes::copy_from_slice(piece), LONGEST).ok()?;
        read.bytes.extend_from_slice(&block);
        let mut rest = &block[..];
        while !rest.is_empty() {
            let (event, behind) = rest.split_at(first_event(rest));
            let Event { data, is_error } = Event::parse(event);
            if !data.is_empty() {
                read.said.push((data.into_owned(), is_error));
            }
            rest = behind;
        }
    }
    Some(read)
}

/// Reads `stream` as AWS's frames: as it is, and as the payloads of whole frames, one a line, each behind its type.
///
/// # Panics
/// If the reader panics, pieces are read otherwise than the whole, or a frame does not say what was put into it.
pub fn frames(stream: &[u8]) {
    let whole = frames_of(stream, usize::MAX);
    for piece in [1, 5, 16] {
        assert_eq!(frames_of(stream, piece), whole, "in pieces of {piece}");
    }
    let lines = stream.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b' ')?;
        let kind = std::str::from_utf8(&line[..at]).ok()?;
        Some((kind.to_owned(), line[at + 1..].to_vec()))
    });
    let events: Vec<(String, Vec<u8>)> = lines.collect();
    let message =
        |(kind, payload): &(String, Vec<u8>)| framed(&[(":event-type", kind), (":message-type", "event")], payload);
    let sent: Vec<u8> = events.iter().flat_map(message).collect();
    let read = frames_of(&sent, 7).expect("whole frames");
    let expected = events.into_iter().map(|(kind, payload)| Frame::Event { kind, payload: payload.into() });
    assert_eq!(read, expected.collect::<Vec<_>>());
}

/// The frames of a stream that arrives in pieces of that size; `None` from the first on that is none.
fn frames_of(stream: &[u8], piece: usize) -> Option<Vec<Frame>> {
    let (mut frames, mut read) = (Frames::default(), Vec::new());
    for piece in stream.chunks(piece) {
        frames.push(piece);
        while let Some(frame) = frames.next().ok()? {
            read.push(frame);
        }
    }
    Some(read)
}

/// Reads `text` as the headers and the body of an answer that says when to come back.
///
/// # Panics
/// If a reader panics, or believes a wait of nothing or of more than may be.
pub fn waits(text: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..at]);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(line[at + 1..].trim_ascii())) {
            headers.append(name, value);
        }
    }
    let is_wait = |wait: Option<Duration>| wait.is_none_or(|wait| wait > Duration::ZERO && wait <= MAX_WAIT);
    assert!(is_wait(retry_after(&headers)), "{:?}", retry_after(&headers));
    assert!(is_wait(rate_limit_reset(&headers)), "{:?}", rate_limit_reset(&headers));
    let texts = headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let _ = quota(&texts.collect());
    let last = text.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if let Ok(body) = serde_json::from_slice(last) {
        assert!(is_wait(retry_info(&body)), "{:?}", retry_info(&body));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::examine_all;

    #[test]
    fn no_event_is_read_otherwise_in_pieces() {
        assert!(examine_all("events", events) >= 5);
    }

    #[test]
    fn a_frame_says_what_was_put_into_it() {
        assert!(examine_all("frames", frames) >= 3);
    }

    #[test]
    fn no_wait_is_nothing_or_forever() {
        assert!(examine_all("waits", waits) >= 4);
    }
}
