//! `application/vnd.amazon.eventstream`: where a frame ends, and what it says.
//!
//! A frame is its length, the length of its headers, the CRC of these two, the headers, the payload, and the CRC of all that; numbers are
//! big-endian. Source: "Event stream encoding" in the documentation of Amazon Transcribe and of the Smithy specification. Both sums are checked:
//! whatever follows a frame that is not what it says cannot be told apart any more.

use bytes::{Buf, Bytes, BytesMut};

/// The longest frame, in bytes.
const MAX_FRAME_BYTES: usize = 1024 * 1024;
/// Two lengths and their sum.
const PRELUDE: usize = 12;
/// The sum at the end.
const TRAILER: usize = 4;

/// What a frame says.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::provider) enum Frame {
    /// An event, by its type.
    Event { kind: String, payload: Bytes },
    /// The stream failed, by the type of the exception.
    Exception { kind: String, payload: Bytes },
    /// The stream failed before there was an answer.
    Error { code: String, message: String },
}

/// Bytes that are no frame.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::provider) struct BrokenFrame(pub(super) &'static str);

/// Cuts a byte stream into frames.
#[derive(Debug, Default)]
pub(in crate::provider) struct Frames {
    buffer: BytesMut,
}

impl Frames {
    /// Takes the next bytes.
    pub(in crate::provider) fn push(&mut self, read: &[u8]) {
        self.buffer.extend_from_slice(read);
    }

    /// The next frame that the bytes so far complete.
    pub(in crate::provider) fn next(&mut self) -> Result<Option<Frame>, BrokenFrame> {
        let Some(prelude) = self.buffer.first_chunk::<PRELUDE>() else { return Ok(None) };
        let number = |at| read_u32(prelude, at);
        if crc32(&prelude[..8]) != number(8) {
            return Err(BrokenFrame("sent a frame whose head is corrupt"));
        }
        let (total, headers) = (number(0) as usize, number(4) as usize);
        if total > MAX_FRAME_BYTES {
            return Err(BrokenFrame("sent a frame of more than 1 MiB"));
        }
        let Some(payload) = total.checked_sub(PRELUDE + TRAILER).and_then(|inner| inner.checked_sub(headers)) else {
            return Err(BrokenFrame("sent a frame that is shorter than its parts"));
        };
        if self.buffer.len() < total {
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(total).freeze();
        if crc32(&frame[..total - TRAILER]) != read_u32(&frame, total - TRAILER) {
            return Err(BrokenFrame("sent a frame that is corrupt"));
        }
        frame.advance(PRELUDE);
        let headers = frame.split_to(headers);
        frame.truncate(payload);
        read_frame(&headers, frame).ok_or(BrokenFrame("sent a frame whose headers cannot be read")).map(Some)
    }
}

fn read_u32(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().copied().map_or(0, u32::from_be_bytes)
}

fn read_frame(headers: &[u8], payload: Bytes) -> Option<Frame> {
    let headers = read_headers(headers)?;
    let of = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    match of(":message-type")?.as_str() {
        "event" => Some(Frame::Event { kind: of(":event-type")?, payload }),
        "exception" => Some(Frame::Exception { kind: of(":exception-type")?, payload }),
        "error" => Some(Frame::Error { code: of(":error-code")?, message: of(":error-message").unwrap_or_default() }),
        _ => None,
    }
}

/// The headers that are texts; all others are passed over.
fn read_headers(mut rest: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut headers = Vec::new();
    while let Some((&length, behind)) = rest.split_first() {
        let (name, behind) = behind.split_at_checked(length.into())?;
        let (&kind, behind) = behind.split_first()?;
        let is_text = kind == 7;
        let (length, behind) = match kind {
            0 | 1 => (0, behind),
            2 => (1, behind),
            3 => (2, behind),
            4 => (4, behind),
            5 | 8 => (8, behind),
            6 | 7 => {
                let (length, behind) = behind.split_first_chunk()?;
                (u16::from_be_bytes(*length).into(), behind)
            }
            9 => (16, behind),
            _ => return None,
        };
        let (value, behind) = behind.split_at_checked(length)?;
        if is_text {
            headers.push((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?));
        }
        rest = behind;
    }
    Some(headers)
}

/// The checksum of IEEE 802.3, as in zip and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(u32::MAX, |sum, byte| TABLE[usize::from(sum.to_le_bytes()[0] ^ byte)] ^ (sum >> 8))
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut sum = at;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { 0xEDB8_8320 ^ (sum >> 1) } else { sum >> 1 };
            bit += 1;
        }
        table[at as usize] = sum;
        at += 1;
    }
    table
}

/// The frame of an event.
#[cfg(test)]
pub(in crate::provider) fn event_frame(kind: &str, payload: &str) -> Vec<u8> {
    framed(
        &[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")],
        payload.as_bytes(),
    )
}

/// A frame with these headers.
#[cfg(any(test, fuzzing))]
#[expect(clippy::unwrap_used, reason = "tests alone write frames, and short ones")]
pub(in crate::provider) fn framed(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    for (name, value) in headers {
        inner.push(u8::try_from(name.len()).unwrap());
        inner.extend_from_slice(name.as_bytes());
        inner.push(7);
        inner.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        inner.extend_from_slice(value.as_bytes());
    }
    let header_bytes = inner.len();
    inner.extend_from_slice(payload);
    let number = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
    let mut out = [number(PRELUDE + inner.len() + TRAILER), number(header_bytes)].concat();
    out.extend_from_slice(&crc32(&out).to_be_bytes());
    out.extend_from_slice(&inner);
    out.extend_from_slice(&crc32(&out).to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn all(bytes: &[u8], cut: usize) -> Result<Vec<Frame>, BrokenFrame> {
        let (mut frames, mut out) = (Frames::default(), Vec::new());
        for piece in [&bytes[..cut], &bytes[cut..]] {
            frames.push(piece);
            while let Some(frame) = frames.next()? {
                out.push(frame);
            }
        }
        Ok(out)
    }

    fn two_frames() -> Vec<u8> {
        let start = framed(&[(":event-type", "messageStart"), (":message-type", "event")], b"{}");
        let exception = [(":exception-type", "throttlingException"), (":message-type", "exception")];
        [start, framed(&exception, b"{\"message\":\"m\"}")].concat()
    }

    #[test]
    fn the_sum_is_the_one_that_everybody_means() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    /// A frame without headers and payload, as the specification prints it.
    #[test]
    fn the_published_empty_frame_has_its_sums() {
        let empty = framed(&[], b"");
        assert_eq!(empty, [0, 0, 0, 16, 0, 0, 0, 0, 5, 194, 72, 235, 125, 152, 200, 255]);
    }

    #[test]
    fn no_cut_changes_a_frame() {
        let bytes = two_frames();
        let payload = Bytes::from_static(b"{\"message\":\"m\"}");
        let event = Frame::Event { kind: "messageStart".to_owned(), payload: Bytes::from_static(b"{}") };
        let expected = [event, Frame::Exception { kind: "throttlingException".to_owned(), payload }];
        for cut in 0..=bytes.len() {
            assert_eq!(all(&bytes, cut).unwrap(), expected, "{cut}");
        }
    }

    #[test]
    fn headers_that_are_no_texts_are_passed_over() {
        let mut headers: Vec<u8> = Vec::new();
        for (kind, length) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
            headers.extend([1, b'x', kind]);
            headers.extend(std::iter::repeat_n(7, length));
        }
        headers.extend([1, b'y', 6, 0, 2, 1, 2]);
        headers.extend([1, b'z', 7, 0, 1, b'v']);
        assert_eq!(read_headers(&headers), Some(vec![("z", "v")]));
        assert_eq!(read_headers(&[1, b'x', 10]), None);
        for end in 1..headers.len() {
            // Wherever it ends: nothing is read that is not there.
            let _ = read_headers(&headers[..end]);
        }
    }

    #[track_caller]
    fn check_broken(bytes: &[u8]) {
        assert!(all(bytes, 0).is_err(), "{bytes:?}");
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let bytes = framed(&[(":event-type", "messageStart"), (":message-type", "event")], b"{\"role\":\"assistant\"}");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut corrupt = bytes.clone();
                corrupt[at] ^= 1 << bit;
                check_broken(&corrupt);
            }
        }
    }

    /// A frame that says so of its lengths, and has the right sum for that.
    fn prelude(total: u32, headers: u32) -> Vec<u8> {
        let mut out = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        out.extend_from_slice(&crc32(&out).to_be_bytes());
        out
    }

    #[test]
    fn absurd_lengths_are_refused_before_anything_is_waited_for() {
        for (total, headers) in [(0, 0), (15, 0), (16, 1), (100, 85), (u32::MAX, 0), (2 << 20, 0), (100, u32::MAX)] {
            check_broken(&prelude(total, headers));
        }
    }

    #[test]
    fn a_frame_of_no_known_kind_is_refused() {
        check_broken(&framed(&[(":message-type", "rumour")], b""));
        check_broken(&framed(&[(":event-type", "messageStart")], b""));
        check_broken(&framed(&[(":message-type", "event")], b""));
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
            let _ = all(&bytes, cut.index(bytes.len() + 1));
        }
    }
}
