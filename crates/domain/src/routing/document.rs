//! A request that is over, as one JSON document: what is stored of it and what operators read.
//!
//! It is made in one place, so that the store and the admin listener cannot disagree, and nothing reads it back. Moments are
//! milliseconds since the request came in, with microseconds as fractions.

mod decisions;

use std::time::{Duration, Instant};

use serde::Serialize;

use self::decisions::{DecisionDocument, WalkDocument};
use super::{AttemptRecord, ExclusionRecord, RequestRecord, StoredRequest, Trace};
use crate::{inference::Usage, model::Cost, name::WrapperName};

#[derive(Serialize)]
struct RequestDocument<'a> {
    id: &'a str,
    received_ms: u64,
    target: String,
    /// The name by which it came, if it was a wrapper's.
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapper: Option<&'a str>,
    revision: u64,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    took_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageDocument>,
    attempts: Vec<AttemptDocument<'a>>,
    passed_over: Vec<ExclusionDocument<'a>>,
    /// Whether there were more of them than are listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    passed_over_others: bool,
    /// As text: a reader of JSON may have no integers beyond 2^53.
    seed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    walk: Option<WalkDocument>,
    decisions: Vec<DecisionDocument<'a>>,
}

#[derive(Serialize)]
struct UsageDocument {
    input_tokens: u64,
    output_tokens: u64,
    cached_tokens: u64,
    reasoning_tokens: u64,
    /// Whether nobody counted.
    estimated: bool,
}

#[derive(Serialize)]
struct AttemptDocument<'a> {
    instance: &'a str,
    model: String,
    leg: usize,
    role: &'static str,
    started_ms: f64,
    took_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost: Option<CostDocument>,
}

#[derive(Serialize)]
struct CostDocument {
    micro_dollars: u64,
    estimated: bool,
}

#[derive(Serialize)]
struct ExclusionDocument<'a> {
    instance: &'a str,
    reason: &'static str,
    /// Until when, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    until_ms: Option<f64>,
}

impl RequestRecord {
    /// All that is known of it, as one JSON document.
    pub fn document(&self) -> String {
        let Self { trace, outcome, usage, received: _, opened, took } = self;
        let Trace {
            request_id,
            target,
            wrapper,
            revision,
            seed,
            policy,
            attempts,
            exclusions,
            committed,
            decisions,
            asked,
        } = trace;
        let document = RequestDocument {
            id: request_id.as_str(),
            received_ms: self.summary().received_ms,
            target: target.to_string(),
            wrapper: wrapper.as_ref().map(WrapperName::as_str),
            revision: *revision,
            outcome: outcome.as_str(),
            fault: outcome.fault().map(crate::fault::FaultKind::as_str),
            took_ms: millis(*took),
            committed_ms: committed.map(millis),
            usage: usage.map(UsageDocument::from),
            attempts: attempts.iter().map(AttemptDocument::from).collect(),
            passed_over: exclusions.noted().iter().map(|it| ExclusionDocument::of(it, *opened)).collect(),
            passed_over_others: exclusions.has_more(),
            seed: format!("{seed:016x}"),
            walk: policy.map(WalkDocument::from),
            decisions: decisions.iter().map(|decision| DecisionDocument::of(decision, asked, *opened)).collect(),
        };
        // Only a map with keys that are no text, or a writer that fails, could fail it; here is neither.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// What is stored of it.
    pub fn stored(&self) -> StoredRequest {
        StoredRequest { summary: self.summary(), document: self.document() }
    }
}

impl From<Usage> for UsageDocument {
    fn from(usage: Usage) -> Self {
        let Usage { input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated } = usage;
        Self { input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated }
    }
}

impl From<Cost> for CostDocument {
    fn from(cost: Cost) -> Self {
        let Cost { micro_dollars, estimated } = cost;
        Self { micro_dollars, estimated }
    }
}

impl<'a> From<&'a AttemptRecord> for AttemptDocument<'a> {
    fn from(record: &'a AttemptRecord) -> Self {
        let AttemptRecord { instance, model, leg, role, started, took, ended, fault, usage, cost } = record;
        Self {
            instance: instance.as_str(),
            model: model.to_string(),
            leg: *leg,
            role: role.as_str(),
            started_ms: millis(*started),
            took_ms: millis(*took),
            ended_ms: ended.map(millis),
            fault: fault.map(crate::fault::FaultKind::as_str),
            usage: usage.map(UsageDocument::from),
            cost: cost.map(CostDocument::from),
        }
    }
}

impl<'a> ExclusionDocument<'a> {
    fn of(record: &'a ExclusionRecord, opened: Instant) -> Self {
        let ExclusionRecord { instance, reason } = record;
        Self {
            instance: instance.as_str(),
            reason: reason.as_str(),
            until_ms: reason.until().map(|until| since(opened, until)),
        }
    }
}

/// Milliseconds, to the microsecond.
#[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

/// From `origin` to `moment`, which may be earlier.
fn since(origin: Instant, moment: Instant) -> f64 {
    match moment.checked_duration_since(origin) {
        Some(later) => millis(later),
        None => -millis(origin.duration_since(moment)),
    }
}

#[cfg(test)]
mod tests;
