//! A streamed answer of a simulated upstream: pieces of content at a pace, and the end; or no end.
//!
//! The pieces carry no text that anybody reads: routing goes by when they come and whether the last one does.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{AnswerStream, Signals, StreamChunk, Usage},
};
use tokio::time::Sleep;

/// The pieces that an answer comes in, however long it is.
const PIECES: u32 = 20;

/// A streamed answer.
#[derive(Debug)]
pub struct ScenarioStream {
    usage: Usage,
    interval: Duration,
    /// The piece in whose place the stream breaks off.
    cut: Option<u32>,
    next: u32,
    pause: Pin<Box<Sleep>>,
}

/// How an answer streams.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flow {
    /// From the first piece to the last.
    pub(super) takes: Duration,
    /// Whether it breaks off halfway.
    pub(super) is_cut: bool,
}

impl ScenarioStream {
    /// The first piece is there at once: the wait for it is the upstream's latency.
    pub(super) fn new(usage: Usage, Flow { takes, is_cut }: Flow) -> Self {
        let pause = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { usage, interval: takes / PIECES, cut: is_cut.then_some(PIECES / 2), next: 0, pause }
    }
}

impl AnswerStream for ScenarioStream {}

impl Stream for ScenarioStream {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.next > PIECES {
            return Poll::Ready(None);
        }
        ready!(this.pause.as_mut().poll(context));
        if this.cut == Some(this.next) {
            this.next = PIECES + 1;
            let fault = Fault::new(FaultKind::Malformed, Work::Partial, "the stream ended without its terminal event");
            return Poll::Ready(Some(Err(fault)));
        }
        let is_last = this.next == PIECES;
        this.next += 1;
        let due = this.pause.deadline() + this.interval;
        this.pause.as_mut().reset(due);
        let usage = is_last.then_some(this.usage);
        let signals = Signals { content: !is_last, finished: is_last, done: is_last, usage, ..Signals::default() };
        Poll::Ready(Some(Ok(StreamChunk { bytes: Bytes::from_static(b"data: {}\n\n"), signals })))
    }
}
