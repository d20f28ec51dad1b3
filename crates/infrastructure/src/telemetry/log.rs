//! Events as log lines.
//!
//! A request is one line at debug level when all went well, at info when it did not; a change of health or of a circuit is
//! one line at warn or info. Nothing of a request's content is ever a field.

use tidegate_domain::{
    config::ReloadOutcome,
    observe::{Event, Observer, Outcome},
    pool::HealthStatus,
    resilience::BreakerState,
};

/// Writes events to the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogObserver;

impl Observer for LogObserver {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::AttemptFinished { instance, fault: Some(fault), took, .. } => {
                tracing::info!(%instance, %fault, took_ms = millis(*took), "attempt failed");
            }
            Event::AttemptFinished { fault: None, .. } => {}
            Event::RequestFinished { target, outcome: Outcome::Completed, took, trace, .. } => {
                let attempts = trace.attempts.len();
                tracing::debug!(request_id = %trace.request_id, %target, attempts, took_ms = millis(*took), "completed");
            }
            Event::RequestFinished { target, outcome, took, trace, .. } => {
                let (attempts, outcome) = (trace.attempts.len(), outcome.as_str());
                let took_ms = millis(*took);
                tracing::info!(request_id = %trace.request_id, %target, outcome, attempts, took_ms, "not completed");
            }
            Event::Panic { instance } => {
                tracing::debug!(%instance, "asked past its open circuit: too few others are left");
            }
            Event::Health { instance, transition } if transition.to == HealthStatus::Unhealthy => {
                tracing::warn!(%instance, from = %transition.from, to = %transition.to, "health changed");
            }
            Event::Health { instance, transition } => {
                tracing::info!(%instance, from = %transition.from, to = %transition.to, "health changed");
            }
            Event::Breaker { instance, transition } if transition.to == BreakerState::Open => {
                tracing::warn!(%instance, from = transition.from.as_str(), to = transition.to.as_str(), "circuit changed");
            }
            Event::Breaker { instance, transition } => {
                tracing::info!(%instance, from = transition.from.as_str(), to = transition.to.as_str(), "circuit changed");
            }
            Event::Reloaded(outcome @ ReloadOutcome::Applied { deferred, .. }) if !deferred.is_empty() => {
                tracing::warn!(%outcome, "configuration reloaded in part");
            }
            Event::Reloaded(outcome @ ReloadOutcome::Applied { .. }) => {
                tracing::info!(%outcome, "configuration reloaded");
            }
            Event::Reloaded(outcome @ ReloadOutcome::Unchanged) => tracing::debug!(%outcome, "configuration reloaded"),
            Event::Reloaded(ReloadOutcome::Rejected(report)) => {
                let (errors, problem) = (report.errors(), report.headline());
                tracing::error!(errors, %problem, "configuration rejected: the running one stays in force");
            }
            // What writes them says so, once for many.
            Event::RequestsNotStored { .. } => {}
            Event::Published { revision } => tracing::info!(revision, "routing table in force"),
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
