//! Reads a streamed answer: bytes in, classified chunks out.
//!
//! Pure, so that every cut of every recorded stream can be tested. A chunk holds all whole events of one network read, as
//! they came. Three things are not forwarded as they came: a usage chunk that the caller did not ask for is withheld, an
//! error event becomes a [`Fault`], and a stream that finished without its terminal event gets one.

mod kept;
mod rest;

use bytes::{Buf, Bytes};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Partial, Prefill, Signals, StreamChunk},
};

use self::{kept::Kept, rest::Rest};
use super::{faults, wire::Answer};
use crate::provider::{
    network_stream::ReadAnswer,
    sse::{Event, EventBlocks, EventTooLong, first_event},
};

const DONE_EVENT: &[u8] = b"data: [DONE]\n\n";

/// The state of one streamed answer.
#[derive(Debug)]
pub(in crate::provider) struct AnswerReader {
    wants_usage: bool,
    /// How many choices the answer has.
    choices: u32,
    blocks: EventBlocks,
    block: Bytes,
    /// What withheld events meant; it goes out with the next chunk.
    withheld: Signals,
    seen: u64,
    finished: u64,
    delivered: bool,
    over: bool,
    /// What was delivered, where somebody may have to go on from there.
    kept: Option<Box<Kept>>,
    /// What went before, if this is the rest of an answer.
    rest: Option<Box<Rest>>,
}

/// What one event is to the caller.
enum Meaning {
    Forward(Signals),
    Withhold(Signals),
    Done,
    Failed(Fault),
}

impl AnswerReader {
    /// Reads an answer of so many `choices` for a caller who does, or does not, want the usage chunk.
    pub(in crate::provider) fn new(wants_usage: bool, choices: u32) -> Self {
        Self {
            wants_usage,
            choices,
            blocks: EventBlocks::default(),
            block: Bytes::new(),
            withheld: Signals::default(),
            seen: 0,
            finished: 0,
            delivered: false,
            over: false,
            kept: None,
            rest: None,
        }
    }

    /// Keeps what it delivers.
    pub(in crate::provider) fn keeping(mut self) -> Self {
        self.kept = Some(Box::new(Kept::after(Partial::default())));
        self
    }

    /// Tells the rest of an answer whose beginning is `partial`, and keeps both.
    pub(in crate::provider) fn going_on(mut self, partial: &Partial, prefill: Prefill) -> Self {
        self.rest = Some(Box::new(Rest::after(partial, prefill)));
        self.kept = Some(Box::new(Kept::after(partial.clone())));
        self
    }

    /// Whether every choice that was seen has finished: nothing of the answer is missing if the upstream says so too. Not
    /// every upstream knows of more choices than one.
    fn is_finished(&self) -> bool {
        self.seen != 0 && self.seen == self.finished
    }

    /// The next event of the rest of an answer, told anew.
    fn next_of_rest(&mut self) -> Option<Result<StreamChunk, Fault>> {
        while !self.block.is_empty() {
            let length = first_event(&self.block);
            let meaning = self.meaning(0, length);
            let event = self.block.split_to(length);
            match meaning {
                Meaning::Forward(signals) => {
                    let retold = self.rest.as_mut().and_then(|rest| rest.retell(&event, signals));
                    let Some((bytes, mut signals)) = retold else { continue };
                    if let Some(kept) = &mut self.kept {
                        kept.note(&bytes);
                    }
                    signals.merge(std::mem::take(&mut self.withheld));
                    self.delivered |= signals.content;
                    return Some(Ok(StreamChunk { bytes, signals }));
                }
                Meaning::Withhold(signals) => self.withheld.merge(signals),
                Meaning::Done => {
                    self.over = true;
                    let signals = Signals { done: true, ..std::mem::take(&mut self.withheld) };
                    return Some(Ok(StreamChunk { bytes: event, signals }));
                }
                Meaning::Failed(fault) => {
                    self.over = true;
                    return Some(Err(fault));
                }
            }
        }
        None
    }

    /// Ends the stream with what is no answer.
    fn end(&mut self, detail: &'static str) -> Fault {
        self.over = true;
        Fault::new(FaultKind::Malformed, self.work(), detail)
    }

    /// Whether `data` is half an event.
    fn is_half(data: &[u8]) -> bool {
        data != b"[DONE]" && Answer::parse(data).is_err()
    }

    fn take(&mut self, length: usize, signals: Signals) -> StreamChunk {
        self.withheld = Signals::default();
        self.delivered |= signals.content;
        StreamChunk { bytes: self.block.split_to(length), signals }
    }

    fn meaning(&mut self, start: usize, length: usize) -> Meaning {
        let event = Event::parse(&self.block[start..start + length]);
        if event.data.is_empty() {
            return Meaning::Forward(Signals::default());
        }
        let work = self.work();
        if &*event.data == b"[DONE]" {
            if self.is_finished() {
                return Meaning::Done;
            }
            // Forwarded, it would pass a part off as the whole: callers stop reading here.
            let detail = "sent its terminal event before every choice had finished";
            return Meaning::Failed(Fault::new(FaultKind::Malformed, work, detail));
        }
        match Answer::parse(&event.data) {
            Ok(answer) if answer.is_error || event.is_error => Meaning::Failed(faults::in_band(&event.data, work)),
            Ok(answer) => self.meaning_of_answer(&answer),
            Err(_) if event.is_error => Meaning::Failed(faults::in_band(&event.data, work)),
            Err(_) => {
                Meaning::Failed(Fault::new(FaultKind::Malformed, work, "sent an event that is no chunk of an answer"))
            }
        }
    }

    fn meaning_of_answer(&mut self, answer: &Answer) -> Meaning {
        let Answer { choices, usage, is_error: _ } = *answer;
        self.seen |= choices.seen;
        self.finished |= choices.finished;
        let signals = Signals {
            content: choices.content,
            finished: choices.finished != 0,
            done: false,
            usage,
            tokens: choices.tokens,
        };
        if usage.is_some() && choices.seen == 0 && !self.wants_usage {
            Meaning::Withhold(signals)
        } else {
            Meaning::Forward(signals)
        }
    }
}

impl ReadAnswer for AnswerReader {
    fn push(&mut self, read: Bytes) -> Result<(), Fault> {
        match self.blocks.push(read) {
            Ok(block) => self.block = block,
            Err(EventTooLong) => return Err(self.end("sent an event of more than 1 MiB")),
        }
        Ok(())
    }

    fn next(&mut self) -> Option<Result<StreamChunk, Fault>> {
        if self.rest.is_some() {
            return self.next_of_rest();
        }
        let mut run = 0;
        let mut signals = self.withheld;
        while run < self.block.len() {
            let length = first_event(&self.block[run..]);
            match self.meaning(run, length) {
                Meaning::Forward(next) => {
                    signals.merge(next);
                    if let Some(kept) = &mut self.kept {
                        kept.note(&self.block[run..run + length]);
                    }
                }
                Meaning::Done => {
                    self.over = true;
                    signals.done = true;
                    return Some(Ok(self.take(run + length, signals)));
                }
                // What came before goes out first; the event is then read again as the first of its block.
                Meaning::Withhold(_) | Meaning::Failed(_) if run > 0 => break,
                Meaning::Withhold(next) => {
                    self.block.advance(length);
                    self.withheld.merge(next);
                    signals.merge(next);
                    continue;
                }
                Meaning::Failed(fault) => {
                    self.over = true;
                    return Some(Err(fault));
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
        self.block = self.blocks.close(Self::is_half).unwrap_or_default();
        if let Some(item) = self.next() {
            return Some(item);
        }
        if !self.is_complete() {
            return Some(Err(self.end("the stream ended without its terminal event")));
        }
        self.over = true;
        let signals = Signals { done: true, ..self.withheld };
        Some(Ok(StreamChunk { bytes: Bytes::from_static(DONE_EVENT), signals }))
    }

    fn give_up(&mut self) {
        self.over = true;
    }

    fn is_over(&self) -> bool {
        self.over
    }

    /// Whether every choice that was asked for has finished: nothing of the answer is missing, whatever comes next.
    fn is_complete(&self) -> bool {
        self.is_finished() && self.finished.count_ones() >= self.choices.min(u64::BITS)
    }

    fn work(&self) -> Work {
        if self.delivered { Work::Partial } else { Work::Ambiguous }
    }

    fn take_partial(&mut self) -> Option<Partial> {
        self.kept.as_mut().and_then(|kept| kept.take())
    }
}

#[cfg(test)]
mod tests;
