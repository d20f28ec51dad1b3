//! How long a body is, and its bytes.

use bytes::{Bytes, BytesMut};

use crate::chunked::Chunked;

/// The rest of a body, and how its end is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Nothing is left.
    Over,
    /// So many bytes.
    Sized(u64),
    /// Chunks.
    Chunked(Chunked),
    /// Whatever comes until the connection is closed.
    UntilClose,
}

/// How far a body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Its next bytes.
    Data(Bytes),
    /// More must arrive first.
    Starved,
    /// It is over.
    Over,
}

/// A body that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// A chunk is framed wrongly.
    #[error("the body is framed wrongly")]
    Framing,
    /// The connection was closed before the end.
    #[error("the body was cut")]
    Cut,
}

impl Body {
    /// A body of `length` bytes.
    pub fn sized(length: u64) -> Self {
        if length == 0 { Self::Over } else { Self::Sized(length) }
    }

    /// A body in chunks.
    pub fn chunked() -> Self {
        Self::Chunked(Chunked::default())
    }

    /// Whether nothing is left.
    pub fn is_over(&self) -> bool {
        *self == Self::Over
    }

    /// How many bytes are left at least.
    pub fn left(&self) -> u64 {
        match self {
            Self::Sized(left) => *left,
            Self::Over | Self::Chunked(_) | Self::UntilClose => 0,
        }
    }

    /// Takes the next bytes of the body off the start of `buffer`, without a copy.
    ///
    /// # Errors
    /// [`BodyError::Framing`] if the chunks are none.
    pub fn take(&mut self, buffer: &mut BytesMut) -> Result<Progress, BodyError> {
        match self {
            Self::Over => Ok(Progress::Over),
            _ if buffer.is_empty() => Ok(Progress::Starved),
            Self::Sized(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *self = Self::sized(*left - length as u64);
                Ok(Progress::Data(buffer.split_to(length).freeze()))
            }
            Self::Chunked(chunked) => {
                let progress = chunked.take(buffer)?;
                if progress == Progress::Over {
                    *self = Self::Over;
                }
                Ok(progress)
            }
            Self::UntilClose => Ok(Progress::Data(buffer.split().freeze())),
        }
    }

    /// The connection was closed, after everything that it delivered was taken.
    ///
    /// # Errors
    /// [`BodyError::Cut`] if more was promised.
    pub fn close(&mut self) -> Result<(), BodyError> {
        match self {
            Self::Over => Ok(()),
            Self::UntilClose => {
                *self = Self::Over;
                Ok(())
            }
            Self::Sized(_) | Self::Chunked(_) => Err(BodyError::Cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_a_known_length_ends_there() {
        let (mut body, mut buffer) = (Body::sized(4), BytesMut::from(&b"abcdef"[..]));
        assert_eq!(body.take(&mut buffer), Ok(Progress::Data(Bytes::from_static(b"abcd"))));
        assert_eq!(body.take(&mut buffer), Ok(Progress::Over));
        assert_eq!(&buffer[..], b"ef");
    }

    #[test]
    fn only_a_body_without_a_length_may_end_with_the_connection() {
        assert_eq!(Body::UntilClose.close(), Ok(()));
        assert_eq!(Body::sized(0).close(), Ok(()));
        assert_eq!(Body::sized(1).close(), Err(BodyError::Cut));
        assert_eq!(Body::chunked().close(), Err(BodyError::Cut));
    }
}
