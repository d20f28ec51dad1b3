//! What an instance has done since the process started.

use std::time::Duration;

use tidegate_domain::{fault::FaultKind, inference::Usage, pool::Histogram};

/// What an instance has done since the process started.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(super) attempts: u64,
    pub(super) successes: u64,
    failures: [u64; FaultKind::ALL.len()],
    /// Failures in a row that count against the instance.
    pub(super) consecutive: u32,
    pub(super) first_content: Histogram,
    pub(super) duration: Histogram,
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
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

    /// What failed, by the fault, as far as it did.
    pub(super) fn failures(&self) -> Vec<(FaultKind, u64)> {
        let failures = FaultKind::ALL.iter().zip(&self.failures).map(|(kind, count)| (*kind, *count));
        failures.filter(|(_, count)| *count > 0).collect()
    }
}
