//! A streamed answer on its way to the caller.
//!
//! Its chunks are the upstream's bytes. It ends in exactly one of three ways: complete, after a valid finish; with a fault,
//! of which the caller must be told; or dropped by the caller. Each closes the account, and a chunk costs one reading of
//! the clock: no allocation, no lock, no timer.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, Work},
    inference::{AnswerStream, Signals, StreamChunk},
    time::after,
};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Ledger, ledger::OpenAttempt};

/// What was read of a stream before its first content.
#[derive(Debug)]
pub(super) struct Held<S> {
    chunks: VecDeque<Bytes>,
    pub(super) signals: Signals,
    stream: S,
}

impl Held<()> {
    pub(super) fn new() -> Self {
        Self { chunks: VecDeque::new(), signals: Signals::default(), stream: () }
    }

    pub(super) fn push(&mut self, chunk: StreamChunk) {
        self.signals.merge(chunk.signals);
        self.chunks.push_back(chunk.bytes);
    }

    pub(super) fn bytes(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    pub(super) fn with<S>(self, stream: S) -> Held<S> {
        Held { chunks: self.chunks, signals: self.signals, stream }
    }
}

/// The moment `wait` after `now`, however long a program says to wait.
pub(super) fn later(now: Instant, wait: Duration) -> Instant {
    Instant::from_std(after(now.into_std(), wait))
}

/// The deadlines of a stream that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamDeadlines {
    /// Between two pieces of content.
    pub(super) idle: Duration,
    /// The end of the attempt, and so of the request at the latest.
    pub(super) total: Instant,
}

/// A streamed answer: bytes to forward, and a [`Fault`] as its last item if it breaks off. Dropping it stops the upstream.
pub struct CompletionStream<S> {
    chunks: VecDeque<Bytes>,
    stream: S,
    signals: Signals,
    deadlines: StreamDeadlines,
    last_content: Instant,
    timer: Pin<Box<Sleep>>,
    /// Open until the stream has ended, one way or another.
    account: Option<(Ledger, OpenAttempt)>,
}

impl<S: AnswerStream> CompletionStream<S> {
    pub(super) fn new(held: Held<S>, deadlines: StreamDeadlines, account: (Ledger, OpenAttempt)) -> Self {
        let now = Instant::now();
        Self {
            chunks: held.chunks,
            stream: held.stream,
            signals: held.signals,
            deadlines,
            last_content: now,
            timer: Box::pin(sleep_until(later(now, deadlines.idle).min(deadlines.total))),
            account: Some(account),
        }
    }

    /// Takes in a chunk; an error if the request's time is over.
    fn take_in(&mut self, chunk: &StreamChunk) -> Result<(), Fault> {
        self.signals.merge(chunk.signals);
        if chunk.signals == Signals::default() {
            return Ok(());
        }
        self.last_content = Instant::now();
        if self.last_content >= self.deadlines.total { Err(Fault::timed_out(Phase::Total)) } else { Ok(()) }
    }

    /// Whether a deadline has run out; otherwise wakes the task when the next one does.
    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<Fault> {
        while self.timer.as_mut().poll(context).is_ready() {
            let idle = later(self.last_content, self.deadlines.idle);
            let next = idle.min(self.deadlines.total);
            if Instant::now() >= next {
                let phase = if idle <= self.deadlines.total { Phase::Idle } else { Phase::Total };
                return Poll::Ready(Fault::timed_out(phase));
            }
            self.timer.as_mut().reset(next);
        }
        Poll::Pending
    }

    fn break_off(&mut self, mut fault: Fault) -> Poll<Option<Result<Bytes, Fault>>> {
        fault.work = Work::Partial;
        if let Some((ledger, attempt)) = self.account.take() {
            let usage = ledger.cost(self.signals.usage, self.signals.tokens);
            ledger.broken_off(attempt, &fault, usage);
        }
        Poll::Ready(Some(Err(fault)))
    }

    fn end(&mut self) -> Poll<Option<Result<Bytes, Fault>>> {
        if !self.signals.finished {
            let detail = "the stream ended without a finish";
            return self.break_off(Fault::new(FaultKind::Malformed, Work::Partial, detail));
        }
        if let Some((ledger, attempt)) = self.account.take() {
            let usage = ledger.cost(self.signals.usage, self.signals.tokens);
            ledger.complete(attempt, usage);
        }
        Poll::Ready(None)
    }
}

impl<S: AnswerStream> Stream for CompletionStream<S> {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.account.is_none() {
            return Poll::Ready(None);
        }
        loop {
            if let Some(bytes) = self.chunks.pop_front() {
                if bytes.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(Ok(bytes)));
            }
            match Pin::new(&mut self.stream).poll_next(context) {
                Poll::Ready(Some(Ok(chunk))) => {
                    if let Err(fault) = self.take_in(&chunk) {
                        return self.break_off(fault);
                    }
                    // What is withheld from the caller arrives as an empty chunk.
                    if !chunk.bytes.is_empty() {
                        return Poll::Ready(Some(Ok(chunk.bytes)));
                    }
                }
                Poll::Ready(Some(Err(fault))) => return self.break_off(fault),
                Poll::Ready(None) => return self.end(),
                Poll::Pending => {
                    let Poll::Ready(fault) = self.poll_deadline(context) else { return Poll::Pending };
                    return self.break_off(fault);
                }
            }
        }
    }
}

impl<S> Drop for CompletionStream<S> {
    fn drop(&mut self) {
        if let Some((ledger, attempt)) = self.account.take() {
            let usage = ledger.cost(self.signals.usage, self.signals.tokens);
            ledger.abandoned(attempt, usage);
        }
    }
}

impl<S> fmt::Debug for CompletionStream<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CompletionStream").field("signals", &self.signals).finish_non_exhaustive()
    }
}
