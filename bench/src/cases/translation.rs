//! From one dialect into another: a request, its answer, its stream.

use std::hint::black_box;

use bytes::Bytes;
use tidegate::{
    domain::inference::{Dialect, InferenceRequest, Operation},
    infrastructure::{
        provider::StreamReader,
        translate::{self, Asked, StreamTranslator},
    },
};

use super::{
    Case,
    body::{body_of, parsed},
};
use crate::exchange::{Protocol, Shape, stream_pieces, whole_answer};

/// Who is asked, and who asks.
const BACK: (Dialect, Dialect) = (Dialect::Chat, Dialect::Messages);

fn message(shape: Shape) -> InferenceRequest {
    let body = body_of(shape, Protocol::Messages, "fast");
    InferenceRequest::read(Operation::Converse(Dialect::Messages), body).expect("the comparison's request can be read")
}

fn asked(request: &InferenceRequest) -> Asked<'_> {
    Asked { request, at: 1_764_000_000, id: "req_0123456789abcdef0123456789abcdef", model: "gpt-4o" }
}

/// A request of Messages as one of Chat Completions.
pub(super) fn request() -> Case {
    Case::new("request of Messages as one of Chat", || {
        let request = message(Shape::Whole);
        move || drop(black_box(translate::request(black_box(&request), Dialect::Messages, Dialect::Chat)))
    })
}

/// A whole answer of Chat Completions as one of Messages.
pub(super) fn answer() -> Case {
    Case::new("answer of Chat as one of Messages", || {
        let (request, body) = (message(Shape::Whole), Bytes::from(whole_answer()));
        move || drop(black_box(translate::answer(black_box(&body), BACK, asked(&request))))
    })
}

/// A stream of Chat Completions as one of Messages.
pub(super) fn stream() -> Case {
    Case::new("stream of 32 of Chat as one of Messages", || {
        let (caller, request, pieces) = (message(Shape::Stream), parsed(Shape::Stream), stream_pieces());
        move || {
            let mut reader = StreamReader::new(&request);
            let mut translator = StreamTranslator::new(BACK, asked(&caller)).expect("Messages are asked in");
            for piece in &pieces {
                // A reader that refuses would stop short, and the figure would show it.
                let _ = reader.push(piece.clone());
                while let Some(chunk) = reader.next_chunk() {
                    drop(black_box(chunk.map(|chunk| translator.push(&chunk))));
                }
            }
        }
    })
}
