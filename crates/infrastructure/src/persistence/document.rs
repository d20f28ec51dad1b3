//! The JSON documents of entities: private mirrors of the domain's structs.
//!
//! A conversion destructures without `..`, so a new field of the domain does not compile until it is stored. A key that
//! is unknown makes a document unreadable: to drop it would be to lose it at the next replacement. A duration is an
//! object of `secs` and `nanos`, which holds every [`Duration`] exactly.

mod concurrency;
mod defaults;
mod fallback;
mod health;
mod limits;
mod picking;
mod pool;
mod task_group;

use std::{num::NonZeroU32, time::Duration};

use health::HealthDocument;
use limits::LimitsDocument;
use serde::{Deserialize, Serialize};
use tidegate_domain::{
    pool::RotationKind,
    resilience::{BreakerPolicy, Deadlines, MidStream, Pace, Rate, SlowCalls},
};

/// A word that names nothing this binary knows.
#[derive(Debug, thiserror::Error)]
#[error("'{word}' is no {kind}")]
struct UnknownWord {
    kind: &'static str,
    word: String,
}

fn rotation_of(word: String) -> Result<RotationKind, UnknownWord> {
    RotationKind::of_name(&word).ok_or(UnknownWord { kind: "rotation", word })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BreakerDocument {
    failure_threshold: NonZeroU32,
    recovery_time: Duration,
    max_recovery_time: Duration,
    half_open_requests: NonZeroU32,
    success_threshold: NonZeroU32,
    probe_lease: Duration,
    failure_rate: Option<RateDocument>,
    #[serde(default)]
    slow_calls: Option<SlowCallsDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SlowCallsDocument {
    rate: RateDocument,
    longer_than: Duration,
}

impl From<SlowCalls> for SlowCallsDocument {
    fn from(slow: SlowCalls) -> Self {
        let SlowCalls { rate, longer_than } = slow;
        Self { rate: rate.into(), longer_than }
    }
}

impl From<SlowCallsDocument> for SlowCalls {
    fn from(document: SlowCallsDocument) -> Self {
        let SlowCallsDocument { rate, longer_than } = document;
        Self { rate: rate.into(), longer_than }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateDocument {
    percent: NonZeroU32,
    minimum: NonZeroU32,
    window: Duration,
}

impl From<Rate> for RateDocument {
    fn from(rate: Rate) -> Self {
        let Rate { percent, minimum, window } = rate;
        Self { percent, minimum, window }
    }
}

impl From<RateDocument> for Rate {
    fn from(document: RateDocument) -> Self {
        let RateDocument { percent, minimum, window } = document;
        Self { percent, minimum, window }
    }
}

impl From<&BreakerPolicy> for BreakerDocument {
    fn from(policy: &BreakerPolicy) -> Self {
        let &BreakerPolicy {
            failure_threshold,
            recovery_time,
            max_recovery_time,
            half_open_requests,
            success_threshold,
            probe_lease,
            failure_rate,
            slow_calls,
        } = policy;
        Self {
            failure_threshold,
            recovery_time,
            max_recovery_time,
            half_open_requests,
            success_threshold,
            probe_lease,
            failure_rate: failure_rate.map(Into::into),
            slow_calls: slow_calls.map(Into::into),
        }
    }
}

impl From<BreakerDocument> for BreakerPolicy {
    fn from(document: BreakerDocument) -> Self {
        let BreakerDocument {
            failure_threshold,
            recovery_time,
            max_recovery_time,
            half_open_requests,
            success_threshold,
            probe_lease,
            failure_rate,
            slow_calls,
        } = document;
        Self {
            failure_threshold,
            recovery_time,
            max_recovery_time,
            half_open_requests,
            success_threshold,
            probe_lease,
            failure_rate: failure_rate.map(Into::into),
            slow_calls: slow_calls.map(Into::into),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeadlinesDocument {
    headers: Duration,
    first_content: Duration,
    /// Absent from what was stored before it was a deadline of its own.
    reasoning_first_content: Option<Duration>,
    idle: Duration,
    total: Duration,
    #[serde(default)]
    pace: Option<PaceDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PaceDocument {
    tokens_per_second: NonZeroU32,
    window: Duration,
}

impl From<&Deadlines> for DeadlinesDocument {
    fn from(deadlines: &Deadlines) -> Self {
        let &Deadlines { headers, first_content, reasoning_first_content, idle, total, pace } = deadlines;
        let reasoning_first_content = Some(reasoning_first_content);
        let pace = pace.map(|Pace { tokens_per_second, window }| PaceDocument { tokens_per_second, window });
        Self { headers, first_content, reasoning_first_content, idle, total, pace }
    }
}

impl From<DeadlinesDocument> for Deadlines {
    fn from(document: DeadlinesDocument) -> Self {
        let DeadlinesDocument { headers, first_content, reasoning_first_content, idle, total, pace } = document;
        let usual = Self::default();
        let chosen = if first_content == usual.first_content { usual.reasoning_first_content } else { first_content };
        let reasoning_first_content = reasoning_first_content.unwrap_or(chosen);
        let pace = pace.map(|PaceDocument { tokens_per_second, window }| Pace { tokens_per_second, window });
        Self { headers, first_content, reasoning_first_content, idle, total, pace }
    }
}

/// The word of a policy; a document from before there was a choice has none.
fn mid_stream_of(word: Option<String>) -> Result<MidStream, UnknownWord> {
    let Some(word) = word else { return Ok(MidStream::default()) };
    MidStream::of_name(&word).ok_or(UnknownWord { kind: "policy for broken streams", word })
}
