//! What must hold of any text as a request, an answer and a stream of every dialect, on its way into every other: no reader and no
//! writer panics, and however a stream is cut, the same comes of it.
//!
//! A fuzz target calls it with texts of its own, and a test with the corpus; it is in no other build.

use bytes::Bytes;
use tidegate_domain::{
    fault::{Fault, FaultKind},
    inference::{Address, Dialect, InferenceRequest, Operation, StreamChunk},
};

use crate::{
    provider::recorded,
    translate::{self, Asked, StreamTranslator},
};

/// A request of somebody who is answered, which every dialect's callers could have made.
const ASKED: &[u8] = br#"{"model":"m","metadata":{},"stream":true,"stream_options":{"include_usage":true}}"#;

/// Reads `text` as everything that it may be.
///
/// # Panics
/// If a reader or a writer panics, or a stream in pieces comes to something else than the whole.
pub fn examine(text: &[u8]) {
    for from in Dialect::ALL {
        let streams = [usize::MAX, 1, 7].map(|piece| (piece, delivered(text, from, piece)));
        for to in Dialect::ALL.into_iter().filter(|to| *to != from) {
            if let Some(request) = request_in(from, Bytes::copy_from_slice(text)) {
                let _ = translate::request(&request, from, to);
            }
            let Some(request) = request_in(to, Bytes::from_static(ASKED)) else { continue };
            let asked = Asked { request: &request, at: 7, id: "id", model: "model" };
            let _ = translate::answer(text, (from, to), asked);
            let [whole, pieces @ ..] = &streams;
            let whole = stream(&whole.1, (from, to), asked);
            for (piece, chunks) in pieces {
                assert_eq!(stream(chunks, (from, to), asked), whole, "in pieces of {piece}");
            }
        }
    }
}

/// The body as a request, for the model `m` where the dialect names that elsewhere; `None` if it is none.
fn request_in(dialect: Dialect, body: Bytes) -> Option<InferenceRequest> {
    let operation = Operation::Converse(dialect);
    let request = match dialect {
        Dialect::Gemini | Dialect::Bedrock => {
            InferenceRequest::addressed(operation, body, Address { model: "m".into(), stream: true })
        }
        Dialect::Chat | Dialect::Responses | Dialect::Messages | Dialect::Cohere => {
            InferenceRequest::read(operation, body)
        }
    };
    request.ok()
}

/// What a client makes of a stream that arrives in pieces of that size, up to where it fails.
fn delivered(text: &[u8], from: Dialect, piece: usize) -> Vec<Result<StreamChunk, Fault>> {
    let mut chunks = Vec::new();
    for chunk in recorded(from, text.chunks(piece).map(Bytes::copy_from_slice)) {
        let has_failed = chunk.is_err();
        chunks.push(chunk);
        if has_failed {
            break;
        }
    }
    chunks
}

/// What a caller gets of a stream, and how it failed. `None` if no stream is translated.
fn stream(
    chunks: &[Result<StreamChunk, Fault>],
    dialects: (Dialect, Dialect),
    asked: Asked<'_>,
) -> Option<(Vec<u8>, Option<FaultKind>)> {
    let mut translator = StreamTranslator::new(dialects, asked)?;
    let (mut out, mut failed) = (Vec::new(), None);
    for chunk in chunks {
        match chunk.as_ref().map_err(Clone::clone).and_then(|chunk| translator.push(chunk)) {
            Ok(chunk) => out.extend_from_slice(&chunk.bytes),
            Err(fault) => {
                failed = Some(fault.kind);
                break;
            }
        }
    }
    // Where something fails that shares a chunk with what came before it, that is not told any more.
    Some((if failed.is_some() { Vec::new() } else { out }, failed))
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::corpus::seeds;

    #[test]
    fn the_corpus_of_the_fuzz_target_holds() {
        let count = seeds("translate").map(|seed| examine(&seed)).count();
        assert!(count >= 9, "{count} texts");
    }
}
