//! A tier: models of about the same quality, and how they are used.

use std::{fmt, num::NonZeroU32};

use crate::{
    admission::{Limits, QueuePolicy, RateLimitPolicy},
    inference::ParameterDefaults,
    name::{ModelRef, PoolName, TierName},
    pool::RotationKind,
    resilience::{Deadlines, HedgePolicy, MidStream},
};

/// What a tier can send a request to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TierModel {
    /// One model at one provider.
    Direct(ModelRef),
    /// A pool.
    Pool(PoolName),
}

impl fmt::Display for TierModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(model) => write!(formatter, "{model}"),
            Self::Pool(pool) => write!(formatter, "pool:{pool}"),
        }
    }
}

/// How the models of a tier are used.
#[derive(Debug, Clone, PartialEq)]
pub struct TierPolicy {
    /// The place among the tiers, smaller first; last if absent.
    pub priority: Option<u32>,
    /// In which order its models are tried.
    pub rotation: RotationKind,
    /// Retries on the same model, after a fault that permits it.
    pub max_retries: u32,
    /// How long the phases of an attempt may take; the gateway's defaults if absent.
    pub deadlines: Option<Deadlines>,
    /// Values for what the caller left open.
    pub defaults: ParameterDefaults,
    /// What the tier lets in; a request beyond it goes to the next tier.
    pub limits: TierLimits,
    /// What follows when a stream breaks after the caller has seen a part of it.
    pub mid_stream: MidStream,
    /// When a slow attempt gets a second one beside it, at another model of the tier; never if absent.
    pub hedge: Option<HedgePolicy>,
}

/// What a tier lets in: attempts at its models. Whatever is absent is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TierLimits {
    /// The most attempts at once.
    pub concurrency: Option<NonZeroU32>,
    /// The most attempts in any minute.
    pub requests_per_minute: Option<NonZeroU32>,
    /// The most tokens in any minute.
    pub tokens_per_minute: Option<NonZeroU32>,
}

impl From<TierLimits> for Limits {
    fn from(limits: TierLimits) -> Self {
        let TierLimits { concurrency, requests_per_minute, tokens_per_minute } = limits;
        Self {
            max_concurrency: concurrency,
            requests: requests_per_minute.map(RateLimitPolicy::per_minute),
            tokens: tokens_per_minute.map(RateLimitPolicy::per_minute),
            // Nobody waits at a tier: the next one may have room.
            queue: QueuePolicy::default(),
        }
    }
}

impl Default for TierPolicy {
    fn default() -> Self {
        Self {
            priority: None,
            rotation: RotationKind::Declared,
            max_retries: 0,
            deadlines: None,
            defaults: ParameterDefaults::default(),
            limits: TierLimits::default(),
            mid_stream: MidStream::default(),
            hedge: None,
        }
    }
}

/// One tier of a task group.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    name: TierName,
    models: Vec<TierModel>,
    policy: TierPolicy,
}

/// Why a tier cannot be defined so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTier {
    /// It has no models.
    #[error("tier '{0}' has no models")]
    NoModels(TierName),
    /// A model stands twice.
    #[error("tier '{tier}' lists '{model}' twice")]
    DuplicateModel {
        /// The tier.
        tier: TierName,
        /// The model.
        model: TierModel,
    },
}

impl Tier {
    /// Defines a tier.
    ///
    /// # Errors
    /// [`InvalidTier`] if there is no model or one stands twice.
    pub fn new(name: TierName, models: Vec<TierModel>, policy: TierPolicy) -> Result<Self, InvalidTier> {
        if models.is_empty() {
            return Err(InvalidTier::NoModels(name));
        }
        for (at, model) in models.iter().enumerate() {
            if models[..at].contains(model) {
                return Err(InvalidTier::DuplicateModel { tier: name, model: model.clone() });
            }
        }
        Ok(Self { name, models, policy })
    }

    /// The name.
    pub fn name(&self) -> &TierName {
        &self.name
    }

    /// The models, in declaration order.
    pub fn models(&self) -> &[TierModel] {
        &self.models
    }

    /// How they are used.
    pub fn policy(&self) -> &TierPolicy {
        &self.policy
    }
}
