//! The fallback of a task group as a document. Documents of before there was anything to name lack the lists.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};
use tidegate_domain::{
    name::{GroupName, PoolName, TierName},
    resilience::Backoff,
    task_group::{FallbackPolicy, FallbackStrategy, FallbackTarget, GroupReference},
};

use super::UnknownWord;
use crate::persistence::Cause;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FallbackDocument {
    strategy: String,
    #[serde(default)]
    groups: Vec<ReferenceDocument>,
    #[serde(default)]
    pools: Vec<String>,
    #[serde(default)]
    content_filter: Vec<TargetDocument>,
    #[serde(default)]
    custom: Option<String>,
    max_attempts: NonZeroU32,
    backoff_base: Duration,
    backoff_max: Duration,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReferenceDocument {
    group: String,
    tier: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TargetDocument {
    Group(ReferenceDocument),
    Pool(String),
}

impl From<&FallbackPolicy> for FallbackDocument {
    fn from(policy: &FallbackPolicy) -> Self {
        let FallbackPolicy { strategy, groups, pools, content_filter, custom, max_attempts, backoff } = policy;
        let &Backoff { base, max } = backoff;
        Self {
            strategy: strategy.as_str().to_owned(),
            groups: groups.iter().map(Into::into).collect(),
            pools: pools.iter().map(ToString::to_string).collect(),
            content_filter: content_filter.iter().map(Into::into).collect(),
            custom: custom.as_deref().map(ToOwned::to_owned),
            max_attempts: *max_attempts,
            backoff_base: base,
            backoff_max: max,
        }
    }
}

impl TryFrom<FallbackDocument> for FallbackPolicy {
    type Error = Cause;

    fn try_from(document: FallbackDocument) -> Result<Self, Cause> {
        let FallbackDocument {
            strategy,
            groups,
            pools,
            content_filter,
            custom,
            max_attempts,
            backoff_base: base,
            backoff_max: max,
        } = document;
        let Some(known) = FallbackStrategy::of_name(&strategy) else {
            return Err(UnknownWord { kind: "fallback strategy", word: strategy }.into());
        };
        Ok(Self {
            strategy: known,
            groups: groups.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            pools: pools.iter().map(|pool| PoolName::new(pool)).collect::<Result<_, _>>()?,
            content_filter: content_filter.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            custom: custom.map(Into::into),
            max_attempts,
            backoff: Backoff { base, max },
        })
    }
}

impl From<&GroupReference> for ReferenceDocument {
    fn from(reference: &GroupReference) -> Self {
        let GroupReference { group, tier } = reference;
        Self { group: group.to_string(), tier: tier.as_ref().map(ToString::to_string) }
    }
}

impl TryFrom<ReferenceDocument> for GroupReference {
    type Error = Cause;

    fn try_from(document: ReferenceDocument) -> Result<Self, Cause> {
        let ReferenceDocument { group, tier } = document;
        Ok(Self { group: GroupName::new(&group)?, tier: tier.as_deref().map(TierName::new).transpose()? })
    }
}

impl From<&FallbackTarget> for TargetDocument {
    fn from(target: &FallbackTarget) -> Self {
        match target {
            FallbackTarget::Group(reference) => Self::Group(reference.into()),
            FallbackTarget::Pool(pool) => Self::Pool(pool.to_string()),
        }
    }
}

impl TryFrom<TargetDocument> for FallbackTarget {
    type Error = Cause;

    fn try_from(document: TargetDocument) -> Result<Self, Cause> {
        match document {
            TargetDocument::Group(reference) => Ok(Self::Group(reference.try_into()?)),
            TargetDocument::Pool(pool) => Ok(Self::Pool(PoolName::new(&pool)?)),
        }
    }
}
