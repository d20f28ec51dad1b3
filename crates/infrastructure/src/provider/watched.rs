//! Reads a stream that is forwarded as it came, event by event, and says what each event means.
//!
//! What an event means is its dialect's business and the part of a [`Watch`]; that nothing is forwarded that is no whole event,
//! and that a stream without its terminal event is no whole answer, holds for every dialect and stands here.

use bytes::{Buf, Bytes};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Signals, StreamChunk},
};

use super::{
    network_stream::ReadAnswer,
    sse::{Event, EventBlocks, EventTooLong, first_event},
};

/// Understands the events of one dialect.
pub(super) trait Watch: Unpin {
    /// What the terminal event is, for a stream that finished without one.
    const TERMINAL: &'static [u8];

    /// What the data of an event mean.
    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning;

    /// Whether nothing of the answer is missing.
    fn is_finished(&self) -> bool;

    /// Whether `data` is half an event.
    fn is_half(data: &[u8]) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(data).is_err()
    }
}

/// What one event is to the caller.
#[derive(Debug)]
pub(super) enum Meaning {
    /// It is forwarded. If it is the terminal one, nothing follows.
    Forward(Signals),
    /// The answer failed.
    Failed(Fault),
}

impl Meaning {
    /// An event that is none of the dialect.
    pub(super) fn malformed(work: Work, detail: &'static str) -> Self {
        Self::Failed(Fault::new(FaultKind::Malformed, work, detail))
    }
}

/// The state of one streamed answer.
#[derive(Debug)]
pub(super) struct WatchedReader<W> {
    watch: W,
    blocks: EventBlocks,
    block: Bytes,
    delivered: bool,
    over: bool,
}

impl<W: Watch> WatchedReader<W> {
    pub(super) fn new(watch: W) -> Self {
        Self { watch, blocks: EventBlocks::default(), block: Bytes::new(), delivered: false, over: false }
    }

    fn end(&mut self, detail: &'static str) -> Fault {
        self.over = true;
        Fault::new(FaultKind::Malformed, self.work(), detail)
    }

    fn take(&mut self, length: usize, signals: Signals) -> StreamChunk {
        self.delivered |= signals.content;
        self.over |= signals.done;
        let bytes = self.block.split_to(length);
        if self.over {
            self.block.advance(self.block.len());
        }
        StreamChunk { bytes, signals }
    }
}

impl<W: Watch> ReadAnswer for WatchedReader<W> {
    fn push(&mut self, read: Bytes) -> Result<(), Fault> {
        match self.blocks.push(read) {
            Ok(block) => self.block = block,
            Err(EventTooLong) => return Err(self.end("sent an event of more than 1 MiB")),
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Result<StreamChunk, Fault>> {
        let (mut run, mut signals) = (0, Signals::default());
        while run < self.block.len() && !signals.done {
            let length = first_event(&self.block[run..]);
            let event = Event::parse(&self.block[run..run + length]);
            if !event.data.is_empty() {
                match self.watch.meaning(&event, self.work()) {
                    Meaning::Forward(next) => signals.merge(next),
                    // What came before goes out first; the event is then read again as the first of its block.
                    Meaning::Failed(_) if run > 0 => break,
                    Meaning::Failed(fault) => {
                        self.over = true;
                        return Some(Err(fault));
                    }
                }
            }
            run += length;
        }
        (run > 0).then(|| Ok(self.take(run, signals)))
    }

    fn end_of_stream(&mut self) -> Option<Result<StreamChunk, Fault>> {
        if self.over {
            return None;
        }
        self.block = self.blocks.close(W::is_half).unwrap_or_default();
        if let Some(item) = self.next() {
            return Some(item);
        }
        if !self.is_complete() {
            return Some(Err(self.end("the stream ended without its terminal event")));
        }
        self.over = true;
        let signals = Signals { done: true, ..Signals::default() };
        Some(Ok(StreamChunk { bytes: Bytes::from_static(W::TERMINAL), signals }))
    }

    fn give_up(&mut self) {
        self.over = true;
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn is_complete(&self) -> bool {
        self.watch.is_finished()
    }

    fn work(&self) -> Work {
        if self.delivered { Work::Partial } else { Work::Ambiguous }
    }
}
