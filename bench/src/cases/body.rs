//! What is done with bytes: reading the envelope, replacing the model, reading the events of a stream.

use std::hint::black_box;

use bytes::Bytes;
use tidegate::{
    domain::inference::{InferenceRequest, ParameterDefaults},
    infrastructure::provider::StreamReader,
};

use super::Case;
use crate::exchange::{Exchange, Protocol, Shape, stream_pieces};

/// The body of the comparison's request.
pub(super) fn request_body(shape: Shape, model: &str) -> Bytes {
    body_of(shape, Protocol::Chat, model)
}

/// The same in that protocol.
pub(super) fn body_of(shape: Shape, protocol: Protocol, model: &str) -> Bytes {
    let Exchange { request, .. } = Exchange::new(shape, protocol, model);
    let head = request.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |end| end + 4);
    Bytes::from(request).slice(head..)
}

pub(super) fn parsed(shape: Shape) -> InferenceRequest {
    // The exchange is one of our own; a request that cannot be read would measure nothing.
    InferenceRequest::parse(request_body(shape, "fast")).expect("the comparison's request can be read")
}

/// Reading the envelope of a body of 540 bytes.
pub(super) fn envelope() -> Case {
    Case::new("envelope of 540 bytes", || {
        let body = request_body(Shape::Whole, "fast");
        move || drop(black_box(InferenceRequest::parse(black_box(body.clone()))))
    })
}

/// Replacing `model` in a body of 540 bytes.
pub(super) fn splice() -> Case {
    Case::new("model replaced in 540 bytes", || {
        let (request, defaults) = (parsed(Shape::Whole), ParameterDefaults::default());
        move || drop(black_box(request.body_for(black_box("gpt-4o"), &defaults)))
    })
}

/// Reading a stream of 32 events, each by itself.
pub(super) fn events() -> Case {
    Case::new("events of a stream of 32", || {
        let (request, pieces) = (parsed(Shape::Stream), stream_pieces());
        move || {
            let mut reader = StreamReader::new(&request);
            for piece in &pieces {
                // A reader that refuses would stop short, and the figure would show it.
                let _ = reader.push(piece.clone());
                while let Some(chunk) = reader.next_chunk() {
                    drop(black_box(chunk));
                }
            }
        }
    })
}
