//! What a caller requires of a model, and the answer: which fit, in order, and why the others do not.

use std::{
    fmt,
    time::{Duration, Instant},
};

use crate::{
    model::{RequestNeeds, Shortfall},
    name::{InstanceId, ModelRef, ProviderName, TierName},
};

/// What a caller requires of the model that a group selects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelRequirements {
    /// Providers to put first within a tier, most wanted first.
    pub preferred_providers: Vec<ProviderName>,
    /// Models that must not serve.
    pub excluded_models: Vec<ModelRef>,
    /// What the model must be able to do, and to take.
    pub needs: RequestNeeds,
    /// The most that a thousand tokens may cost, be they of the prompt or of the answer, in micro-dollars.
    pub max_cost_per_1k: Option<u64>,
    /// The slowest that will do.
    pub max_latency: Option<LatencyClass>,
    /// What counts within a tier.
    pub urgency: Urgency,
    /// Where data must be handled. Unlike all else, an unknown place does not do.
    pub region: Option<Box<str>>,
}

/// How soon a model answers, or begins to, by what it has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LatencyClass {
    /// Within a second.
    Fast,
    /// Within five seconds.
    Moderate,
    /// Later.
    Slow,
}

impl LatencyClass {
    /// The class of a latency.
    pub fn of(latency: Duration) -> Self {
        if latency <= Duration::from_secs(1) {
            Self::Fast
        } else if latency <= Duration::from_secs(5) {
            Self::Moderate
        } else {
            Self::Slow
        }
    }
}

/// What counts within a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Urgency {
    /// There is time: the cheapest first.
    Low,
    /// As the tier lists its models.
    #[default]
    Normal,
    /// There is none: the fastest first.
    High,
}

/// How a candidate compares with the best of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Merit {
    /// What a thousand of its dearest tokens cost, in micro-dollars, and the least that any costs.
    pub cost_per_1k: Option<(u64, u64)>,
    /// Its latency, and the best of all.
    pub latency: Option<(Duration, Duration)>,
}

impl Merit {
    /// From 0 to 100: 100 is as cheap and as fast as the best. With low urgency only the price counts, with high urgency only the latency.
    /// Of whom nothing is known stands in the middle.
    pub fn score(&self, urgency: Urgency) -> u32 {
        let cheapness = self.cost_per_1k.map_or(50, |(own, best)| share(best, own));
        let micros = |latency: Duration| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let quickness = self.latency.map_or(50, |(own, best)| share(micros(best), micros(own)));
        match urgency {
            Urgency::Low => cheapness,
            Urgency::Normal => u32::midpoint(cheapness, quickness),
            Urgency::High => quickness,
        }
    }
}

/// A part of a whole that is no smaller, in percent.
fn share(part: u64, whole: u64) -> u32 {
    if part >= whole { 100 } else { u32::try_from(u128::from(part) * 100 / u128::from(whole)).unwrap_or(100) }
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
    /// It costs more than the caller will pay.
    TooDear,
    /// It is slower than the caller will wait.
    TooSlow,
    /// It is not known to handle data where the caller wants it.
    OtherRegion,
    /// It is unhealthy until then.
    Unhealthy(Instant),
    /// Its circuit is open, or its probes are out, until then.
    CircuitOpen(Instant),
    /// Its upstream asked to be left alone until then.
    CoolingDown(Instant),
    /// Its upstream says that nothing is left of our rate until then.
    QuotaSpent(Instant),
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
            Self::Unhealthy(until) | Self::CircuitOpen(until) | Self::CoolingDown(until) | Self::QuotaSpent(until) => {
                Some(until)
            }
            Self::AtLimit(until) => until,
            Self::Drained
            | Self::Maintenance
            | Self::HeldOpen
            | Self::ExcludedByCaller
            | Self::AtCapacity
            | Self::Unfit
            | Self::CannotGoOn
            | Self::TooDear
            | Self::TooSlow
            | Self::OtherRegion
            | Self::FallsShort(_) => None,
        }
    }

    /// Whether it is about the request, so that no waiting mends it.
    pub fn is_about_request(self) -> bool {
        match self {
            Self::ExcludedByCaller
            | Self::Unfit
            | Self::CannotGoOn
            | Self::FallsShort(_)
            | Self::TooDear
            | Self::TooSlow
            | Self::OtherRegion => true,
            Self::Drained
            | Self::Maintenance
            | Self::HeldOpen
            | Self::Unhealthy(_)
            | Self::CircuitOpen(_)
            | Self::CoolingDown(_)
            | Self::QuotaSpent(_)
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
            Self::TooDear => "too_dear",
            Self::TooSlow => "too_slow",
            Self::OtherRegion => "other_region",
            Self::Unhealthy(_) => "unhealthy",
            Self::CircuitOpen(_) => "circuit_open",
            Self::CoolingDown(_) => "cooling_down",
            Self::QuotaSpent(_) => "quota_spent",
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
    /// How it compares with the others, from 0 to 100: the more, the better.
    pub score: u32,
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

#[cfg(test)]
mod tests {
    use super::*;

    const MERIT: Merit =
        Merit { cost_per_1k: Some((40, 10)), latency: Some((Duration::from_secs(2), Duration::from_secs(1))) };

    #[test]
    fn a_score_is_by_what_counts() {
        assert_eq!(MERIT.score(Urgency::Low), 25);
        assert_eq!(MERIT.score(Urgency::High), 50);
        assert_eq!(MERIT.score(Urgency::Normal), 37);
    }

    #[test]
    fn the_best_have_all_points_and_the_unknown_half() {
        assert_eq!(Merit { cost_per_1k: Some((0, 0)), ..MERIT }.score(Urgency::Low), 100);
        assert_eq!(Merit::default().score(Urgency::Normal), 50);
    }

    #[test]
    fn latencies_have_classes() {
        let of = |millis| LatencyClass::of(Duration::from_millis(millis));
        assert_eq!([of(1000), of(1001), of(5001)], [LatencyClass::Fast, LatencyClass::Moderate, LatencyClass::Slow]);
    }
}
