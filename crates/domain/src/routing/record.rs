//! What is kept of a request once it is over.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Trace;
use crate::{
    inference::{RequestId, Usage},
    observe::Outcome,
};

/// A request, and once it is over all of it: what was decided for it, and what came of it.
#[derive(Debug, Clone)]
pub struct RequestRecord {
    /// What was decided.
    pub trace: Trace,
    /// How it ended.
    pub outcome: Outcome,
    /// What it cost, as far as it is known.
    pub usage: Option<Usage>,
    /// When it came in, by the wall.
    pub received: SystemTime,
    /// When it came in: what the moments of its trace are counted from.
    pub opened: Instant,
    /// How long it took, streaming included.
    pub took: Duration,
}

/// What requests are found and listed by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSummary {
    /// The request.
    pub id: RequestId,
    /// When it came in, in milliseconds since 1970.
    pub received_ms: u64,
    /// Where it was sent, in the explicit form.
    pub target: String,
    /// The word for how it ended.
    pub outcome: String,
    /// The fault that it ended with, if any.
    pub fault: Option<String>,
    /// The instance that was asked last, if any was.
    pub instance: Option<String>,
    /// Attempts made.
    pub attempts: u32,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl RequestRecord {
    /// A request that has just come in. It counts as abandoned until something comes of it.
    pub fn new(trace: Trace, (received, opened): (SystemTime, Instant)) -> Self {
        Self { trace, outcome: Outcome::Abandoned, usage: None, received, opened, took: Duration::ZERO }
    }

    /// What it is found and listed by.
    pub fn summary(&self) -> RequestSummary {
        let attempts = &self.trace.attempts;
        RequestSummary {
            id: self.trace.request_id.clone(),
            received_ms: millis(self.received.duration_since(UNIX_EPOCH).unwrap_or_default()),
            target: self.trace.target.to_string(),
            outcome: self.outcome.as_str().to_owned(),
            fault: self.outcome.fault().map(|fault| fault.as_str().to_owned()),
            instance: attempts.last().map(|attempt| attempt.instance.to_string()),
            attempts: u32::try_from(attempts.len()).unwrap_or(u32::MAX),
            took_ms: millis(self.took),
        }
    }

    /// Whether nothing about it is out of the ordinary: it was answered in full, at the first attempt.
    pub fn is_ordinary(&self) -> bool {
        self.outcome == Outcome::Completed && self.trace.attempts.len() == 1
    }
}

pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Which requests are asked for; what is absent does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestQuery {
    /// Those that were sent there, in the explicit form.
    pub target: Option<String>,
    /// Those that ended so.
    pub outcome: Option<String>,
    /// Those that ended with that fault.
    pub fault: Option<String>,
    /// Those that asked that instance last.
    pub instance: Option<String>,
    /// Those with at least so many attempts.
    pub min_attempts: u32,
    /// Those that came in before that moment, in milliseconds since 1970.
    pub before_ms: Option<u64>,
    /// The most that are listed.
    pub limit: u32,
}

impl RequestQuery {
    /// Whether a request is asked for.
    pub fn matches(&self, summary: &RequestSummary) -> bool {
        let Self { target, outcome, fault, instance, min_attempts, before_ms, limit: _ } = self;
        let is = |wanted: &Option<String>, actual: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| actual.is_some_and(|actual| actual == wanted))
        };
        is(target, Some(&summary.target))
            && is(outcome, Some(&summary.outcome))
            && is(fault, summary.fault.as_ref())
            && is(instance, summary.instance.as_ref())
            && summary.attempts >= *min_attempts
            && before_ms.is_none_or(|before| summary.received_ms < before)
    }
}
