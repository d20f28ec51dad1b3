//! What an instance has done since the process started.

use std::time::Duration;

use tidegate_domain::{
    fault::FaultKind,
    inference::Usage,
    pool::{Histogram, LatencySummary},
};

/// What an instance has done since the process started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    attempts: u64,
    successes: u64,
    failures: [u64; FaultKind::ALL.len()],
    /// Failures in a row that count against the instance.
    consecutive: u32,
    first_content: Histogram,
    duration: Histogram,
    input_tokens: u64,
    output_tokens: u64,
}

/// What a tally says.
#[derive(Debug)]
pub(crate) struct Tallied {
    pub(crate) attempts: u64,
    pub(crate) successes: u64,
    pub(crate) failures: Vec<(FaultKind, u64)>,
    pub(crate) consecutive_faults: u32,
    pub(crate) first_content: Option<LatencySummary>,
    pub(crate) duration: Option<LatencySummary>,
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
}

impl Tally {
    pub(super) fn attempt(&mut self) {
        self.attempts += 1;
    }

    /// An answer is complete: how long it took, and how long its first content did.
    pub(super) fn success(&mut self, first_content: Duration, duration: Duration) {
        self.successes += 1;
        self.consecutive = 0;
        self.first_content.observe(first_content);
        self.duration.observe(duration);
    }

    pub(super) fn failure(&mut self, kind: FaultKind, counts: bool) {
        self.failures[kind.index()] += 1;
        if counts {
            self.consecutive = self.consecutive.saturating_add(1);
        }
    }

    pub(super) fn tokens(&mut self, usage: Usage) {
        self.input_tokens += usage.input_tokens;
        self.output_tokens += usage.output_tokens;
    }

    /// What it says now.
    pub(super) fn read(&self) -> Tallied {
        let failures = FaultKind::ALL.iter().zip(&self.failures).map(|(kind, count)| (*kind, *count));
        Tallied {
            attempts: self.attempts,
            successes: self.successes,
            failures: failures.filter(|(_, count)| *count > 0).collect(),
            consecutive_faults: self.consecutive,
            first_content: self.first_content.summary(),
            duration: self.duration.summary(),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
        }
    }
}
