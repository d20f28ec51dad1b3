//! The head of a response as bytes.

use std::{
    cell::RefCell,
    time::{SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, Method, StatusCode, Version, header, response::Parts};
use tidegate_http1::decimal;

/// How the end of a response's body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none, and none is announced.
    Bodiless,
    /// By its length; to a `HEAD`, of a body that does not follow.
    Length(u64),
    /// By an empty chunk.
    Chunked,
    /// By the end of the connection, for callers of HTTP/1.0.
    UntilClose,
}

impl Framing {
    /// What suits a body of `exact` bytes, if its length is known.
    pub(super) fn of(status: StatusCode, exact: Option<u64>, version: Version) -> Self {
        if status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return Self::Bodiless;
        }
        match exact {
            Some(length) => Self::Length(length),
            None if version == Version::HTTP_10 => Self::UntilClose,
            None => Self::Chunked,
        }
    }
}

/// What a response says before its body, but for where that ends. Most hold nothing but lines: a map would be carried along from step to step.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    headers: Option<Box<HeaderMap>>,
    /// What is written behind the headers.
    pub(crate) lines: Lines,
}

impl Head {
    /// One of nothing but lines.
    pub(crate) fn new(status: StatusCode, lines: Lines) -> Self {
        Self { status, headers: None, lines }
    }

    /// Whether it says itself that it is the last one.
    pub(super) fn asks_to_close(&self) -> bool {
        let connection = self.headers.as_ref().and_then(|headers| headers.get(header::CONNECTION));
        connection.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"))
    }
}

impl From<Parts> for Head {
    fn from(parts: Parts) -> Self {
        let headers = (!parts.headers.is_empty()).then(|| Box::new(parts.headers));
        Self { status: parts.status, headers, lines: Lines::default() }
    }
}

/// Lines of a head that are ready to go out.
#[derive(Debug, Default)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    /// Room for so many bytes.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// Adds a line whose value is the gateway's own, and so holds no control character.
    pub(crate) fn add(&mut self, name: &'static str, value: &[u8]) {
        debug_assert!(!value.iter().any(u8::is_ascii_control), "{name} is no header of ours");
        write_field(&mut self.0, name.as_bytes(), value);
    }

    /// Adds a line whose value somebody else chose. With a control character in it, it could be taken for more than one, and is left out.
    pub(crate) fn add_foreign(&mut self, name: &'static str, value: &[u8]) {
        if !value.iter().any(u8::is_ascii_control) {
            write_field(&mut self.0, name.as_bytes(), value);
        }
    }
}

/// Appends the head of a response. Its framing and whether the connection goes on are written here and nowhere else.
pub(super) fn write_head(out: &mut Vec<u8>, head: &Head, (framing, connection): (Framing, Option<&'static str>)) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(head.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in head.headers.iter().flat_map(|headers| headers.iter()) {
        if ![header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(name) {
            write_field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    out.extend_from_slice(&head.lines.0);
    match framing {
        Framing::Length(length) => write_field(out, b"content-length", decimal(length, &mut [0; 20])),
        Framing::Chunked => write_field(out, b"transfer-encoding", b"chunked"),
        Framing::Bodiless | Framing::UntilClose => {}
    }
    if let Some(connection) = connection {
        write_field(out, b"connection", connection.as_bytes());
    }
    write_date(out);
    out.extend_from_slice(b"\r\n");
}

/// Whether a response to `method` carries its body.
pub(super) fn carries_body(method: &Method, framing: Framing) -> bool {
    *method != Method::HEAD && framing != Framing::Bodiless
}

fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

thread_local! {
    /// The second that was written last, and its text.
    static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

fn write_date(out: &mut Vec<u8>) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the field tells a caller the time of day, and nothing decides by it"
    )]
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|(known, text)| {
        if *known != second {
            (*known, *text) = (second, httpdate::fmt_http_date(now));
        }
        write_field(out, b"date", text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Response};

    use super::*;

    #[track_caller]
    fn check(framing: Framing, connection: Option<&'static str>, expected: &str) {
        let mut response = Response::new(());
        for name in ["content-length", "transfer-encoding", "connection"] {
            response.headers_mut().insert(name, HeaderValue::from_static("smuggled"));
        }
        response.headers_mut().insert("x-a", HeaderValue::from_static("b"));
        let mut out = Vec::new();
        let mut head = Head::from(response.into_parts().0);
        head.lines.add("x-ready", b"1");
        head.lines.add_foreign("x-odd", b"1\r\nx-smuggled: 2");
        write_head(&mut out, &head, (framing, connection));
        let text = String::from_utf8(out).unwrap();
        let (before, date) = text.split_once("date: ").unwrap();
        assert_eq!(before, format!("HTTP/1.1 200 OK\r\nx-a: b\r\nx-ready: 1\r\n{expected}"));
        assert!(date.ends_with(" GMT\r\n\r\n"), "{date}");
    }

    #[test]
    fn a_response_is_framed_in_one_way() {
        check(Framing::Length(1_234_567), None, "content-length: 1234567\r\n");
        check(Framing::Length(0), Some("close"), "content-length: 0\r\nconnection: close\r\n");
        check(Framing::Chunked, None, "transfer-encoding: chunked\r\n");
        check(Framing::UntilClose, Some("close"), "connection: close\r\n");
    }

    #[test]
    fn what_has_no_body_announces_none() {
        assert_eq!(Framing::of(StatusCode::NO_CONTENT, Some(0), Version::HTTP_11), Framing::Bodiless);
        assert_eq!(Framing::of(StatusCode::OK, None, Version::HTTP_10), Framing::UntilClose);
        assert!(!carries_body(&Method::HEAD, Framing::Length(7)));
    }
}
