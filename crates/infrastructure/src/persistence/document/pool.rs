//! A pool as a document.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use tidegate_domain::{
    name::{GroupName, InstanceId, KeyName, PoolName, TierName},
    pool::{InstanceSpec, Pool, PoolFallback, PoolMember, PoolPolicy, Weight},
};

use super::{
    BreakerDocument, DeadlinesDocument, HealthDocument, LimitsDocument,
    concurrency::AdaptiveDocument,
    mid_stream_of,
    picking::{AffinityDocument, EjectionDocument, OnExhaustedDocument, SlowStartDocument},
    rotation_of,
};
use crate::persistence::{Cause, table::Stored};

impl Stored for Pool {
    fn name(&self) -> &str {
        self.name().as_str()
    }

    fn to_document(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&PoolDocument::from(self))
    }

    fn from_document(name: &str, document: &str) -> Result<Self, Cause> {
        let PoolDocument { description, members, policy } = serde_json::from_str(document)?;
        let members = members.into_iter().map(PoolMember::try_from).collect::<Result<_, _>>()?;
        Ok(Self::new(PoolName::new(name)?, members, policy.try_into()?)?.described(description))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolDocument {
    description: String,
    members: Vec<MemberDocument>,
    policy: PolicyDocument,
}

impl From<&Pool> for PoolDocument {
    fn from(pool: &Pool) -> Self {
        Self {
            description: pool.description().to_owned(),
            members: pool.members().iter().map(Into::into).collect(),
            policy: pool.policy().into(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum MemberDocument {
    Instance {
        id: String,
        model: String,
        weight: u32,
        max_concurrency: Option<NonZeroU32>,
        base_url: Option<String>,
        #[serde(default)]
        key: Option<String>,
    },
    Reference {
        group: String,
        tier: Option<String>,
    },
}

impl From<&PoolMember> for MemberDocument {
    fn from(member: &PoolMember) -> Self {
        match member {
            PoolMember::Instance(InstanceSpec { id, model, weight, max_concurrency, base_url, key }) => {
                Self::Instance {
                    id: id.to_string(),
                    model: model.to_string(),
                    weight: weight.get(),
                    max_concurrency: *max_concurrency,
                    base_url: base_url.as_deref().map(ToOwned::to_owned),
                    key: key.as_ref().map(ToString::to_string),
                }
            }
            PoolMember::Reference { group, tier } => {
                Self::Reference { group: group.to_string(), tier: tier.as_ref().map(ToString::to_string) }
            }
        }
    }
}

impl TryFrom<MemberDocument> for PoolMember {
    type Error = Cause;

    fn try_from(document: MemberDocument) -> Result<Self, Cause> {
        match document {
            MemberDocument::Instance { id, model, weight, max_concurrency, base_url, key } => {
                Ok(Self::Instance(InstanceSpec {
                    id: InstanceId::new(&id)?,
                    model: model.parse()?,
                    weight: Weight::new(weight).ok_or(OverWeight(weight))?,
                    max_concurrency,
                    base_url: base_url.map(Into::into),
                    key: key.as_deref().map(KeyName::new).transpose()?,
                }))
            }
            MemberDocument::Reference { group, tier } => Ok(Self::Reference {
                group: GroupName::new(&group)?,
                tier: tier.as_deref().map(TierName::new).transpose()?,
            }),
        }
    }
}

/// A weight that no instance can have.
#[derive(Debug, thiserror::Error)]
#[error("the weight {0} is over {max}", max = Weight::MAX)]
struct OverWeight(u32);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyDocument {
    rotation: String,
    #[serde(default)]
    slow_start: Option<SlowStartDocument>,
    #[serde(default)]
    affinity: Option<AffinityDocument>,
    #[serde(default)]
    ejection: EjectionDocument,
    #[serde(default)]
    on_exhausted: OnExhaustedDocument,
    health: HealthDocument,
    breaker: BreakerDocument,
    #[serde(default)]
    adaptive_concurrency: Option<AdaptiveDocument>,
    fallback: FallbackDocument,
    #[serde(default)]
    fallback_pools: Vec<String>,
    max_instance_attempts: NonZeroU32,
    deadlines: DeadlinesDocument,
    #[serde(default)]
    limits: LimitsDocument,
    #[serde(default)]
    mid_stream: Option<String>,
}

impl From<&PoolPolicy> for PolicyDocument {
    fn from(policy: &PoolPolicy) -> Self {
        let PoolPolicy {
            rotation,
            slow_start,
            affinity,
            ejection,
            on_exhausted,
            health,
            breaker,
            adaptive_concurrency,
            fallback,
            fallback_pools,
            max_instance_attempts,
            deadlines,
            limits,
            mid_stream,
        } = policy;
        Self {
            rotation: rotation.as_str().to_owned(),
            slow_start: slow_start.map(Into::into),
            affinity: affinity.as_ref().map(Into::into),
            ejection: (*ejection).into(),
            on_exhausted: (*on_exhausted).into(),
            health: health.into(),
            breaker: breaker.into(),
            adaptive_concurrency: adaptive_concurrency.map(Into::into),
            fallback: (*fallback).into(),
            fallback_pools: fallback_pools.iter().map(ToString::to_string).collect(),
            max_instance_attempts: *max_instance_attempts,
            deadlines: deadlines.into(),
            limits: limits.into(),
            mid_stream: Some(mid_stream.as_str().to_owned()),
        }
    }
}

impl TryFrom<PolicyDocument> for PoolPolicy {
    type Error = Cause;

    fn try_from(document: PolicyDocument) -> Result<Self, Cause> {
        let PolicyDocument {
            rotation,
            slow_start,
            affinity,
            ejection,
            on_exhausted,
            health,
            breaker,
            adaptive_concurrency,
            fallback,
            fallback_pools,
            max_instance_attempts,
            deadlines,
            limits,
            mid_stream,
        } = document;
        Ok(Self {
            rotation: rotation_of(rotation)?,
            slow_start: slow_start.map(Into::into),
            affinity: affinity.map(TryInto::try_into).transpose()?,
            ejection: ejection.into(),
            on_exhausted: on_exhausted.into(),
            health: health.try_into()?,
            breaker: breaker.into(),
            adaptive_concurrency: adaptive_concurrency.map(Into::into),
            fallback: fallback.into(),
            fallback_pools: fallback_pools.iter().map(|pool| PoolName::new(pool)).collect::<Result<_, _>>()?,
            max_instance_attempts,
            deadlines: deadlines.into(),
            limits: limits.try_into()?,
            mid_stream: mid_stream_of(mid_stream)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FallbackDocument {
    InstanceRotation,
    SimpleRetry,
    PoolFallback,
    FailFast,
}

impl From<PoolFallback> for FallbackDocument {
    fn from(fallback: PoolFallback) -> Self {
        match fallback {
            PoolFallback::InstanceRotation => Self::InstanceRotation,
            PoolFallback::SimpleRetry => Self::SimpleRetry,
            PoolFallback::PoolFallback => Self::PoolFallback,
            PoolFallback::FailFast => Self::FailFast,
        }
    }
}

impl From<FallbackDocument> for PoolFallback {
    fn from(document: FallbackDocument) -> Self {
        match document {
            FallbackDocument::InstanceRotation => Self::InstanceRotation,
            FallbackDocument::SimpleRetry => Self::SimpleRetry,
            FallbackDocument::PoolFallback => Self::PoolFallback,
            FallbackDocument::FailFast => Self::FailFast,
        }
    }
}
