//! What an instance has done since the process started: counters that nobody waits for.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use tidegate_domain::{
    fault::FaultKind,
    inference::Usage,
    pool::{Histogram, LatencySummary},
};

/// What an instance has done since the process started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    attempts: AtomicU64,
    successes: AtomicU64,
    failures: [AtomicU64; FaultKind::ALL.len()],
    /// Failures in a row that count against the instance.
    consecutive: AtomicU32,
    first_content: Histogram,
    duration: Histogram,
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
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
    pub(super) fn attempt(&self) {
        self.attempts.fetch_add(1, Relaxed);
    }

    /// An answer is complete: how long it took, and how long its first content did.
    pub(super) fn success(&self, first_content: Duration, duration: Duration) {
        self.successes.fetch_add(1, Relaxed);
        self.consecutive.store(0, Relaxed);
        self.first_content.observe(first_content);
        self.duration.observe(duration);
    }

    pub(super) fn failure(&self, kind: FaultKind, counts: bool) {
        self.failures[kind.index()].fetch_add(1, Relaxed);
        if counts {
            self.consecutive.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn tokens(&self, usage: Usage) {
        self.input_tokens.fetch_add(usage.input_tokens, Relaxed);
        self.output_tokens.fetch_add(usage.output_tokens, Relaxed);
    }

    /// What it says now.
    pub(super) fn read(&self) -> Tallied {
        let failures = FaultKind::ALL.iter().zip(&self.failures).map(|(kind, count)| (*kind, count.load(Relaxed)));
        Tallied {
            attempts: self.attempts.load(Relaxed),
            successes: self.successes.load(Relaxed),
            failures: failures.filter(|(_, count)| *count > 0).collect(),
            consecutive_faults: self.consecutive.load(Relaxed),
            first_content: self.first_content.summary(),
            duration: self.duration.summary(),
            input_tokens: self.input_tokens.load(Relaxed),
            output_tokens: self.output_tokens.load(Relaxed),
        }
    }
}
