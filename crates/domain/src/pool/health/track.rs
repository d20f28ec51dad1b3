//! What one kind of evidence shows of an instance: its requests, or its checks. The two are counted apart.

use std::time::Instant;

use super::{HealthPolicy, HealthStatus};
use crate::{fault::Fault, pool::Random, resilience::Relapses, time::after};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Healthy,
    Degraded { faults: u32, successes: u32 },
    Unhealthy { until: Instant },
    Recovering { successes: u32 },
}

/// The state machine of one kind of evidence.
#[derive(Debug, Clone)]
pub(super) struct Track {
    state: State,
    relapses: Relapses,
    ejected: Option<Instant>,
}

impl Track {
    pub(super) fn new() -> Self {
        Self { state: State::Healthy, relapses: Relapses::default(), ejected: None }
    }

    pub(super) fn status(&self, now: Instant) -> HealthStatus {
        match self.state {
            State::Healthy => HealthStatus::Healthy,
            State::Degraded { .. } => HealthStatus::Degraded,
            State::Unhealthy { until } if now < until => HealthStatus::Unhealthy,
            State::Unhealthy { .. } | State::Recovering { .. } => HealthStatus::Recovering,
        }
    }

    /// When its recovery time is over; `None` if it is in the rotation at `now`.
    pub(super) fn ejected_until(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Unhealthy { until } if now < until => Some(until),
            _ => None,
        }
    }

    pub(super) fn outdates(&self, sent: Instant) -> bool {
        self.ejected.is_some_and(|ejected| sent <= ejected)
    }

    pub(super) fn on_success(&mut self, policy: HealthPolicy, now: Instant) {
        let successes = match self.state {
            State::Healthy => return,
            State::Degraded { successes, .. } | State::Recovering { successes } => successes + 1,
            // It says nothing yet: the recovery time stands.
            State::Unhealthy { until } if now < until => return,
            State::Unhealthy { .. } => 1,
        };
        if successes >= policy.success_threshold.get() {
            self.relapses.well(now);
            self.state = State::Healthy;
        } else if matches!(self.state, State::Degraded { .. }) {
            self.state = State::Degraded { faults: 0, successes };
        } else {
            self.state = State::Recovering { successes };
        }
    }

    pub(super) fn on_fault(&mut self, policy: HealthPolicy, (fault, now): (&Fault, Instant), random: &mut Random) {
        let threshold = policy.failure_threshold.get();
        let faults = match self.state {
            State::Healthy => 1,
            State::Degraded { faults, .. } => faults + 1,
            State::Unhealthy { until } if now < until => return,
            State::Unhealthy { .. } | State::Recovering { .. } => threshold,
        };
        if faults < threshold {
            self.state = State::Degraded { faults, successes: 0 };
            return;
        }
        let times = (policy.recovery_time, policy.max_recovery_time);
        let own = self.relapses.relapse_jittered(now, times, random);
        self.ejected = Some(now);
        self.state = State::Unhealthy { until: after(now, own.max(fault.retry_after.unwrap_or_default())) };
    }

    /// Puts it on trial.
    pub(super) fn recover(&mut self) {
        self.state = State::Recovering { successes: 0 };
    }

    /// Makes it healthy and forgets its relapses.
    pub(super) fn reset(&mut self) {
        self.relapses.forget();
        self.state = State::Healthy;
    }
}
