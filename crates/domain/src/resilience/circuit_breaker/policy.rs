//! When a circuit opens and closes.

use std::{num::NonZeroU32, time::Duration};

/// When a circuit opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// Consecutive counted faults until it opens.
    pub failure_threshold: NonZeroU32,
    /// The failure rate at which it opens, too; if absent, only consecutive faults open it.
    pub failure_rate: Option<Rate>,
    /// The rate of slow calls at which it opens, too; if absent, slowness does not open it.
    pub slow_calls: Option<SlowCalls>,
    /// The longest that it stays open the first time; doubled with every relapse.
    pub recovery_time: Duration,
    /// The longest that it ever stays open.
    pub max_recovery_time: Duration,
    /// Probes at a time while half-open.
    pub half_open_requests: NonZeroU32,
    /// Successful probes until it closes.
    pub success_threshold: NonZeroU32,
    /// A probe that is out for longer no longer holds its place. What it brings later still counts.
    pub probe_lease: Duration,
}

/// How many in a hundred outcomes open a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In a hundred outcomes.
    pub percent: NonZeroU32,
    /// The fewest outcomes that make a rate.
    pub minimum: NonZeroU32,
    /// How far back outcomes count.
    pub window: Duration,
}

/// How slow is too slow, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowCalls {
    /// How many may be slow.
    pub rate: Rate,
    /// A call is slow if its whole answer, or the first content of a stream, takes longer.
    pub longer_than: Duration,
}

/// An operator's word on a circuit: it holds until it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerOverride {
    /// Nothing passes.
    Open,
    /// Everything passes, whatever comes of it.
    Closed,
}

impl SlowCalls {
    /// What is slow where nobody says.
    pub const LONGER_THAN: Duration = Duration::from_mins(1);
}

impl Default for Rate {
    fn default() -> Self {
        Self {
            percent: NonZeroU32::new(50).unwrap_or(NonZeroU32::MIN),
            minimum: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
            window: Duration::from_mins(1),
        }
    }
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            failure_threshold: NonZeroU32::new(5).unwrap_or(NonZeroU32::MIN),
            failure_rate: Some(Rate::default()),
            slow_calls: None,
            recovery_time: Duration::from_mins(1),
            max_recovery_time: Duration::from_mins(5),
            half_open_requests: NonZeroU32::MIN,
            success_threshold: NonZeroU32::MIN,
            probe_lease: Duration::from_mins(1),
        }
    }
}

impl BreakerPolicy {
    /// The longest first open time of an instance that has no neighbour.
    const ALONE: Duration = Duration::from_secs(5);

    /// The same for an instance that has no neighbour: it is probed early, since an open circuit there helps nobody but the
    /// upstream. Source: Finagle, whose fail-fast is off for clusters of one.
    #[must_use]
    pub fn for_only_instance(self) -> Self {
        Self { recovery_time: self.recovery_time.min(Self::ALONE), ..self }
    }
}
