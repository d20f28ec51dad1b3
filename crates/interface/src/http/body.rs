//! The body of a response: whole, a stream of events, or what a router made.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use tidegate_application::{
    domain::inference::{AnswerStream, Operation, StreamFailure},
    orchestration::CompletionStream,
};

use super::refusal::{broken_stream, interrupted_stream};
use crate::server::Lifecycle;

/// The body of a response of the data plane.
pub(crate) enum ResponseBody<S> {
    /// All of it, until it is sent.
    Whole(Option<Bytes>),
    /// The events of an answer.
    Events(EventBody<S>),
    /// From a route off the hot path.
    Routed(axum::body::Body),
}

impl<S> From<Bytes> for ResponseBody<S> {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes))
    }
}

impl<S: AnswerStream> Body for ResponseBody<S> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(events) => events.poll_event(context).map(|bytes| bytes.map(|bytes| bytes.map(Frame::data))),
            Self::Routed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Events(events) => events.stream.is_none(),
            Self::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Events(_) => SizeHint::default(),
            Self::Routed(body) => body.size_hint(),
        }
    }
}

/// The events of a streamed answer, or its bytes, as they came. Should it break or be cut, one error event stands in place of the
/// rest; what has no events breaks off.
pub(crate) struct EventBody<S> {
    // Dropped at the end, and with it whatever is still going on upstream.
    stream: Option<Box<CompletionStream<S>>>,
    lifecycle: Lifecycle,
    /// How it ends should it break or be cut.
    failure: StreamFailure,
}

impl<S: AnswerStream> EventBody<S> {
    /// Forwards `stream`, which answers `operation`, until it ends or `lifecycle` does.
    pub(crate) fn new(stream: Box<CompletionStream<S>>, lifecycle: &Lifecycle, operation: Operation) -> Self {
        let failure = match stream.media_type() {
            Some(_) => StreamFailure::Cut,
            None => StreamFailure::of(operation),
        };
        Self { stream: Some(stream), lifecycle: lifecycle.clone(), failure }
    }

    /// What the body is.
    pub(super) fn media_type(&self) -> &str {
        self.stream.as_ref().and_then(|stream| stream.media_type()).unwrap_or("text/event-stream")
    }

    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(None) };
        // The connection whose task this is has it polled when the gateway ends.
        if self.lifecycle.is_ending() {
            return self.end_with(interrupted_stream(&self.failure));
        }
        match Pin::new(stream).poll_next(context) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.failure.note(&bytes);
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(fault))) => {
                tracing::debug!(%fault, "a stream broke after it had begun");
                self.end_with(broken_stream(fault.kind, &self.failure))
            }
            Poll::Ready(None) => {
                self.stream = None;
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn end_with(&mut self, event: Option<Bytes>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        self.stream = None;
        Poll::Ready(Some(event.ok_or_else(|| axum::Error::new("the answer broke off"))))
    }
}
