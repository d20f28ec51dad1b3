//! Watches over a stream that has begun: whether it stalls, is too slow or takes too long, and whether its caller has heard
//! nothing for a while.
//!
//! One timer serves all of it, and is set again only when it runs out: a chunk costs one reading of the clock. What is awaited
//! while a reader keeps the stream waiting counts against nobody.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tidegate_domain::{
    fault::{Fault, Phase},
    resilience::Pace,
    time::after,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// The deadlines of a stream that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamDeadlines {
    /// Between two pieces of content.
    pub(super) idle: Duration,
    /// The end of the attempt, and so of the request at the latest.
    pub(super) total: Instant,
    /// How fast it must be.
    pub(super) pace: Option<Pace>,
}

/// What the watch has to say.
pub(super) enum Alarm {
    /// The stream has failed.
    Fault(Fault),
    /// The caller has heard nothing for a while: this is to be said.
    Quiet(Bytes),
}

/// Watches over a stream.
pub(super) struct Watch {
    deadlines: StreamDeadlines,
    keep_alive: Option<(Duration, &'static str)>,
    last_content: Instant,
    /// When the caller last heard something of the gateway's own.
    last_said: Instant,
    pacing: Pacing,
    timer: Pin<Box<Sleep>>,
}

/// How fast the stream was in the window under way.
#[derive(Debug, Default)]
struct Pacing {
    tokens: u64,
    /// The time spent waiting for the upstream, up to `since`.
    waited: Duration,
    /// Since when the upstream is awaited.
    since: Option<Instant>,
}

/// The moment `wait` after `now`, however long a program says to wait.
pub(super) fn later(now: Instant, wait: Duration) -> Instant {
    Instant::from_std(after(now.into_std(), wait))
}

impl Watch {
    pub(super) fn new(deadlines: StreamDeadlines, keep_alive: Option<(Duration, &'static str)>) -> Self {
        let now = Instant::now();
        let mut watch = Self {
            deadlines,
            keep_alive,
            last_content: now,
            last_said: now,
            pacing: Pacing::default(),
            timer: Box::pin(sleep_until(now)),
        };
        watch.rearm();
        watch
    }

    /// Watches over another stream, which has just begun, from now on.
    pub(super) fn turn_to(&mut self, deadlines: StreamDeadlines) {
        self.deadlines = deadlines;
        self.last_content = Instant::now();
        self.pacing = Pacing::default();
        self.rearm();
    }

    /// Takes note of content; an error if the time of the attempt is over.
    pub(super) fn content(&mut self, tokens: u32) -> Result<(), Fault> {
        let now = Instant::now();
        self.last_content = now;
        if self.deadlines.pace.is_some() {
            self.pacing.content(now, tokens);
        }
        if now >= self.deadlines.total { Err(Fault::timed_out(Phase::Total)) } else { Ok(()) }
    }

    /// Whether there is something to say while the upstream is awaited; otherwise wakes the task when there is.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Alarm> {
        if self.deadlines.pace.is_some() && self.pacing.since.is_none() {
            self.pacing.since = Some(Instant::now());
            // The end of a window may be nearer than what the timer was set for.
            let next = self.next();
            if next < self.timer.deadline() {
                self.timer.as_mut().reset(next);
            }
        }
        while self.timer.as_mut().poll(context).is_ready() {
            let alarm = self.stream_alarm(Instant::now());
            let next = self.next();
            self.timer.as_mut().reset(next);
            if let Some(alarm) = alarm {
                return Poll::Ready(alarm);
            }
        }
        Poll::Pending
    }

    /// What to say, if anything, while there is no stream to watch over.
    pub(super) fn poll_quiet(&mut self, context: &mut Context<'_>) -> Poll<Bytes> {
        let Some(quiet) = self.quiet() else { return Poll::Pending };
        if self.timer.deadline() != quiet {
            self.timer.as_mut().reset(quiet);
        }
        ready!(self.timer.as_mut().poll(context));
        self.quiet_words(Instant::now()).map_or(Poll::Pending, Poll::Ready)
    }

    fn stream_alarm(&mut self, now: Instant) -> Option<Alarm> {
        let StreamDeadlines { total, pace, .. } = self.deadlines;
        let idle = self.idle();
        if now >= idle.min(total) {
            let phase = if idle <= total { Phase::Idle } else { Phase::Total };
            return Some(Alarm::Fault(Fault::timed_out(phase)));
        }
        if pace.is_some_and(|pace| self.pacing.is_missed(now, pace)) {
            return Some(Alarm::Fault(Fault::timed_out(Phase::Pace)));
        }
        self.quiet_words(now).map(Alarm::Quiet)
    }

    fn quiet_words(&mut self, now: Instant) -> Option<Bytes> {
        let (_, words) = self.keep_alive.filter(|_| self.quiet().is_some_and(|quiet| now >= quiet))?;
        self.last_said = now;
        Some(Bytes::from_static(words.as_bytes()))
    }

    fn idle(&self) -> Instant {
        later(self.last_content, self.deadlines.idle)
    }

    /// When the caller has heard nothing for long enough.
    fn quiet(&self) -> Option<Instant> {
        self.keep_alive.map(|(silence, _)| later(self.last_content.max(self.last_said), silence))
    }

    /// The next moment at which there may be something to say.
    fn next(&self) -> Instant {
        let window = self.deadlines.pace.and_then(|pace| self.pacing.window_ends(pace));
        let moments = [Some(self.deadlines.total), self.quiet(), window];
        moments.into_iter().flatten().fold(self.idle(), Instant::min)
    }

    fn rearm(&mut self) {
        let next = self.next();
        self.timer.as_mut().reset(next);
    }
}

impl Pacing {
    fn content(&mut self, now: Instant, tokens: u32) {
        self.tokens += u64::from(tokens);
        if let Some(since) = self.since.take() {
            self.waited += now - since;
        }
    }

    /// Whether the window under way is over and was too slow; begins the next one if it is over.
    fn is_missed(&mut self, now: Instant, pace: Pace) -> bool {
        let waited = self.waited + self.since.map_or(Duration::ZERO, |since| now - since);
        if waited < pace.window {
            return false;
        }
        let tokens = std::mem::take(&mut self.tokens);
        self.waited = Duration::ZERO;
        self.since = self.since.map(|_| now);
        pace.is_missed(tokens, waited)
    }

    fn window_ends(&self, pace: Pace) -> Option<Instant> {
        self.since.map(|since| later(since, pace.window.saturating_sub(self.waited)))
    }
}
