//! What a caller requires of a model, and the answer: which fit, in order, and why the others do not.

use std::{fmt, time::Instant};

use crate::{
    model::Shortfall,
    name::{InstanceId, ModelRef, ProviderName, TierName},
};

/// What a caller requires of the model that a group selects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelRequirements {
    /// Providers to put first within a tier, most wanted first.
    pub preferred_providers: Vec<ProviderName>,
    /// Models that must not serve.
    pub excluded_models: Vec<ModelRef>,
}

/// Why a candidate is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusion {
    /// Its weight is 0, or an operator drains it.
    Drained,
    /// An operator works on it.
    Maintenance,
    /// An operator holds its circuit open.
    HeldOpen,
    /// The caller excluded its model.
    ExcludedByCaller,
    /// Its model cannot serve the request.
    FallsShort(Shortfall),
    /// It is unhealthy until then.
    Unhealthy(Instant),
    /// Its circuit is open, or its probes are out, until then.
    CircuitOpen(Instant),
    /// Its upstream asked to be left alone until then.
    CoolingDown(Instant),
    /// It serves as many requests as it may.
    AtCapacity,
    /// It cannot go on where another one's answer broke off.
    CannotGoOn,
    /// Its tier or pool has let in as much as it may, until then if that is known.
    AtLimit(Option<Instant>),
    /// It cannot be sent the request: its provider lacks the operation, or its dialect the words.
    Unfit,
}

impl Exclusion {
    /// When the candidate can be asked again, if a moment is known.
    pub fn until(self) -> Option<Instant> {
        match self {
            Self::Unhealthy(until) | Self::CircuitOpen(until) | Self::CoolingDown(until) => Some(until),
            Self::AtLimit(until) => until,
            Self::Drained
            | Self::Maintenance
            | Self::HeldOpen
            | Self::ExcludedByCaller
            | Self::AtCapacity
            | Self::Unfit
            | Self::CannotGoOn
            | Self::FallsShort(_) => None,
        }
    }

    /// Whether it is about the request, so that no waiting mends it.
    pub fn is_about_request(self) -> bool {
        match self {
            Self::ExcludedByCaller | Self::Unfit | Self::CannotGoOn | Self::FallsShort(_) => true,
            Self::Drained
            | Self::Maintenance
            | Self::HeldOpen
            | Self::Unhealthy(_)
            | Self::CircuitOpen(_)
            | Self::CoolingDown(_)
            | Self::AtCapacity
            | Self::AtLimit(_) => false,
        }
    }

    /// The word for wire, logs and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drained => "drained",
            Self::Maintenance => "maintenance",
            Self::HeldOpen => "held_open",
            Self::ExcludedByCaller => "excluded_by_caller",
            Self::FallsShort(shortfall) => shortfall.as_str(),
            Self::Unhealthy(_) => "unhealthy",
            Self::CircuitOpen(_) => "circuit_open",
            Self::CoolingDown(_) => "cooling_down",
            Self::AtCapacity => "at_capacity",
            Self::CannotGoOn => "cannot_go_on",
            Self::AtLimit(_) => "at_limit",
            Self::Unfit => "unfit",
        }
    }
}

impl fmt::Display for Exclusion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// One model that a group could send a request to.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedModel {
    /// The tier it serves.
    pub tier: TierName,
    /// The instance.
    pub instance: InstanceId,
    /// Its model.
    pub model: ModelRef,
    /// Why it would not be asked now; `None` if it would.
    pub exclusion: Option<Exclusion>,
}

/// The answer to a selection: every model of the group, those first that would be asked first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selection {
    /// The models in order; excluded ones last.
    pub models: Vec<RankedModel>,
}

impl Selection {
    /// The model that would be asked first; `None` if all are excluded.
    pub fn first(&self) -> Option<&RankedModel> {
        self.models.iter().find(|model| model.exclusion.is_none())
    }
}
