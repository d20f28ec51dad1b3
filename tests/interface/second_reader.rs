//! hyper as the second reader of the same bytes: whatever our framing takes for a request, hyper takes for the same one, ending
//! at the same place. Ours may refuse more.

use std::{convert::Infallible, sync::Mutex};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use proptest::{prelude::*, sample::Index, strategy::ValueTree, test_runner::TestRunner};
use tidegate_http1::{HeadLimits, HeadScan, Progress, RequestHead};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 4096, max_headers: 64 };
/// What follows every request: whoever sees its end elsewhere sees something else here.
const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nhost: test\r\n\r\n";

/// One request, as a reader sees it.
type Seen = (Method, Uri, HeaderMap, Vec<u8>);

/// The requests that our framing sees, up to the first that it refuses or that is cut.
fn ours(bytes: &[u8]) -> Vec<Seen> {
    let (mut buffer, mut seen) = (BytesMut::from(bytes), Vec::new());
    while let Ok(Some(head)) = HeadScan::default().take(&mut buffer, LIMITS) {
        let Ok(head) = RequestHead::parse(head, LIMITS) else { break };
        let RequestHead { method, target, fields, mut body, persistent, .. } = head;
        let mut data = Vec::new();
        while let Ok(Progress::Data(piece)) = body.take(&mut buffer) {
            data.extend_from_slice(&piece);
        }
        if !body.is_over() {
            break;
        }
        seen.push((method, target, fields.to_map(), data));
        if !persistent {
            break;
        }
    }
    seen
}

/// The requests that hyper sees.
async fn hypers(bytes: &[u8]) -> Vec<Seen> {
    let seen = Mutex::new(Vec::new());
    let note = service_fn(|request: Request<Incoming>| async {
        let (parts, body) = request.into_parts();
        if let Ok(body) = body.collect().await {
            seen.lock().unwrap().push((parts.method, parts.uri, parts.headers, body.to_bytes().to_vec()));
        }
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let (mut caller, server) = tokio::io::duplex(64 * 1024);
    caller.write_all(bytes).await.unwrap();
    caller.shutdown().await.unwrap();
    let mut said = Vec::new();
    let serving = http1::Builder::new().half_close(true).serve_connection(TokioIo::new(server), note);
    // It ends with an error where it refuses something, and ours has stopped before that.
    let (_served, read) = tokio::join!(serving, caller.read_to_end(&mut said));
    read.unwrap();
    seen.into_inner().unwrap()
}

/// A field, mostly of those that say how long the body is.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "[a-z][a-z-]{0,7}: ?[ -~]{0,12}\r\n",
        2 => (0_usize..20).prop_map(|length| format!("content-length: {length}\r\n")),
        2 => Just("Transfer-Encoding: chunked\r\n".to_owned()),
        1 => prop::sample::select(vec![
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: identity\r\n",
            "content-length: 5, 5\r\n",
            "connection: close\r\n",
            "connection: keep-alive\r\n",
        ]).prop_map(str::to_owned),
    ]
}

/// A body in chunks.
fn chunks() -> impl Strategy<Value = String> {
    let chunk = ("[ -~]{1,20}", prop::sample::select(vec!["", ";x", ";x=\"y\"", " "]))
        .prop_map(|(data, extension)| format!("{:x}{extension}\r\n{data}\r\n", data.len()));
    (prop::collection::vec(chunk, 0..4), prop::sample::select(vec!["", "x: y\r\n"]))
        .prop_map(|(chunks, trailers)| format!("{}0\r\n{trailers}\r\n", chunks.concat()))
}

/// What says how long the body is, and the body: mostly it is so long.
fn framed() -> impl Strategy<Value = (String, String)> {
    prop_oneof![
        2 => chunks().prop_map(|chunks| ("Transfer-Encoding: chunked\r\n".to_owned(), chunks)),
        2 => "[ -~]{0,20}".prop_map(|text| (format!("content-length: {}\r\n", text.len()), text)),
        1 => (field(), chunks()),
    ]
}

/// A request, and perhaps a byte of it replaced by one that matters to framing.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let line = ("GET|POST|PUT", "/[a-z0-9%?=&]{0,8}", prop::sample::select(vec!["1.1", "1.1", "1.1", "1.0"]));
    let mutant = (any::<Index>(), prop::sample::select(b"\r\n\0\t\x0b :;,x01-+\xff".to_vec()));
    (line, prop::collection::vec(field(), 0..2), framed(), prop::option::of(mutant)).prop_map(
        |((method, target, version), fields, (framing, body), mutant)| {
            let fields = fields.concat();
            let text = format!("{method} {target} HTTP/{version}\r\nhost: test\r\n{framing}{fields}\r\n{body}");
            let mut bytes = text.into_bytes();
            if let Some((at, byte)) = mutant {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.extend_from_slice(NEXT);
            bytes
        },
    )
}

#[test]
fn what_is_taken_for_a_request_hyper_takes_for_the_same_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut with_body, mut followed) = (0, 0);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() });
    let checked = runner.run(&(message(),), |(bytes,)| {
        let (ours, hypers) = (ours(&bytes), runtime.block_on(hypers(&bytes)));
        prop_assert!(hypers.starts_with(&ours), "{}\nours {ours:?}\nhyper's {hypers:?}", bytes.escape_ascii());
        Ok(())
    });
    checked.unwrap();
    // The same messages again would be no proof if none of them were taken.
    for bytes in (0..500).map(|_| message().new_tree(&mut runner).unwrap().current()) {
        let seen = ours(&bytes);
        with_body += usize::from(seen.first().is_some_and(|(.., body)| !body.is_empty()));
        followed += usize::from(seen.get(1).is_some_and(|(_, target, ..)| target == "/next"));
    }
    assert!(with_body > 20 && followed > 50, "{with_body} with a body, {followed} with one that follows");
}
