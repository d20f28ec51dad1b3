//! What bends a pool's rotation, as documents.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};
use tidegate_domain::pool::{AffinityPolicy, AffinitySource, SlowStart};

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
