//! A simulated answer, token by token.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{AnswerStream, Signals, StreamChunk},
};
use tokio::time::Sleep;

use super::speech::Speech;
use crate::provider::{SimulatedFailure, SimulatedSettings};

/// The stream of a simulated answer.
#[derive(Debug)]
pub struct SimulatedStream {
    speech: Speech,
    interval: Duration,
    /// The failure, and the token in whose place it shows.
    failure: Option<(SimulatedFailure, u32)>,
    next: Next,
    pause: Pin<Box<Sleep>>,
}

/// What comes next.
#[derive(Debug, Clone, Copy)]
enum Next {
    Opening,
    Token(u32),
    Nothing,
}

impl SimulatedStream {
    pub(super) fn new(speech: Speech, settings: &SimulatedSettings, failure: Option<SimulatedFailure>) -> Self {
        let midway = speech.output_tokens() / 2;
        Self {
            speech,
            interval: settings.token_interval,
            failure: failure.map(|failure| (failure, midway)),
            next: Next::Opening,
            pause: Box::pin(tokio::time::sleep(settings.latency)),
        }
    }

    /// The events that are due, and what follows them.
    fn due(&mut self) -> StreamChunk {
        let Next::Token(at) = self.next else {
            self.next = Next::Token(0);
            return chunk(self.speech.opening(), Signals::default());
        };
        let Some(token) = self.speech.token(at) else {
            self.next = Next::Nothing;
            let usage = Some(self.speech.usage());
            return chunk(self.speech.ending(), Signals { finished: true, done: true, usage, ..Signals::default() });
        };
        self.next = Next::Token(at + 1);
        let due = self.pause.deadline() + self.interval;
        self.pause.as_mut().reset(due);
        chunk(token, Signals { content: true, ..Signals::default() })
    }

    /// The failure, if this is its place. `Pending` is the failure to go on.
    fn failure(&mut self) -> Option<Poll<Fault>> {
        let (Next::Token(at), Some((failure, place))) = (self.next, self.failure) else { return None };
        if at < place {
            return None;
        }
        let detail = match failure {
            SimulatedFailure::Stall | SimulatedFailure::Hang => return Some(Poll::Pending),
            SimulatedFailure::Malformed => "sent an event that is no chunk of an answer",
            SimulatedFailure::Cut | SimulatedFailure::Status(_) => "the stream ended without its terminal event",
        };
        self.next = Next::Nothing;
        let work = if at == 0 { Work::Ambiguous } else { Work::Partial };
        Some(Poll::Ready(Fault::new(FaultKind::Malformed, work, detail)))
    }
}

impl AnswerStream for SimulatedStream {}

impl Stream for SimulatedStream {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if matches!(this.next, Next::Nothing) {
            return Poll::Ready(None);
        }
        ready!(this.pause.as_mut().poll(context));
        match this.failure() {
            Some(failed) => failed.map(|fault| Some(Err(fault))),
            None => Poll::Ready(Some(Ok(this.due()))),
        }
    }
}

fn chunk(events: String, signals: Signals) -> StreamChunk {
    StreamChunk { bytes: events.into(), signals }
}
