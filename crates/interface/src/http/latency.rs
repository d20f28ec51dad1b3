//! Latencies as JSON, in seconds.

use serde::Serialize;
use tidegate_application::domain::pool::LatencySummary;

/// A mean and quantiles, in seconds.
#[derive(Serialize)]
pub(super) struct LatencyWire {
    count: u64,
    mean: f64,
    p50: f64,
    p95: f64,
    p99: f64,
}

impl From<LatencySummary> for LatencyWire {
    fn from(summary: LatencySummary) -> Self {
        let LatencySummary { count, mean, p50, p95, p99 } = summary;
        let [mean, p50, p95, p99] = [mean, p50, p95, p99].map(|duration| duration.as_secs_f64());
        Self { count, mean, p50, p95, p99 }
    }
}
