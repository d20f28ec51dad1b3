//! What an instance has done, and what that makes of its pool.

use std::{fmt, time::Instant};

use super::{HealthStatus, InstanceSpec, LatencySummary};
use crate::{
    fault::FaultKind,
    name::InstanceId,
    resilience::{BreakerOverride, BreakerState},
    task_group::Exclusion,
};

/// A snapshot of one instance: its definition, its state and its tally since the process started.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceStatistics {
    /// The instance, within its pool or tier.
    pub id: InstanceId,
    /// The instance within the whole gateway, as in logs and metrics.
    pub label: InstanceId,
    /// Its definition.
    pub spec: InstanceSpec,
    /// Its health.
    pub health: HealthStatus,
    /// Its circuit.
    pub breaker: BreakerState,
    /// The operator's word that holds its circuit, if one does.
    pub held: Option<BreakerOverride>,
    /// The last changes of its circuit, oldest first.
    pub timeline: Vec<(Instant, BreakerState)>,
    /// Whether a request could be sent to it now.
    pub available: bool,
    /// Why none would be; `None` if one could.
    pub exclusion: Option<Exclusion>,
    /// Requests it is serving.
    pub in_flight: u32,
    /// The most that it is sent at once now; `None` if that is not limited.
    pub concurrency_limit: Option<u32>,
    /// Attempts that were sent to it. What neither succeeded nor failed and is not in flight was abandoned by its caller.
    pub attempts: u64,
    /// Attempts that it answered.
    pub successes: u64,
    /// Attempts that it failed, those included that do not count against it.
    pub failures: u64,
    /// The same by kind, without those that never happened.
    pub failures_by_kind: Vec<(FaultKind, u64)>,
    /// Failures in a row, up to now, that count against it.
    pub consecutive_faults: u32,
    /// The last failure.
    pub last_fault: Option<LastFault>,
    /// The last check; `None` if it was never checked.
    pub last_check: Option<LastCheck>,
    /// Time to the whole answer, or to the first content of a stream, over its successes.
    pub first_content: Option<LatencySummary>,
    /// Time to the end of the answer, streaming included, over its successes.
    pub duration: Option<LatencySummary>,
    /// Tokens it read, as reported by it.
    pub input_tokens: u64,
    /// Tokens it generated, as reported by it.
    pub output_tokens: u64,
}

/// The last check of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastCheck {
    /// When it ended.
    pub at: Instant,
    /// What failed it, if anything.
    pub fault: Option<FaultKind>,
}

/// The last failure of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastFault {
    /// Its kind.
    pub kind: FaultKind,
    /// When it happened.
    pub at: Instant,
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

    #[test]
    fn each_status_has_its_word() {
        let all = [PoolStatus::Active, PoolStatus::Degraded, PoolStatus::Panic, PoolStatus::Inactive];
        assert_eq!(all.map(|status| status.to_string()), ["active", "degraded", "panic", "inactive"]);
    }
}
