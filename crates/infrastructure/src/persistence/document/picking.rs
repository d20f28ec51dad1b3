//! What bends a pool's rotation, as documents.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};
use tidegate_domain::pool::SlowStart;

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
