//! Where a head ends, what its header fields say about the message itself, and what is wrong with one.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::{StatusCode, Version};
use wide::u8x16;

use crate::{Body, fields::is_named};

/// The most header fields that are read, whatever the limits allow.
const MOST_HEADERS: usize = 256;

/// What is put up with in a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadLimits {
    /// The most bytes.
    pub max_bytes: usize,
    /// The most header fields; 256 at most.
    pub max_headers: usize,
}

/// A head that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// It has too many bytes.
    #[error("the head is too long")]
    TooLong,
    /// It has too many header fields.
    #[error("the head has too many fields")]
    TooManyHeaders,
    /// It is not HTTP/1.0 or HTTP/1.1.
    #[error("the version of the protocol is not 1.0 or 1.1")]
    Version,
    /// A line ends without a carriage return: some readers take that for an end, and some do not.
    #[error("a line of the head ends without a carriage return")]
    BareNewline,
    /// It is no head at all.
    #[error("the head is malformed")]
    Syntax,
    /// Two readers could see two lengths of the body.
    #[error("the length of the body is ambiguous")]
    Length,
}

impl HeadError {
    /// The status that tells a caller.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TooLong | Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::BareNewline | Self::Syntax | Self::Length => StatusCode::BAD_REQUEST,
        }
    }
}

/// Finds the end of a head while it arrives, looking at every byte once.
#[derive(Debug, Default)]
pub struct HeadScan {
    scanned: usize,
}

impl HeadScan {
    /// Takes the head off the start of `buffer` once it is whole. Blank lines before it are skipped.
    ///
    /// # Errors
    /// [`HeadError`] as soon as it is clear that no acceptable head will come of it.
    pub fn take(&mut self, buffer: &mut BytesMut, limits: HeadLimits) -> Result<Option<Bytes>, HeadError> {
        while buffer.starts_with(b"\r\n") {
            buffer.advance(2);
            self.scanned = 0;
        }
        let Some(end) = self.find(buffer)? else {
            return if buffer.len() > limits.max_bytes { Err(HeadError::TooLong) } else { Ok(None) };
        };
        if end > limits.max_bytes {
            return Err(HeadError::TooLong);
        }
        self.scanned = 0;
        Ok(Some(buffer.split_to(end).freeze()))
    }

    fn find(&mut self, bytes: &[u8]) -> Result<Option<usize>, HeadError> {
        let (blocks, rest) = bytes[self.scanned..].as_chunks();
        for block in blocks {
            let mut newlines = u8x16::new(*block).simd_eq(u8x16::splat(b'\n')).to_bitmask();
            while newlines != 0 {
                let newline = self.scanned + newlines.trailing_zeros() as usize;
                if ends_head(bytes, newline)? {
                    return Ok(Some(newline + 1));
                }
                newlines &= newlines - 1;
            }
            self.scanned += block.len();
        }
        for byte in rest {
            if *byte == b'\n' && ends_head(bytes, self.scanned)? {
                return Ok(Some(self.scanned + 1));
            }
            self.scanned += 1;
        }
        Ok(None)
    }
}

/// Whether the line that ends with `newline` is the empty one behind a head.
fn ends_head(bytes: &[u8], newline: usize) -> Result<bool, HeadError> {
    let before = &bytes[..newline];
    if before.ends_with(b"\r") { Ok(before.ends_with(b"\n\r")) } else { Err(HeadError::BareNewline) }
}

/// Room for the header fields of one head.
pub(crate) type Slots<'a> = [MaybeUninit<httparse::Header<'a>>; MOST_HEADERS];

/// Room, cut to the limit.
pub(crate) fn within<'s, 'a>(
    slots: &'s mut Slots<'a>,
    limits: HeadLimits,
) -> &'s mut [MaybeUninit<httparse::Header<'a>>] {
    &mut slots[..limits.max_headers.min(MOST_HEADERS)]
}

/// A whole head, once it was read.
pub(crate) fn complete(read: httparse::Result<usize>) -> Result<(), HeadError> {
    match read {
        Ok(httparse::Status::Complete(_)) => Ok(()),
        Ok(httparse::Status::Partial) => Err(HeadError::Syntax),
        Err(httparse::Error::TooManyHeaders) => Err(HeadError::TooManyHeaders),
        Err(httparse::Error::Version) => Err(HeadError::Version),
        Err(_) => Err(HeadError::Syntax),
    }
}

pub(crate) fn version(minor: Option<u8>) -> Result<Version, HeadError> {
    match minor {
        Some(0) => Ok(Version::HTTP_10),
        Some(1) => Ok(Version::HTTP_11),
        _ => Err(HeadError::Version),
    }
}

/// What the header fields say about the message itself.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one observation about the fields; none excludes another")]
pub(crate) struct Framing {
    pub(crate) length: Option<u64>,
    /// Lengths that say different things, or the same one twice.
    pub(crate) repeated: bool,
    pub(crate) contradicted: bool,
    pub(crate) is_chunked: bool,
    /// A coding that is not read here.
    pub(crate) is_foreign: bool,
    pub(crate) closes: bool,
    pub(crate) keeps: bool,
    pub(crate) expects_continue: bool,
}

impl Framing {
    /// Reads what `fields` say about the message.
    pub(crate) fn read(fields: &[httparse::Header<'_>]) -> Result<Self, HeadError> {
        let mut framing = Self::default();
        for field in fields {
            framing.note(field.name.as_bytes(), field.value)?;
        }
        Ok(framing)
    }

    fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadError> {
        if is_named(name, b"content-length") {
            let length = digits(value).ok_or(HeadError::Length)?;
            self.repeated |= self.length.is_some();
            self.contradicted |= self.length.is_some_and(|known| known != length);
            self.length = Some(length);
        } else if is_named(name, b"transfer-encoding") {
            let is_chunked = value.eq_ignore_ascii_case(b"chunked");
            // Twice is as foreign as something else: nobody sends it, and readers differ.
            self.is_foreign |= self.is_chunked || !is_chunked;
            self.is_chunked |= is_chunked;
        } else if is_named(name, b"connection") {
            for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                self.closes |= option.eq_ignore_ascii_case(b"close");
                self.keeps |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if is_named(name, b"expect") {
            self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
        }
        Ok(())
    }

    /// Whether the connection can serve again.
    pub(crate) fn persists(&self, version: Version) -> bool {
        !self.closes && (version == Version::HTTP_11 || self.keeps)
    }

    pub(crate) fn sized(&self) -> Body {
        self.length.map_or(Body::Over, Body::sized)
    }
}

/// Digits and nothing else: no sign, no space, no comma.
fn digits(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(digit.into()) }
    })
}
