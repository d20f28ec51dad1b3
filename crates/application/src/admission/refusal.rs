//! Why a request is not let in.

use std::{fmt, time::Duration};

use tidegate_domain::{
    admission::Measure,
    name::{GroupName, PoolName, TierName},
};

/// What a limit belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The whole gateway.
    Gateway,
    /// A pool.
    Pool(PoolName),
    /// A task group.
    Group(GroupName),
    /// A tier of a task group.
    Tier(GroupName, TierName),
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => formatter.write_str("this gateway"),
            Self::Pool(pool) => write!(formatter, "pool '{pool}'"),
            Self::Group(group) => write!(formatter, "task group '{group}'"),
            Self::Tier(group, tier) => write!(formatter, "tier '{group}.{tier}'"),
        }
    }
}

/// A limit did not let a request in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the limit of {scope} on {measure} {reason}")]
pub struct AdmissionError {
    /// What the limit belongs to.
    pub scope: Scope,
    /// What it counts.
    pub measure: Measure,
    /// Why it refused.
    pub reason: RefusalReason,
    /// The soonest moment at which it may let the request in, from now; absent if unknown or never.
    pub retry_after: Option<Duration>,
}

/// Why a limit refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalReason {
    /// It is reached, and waiting for it is not configured or would outlast the deadline.
    Reached,
    /// The request alone is above it: no waiting helps.
    Exceeded,
    /// It is reached, and as many wait already as may.
    QueueFull,
    /// It is reached, and the request has waited as long as it may.
    WaitOver,
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Reached => "is reached",
            Self::Exceeded => "is below what this one request may cost",
            Self::QueueFull => "is reached, and the queue before it is full",
            Self::WaitOver => "was reached for as long as the request could wait",
        })
    }
}
