//! The head of a request as bytes.

use bytes::Bytes;
use http::{Method, Request, header};
use tidegate_http1::decimal;

/// Appends the head of `request`, framed by its length. `Host` and the framing are written here and nowhere else.
pub(super) fn write_head(out: &mut Vec<u8>, request: &Request<Bytes>) {
    let uri = request.uri();
    let authority = uri.authority().map_or("", http::uri::Authority::as_str);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    for part in [request.method().as_str(), " ", path, " HTTP/1.1\r\nhost: ", host, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    for (name, value) in request.headers() {
        if is_framing(name) {
            continue;
        }
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let length = request.body().len();
    if length > 0 || request.method() != Method::GET {
        out.extend_from_slice(b"content-length: ");
        out.extend_from_slice(decimal(u64::try_from(length).unwrap_or(u64::MAX), &mut [0; 20]));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn is_framing(name: &header::HeaderName) -> bool {
    [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(name)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn written(request: &Request<Bytes>) -> String {
        let mut out = Vec::new();
        write_head(&mut out, request);
        String::from_utf8(out).unwrap()
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
            written(&request),
            "POST /v1/x?y=z HTTP/1.1\r\nhost: host:8000\r\naccept: text/event-stream\r\ncontent-length: 10\r\n\r\n"
        );
    }

    #[test]
    fn only_a_request_that_takes_a_body_says_that_it_has_none() {
        let of =
            |method: &str| written(&Request::builder().method(method).uri("http://h/").body(Bytes::new()).unwrap());
        assert_eq!(of("GET"), "GET / HTTP/1.1\r\nhost: h\r\n\r\n");
        assert_eq!(of("POST"), "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n");
    }
}
