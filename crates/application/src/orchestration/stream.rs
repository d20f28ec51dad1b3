//! A streamed answer on its way to the caller.
//!
//! Its chunks are the upstream's bytes. It ends in exactly one of three ways: complete, after a valid finish; with a fault,
//! of which the caller must be told; or dropped by the caller. Each closes the account, and a chunk costs one reading of
//! the clock: no allocation, no lock, no timer. Where a stream that breaks may be rescued, another instance's takes its place.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{AnswerStream, Signals, StreamChunk},
};

use super::{
    ledger::OpenAttempt,
    rescue::{Account, Cut, Rescued, Rescuing},
    watch::{Alarm, StreamDeadlines, Watch},
};

/// What was read of a stream before its first content.
#[derive(Debug)]
pub(super) struct Held<S> {
    pub(super) chunks: VecDeque<Bytes>,
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

/// A streamed answer: bytes to forward, and a [`Fault`] as its last item if it breaks off. Dropping it stops the upstream.
pub struct CompletionStream<S> {
    chunks: VecDeque<Bytes>,
    source: Source<S>,
    signals: Signals,
    watch: Watch,
    /// What is said once the chunks before it are out: the time was over when the last of them came.
    overdue: Option<Fault>,
    /// Open while there is a stream that has not ended, one way or another.
    account: Option<(Account<S>, OpenAttempt)>,
}

/// Where chunks come from.
enum Source<S> {
    Live(S),
    /// The stream broke, and others are asked to go on.
    Rescuing(Rescuing<S>),
    Over,
}

impl<S: AnswerStream> CompletionStream<S> {
    pub(super) fn new(
        (held, deadlines): (Held<S>, StreamDeadlines),
        keep_alive: Option<(Duration, &'static str)>,
        account: (Account<S>, OpenAttempt),
    ) -> Self {
        Self {
            chunks: held.chunks,
            source: Source::Live(held.stream),
            signals: held.signals,
            watch: Watch::new(deadlines, keep_alive),
            overdue: None,
            account: Some(account),
        }
    }

    /// What its bytes are, where they are no events of a protocol: `audio/mpeg`.
    pub fn media_type(&self) -> Option<&str> {
        match &self.source {
            Source::Live(stream) => stream.media_type(),
            Source::Rescuing(_) | Source::Over => None,
        }
    }

    fn take_in(&mut self, chunk: &StreamChunk) {
        self.signals.merge(chunk.signals);
        if chunk.signals == Signals::default() {
            return;
        }
        let in_time = self.watch.content(chunk.signals.tokens.max(u32::from(chunk.signals.content)));
        if !chunk.signals.done {
            self.overdue = in_time.err();
        }
    }

    /// Deals with a stream that broke: asks others to go on where that is allowed, else gives the fault to tell the caller.
    fn break_off(&mut self, mut fault: Fault) -> Option<Fault> {
        fault.work = Work::Partial;
        let source = std::mem::replace(&mut self.source, Source::Over);
        let Some((account, attempt)) = self.account.take() else { return Some(fault) };
        match account {
            Account::Plain(ledger) => {
                let usage = ledger.cost(self.signals.usage, self.signals.tokens);
                ledger.broken_off(attempt, &fault, usage);
                Some(fault)
            }
            Account::Rescuable(rescue) => {
                // Only what the stream said is kept of it: its upstream stops before another one is asked.
                let partial = if let Source::Live(mut stream) = source { stream.take_partial() } else { None };
                let (counted, tokens) = (self.signals.usage, self.signals.tokens);
                let cut = Cut { attempt, fault, counted, tokens, partial };
                self.source = Source::Rescuing(rescue.rescue(cut));
                None
            }
        }
    }

    /// The stream is over: complete, or cut.
    fn end(&mut self) -> Option<Fault> {
        if !self.signals.finished {
            let detail = "the stream ended without a finish";
            return self.break_off(Fault::new(FaultKind::Malformed, Work::Partial, detail));
        }
        self.source = Source::Over;
        if let Some((account, attempt)) = self.account.take() {
            let ledger = account.into_ledger();
            let usage = ledger.cost(self.signals.usage, self.signals.tokens);
            ledger.complete(attempt, usage);
        }
        None
    }

    /// Goes on with another instance's stream.
    fn adopt(&mut self, rescued: Rescued<S>) {
        let Rescued { held, deadlines, account } = rescued;
        self.chunks = held.chunks;
        self.signals = held.signals;
        self.source = Source::Live(held.stream);
        self.watch.turn_to(deadlines);
        self.account = Some(account);
    }

    /// Moves the source on by one step: the next item, empty where there is nothing to show yet.
    fn poll_source(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        let told = match &mut self.source {
            Source::Over => return Poll::Ready(None),
            Source::Live(stream) => match Pin::new(stream).poll_next(context) {
                Poll::Ready(Some(Ok(chunk))) => {
                    self.take_in(&chunk);
                    return Poll::Ready(Some(Ok(chunk.bytes)));
                }
                Poll::Ready(Some(Err(fault))) => self.break_off(fault),
                Poll::Ready(None) => self.end(),
                Poll::Pending => match ready!(self.watch.poll(context)) {
                    Alarm::Quiet(words) => return Poll::Ready(Some(Ok(words))),
                    Alarm::Fault(fault) => self.break_off(fault),
                },
            },
            Source::Rescuing(rescuing) => match rescuing.as_mut().poll(context) {
                Poll::Ready(Ok(rescued)) => {
                    self.adopt(rescued);
                    None
                }
                Poll::Ready(Err(fault)) => {
                    self.source = Source::Over;
                    Some(fault)
                }
                Poll::Pending => return self.watch.poll_quiet(context).map(|words| Some(Ok(words))),
            },
        };
        // Without a fault there is nothing to show yet, like a chunk that is withheld.
        Poll::Ready(Some(told.map_or_else(|| Ok(Bytes::new()), Err)))
    }
}

impl<S: AnswerStream> Stream for CompletionStream<S> {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(bytes) = self.chunks.pop_front() {
                if bytes.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(Ok(bytes)));
            }
            if let Some(fault) = self.overdue.take() {
                if let Some(told) = self.break_off(fault) {
                    return Poll::Ready(Some(Err(told)));
                }
                continue;
            }
            match ready!(self.poll_source(context)) {
                // What is withheld from the caller arrives as an empty chunk.
                Some(Ok(bytes)) if bytes.is_empty() => {}
                item => return Poll::Ready(item),
            }
        }
    }
}

impl<S> Drop for CompletionStream<S> {
    fn drop(&mut self) {
        if let Some((account, attempt)) = self.account.take() {
            let ledger = account.into_ledger();
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
