//! How the limits of a pool's instances move, as a document.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use tidegate_domain::resilience::AdaptivePolicy;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdaptiveDocument {
    floor: NonZeroU32,
    ceiling: NonZeroU32,
    slow_percent: Option<NonZeroU32>,
}

impl From<AdaptivePolicy> for AdaptiveDocument {
    fn from(policy: AdaptivePolicy) -> Self {
        let AdaptivePolicy { floor, ceiling, slow_percent } = policy;
        Self { floor, ceiling, slow_percent }
    }
}

impl From<AdaptiveDocument> for AdaptivePolicy {
    fn from(document: AdaptiveDocument) -> Self {
        let AdaptiveDocument { floor, ceiling, slow_percent } = document;
        Self { floor, ceiling, slow_percent }
    }
}
