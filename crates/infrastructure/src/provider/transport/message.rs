//! A request as bytes.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderName, Method, Request, header};
use tidegate_http1::decimal;

use super::pool::Host;

/// Names a request to whoever answers it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request that is ready to go.
pub(in crate::provider) struct Message<'a> {
    /// Whom it goes to.
    pub(super) host: Arc<Host>,
    head: Head<'a>,
    pub(super) body: Bytes,
    /// Whether it says so if it has no body.
    says_length: bool,
}

/// The head of a request, but for the length of its body.
enum Head<'a> {
    Whole(Vec<u8>),
    /// What it has in common with others, and its id.
    Common(&'a Common, &'a str),
}

/// What requests have in common that differ in their id and their body alone: all of a head that never changes is written once.
pub(in crate::provider) struct Common {
    host: Arc<Host>,
    head: Box<[u8]>,
    /// Whether the id is still to be written.
    takes_id: bool,
}

impl Message<'_> {
    pub(super) fn new(host: Arc<Host>, request: Request<Bytes>) -> Self {
        let mut head = Vec::new();
        write_head(&mut head, &request);
        let says_length = request.method() != Method::GET;
        Self { host, head: Head::Whole(head), body: request.into_body(), says_length }
    }

    /// Appends the head, framed by the length of the body.
    pub(super) fn write_head(&self, out: &mut Vec<u8>) {
        match &self.head {
            Head::Whole(head) => out.extend_from_slice(head),
            Head::Common(common, id) => common.write_head(out, id),
        }
        let length = self.body.len();
        if length > 0 || self.says_length {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(decimal(u64::try_from(length).unwrap_or(u64::MAX), &mut [0; 20]));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }
}

impl Common {
    /// What every request has in common with `request`, which has a body and whose id was not given in `configured` headers.
    pub(super) fn of(host: Arc<Host>, mut request: Request<Bytes>, takes_id: bool) -> Self {
        if takes_id {
            request.headers_mut().remove(REQUEST_ID);
        }
        let mut head = Vec::new();
        write_head(&mut head, &request);
        Self { host, head: head.into(), takes_id }
    }

    /// The request of that id, with that body.
    pub(in crate::provider) fn message<'a>(&'a self, id: &'a str, body: Bytes) -> Message<'a> {
        Message { host: Arc::clone(&self.host), head: Head::Common(self, id), body, says_length: true }
    }

    fn write_head(&self, out: &mut Vec<u8>, id: &str) {
        out.extend_from_slice(&self.head);
        // An id that is no header value is the caller's oddity, and no reason to fail.
        if self.takes_id && id.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            for part in [REQUEST_ID.as_str(), ": ", id, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
    }
}

/// It holds a credential.
impl fmt::Debug for Common {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Common").field("host", &self.host.uri).finish_non_exhaustive()
    }
}

/// Appends the head of `request` but for its framing, which is written elsewhere; `Host` is written here.
fn write_head(out: &mut Vec<u8>, request: &Request<Bytes>) {
    let uri = request.uri();
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    for part in [request.method().as_str(), " ", path, " HTTP/1.1\r\nhost: ", host, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in request.headers().iter().filter(|(name, _)| !is_framing(name)) {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
}

fn is_framing(name: &header::HeaderName) -> bool {
    [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(name)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn host() -> Arc<Host> {
        Arc::new(Host::new("http://host:8000".parse().unwrap()))
    }

    fn text(message: &Message<'_>) -> String {
        let mut out = Vec::new();
        message.write_head(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn written(request: Request<Bytes>) -> String {
        text(&Message::new(host(), request))
    }

    #[test]
    fn what_requests_have_in_common_is_written_once_and_comes_to_the_same() {
        let request = |id: &str| {
            let request = Request::post("http://host:8000/v1/x").header("authorization", "Bearer sk-canary");
            request.header("x-request-id", id).body(Bytes::from_static(b"0123456789")).unwrap()
        };
        let common = Common::of(host(), request("req_1"), true);
        assert_eq!(text(&common.message("req_2", Bytes::from_static(b"0123456789"))), written(request("req_2")));
        let odd = text(&common.message("req\r\nx-smuggled: 1", Bytes::new()));
        assert!(odd.ends_with("sk-canary\r\ncontent-length: 0\r\n\r\n"), "{odd}");
        assert!(!format!("{common:?}").contains("canary"));
        let configured = Common::of(host(), request("always"), false);
        assert_eq!(text(&configured.message("req_2", Bytes::from_static(b"0123456789"))), written(request("always")));
    }

    #[test]
    fn a_request_is_framed_by_its_length_alone() {
        let mut request =
            Request::post("http://user@host:8000/v1/x?y=z").body(Bytes::from_static(b"0123456789")).unwrap();
        let headers = request.headers_mut();
        for name in ["host", "transfer-encoding", "content-length", "connection"] {
            headers.insert(name, HeaderValue::from_static("smuggled"));
        }
        headers.insert("accept", HeaderValue::from_static("text/event-stream"));
        assert_eq!(
            written(request),
            "POST /v1/x?y=z HTTP/1.1\r\nhost: host:8000\r\naccept: text/event-stream\r\ncontent-length: 10\r\n\r\n"
        );
    }

    #[test]
    fn only_a_request_that_takes_a_body_says_that_it_has_none() {
        let of = |method: &str| written(Request::builder().method(method).uri("http://h/").body(Bytes::new()).unwrap());
        assert_eq!(of("GET"), "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_eq!(of("POST"), "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
    }
}
