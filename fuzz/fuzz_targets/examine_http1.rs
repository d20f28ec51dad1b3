//! What must hold of any bytes as the head and the chunked body of a message: nothing panics, and however the network cuts them, the
//! same is read. The fuzz target calls it with bytes of its own, and a test with the corpus.

use bytes::{Bytes, BytesMut};
use tidegate_http1::{Body, HeadLimits, HeadScan, Progress, RequestHead, ResponseHead};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 4096, max_headers: 64 };

/// Reads `bytes` whole and in pieces.
///
/// # Panics
/// If a reader panics, or the pieces are read otherwise than the whole.
pub fn examine(bytes: &[u8]) {
    let (head, body) = (head_of(bytes, usize::MAX), body_of(bytes, usize::MAX));
    for piece in [1, 2, 3, 64] {
        assert_eq!(head_of(bytes, piece), head, "the head, in pieces of {piece}");
        assert_eq!(body_of(bytes, piece), body, "the body, in pieces of {piece}");
    }
    if let Some(head) = head {
        let _ = RequestHead::parse(head.clone(), LIMITS);
        let _ = ResponseHead::parse(head, LIMITS);
    }
}

/// The head, if there is a whole one that can be taken.
fn head_of(bytes: &[u8], piece: usize) -> Option<Bytes> {
    let (mut scan, mut buffer) = (HeadScan::default(), BytesMut::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        match scan.take(&mut buffer, LIMITS) {
            Ok(Some(head)) => return Some(head),
            Ok(None) => {}
            Err(_) => return None,
        }
    }
    None
}

/// The body, if it is one that is over.
fn body_of(bytes: &[u8], piece: usize) -> Option<Vec<u8>> {
    let (mut body, mut buffer, mut read) = (Body::chunked(), BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match body.take(&mut buffer) {
                Ok(Progress::Data(data)) => read.extend_from_slice(&data),
                Ok(Progress::Starved) => break,
                Ok(Progress::Over) => return Some(read),
                Err(_) => return None,
            }
        }
    }
    None
}
