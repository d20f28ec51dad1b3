//! The health of an instance, as its attempts show it.
//!
//! Healthy turns degraded at the first counted fault and unhealthy at `failure_threshold` consecutive ones. An unhealthy
//! instance is left alone for the recovery time (longer with every relapse, at least as long as the upstream asked), and
//! then is recovering: it takes trial traffic, and `success_threshold` successes make it healthy, one fault unhealthy again.

use std::{
    fmt,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use crate::time::after;

/// When an instance leaves the rotation, and when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthPolicy {
    /// Consecutive counted faults until it is unhealthy.
    pub failure_threshold: NonZeroU32,
    /// Consecutive successes until it is healthy again.
    pub success_threshold: NonZeroU32,
    /// How long it is left alone the first time; doubled with every relapse.
    pub recovery_time: Duration,
    /// The longest it is left alone.
    pub max_recovery_time: Duration,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            failure_threshold: NonZeroU32::new(3).unwrap_or(NonZeroU32::MIN),
            success_threshold: NonZeroU32::new(2).unwrap_or(NonZeroU32::MIN),
            recovery_time: Duration::from_mins(1),
            max_recovery_time: Duration::from_mins(10),
        }
    }
}

/// The health of an instance, for its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HealthStatus {
    /// No recent fault.
    Healthy,
    /// A recent fault; still in the rotation.
    Degraded,
    /// Left alone.
    Unhealthy,
    /// On trial after it was left alone.
    Recovering,
}

impl HealthStatus {
    /// The word for wire, logs and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Recovering => "recovering",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A change of health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthTransition {
    /// What it was.
    pub from: HealthStatus,
    /// What it is.
    pub to: HealthStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Healthy,
    Degraded { faults: u32, successes: u32 },
    Unhealthy { until: Instant },
    Recovering { successes: u32 },
}

/// The health state machine of one instance.
#[derive(Debug, Clone)]
pub struct Health {
    policy: HealthPolicy,
    state: State,
    relapses: u32,
    ejected: Option<Instant>,
}

impl Health {
    /// A healthy instance under `policy`.
    pub fn new(policy: HealthPolicy) -> Self {
        Self { policy, state: State::Healthy, relapses: 0, ejected: None }
    }

    /// Goes on under another policy, from the same state.
    pub fn set_policy(&mut self, policy: HealthPolicy) {
        self.policy = policy;
    }

    /// The health at `now`: an unhealthy instance whose recovery time is over counts as recovering.
    pub fn status(&self, now: Instant) -> HealthStatus {
        match self.state {
            State::Healthy => HealthStatus::Healthy,
            State::Degraded { .. } => HealthStatus::Degraded,
            State::Unhealthy { until } if now < until => HealthStatus::Unhealthy,
            State::Unhealthy { .. } | State::Recovering { .. } => HealthStatus::Recovering,
        }
    }

    /// Whether the instance is in the rotation at `now`; if not, when it will be.
    ///
    /// # Errors
    /// The moment at which its recovery time is over.
    pub fn usable(&self, now: Instant) -> Result<(), Instant> {
        match self.state {
            State::Unhealthy { until } if now < until => Err(until),
            _ => Ok(()),
        }
    }

    /// Whether an attempt sent at `sent` is from before the last ejection: whatever comes of it says nothing about now and is
    /// not to be recorded. A slow one may outlast the recovery time, and would count as a relapse.
    pub fn outdates(&self, sent: Instant) -> bool {
        self.ejected.is_some_and(|ejected| sent <= ejected)
    }

    /// Records that an attempt succeeded.
    pub fn on_success(&mut self, now: Instant) -> Option<HealthTransition> {
        let enough = self.policy.success_threshold.get();
        self.moving(now, |health| {
            let successes = match health.state {
                State::Healthy => return State::Healthy,
                State::Degraded { successes, .. } | State::Recovering { successes } => successes + 1,
                // An attempt from before the ejection says nothing about now.
                State::Unhealthy { until } if now < until => return health.state,
                State::Unhealthy { .. } => 1,
            };
            if successes >= enough {
                health.relapses = 0;
                return State::Healthy;
            }
            match health.state {
                State::Degraded { .. } => State::Degraded { faults: 0, successes },
                _ => State::Recovering { successes },
            }
        })
    }

    /// Records that an attempt failed in a way that counts; `retry_after` is how long the upstream asked to be left alone.
    pub fn on_fault(&mut self, now: Instant, retry_after: Option<Duration>) -> Option<HealthTransition> {
        let threshold = self.policy.failure_threshold.get();
        self.moving(now, |health| {
            let faults = match health.state {
                State::Healthy => 1,
                State::Degraded { faults, .. } => faults + 1,
                State::Unhealthy { until } if now < until => return health.state,
                State::Unhealthy { .. } | State::Recovering { .. } => threshold,
            };
            if faults < threshold {
                return State::Degraded { faults, successes: 0 };
            }
            let until = after(now, health.recovery_time().max(retry_after.unwrap_or_default()));
            health.relapses = health.relapses.saturating_add(1);
            health.ejected = Some(now);
            State::Unhealthy { until }
        })
    }

    /// Makes the instance healthy, whatever it was: an operator's word.
    pub fn reset(&mut self, now: Instant) -> Option<HealthTransition> {
        self.moving(now, |health| {
            health.relapses = 0;
            State::Healthy
        })
    }

    fn recovery_time(&self) -> Duration {
        let doubled = self.policy.recovery_time.saturating_mul(1_u32.checked_shl(self.relapses).unwrap_or(u32::MAX));
        doubled.min(self.policy.max_recovery_time.max(self.policy.recovery_time))
    }

    fn moving(&mut self, now: Instant, step: impl FnOnce(&mut Self) -> State) -> Option<HealthTransition> {
        let from = self.status(now);
        self.state = step(self);
        let to = self.status(now);
        (from != to).then_some(HealthTransition { from, to })
    }
}
