//! The health policy of a pool, and its checks, as a document.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};
use tidegate_domain::pool::{CheckKind, CheckPolicy, HealthPolicy};

use super::UnknownWord;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HealthDocument {
    failure_threshold: NonZeroU32,
    success_threshold: NonZeroU32,
    recovery_time: Duration,
    max_recovery_time: Duration,
    /// Absent from what was stored before there were checks.
    check: Option<CheckDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckDocument {
    kind: String,
    interval: Duration,
    timeout: Duration,
    daily_cost: u64,
}

impl From<&HealthPolicy> for HealthDocument {
    fn from(policy: &HealthPolicy) -> Self {
        let &HealthPolicy { failure_threshold, success_threshold, recovery_time, max_recovery_time, check } = policy;
        let CheckPolicy { kind, interval, timeout, daily_cost } = check;
        let check = CheckDocument { kind: kind.as_str().to_owned(), interval, timeout, daily_cost };
        Self { failure_threshold, success_threshold, recovery_time, max_recovery_time, check: Some(check) }
    }
}

impl TryFrom<HealthDocument> for HealthPolicy {
    type Error = UnknownWord;

    fn try_from(document: HealthDocument) -> Result<Self, UnknownWord> {
        let HealthDocument { failure_threshold, success_threshold, recovery_time, max_recovery_time, check } = document;
        let check = check.map(CheckPolicy::try_from).transpose()?.unwrap_or_default();
        Ok(Self { failure_threshold, success_threshold, recovery_time, max_recovery_time, check })
    }
}

impl TryFrom<CheckDocument> for CheckPolicy {
    type Error = UnknownWord;

    fn try_from(document: CheckDocument) -> Result<Self, UnknownWord> {
        let CheckDocument { kind: word, interval, timeout, daily_cost } = document;
        let kind = CheckKind::of_name(&word).ok_or(UnknownWord { kind: "kind of check", word })?;
        Ok(Self { kind, interval, timeout, daily_cost })
    }
}
