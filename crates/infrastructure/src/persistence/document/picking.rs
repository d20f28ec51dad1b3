//! What bends a pool's rotation, as documents.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};
use tidegate_domain::pool::{AffinityPolicy, AffinitySource, EjectionPolicy, OnExhausted, PoolQueue, SlowStart};

use super::UnknownWord;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SlowStartDocument {
    window: Duration,
    aggression: NonZeroU32,
}

impl From<SlowStart> for SlowStartDocument {
    fn from(slow_start: SlowStart) -> Self {
        let SlowStart { window, aggression } = slow_start;
        Self { window, aggression }
    }
}

impl From<SlowStartDocument> for SlowStart {
    fn from(document: SlowStartDocument) -> Self {
        let SlowStartDocument { window, aggression } = document;
        Self { window, aggression }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AffinityDocument {
    by: Vec<String>,
    prefix_bytes: NonZeroU32,
    max_load_factor: NonZeroU32,
}

impl From<&AffinityPolicy> for AffinityDocument {
    fn from(policy: &AffinityPolicy) -> Self {
        let AffinityPolicy { by, prefix_bytes, max_load_factor } = policy;
        let by = by.iter().map(|source| source.as_str().to_owned()).collect();
        Self { by, prefix_bytes: *prefix_bytes, max_load_factor: *max_load_factor }
    }
}

impl TryFrom<AffinityDocument> for AffinityPolicy {
    type Error = UnknownWord;

    fn try_from(document: AffinityDocument) -> Result<Self, UnknownWord> {
        let AffinityDocument { by, prefix_bytes, max_load_factor } = document;
        let source =
            |word: String| AffinitySource::of_name(&word).ok_or(UnknownWord { kind: "source of an affinity", word });
        let by = by.into_iter().map(source).collect::<Result<_, _>>()?;
        Ok(Self { by, prefix_bytes, max_load_factor })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EjectionDocument {
    max_percent: u32,
    panic_threshold: u32,
}

impl Default for EjectionDocument {
    fn default() -> Self {
        EjectionPolicy::default().into()
    }
}

impl From<EjectionPolicy> for EjectionDocument {
    fn from(policy: EjectionPolicy) -> Self {
        let EjectionPolicy { max_percent, panic_threshold } = policy;
        Self { max_percent, panic_threshold }
    }
}

impl From<EjectionDocument> for EjectionPolicy {
    fn from(document: EjectionDocument) -> Self {
        let EjectionDocument { max_percent, panic_threshold } = document;
        Self { max_percent, panic_threshold }
    }
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum OnExhaustedDocument {
    #[default]
    Reject,
    LeastBad,
    Queue {
        max_wait: Duration,
        size: NonZeroU32,
    },
}

impl From<OnExhausted> for OnExhaustedDocument {
    fn from(on_exhausted: OnExhausted) -> Self {
        match on_exhausted {
            OnExhausted::Reject => Self::Reject,
            OnExhausted::LeastBad => Self::LeastBad,
            OnExhausted::Queue(PoolQueue { max_wait, size }) => Self::Queue { max_wait, size },
        }
    }
}

impl From<OnExhaustedDocument> for OnExhausted {
    fn from(document: OnExhaustedDocument) -> Self {
        match document {
            OnExhaustedDocument::Reject => Self::Reject,
            OnExhaustedDocument::LeastBad => Self::LeastBad,
            OnExhaustedDocument::Queue { max_wait, size } => Self::Queue(PoolQueue { max_wait, size }),
        }
    }
}
