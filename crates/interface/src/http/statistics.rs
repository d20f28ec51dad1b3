//! `GET /admin/v1/statistics`: what became of requests since the process started, by target.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::get};
use serde::Serialize;
use tidegate_application::{LegTally, TargetStatistics, TargetTally};

use super::latency::LatencyWire;

/// Serves the statistics of targets.
pub(super) fn routes(statistics: Arc<TargetStatistics>) -> Router {
    Router::new().route("/admin/v1/statistics", get(all)).with_state(statistics)
}

async fn all(State(statistics): State<Arc<TargetStatistics>>) -> Json<StatisticsWire> {
    Json(StatisticsWire { targets: statistics.all().into_iter().map(Into::into).collect() })
}

#[derive(Serialize)]
struct StatisticsWire {
    targets: Vec<TargetWire>,
}

#[derive(Serialize)]
struct TargetWire {
    target: String,
    requests: u64,
    completed: u64,
    failures_by_kind: serde_json::Map<String, serde_json::Value>,
    none_available: u64,
    refused: u64,
    abandoned: u64,
    attempts: u64,
    retries: u64,
    failovers: u64,
    fallbacks: u64,
    legs: Vec<LegWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_seconds: Option<LatencyWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<LatencyWire>,
    input_tokens: u64,
    output_tokens: u64,
}

#[derive(Serialize)]
struct LegWire {
    attempts: u64,
    failures: u64,
    fallbacks_in: u64,
    fallbacks_out: u64,
}

impl From<TargetTally> for TargetWire {
    fn from(tally: TargetTally) -> Self {
        let TargetTally {
            target,
            requests,
            completed,
            failures_by_kind,
            none_available,
            refused,
            abandoned,
            attempts,
            retries,
            failovers,
            fallbacks,
            legs,
            first_content,
            duration,
            input_tokens,
            output_tokens,
        } = tally;
        let failures = failures_by_kind.into_iter().map(|(kind, count)| (kind.as_str().to_owned(), count.into()));
        Self {
            target: target.to_string(),
            requests,
            completed,
            failures_by_kind: failures.collect(),
            none_available,
            refused,
            abandoned,
            attempts,
            retries,
            failovers,
            fallbacks,
            legs: legs.into_iter().map(Into::into).collect(),
            first_content_seconds: first_content.map(Into::into),
            duration_seconds: duration.map(Into::into),
            input_tokens,
            output_tokens,
        }
    }
}

impl From<LegTally> for LegWire {
    fn from(leg: LegTally) -> Self {
        let LegTally { attempts, failures, fallbacks_in, fallbacks_out } = leg;
        Self { attempts, failures, fallbacks_in, fallbacks_out }
    }
}
