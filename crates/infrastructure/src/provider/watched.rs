//! Reads a stream event by event, and says what each event means.
//!
//! What an event means is its dialect's business and the part of a [`Watch`]; that nothing is forwarded that is no whole event,
//! and that a stream without its terminal event is no whole answer, holds for every dialect and stands here. Pure: bytes in,
//! classified chunks out, so that every cut of a recorded stream can be tested. A chunk holds all whole events of one network
//! read, as they came; what is withheld or retold is left out of it and begins the next one.

use bytes::{Buf, Bytes};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Partial, Signals, StreamChunk},
};

use super::{
    network_stream::ReadAnswer,
    sse::{Event, EventBlocks, EventTooLong, first_event},
};

/// Understands the events of one dialect.
pub(super) trait Watch: Unpin {
    /// What the terminal event is, for a stream that finished without one.
    const TERMINAL: &'static [u8];

    /// The longest event, in bytes.
    const MAX_EVENT_BYTES: usize = 1024 * 1024;

    /// What the data of an event mean. Each event is asked about once.
    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning;

    /// Whether nothing of the answer is missing.
    fn is_finished(&self) -> bool;

    /// Whether `data` is half an event.
    fn is_half(data: &[u8]) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(data).is_err()
    }

    /// What was delivered, if it was kept and somebody can go on from there.
    fn take_partial(&mut self) -> Option<Partial> {
        None
    }
}

/// What one event is to the caller.
#[derive(Debug)]
pub(super) enum Meaning {
    /// It is forwarded. If it is the terminal one, nothing follows.
    Forward(Signals),
    /// It is not for the caller; what it means goes out with what follows.
    Withhold(Signals),
    /// The caller gets these bytes in its place.
    Retell(Bytes, Signals),
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
    /// The first event of the block, if it has been read already: its length and what it means.
    read: Option<(usize, Meaning)>,
    /// What withheld events meant; it goes out with the next chunk.
    withheld: Signals,
    delivered: bool,
    over: bool,
}

impl<W: Watch> WatchedReader<W> {
    pub(super) fn new(watch: W) -> Self {
        Self {
            watch,
            blocks: EventBlocks::default(),
            block: Bytes::new(),
            read: None,
            withheld: Signals::default(),
            delivered: false,
            over: false,
        }
    }

    fn end(&mut self, detail: &'static str) -> Fault {
        self.over = true;
        Fault::new(FaultKind::Malformed, self.work(), detail)
    }

    /// Reads the event that starts at `start` of the block; `delivered` says whether content came before it.
    fn read(&mut self, start: usize, delivered: bool) -> (usize, Meaning) {
        let length = first_event(&self.block[start..]);
        let event = Event::parse(&self.block[start..start + length]);
        if event.data.is_empty() {
            return (length, Meaning::Forward(Signals::default()));
        }
        (length, self.watch.meaning(&event, work(delivered)))
    }

    fn chunk(&mut self, bytes: Bytes, signals: Signals) -> StreamChunk {
        self.delivered |= signals.content;
        self.over |= signals.done;
        if self.over {
            self.block.clear();
        }
        StreamChunk { bytes, signals }
    }
}

fn work(delivered: bool) -> Work {
    if delivered { Work::Partial } else { Work::Ambiguous }
}

impl<W: Watch> ReadAnswer for WatchedReader<W> {
    fn push(&mut self, read: Bytes) -> Result<(), Fault> {
        match self.blocks.push(read, W::MAX_EVENT_BYTES) {
            Ok(block) => self.block = block,
            Err(EventTooLong) => return Err(self.end("sent an event that is too long")),
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Result<StreamChunk, Fault>> {
        let (mut run, mut signals) = (0, std::mem::take(&mut self.withheld));
        while run < self.block.len() && !signals.done {
            let delivered = self.delivered || signals.content;
            let (length, meaning) = self.read.take().unwrap_or_else(|| self.read(run, delivered));
            match meaning {
                Meaning::Forward(next) => {
                    signals.merge(next);
                    run += length;
                }
                // What came before goes out first.
                other if run > 0 => {
                    self.read = Some((length, other));
                    break;
                }
                Meaning::Withhold(next) => {
                    self.block.advance(length);
                    signals.merge(next);
                }
                Meaning::Retell(bytes, next) => {
                    self.block.advance(length);
                    signals.merge(next);
                    return Some(Ok(self.chunk(bytes, signals)));
                }
                Meaning::Failed(fault) => {
                    self.over = true;
                    return Some(Err(fault));
                }
            }
        }
        if run == 0 {
            self.withheld = signals;
            return None;
        }
        let bytes = self.block.split_to(run);
        Some(Ok(self.chunk(bytes, signals)))
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
        let signals = Signals { done: true, ..self.withheld };
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
        work(self.delivered)
    }

    fn take_partial(&mut self) -> Option<Partial> {
        self.watch.take_partial()
    }
}
