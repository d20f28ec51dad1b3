//! Server-sent events as bytes: where one ends, and what it says.
//!
//! Bytes are forwarded as they came, so nothing is decoded here that needs no decoding: [`EventBlocks`] cuts what the network
//! delivers into blocks of whole events without copying them, and [`Event`] borrows from its block. Lines end with CR LF,
//! LF or CR, in any mixture. Interpretation follows the HTML standard, section 9.2.6; `id` and `retry` mean nothing to a
//! gateway.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

/// An event that is longer than anybody needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EventTooLong;

/// Cuts a byte stream into blocks of whole events. Only an event that spans two reads is copied.
#[derive(Debug, Default)]
pub(super) struct EventBlocks {
    carry: BytesMut,
    scan: Scan,
}

impl EventBlocks {
    /// Takes the next bytes and gives all whole events that they complete; empty if they complete none. No event may have more than
    /// `longest` bytes.
    pub(super) fn push(&mut self, mut read: Bytes, longest: usize) -> Result<Bytes, EventTooLong> {
        if !self.carry.is_empty() {
            self.carry.extend_from_slice(&read);
            let end = self.scan.last_end(&self.carry);
            let block = self.carry.split_to(end).freeze();
            return self.within(longest, block);
        }
        let end = self.scan.last_end(&read);
        let block = read.split_to(end);
        self.carry.extend_from_slice(&read);
        self.within(longest, block)
    }

    /// Closes what is left at the end of the stream: an event that only lacks its blank line. `None` if nothing is left, or half
    /// an event by what `is_half` says of its data: the stream was then cut, whatever the half says.
    pub(super) fn close(&mut self, is_half: impl FnOnce(&[u8]) -> bool) -> Option<Bytes> {
        let mut rest = self.rest();
        let data = Event::parse(&rest).data;
        if rest.is_empty() || (!data.is_empty() && is_half(&data)) {
            return None;
        }
        rest.extend_from_slice(b"\n\n");
        Some(rest.freeze())
    }

    /// An event without its blank line, or nothing.
    fn rest(&mut self) -> BytesMut {
        self.scan = Scan::default();
        self.carry.split()
    }

    fn within(&self, longest: usize, block: Bytes) -> Result<Bytes, EventTooLong> {
        if self.carry.len() > longest { Err(EventTooLong) } else { Ok(block) }
    }
}

/// The length of the first event of a block.
pub(crate) fn first_event(block: &[u8]) -> usize {
    Scan::default().next_end(block).unwrap_or(block.len())
}

/// How far a buffer is scanned.
#[derive(Debug, Default)]
struct Scan {
    line_start: usize,
    scanned: usize,
    /// Whether what was taken before the buffer ended with CR.
    behind_cr: bool,
}

impl Scan {
    /// The end of the last whole event in `bytes`, of which the caller then takes everything up to there.
    fn last_end(&mut self, bytes: &[u8]) -> usize {
        let mut last = 0;
        while let Some(end) = self.next_end(bytes) {
            last = end;
        }
        self.behind_cr = bytes[..last].last().map_or(self.behind_cr, |byte| *byte == b'\r');
        self.line_start -= last;
        self.scanned -= last;
        last
    }

    /// The end of the next event: behind the next blank line.
    fn next_end(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(found) = memchr2(b'\r', b'\n', &bytes[self.scanned..]) {
            self.scanned += found;
            let next_line = self.after_terminator(bytes)?;
            let blank = self.scanned == self.line_start;
            self.line_start = next_line;
            self.scanned = next_line;
            if blank {
                return Some(next_line);
            }
        }
        self.scanned = bytes.len();
        None
    }

    /// Where the line after the terminator at `scanned` starts; `None` if that depends on the next read.
    fn after_terminator(&self, bytes: &[u8]) -> Option<usize> {
        let at = self.scanned;
        if bytes[at] == b'\n' {
            return Some(at + 1);
        }
        let behind_cr = bytes[..at].last().map_or(self.behind_cr, |byte| *byte == b'\r');
        match bytes.get(at + 1) {
            Some(b'\n') => Some(at + 2),
            Some(_) => Some(at + 1),
            // A stream whose lines end with a lone CR will send no LF to wait for.
            None if at == self.line_start && behind_cr => Some(at + 1),
            None => None,
        }
    }
}

/// What one event says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// Its data, lines joined by LF; empty for comments and pings.
    pub(crate) data: Cow<'a, [u8]>,
    /// Whether it calls itself an error.
    pub(super) is_error: bool,
}

impl<'a> Event<'a> {
    /// Reads the bytes of one event.
    pub(crate) fn parse(bytes: &'a [u8]) -> Self {
        let mut event = Self::default();
        let mut has_data = false;
        let mut rest = Some(bytes);
        while let Some(lines) = rest {
            let end = memchr2(b'\r', b'\n', lines);
            let line = &lines[..end.unwrap_or(lines.len())];
            rest = end.map(|end| &lines[end + 1..]);
            let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
            if let Some(value) = field(line, b"data") {
                event.add_data(value, has_data);
                has_data = true;
            } else if let Some(value) = field(line, b"event") {
                event.is_error = value == b"error";
            }
        }
        event
    }

    fn add_data(&mut self, line: &'a [u8], follows_another: bool) {
        if !follows_another {
            self.data = Cow::Borrowed(line);
            return;
        }
        let data = self.data.to_mut();
        data.push(b'\n');
        data.extend_from_slice(line);
    }
}

/// The value of the field `name`, if `line` is one.
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const LONGEST: usize = 1024 * 1024;

    /// The blocks that come of cutting `stream` at `cuts`, and the rest.
    fn blocks(stream: &[u8], cuts: &[usize]) -> (Vec<Bytes>, Bytes) {
        let mut splitter = EventBlocks::default();
        let mut out = Vec::new();
        let mut start = 0;
        for end in cuts.iter().copied().chain([stream.len()]) {
            out.push(splitter.push(Bytes::copy_from_slice(&stream[start..end]), LONGEST).unwrap());
            start = end;
        }
        (out, splitter.rest().freeze())
    }

    fn events(blocks: &[Bytes]) -> Vec<Event<'_>> {
        let mut out = Vec::new();
        for block in blocks {
            let mut left = &block[..];
            while !left.is_empty() {
                let (event, tail) = left.split_at(first_event(left));
                out.push(Event::parse(event));
                left = tail;
            }
        }
        out.retain(|event| *event != Event::default());
        out
    }

    #[track_caller]
    fn check(stream: &str, expected: &[&str], expected_rest: &str) {
        for cut in 0..=stream.len() {
            let (blocks, rest) = blocks(stream.as_bytes(), &[cut]);
            let events = events(&blocks);
            let data: Vec<_> = events.iter().map(|event| str::from_utf8(&event.data).unwrap()).collect();
            assert_eq!(data, expected, "cut at {cut}");
            assert_eq!(rest, expected_rest, "cut at {cut}");
        }
    }

    #[test]
    fn lines_end_with_any_terminator() {
        check("data: a\n\ndata: b\n\n", &["a", "b"], "");
        check("data: a\r\n\r\ndata: b\r\n\r\n", &["a", "b"], "");
        check("data: a\r\rdata: b\r\r", &["a", "b"], "");
        check("data: a\r\r\r", &["a"], "");
        check("data: a\r\n\ndata: b\n\r\ndata: c\n\n", &["a", "b", "c"], "");
    }

    #[test]
    fn data_is_read_as_the_standard_says() {
        check("data:a\n\ndata:  b\n\n", &["a", " b"], "");
        check("data: a\ndata: b\n\n", &["a\nb"], "");
        check("\u{feff}data: a\n\n", &["a"], "");
        check(": comment\n\nid: 1\nretry: 5\ndata: a\n\ndatum: x\n\n", &["a"], "");
        check("data: gr\u{fc}n\n\n", &["gr\u{fc}n"], "");
    }

    #[test]
    fn an_event_without_its_blank_line_is_left_over() {
        check("data: a\n\ndata: [DONE]", &["a"], "data: [DONE]");
        check("data: a\n\ndata: [DONE]\n", &["a"], "data: [DONE]\n");
    }

    #[test]
    fn an_event_may_call_itself_an_error() {
        assert!(Event::parse(b"event: error\ndata: {}\n\n").is_error);
        assert!(!Event::parse(b"event: message\ndata: {}\n\n").is_error);
    }

    #[test]
    fn whole_events_are_not_copied() {
        let read = Bytes::from_static(b"data: a\n\ndata: b\n\ndata");
        let block = EventBlocks::default().push(read.clone(), LONGEST).unwrap();
        assert_eq!(block.as_ptr(), read.as_ptr());
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut splitter = EventBlocks::default();
        let piece = Bytes::from(vec![b'x'; 64 * 1024]);
        assert!((0..16).all(|_| splitter.push(piece.clone(), LONGEST).is_ok()));
        assert_eq!(splitter.push(piece, LONGEST), Err(EventTooLong));
    }

    proptest! {
        #[test]
        fn no_chunking_changes_events_or_bytes(
            lines in vec("(data: ?|event: |: |)[a-z\u{e9}]{0,5}(\n|\r\n|\r|\n\n|\r\n\r\n|\r\r)", 0..12),
            cuts in vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let stream = lines.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
            cuts.sort_unstable();
            let (whole, whole_rest) = blocks(&stream, &[]);
            let (pieces, rest) = blocks(&stream, &cuts);
            let joined: Vec<u8> = pieces.iter().chain([&rest]).flat_map(|piece| piece.to_vec()).collect();
            prop_assert_eq!(&joined, &stream);
            prop_assert_eq!(whole_rest.is_empty(), rest.is_empty());
            prop_assert_eq!(events(&whole), events(&pieces));
        }
    }
}
