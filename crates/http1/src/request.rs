//! The head of a request.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::{Method, Uri, Version};

use crate::{
    Body, Fields, HeadError, HeadLimits,
    fields::places,
    head::{Framing, Slots, complete, version, within},
};

/// The head of a request, and what it says about the rest.
#[derive(Debug)]
pub struct RequestHead {
    /// What is to be done.
    pub method: Method,
    /// To what.
    pub target: Uri,
    /// In which version it was asked.
    pub version: Version,
    /// The header fields.
    pub fields: Fields,
    /// The body that follows.
    pub body: Body,
    /// Whether the caller will ask again over the same connection.
    pub persistent: bool,
    /// Whether the caller waits to be told before it sends the body.
    pub expects_continue: bool,
}

impl RequestHead {
    /// Reads a whole head, as [`HeadScan`](crate::HeadScan) takes it.
    ///
    /// # Errors
    /// [`HeadError`] if it is none, or if two readers could see two lengths of its body: more than one `Content-Length`, one beside a
    /// `Transfer-Encoding`, any coding but `chunked`, or a coding in HTTP/1.0.
    pub fn parse(head: Bytes, limits: HeadLimits) -> Result<Self, HeadError> {
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; _];
        let mut parsed = httparse::Request::new(&mut []);
        complete(parsed.parse_with_uninit_headers(&head, within(&mut slots, limits)))?;
        let version = version(parsed.version)?;
        let framing = Framing::read(parsed.headers)?;
        let target = parsed.path.ok_or(HeadError::Syntax)?;
        let target = Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_| HeadError::Syntax)?;
        let method = parsed.method.and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        let places = places(&head, parsed.headers);
        Ok(Self {
            method: method.ok_or(HeadError::Syntax)?,
            target,
            version,
            fields: Fields::new(head, places),
            body: body(&framing, version)?,
            persistent: framing.persists(version),
            expects_continue: framing.expects_continue && version == Version::HTTP_11,
        })
    }
}

fn body(framing: &Framing, version: Version) -> Result<Body, HeadError> {
    if framing.repeated || framing.is_foreign {
        return Err(HeadError::Length);
    }
    if !framing.is_chunked {
        return Ok(framing.sized());
    }
    if framing.length.is_some() || version == Version::HTTP_10 { Err(HeadError::Length) } else { Ok(Body::chunked()) }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use proptest::prelude::*;

    use super::*;
    use crate::HeadScan;

    const LIMITS: HeadLimits = HeadLimits { max_bytes: 4096, max_headers: 100 };

    fn read(bytes: &[u8]) -> Result<Option<RequestHead>, HeadError> {
        let mut buffer = BytesMut::from(bytes);
        let Some(head) = HeadScan::default().take(&mut buffer, LIMITS)? else { return Ok(None) };
        RequestHead::parse(head, LIMITS).map(Some)
    }

    #[track_caller]
    fn check(head: &str, expected: &Result<Body, HeadError>) {
        let bytes = format!("POST /v1 HTTP/1.1\r\nhost: test\r\n{head}\r\n");
        assert_eq!(read(bytes.as_bytes()).map(|head| head.unwrap().body), *expected, "{head:?}");
    }

    #[test]
    fn a_body_has_one_length_or_the_request_is_refused() {
        check("", &Ok(Body::Over));
        check("content-length: 0\r\n", &Ok(Body::Over));
        check("Content-Length: 17\r\n", &Ok(Body::sized(17)));
        check("Transfer-Encoding: Chunked\r\n", &Ok(Body::chunked()));
        for ambiguous in [
            "content-length: 6\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 6\r\n",
            "content-length: 6\r\ncontent-length: 6\r\n",
            "content-length: 6\r\ncontent-length: 7\r\n",
            "content-length: 6, 6\r\n",
            "content-length: +6\r\n",
            "content-length: -1\r\n",
            "content-length: 0x6\r\n",
            "content-length: 6 6\r\n",
            "content-length: 99999999999999999999\r\n",
            "content-length:\r\n",
            "transfer-encoding: xchunked\r\n",
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: chunked, identity\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: identity\r\n",
        ] {
            check(ambiguous, &Err(HeadError::Length));
        }
    }

    #[test]
    fn what_readers_could_take_differently_is_refused() {
        for malformed in [
            "content-length : 6\r\n",
            "x: folded\r\n line\r\n",
            "transfer-encoding: chunked\r\n , identity\r\n",
            " leading: space\r\n",
            "no colon\r\n",
            "x: nul\0\r\n",
            "x: cr\rlf\r\n",
        ] {
            check(malformed, &Err(HeadError::Syntax));
        }
        check("x: a\ncontent-length: 6\r\n", &Err(HeadError::BareNewline));
        let refused = |bytes: &[u8]| read(bytes).unwrap_err();
        assert_eq!(refused(b"GET / HTTP/1.1\n\n"), HeadError::BareNewline);
        assert_eq!(refused(b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n"), HeadError::Length);
        assert_eq!(refused(b"GET / HTTP/2.0\r\n\r\n"), HeadError::Version);
        assert_eq!(refused(b"GET  / HTTP/1.1\r\n\r\n"), HeadError::Syntax);
        assert_eq!(refused(b"GET /a b HTTP/1.1\r\n\r\n"), HeadError::Version);
    }

    #[test]
    fn a_connection_persists_as_its_version_and_its_header_say() {
        let persists = |text: &str| read(text.as_bytes()).unwrap().unwrap().persistent;
        assert!(persists("GET / HTTP/1.1\r\n\r\n"));
        assert!(!persists("GET / HTTP/1.1\r\nconnection: x, Close\r\n\r\n"));
        assert!(!persists("GET / HTTP/1.0\r\n\r\n"));
        assert!(persists("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn a_head_is_bounded_in_bytes_and_fields() {
        let long = format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(5000));
        assert_eq!(read(long.as_bytes()).unwrap_err(), HeadError::TooLong);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(101));
        assert_eq!(read(many.as_bytes()).unwrap_err(), HeadError::TooManyHeaders);
    }

    #[test]
    fn blank_lines_before_a_request_are_skipped() {
        assert!(read(b"\r\n\r\nGET / HTTP/1.1\r\n\r\n").unwrap().is_some());
    }

    proptest! {
        #[test]
        fn no_cut_changes_what_is_read(
            fields in prop::collection::vec("[a-z]{1,8}: [ -~]{0,12}\r\n", 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let head = format!("GET /x HTTP/1.1\r\n{}\r\n", fields.concat());
            let whole = read(head.as_bytes());
            let at = cut.index(head.len());
            let (mut scan, mut buffer) = (HeadScan::default(), BytesMut::from(&head.as_bytes()[..at]));
            let early = scan.take(&mut buffer, LIMITS).unwrap();
            prop_assert!(early.is_none());
            buffer.extend_from_slice(&head.as_bytes()[at..]);
            let late = scan.take(&mut buffer, LIMITS).unwrap().unwrap();
            prop_assert_eq!(&late[..], head.as_bytes());
            let late = RequestHead::parse(late, LIMITS);
            prop_assert_eq!(late.map(|head| head.body), whole.map(|head| head.unwrap().body));
        }
    }
}
