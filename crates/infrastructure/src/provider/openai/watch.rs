//! What the events of a stream of chat completions, or of completions, mean.
//!
//! Two things are not forwarded as they came: a usage chunk that the caller did not ask for is withheld, and the rest of an answer
//! that broke off elsewhere is told anew.

mod kept;
mod pattern;
mod rest;

use tidegate_domain::{
    fault::Work,
    inference::{Partial, Prefill, Signals},
};

use self::{kept::Kept, pattern::Pattern, rest::Rest};
use super::{faults, wire::Answer};
use crate::provider::{
    sse::Event,
    watched::{Meaning, Watch},
};

const DONE: &[u8] = b"[DONE]";

/// The state of one streamed answer.
#[derive(Debug)]
pub(in crate::provider) struct ChatWatch {
    wants_usage: bool,
    /// How many choices the answer has.
    choices: u32,
    /// The choices that were seen, and those that finished, one bit each.
    seen: u64,
    finished: u64,
    pattern: Pattern,
    /// What was delivered, where somebody may have to go on from there.
    kept: Option<Box<Kept>>,
    /// What went before, if this is the rest of an answer.
    rest: Option<Box<Rest>>,
}

impl ChatWatch {
    /// Watches an answer of so many `choices` for a caller who does, or does not, want the usage chunk.
    pub(in crate::provider) fn new(wants_usage: bool, choices: u32) -> Self {
        Self { wants_usage, choices, seen: 0, finished: 0, pattern: Pattern::default(), kept: None, rest: None }
    }

    /// Keeps what is delivered.
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
    fn has_finished_what_was_seen(&self) -> bool {
        self.seen != 0 && self.seen == self.finished
    }

    fn done(&self, work: Work) -> Meaning {
        if self.has_finished_what_was_seen() {
            return Meaning::Forward(Signals { done: true, ..Signals::default() });
        }
        // Forwarded, it would pass a part off as the whole: callers stop reading here.
        Meaning::malformed(work, "sent its terminal event before every choice had finished")
    }

    fn meaning_of_answer(&mut self, data: &[u8], answer: &Answer) -> Meaning {
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
            return Meaning::Withhold(signals);
        }
        self.tell(data, signals)
    }

    fn tell(&mut self, data: &[u8], signals: Signals) -> Meaning {
        let Some(rest) = &mut self.rest else {
            self.keep(data);
            return Meaning::Forward(signals);
        };
        let Some((text, signals)) = rest.retell(data, signals) else { return Meaning::Withhold(Signals::default()) };
        self.keep(text.as_bytes());
        Meaning::Retell(format!("data: {text}\n\n").into(), signals)
    }

    fn keep(&mut self, data: &[u8]) {
        if let Some(kept) = &mut self.kept {
            kept.note(data);
        }
    }
}

impl Watch for ChatWatch {
    const TERMINAL: &'static [u8] = b"data: [DONE]\n\n";

    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning {
        if &*event.data == DONE {
            return self.done(work);
        }
        match self.pattern.read(&event.data) {
            Ok(answer) if !answer.is_error && !event.is_error => self.meaning_of_answer(&event.data, &answer),
            Err(_) if !event.is_error => Meaning::malformed(work, "sent an event that is no chunk of an answer"),
            Ok(_) | Err(_) => Meaning::Failed(faults::in_band(&event.data, work)),
        }
    }

    /// Whether every choice that was asked for has finished: nothing of the answer is missing, whatever comes next.
    fn is_finished(&self) -> bool {
        self.has_finished_what_was_seen() && self.finished.count_ones() >= self.choices.min(u64::BITS)
    }

    fn is_half(data: &[u8]) -> bool {
        data != DONE && Answer::parse(data).is_err()
    }

    fn take_partial(&mut self) -> Option<Partial> {
        self.kept.as_mut().and_then(|kept| kept.take())
    }
}

#[cfg(test)]
mod tests;
