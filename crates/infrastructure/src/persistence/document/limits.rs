//! Limits as a document. Documents of before there were any lack the key: nothing is limited then.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};
use tidegate_domain::{
    admission::{Limits, QueuePolicy, RateLimitAlgorithm, RateLimitPolicy},
    task_group::TierLimits,
};

use super::UnknownWord;

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsDocument {
    max_concurrency: Option<NonZeroU32>,
    requests: Option<RateDocument>,
    tokens: Option<RateDocument>,
    queue: Option<QueueDocument>,
}

impl From<&Limits> for LimitsDocument {
    fn from(limits: &Limits) -> Self {
        let &Limits { max_concurrency, requests, tokens, queue: QueuePolicy { size, max_wait } } = limits;
        let queue = Some(QueueDocument { size, max_wait });
        Self { max_concurrency, requests: requests.map(Into::into), tokens: tokens.map(Into::into), queue }
    }
}

impl TryFrom<LimitsDocument> for Limits {
    type Error = UnknownWord;

    fn try_from(document: LimitsDocument) -> Result<Self, UnknownWord> {
        let LimitsDocument { max_concurrency, requests, tokens, queue } = document;
        Ok(Self {
            max_concurrency,
            requests: requests.map(TryInto::try_into).transpose()?,
            tokens: tokens.map(TryInto::try_into).transpose()?,
            queue: queue.map(|QueueDocument { size, max_wait }| QueuePolicy { size, max_wait }).unwrap_or_default(),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueDocument {
    size: u32,
    max_wait: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateDocument {
    algorithm: String,
    capacity: NonZeroU32,
    period: Duration,
}

impl From<RateLimitPolicy> for RateDocument {
    fn from(policy: RateLimitPolicy) -> Self {
        let RateLimitPolicy { algorithm, capacity, period } = policy;
        Self { algorithm: algorithm.as_str().to_owned(), capacity, period }
    }
}

impl TryFrom<RateDocument> for RateLimitPolicy {
    type Error = UnknownWord;

    fn try_from(document: RateDocument) -> Result<Self, UnknownWord> {
        let RateDocument { algorithm, capacity, period } = document;
        let Some(known) = RateLimitAlgorithm::of_name(&algorithm) else {
            return Err(UnknownWord { kind: "rate limit algorithm", word: algorithm });
        };
        Ok(Self { algorithm: known, capacity, period })
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TierLimitsDocument {
    concurrency: Option<NonZeroU32>,
    requests_per_minute: Option<NonZeroU32>,
    tokens_per_minute: Option<NonZeroU32>,
}

impl From<&TierLimits> for TierLimitsDocument {
    fn from(limits: &TierLimits) -> Self {
        let &TierLimits { concurrency, requests_per_minute, tokens_per_minute } = limits;
        Self { concurrency, requests_per_minute, tokens_per_minute }
    }
}

impl From<TierLimitsDocument> for TierLimits {
    fn from(document: TierLimitsDocument) -> Self {
        let TierLimitsDocument { concurrency, requests_per_minute, tokens_per_minute } = document;
        Self { concurrency, requests_per_minute, tokens_per_minute }
    }
}
