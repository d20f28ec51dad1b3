//! Events as log lines.
//!
//! A request is one line at debug level when all went well, at info when it did not; a change of health or of a circuit is
//! one line at warn or info; a change of the configuration has the field `audit`. Nothing of a request's content is ever a field.

use tidegate_domain::{
    config::{Accepted, Reason, ReloadOutcome},
    observe::{Event, Observer, Outcome},
    pool::HealthStatus,
    resilience::BreakerState,
};

/// The value of the field `audit` in lines about changes of the configuration.
const AUDIT: &str = "configuration";

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
            Event::Reloaded { outcome, reason } => reloaded(outcome, reason),
            Event::Configured { number, accepted: Accepted { reason: Reason { who, why }, changes, .. } } => {
                tracing::info!(audit = AUDIT, number, who, why, changes, "configuration in force");
            }
            // What writes them says so, once for many.
            Event::RequestsNotStored { .. } => {}
            Event::Published { revision } => tracing::info!(revision, "routing table in force"),
        }
    }
}

/// Each attempt to change the configuration is a line that names who wanted it.
fn reloaded(outcome: &ReloadOutcome, Reason { who, why }: &Reason) {
    match outcome {
        ReloadOutcome::Applied { deferred, .. } if !deferred.is_empty() => {
            tracing::warn!(audit = AUDIT, who, why, %outcome, "configuration reloaded in part: restart for the rest");
        }
        ReloadOutcome::Applied { .. } => tracing::info!(audit = AUDIT, who, why, %outcome, "configuration reloaded"),
        // A look that finds nothing is no change.
        ReloadOutcome::Unchanged => tracing::debug!(audit = AUDIT, who, why, %outcome, "configuration reloaded"),
        ReloadOutcome::Rejected(report) => {
            let (errors, problem) = (report.errors(), report.headline());
            tracing::error!(
                audit = AUDIT,
                who,
                why,
                errors,
                %problem,
                "configuration rejected: the running one stays in force; correct what `tidegate check` reports"
            );
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
