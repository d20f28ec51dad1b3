//! A task group as a document.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_domain::{
    name::{GroupName, PoolName, TierName},
    resilience::HedgePolicy,
    task_group::{TaskGroup, Tier, TierModel, TierPolicy},
};

use super::{
    BreakerDocument, DeadlinesDocument, LimitsDocument, defaults::DefaultsDocument, fallback::FallbackDocument,
    limits::TierLimitsDocument, mid_stream_of, rotation_of,
};
use crate::persistence::{Cause, table::Stored};

impl Stored for TaskGroup {
    fn name(&self) -> &str {
        self.name().as_str()
    }

    fn to_document(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&TaskGroupDocument::from(self))
    }

    fn from_document(name: &str, document: &str) -> Result<Self, Cause> {
        let TaskGroupDocument { description, tiers, fallback, breaker, limits } = serde_json::from_str(document)?;
        let tiers = tiers.into_iter().map(Tier::try_from).collect::<Result<_, _>>()?;
        let group = Self::new(GroupName::new(name)?, tiers, fallback.try_into()?)?;
        Ok(group.described(description).with_breaker(breaker.into()).with_limits(limits.try_into()?))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskGroupDocument {
    description: String,
    tiers: Vec<TierDocument>,
    fallback: FallbackDocument,
    breaker: BreakerDocument,
    #[serde(default)]
    limits: LimitsDocument,
}

impl From<&TaskGroup> for TaskGroupDocument {
    fn from(group: &TaskGroup) -> Self {
        Self {
            description: group.description().to_owned(),
            tiers: group.tiers().iter().map(Into::into).collect(),
            fallback: group.fallback().into(),
            breaker: group.breaker().into(),
            limits: group.limits().into(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierDocument {
    name: String,
    models: Vec<TierModelDocument>,
    priority: Option<u32>,
    rotation: String,
    max_retries: u32,
    deadlines: Option<DeadlinesDocument>,
    defaults: DefaultsDocument,
    #[serde(default)]
    limits: TierLimitsDocument,
    #[serde(default)]
    mid_stream: Option<String>,
    #[serde(default)]
    hedge: Option<HedgeDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HedgeDocument {
    After(Duration),
    P95,
}

impl From<HedgePolicy> for HedgeDocument {
    fn from(policy: HedgePolicy) -> Self {
        match policy {
            HedgePolicy::After(after) => Self::After(after),
            HedgePolicy::P95 => Self::P95,
        }
    }
}

impl From<HedgeDocument> for HedgePolicy {
    fn from(document: HedgeDocument) -> Self {
        match document {
            HedgeDocument::After(after) => Self::After(after),
            HedgeDocument::P95 => Self::P95,
        }
    }
}

impl From<&Tier> for TierDocument {
    fn from(tier: &Tier) -> Self {
        let TierPolicy { priority, rotation, max_retries, deadlines, defaults, limits, mid_stream, hedge } =
            tier.policy();
        Self {
            name: tier.name().to_string(),
            models: tier.models().iter().map(Into::into).collect(),
            priority: *priority,
            rotation: rotation.as_str().to_owned(),
            max_retries: *max_retries,
            deadlines: deadlines.as_ref().map(Into::into),
            defaults: defaults.into(),
            limits: limits.into(),
            mid_stream: Some(mid_stream.as_str().to_owned()),
            hedge: hedge.map(Into::into),
        }
    }
}

impl TryFrom<TierDocument> for Tier {
    type Error = Cause;

    fn try_from(document: TierDocument) -> Result<Self, Cause> {
        let TierDocument {
            name,
            models,
            priority,
            rotation,
            max_retries,
            deadlines,
            defaults,
            limits,
            mid_stream,
            hedge,
        } = document;
        let policy = TierPolicy {
            priority,
            rotation: rotation_of(rotation)?,
            max_retries,
            deadlines: deadlines.map(Into::into),
            defaults: defaults.try_into()?,
            limits: limits.into(),
            mid_stream: mid_stream_of(mid_stream)?,
            hedge: hedge.map(Into::into),
        };
        let models = models.into_iter().map(TierModel::try_from).collect::<Result<_, _>>()?;
        Ok(Self::new(TierName::new(&name)?, models, policy)?)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TierModelDocument {
    Direct(String),
    Pool(String),
}

impl From<&TierModel> for TierModelDocument {
    fn from(model: &TierModel) -> Self {
        match model {
            TierModel::Direct(model) => Self::Direct(model.to_string()),
            TierModel::Pool(pool) => Self::Pool(pool.to_string()),
        }
    }
}

impl TryFrom<TierModelDocument> for TierModel {
    type Error = Cause;

    fn try_from(document: TierModelDocument) -> Result<Self, Cause> {
        match document {
            TierModelDocument::Direct(model) => Ok(Self::Direct(model.parse()?)),
            TierModelDocument::Pool(pool) => Ok(Self::Pool(PoolName::new(&pool)?)),
        }
    }
}
