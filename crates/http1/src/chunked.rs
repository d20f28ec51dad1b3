//! The chunked coding (RFC 9112, section 7.1). Extensions and trailers are read over: nothing here acts on them.

use bytes::{Buf, BytesMut};
use http::HeaderName;
use memchr::memchr;

use crate::{BodyError, Progress};

/// The longest line that gives the size of a chunk, extensions included.
const MAX_SIZE_LINE: usize = 1024;
/// The most bytes of trailers.
const MAX_TRAILERS: usize = 16 * 1024;

/// How far a body in chunks is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chunked {
    state: State,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum State {
    /// Before the size of a chunk.
    #[default]
    Size,
    /// Within a chunk.
    Data(u64),
    /// Behind the data of a chunk.
    DataEnd,
    /// Behind the last chunk, so many bytes of trailers read.
    Trailers(usize),
}

impl Chunked {
    /// Takes the next bytes of the body off the start of `buffer`.
    pub(crate) fn take(&mut self, buffer: &mut BytesMut) -> Result<Progress, BodyError> {
        loop {
            match &mut self.state {
                State::Size => {
                    let Some(line) = line(buffer, MAX_SIZE_LINE)? else { return Ok(Progress::Starved) };
                    let size = size(&buffer[..line])?;
                    buffer.advance(line + 2);
                    self.state = if size == 0 { State::Trailers(0) } else { State::Data(size) };
                }
                State::Data(_) if buffer.is_empty() => return Ok(Progress::Starved),
                State::Data(left) => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    *left -= length as u64;
                    let data = buffer.split_to(length).freeze();
                    if *left == 0 {
                        self.state = State::DataEnd;
                        // Taken at once where it is there, so that a last chunk can be told to be the last.
                        self.end_data(buffer)?;
                    }
                    return Ok(Progress::Data(data));
                }
                State::DataEnd => {
                    if !self.end_data(buffer)? {
                        return Ok(Progress::Starved);
                    }
                }
                State::Trailers(seen) => {
                    let Some(line) = line(buffer, MAX_TRAILERS.saturating_sub(*seen))? else {
                        return Ok(Progress::Starved);
                    };
                    if line != 0 && !is_field(&buffer[..line]) {
                        return Err(BodyError::Framing);
                    }
                    *seen += line + 2;
                    buffer.advance(line + 2);
                    if line == 0 {
                        return Ok(Progress::Over);
                    }
                }
            }
        }
    }

    /// Takes the line end behind the data of a chunk; whether it was there.
    fn end_data(&mut self, buffer: &mut BytesMut) -> Result<bool, BodyError> {
        if buffer.len() < 2 {
            return if buffer.is_empty() || buffer[0] == b'\r' { Ok(false) } else { Err(BodyError::Framing) };
        }
        if &buffer[..2] != b"\r\n" {
            return Err(BodyError::Framing);
        }
        buffer.advance(2);
        self.state = State::Size;
        Ok(true)
    }
}

/// The length of the line at the start of `buffer`, once it is whole.
fn line(buffer: &[u8], max: usize) -> Result<Option<usize>, BodyError> {
    match memchr(b'\n', buffer) {
        Some(0) => Err(BodyError::Framing),
        Some(at) if at <= max + 1 && buffer[at - 1] == b'\r' => Ok(Some(at - 1)),
        Some(_) => Err(BodyError::Framing),
        None if buffer.len() > max + 1 => Err(BodyError::Framing),
        None => Ok(None),
    }
}

/// The size at the start of a line: hexadecimal digits, and behind them nothing or an extension.
fn size(line: &[u8]) -> Result<u64, BodyError> {
    let end = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let (digits, rest) = line.split_at(end);
    let extension = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    let is_extension = extension.is_none_or(|byte| *byte == b';') && rest.iter().copied().all(is_text);
    // Sixteen digits are all that a u64 holds.
    if digits.is_empty() || digits.len() > 16 || !is_extension {
        return Err(BodyError::Framing);
    }
    std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, 16).ok()).ok_or(BodyError::Framing)
}

/// Whether a line of the trailers is a header field. It is not kept, but where a reader that asks for one stops, we stop too.
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = memchr(b':', line) else { return false };
    HeaderName::from_bytes(&line[..colon]).is_ok() && line[colon..].iter().copied().all(is_text)
}

/// Whether a line may hold the byte: a lone carriage return is the end of the line to some readers.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

/// Appends the line that announces a chunk of `length` bytes.
pub fn write_chunk_size(out: &mut Vec<u8>, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut shift = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1) * 4;
    while shift > 0 {
        shift -= 4;
        out.push(DIGITS[(length >> shift) & 0xF]);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Body;

    type Parts = (Vec<u8>, Vec<u8>);

    /// The data of `framed`, fed in pieces that end at `cuts`, and what is left behind its end.
    fn read(framed: &[u8], cuts: &[usize]) -> Result<Option<Parts>, BodyError> {
        let (mut body, mut buffer, mut data, mut start) = (Body::chunked(), BytesMut::new(), Vec::new(), 0);
        for end in cuts.iter().copied().chain([framed.len()]) {
            buffer.extend_from_slice(&framed[start..end]);
            start = end;
            while let Progress::Data(piece) = body.take(&mut buffer)? {
                data.extend_from_slice(&piece);
            }
        }
        Ok(body.is_over().then(|| (data, buffer.to_vec())))
    }

    #[test]
    fn chunks_are_read_however_they_are_cut() {
        let framed = b"3\r\nabc\r\n0a;x=\"y\"\r\n0123456789\r\n0\r\nx: trailer\r\n\r\nGET";
        for cut in 0..framed.len() {
            let (data, rest) = read(framed, &[cut]).unwrap().unwrap();
            assert_eq!((&data[..], &rest[..]), (&b"abc0123456789"[..], &b"GET"[..]), "cut at {cut}");
        }
    }

    #[test]
    fn what_readers_could_take_differently_is_refused() {
        for framed in [
            &b"3\nabc\r\n0\r\n\r\n"[..],
            b"3\r\nabc\n0\r\n\r\n",
            b"3\r\nabcd\r\n0\r\n\r\n",
            b"\r\n0\r\n\r\n",
            b"0x3\r\nabc\r\n0\r\n\r\n",
            b"+3\r\nabc\r\n0\r\n\r\n",
            b"-1\r\n",
            b" 3\r\nabc\r\n0\r\n\r\n",
            b"3 3\r\nabc\r\n",
            b"11111111111111111\r\n",
            b"3;a\rb\r\nabc\r\n0\r\n\r\n",
            b"3\r\r\nabc\r\n0\r\n\r\n",
            b"0\r\nx: y\n\r\n",
            b"0\r\nx; y\r\n\r\n",
            b"0\r\nx : y\r\n\r\n",
            b"0\r\nx: y\0\r\n\r\n",
            b"0\r\n\r\0GET / HTTP/1.1\r\nhost: test\r\n\r\n",
        ] {
            assert_eq!(read(framed, &[]), Err(BodyError::Framing), "{}", String::from_utf8_lossy(framed));
        }
    }

    #[test]
    fn lines_are_bounded() {
        let endless = [b"1;".as_slice(), &[b'x'; 2 * MAX_SIZE_LINE]].concat();
        assert_eq!(read(&endless, &[]), Err(BodyError::Framing));
        let trailers = [b"0\r\n".as_slice(), &b"x: y\r\n".repeat(4096)].concat();
        assert_eq!(read(&trailers, &[]), Err(BodyError::Framing));
    }

    #[test]
    fn the_size_of_a_chunk_is_written_without_leading_zeros() {
        for length in [0, 1, 15, 16, 255, 256, 4096, 0xABC_DEF0, usize::MAX] {
            let mut out = Vec::new();
            write_chunk_size(&mut out, length);
            assert_eq!(out, format!("{length:x}\r\n").into_bytes());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_whatever_the_cuts(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut framed = Vec::new();
            for chunk in &chunks {
                write_chunk_size(&mut framed, chunk.len());
                framed.extend_from_slice(chunk);
                framed.extend_from_slice(b"\r\n");
            }
            framed.extend_from_slice(b"0\r\n\r\n");
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(framed.len())).collect();
            cuts.sort_unstable();
            let (data, rest) = read(&framed, &cuts).unwrap().unwrap();
            prop_assert_eq!(data, chunks.concat());
            prop_assert!(rest.is_empty());
        }
    }
}
