//! What an instance has done, and what that makes of its pool.

use std::{fmt, time::Duration};

use super::{HealthStatus, InstanceSpec};
use crate::name::InstanceId;

/// A snapshot of one instance: its definition, its state and its tally since the process started.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceStatistics {
    /// The instance.
    pub id: InstanceId,
    /// Its definition.
    pub spec: InstanceSpec,
    /// Its health.
    pub health: HealthStatus,
    /// Whether a request could be sent to it now.
    pub available: bool,
    /// Requests it is serving.
    pub in_flight: u32,
    /// Attempts that it answered.
    pub successes: u64,
    /// Attempts that it failed, those included that do not count against it.
    pub failures: u64,
    /// Mean time to the whole answer or the first content, over its successes.
    pub mean_latency: Option<Duration>,
    /// Tokens it read, as reported by it.
    pub input_tokens: u64,
    /// Tokens it generated, as reported by it.
    pub output_tokens: u64,
}

impl InstanceStatistics {
    /// Successes in all attempts, 0 to 1; `None` before the first attempt.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people; 2^53 attempts are out of reach")]
    pub fn success_rate(&self) -> Option<f64> {
        let attempts = self.successes + self.failures;
        (attempts > 0).then(|| self.successes as f64 / attempts as f64)
    }
}

/// What the health of its instances makes of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolStatus {
    /// All instances are usable.
    Active,
    /// Some are.
    Degraded,
    /// So few are that those are asked too that are out for their faults.
    Panic,
    /// None is.
    Inactive,
}

impl PoolStatus {
    /// Judges a pool by how many of its `instances` are `usable`.
    pub fn of(usable: usize, instances: usize) -> Self {
        match usable {
            0 => Self::Inactive,
            some if some < instances => Self::Degraded,
            _ => Self::Active,
        }
    }

    /// The word for wire, logs and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Degraded => "degraded",
            Self::Panic => "panic",
            Self::Inactive => "inactive",
        }
    }
}

impl fmt::Display for PoolStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_judged_by_its_usable_instances() {
        assert_eq!(PoolStatus::of(3, 3), PoolStatus::Active);
        assert_eq!(PoolStatus::of(1, 3), PoolStatus::Degraded);
        assert_eq!(PoolStatus::of(0, 3), PoolStatus::Inactive);
        assert_eq!(PoolStatus::of(0, 0), PoolStatus::Inactive);
    }
}
