//! The head of an answer.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::StatusCode;

use crate::{
    Body, Fields, HeadError, HeadLimits,
    fields::places,
    head::{Framing, Slots, complete, version, within},
};

/// The head of an answer, and what it says about the rest.
#[derive(Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The header fields.
    pub fields: Fields,
    /// The body that follows.
    pub body: Body,
    /// Whether the connection can serve again once the body is over.
    pub persistent: bool,
}

impl ResponseHead {
    /// Reads a whole head of an answer to anything but `HEAD` and `CONNECT`.
    ///
    /// # Errors
    /// [`HeadError`] if it is none, if its lengths contradict each other, or if its body has another coding than `chunked`.
    pub fn parse(head: Bytes, limits: HeadLimits) -> Result<Self, HeadError> {
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; _];
        let mut parsed = httparse::Response::new(&mut []);
        let mut config = httparse::ParserConfig::default();
        config.allow_multiple_spaces_in_response_status_delimiters(false);
        complete(config.parse_response_with_uninit_headers(&mut parsed, &head, within(&mut slots, limits)))?;
        let version = version(parsed.version)?;
        let framing = Framing::read(parsed.headers)?;
        let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(HeadError::Syntax)?;
        let body = body(&framing, status)?;
        let ends_by_itself = body != Body::UntilClose;
        // Both is what smuggling looks like: the answer is read as the standard says, and nothing after it.
        let is_odd = framing.is_chunked && framing.length.is_some();
        let persistent = framing.persists(version) && ends_by_itself && !is_odd;
        let places = places(&head, parsed.headers);
        Ok(Self { status, fields: Fields::new(head, places), body, persistent })
    }

    /// Whether another head follows, that of the answer proper.
    pub fn is_interim(&self) -> bool {
        self.status.is_informational() && self.status != StatusCode::SWITCHING_PROTOCOLS
    }
}

fn body(framing: &Framing, status: StatusCode) -> Result<Body, HeadError> {
    if framing.contradicted || framing.is_foreign {
        return Err(HeadError::Length);
    }
    if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        return Ok(Body::Over);
    }
    if framing.is_chunked {
        return Ok(Body::chunked());
    }
    Ok(framing.length.map_or(Body::UntilClose, Body::sized))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_bytes: 4096, max_headers: 100 };

    #[track_caller]
    fn check(head: &'static str, body: Body, persistent: bool) {
        let read = ResponseHead::parse(Bytes::from_static(head.as_bytes()), LIMITS).unwrap();
        assert_eq!((read.body, read.persistent), (body, persistent), "{head}");
    }

    #[test]
    fn the_body_is_as_long_as_the_standard_says() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Body::sized(5), true);
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n", Body::sized(5), true);
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", Body::chunked(), true);
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n", Body::chunked(), false);
        check("HTTP/1.1 200\r\n\r\n", Body::UntilClose, false);
        check("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n", Body::sized(5), false);
        check("HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n", Body::Over, true);
        check("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", Body::Over, false);
    }

    #[test]
    fn an_answer_with_two_lengths_is_none() {
        for head in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        ] {
            let read = ResponseHead::parse(Bytes::from_static(head.as_bytes()), LIMITS);
            assert_eq!(read.unwrap_err(), HeadError::Length);
        }
        assert!(ResponseHead::parse(Bytes::from_static(b"SSH-2.0-server\r\n\r\n"), LIMITS).is_err());
    }

    #[test]
    fn an_interim_answer_is_told_from_the_answer() {
        let interim =
            |head: &'static str| ResponseHead::parse(Bytes::from_static(head.as_bytes()), LIMITS).unwrap().is_interim();
        assert!(interim("HTTP/1.1 103 Early Hints\r\n\r\n"));
        assert!(!interim("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
    }
}
