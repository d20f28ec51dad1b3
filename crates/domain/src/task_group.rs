//! Task groups: a kind of work, and the tiers of models that can do it, best first.

mod custom;
mod fallback;
mod repository;
mod requirements;
mod tier;

use std::fmt;

pub use custom::{CustomFallback, FallbackCandidate};
pub use fallback::{FallbackPolicy, FallbackStrategy, FallbackTarget, InvalidFallback};
pub use repository::TaskGroupRepository;
pub use requirements::{Exclusion, LatencyClass, Merit, ModelRequirements, RankedModel, Selection, Urgency};
pub use tier::{InvalidTier, Tier, TierLimits, TierModel, TierPolicy};

use crate::{
    admission::Limits,
    name::{GroupName, TierName},
    resilience::BreakerPolicy,
};

/// A task group, or one of its tiers: `group` or `group.tier`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupReference {
    /// The group.
    pub group: GroupName,
    /// The tier; all tiers if absent.
    pub tier: Option<TierName>,
}

impl fmt::Display for GroupReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tier {
            Some(tier) => write!(formatter, "{}.{tier}", self.group),
            None => write!(formatter, "{}", self.group),
        }
    }
}

/// A named kind of work with its ordered tiers.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskGroup {
    name: GroupName,
    description: String,
    tiers: Vec<Tier>,
    fallback: FallbackPolicy,
    breaker: BreakerPolicy,
    limits: Limits,
}

/// Why a task group cannot be defined so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTaskGroup {
    /// It has no tiers.
    #[error("task group '{0}' has no tiers")]
    NoTiers(GroupName),
    /// Two tiers have one name.
    #[error("task group '{group}' has two tiers named '{tier}'")]
    DuplicateTier {
        /// The group.
        group: GroupName,
        /// The tier.
        tier: TierName,
    },
    /// It falls back to nowhere, or to nobody knows where.
    #[error("task group '{group}' cannot fall back so: {problem}")]
    Fallback {
        /// The group.
        group: GroupName,
        /// Why not.
        problem: InvalidFallback,
    },
}

impl TaskGroup {
    /// Defines a task group. The tiers are put in order of priority, smaller first; ties keep their order, and tiers
    /// without a priority come last.
    ///
    /// # Errors
    /// [`InvalidTaskGroup`] if there is no tier, two have one name, or the fallback contradicts itself.
    pub fn new(name: GroupName, mut tiers: Vec<Tier>, fallback: FallbackPolicy) -> Result<Self, InvalidTaskGroup> {
        if tiers.is_empty() {
            return Err(InvalidTaskGroup::NoTiers(name));
        }
        for (at, tier) in tiers.iter().enumerate() {
            if tiers[..at].iter().any(|earlier| earlier.name() == tier.name()) {
                return Err(InvalidTaskGroup::DuplicateTier { group: name, tier: tier.name().clone() });
            }
        }
        if let Err(problem) = fallback.check() {
            return Err(InvalidTaskGroup::Fallback { group: name, problem });
        }
        tiers.sort_by_key(|tier| tier.policy().priority.unwrap_or(u32::MAX));
        let (description, breaker, limits) = Default::default();
        Ok(Self { name, description, tiers, fallback, breaker, limits })
    }

    /// The same group with a description for people.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The same group whose models have circuit breakers under `breaker`.
    #[must_use]
    pub fn with_breaker(mut self, breaker: BreakerPolicy) -> Self {
        self.breaker = breaker;
        self
    }

    /// The same group, which lets in no more than `limits`.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The name.
    pub fn name(&self) -> &GroupName {
        &self.name
    }

    /// The description for people; empty if there is none.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The tiers, best first.
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// The tiers from the named one down, or all of them; `None` if there is no such tier.
    pub fn tiers_from(&self, start: Option<&TierName>) -> Option<&[Tier]> {
        let Some(start) = start else { return Some(&self.tiers) };
        let at = self.tiers.iter().position(|tier| tier.name() == start)?;
        Some(&self.tiers[at..])
    }

    /// What follows a fault.
    pub fn fallback(&self) -> &FallbackPolicy {
        &self.fallback
    }

    /// What the group lets in, all tiers together.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// When the breakers of its models open and close.
    pub fn breaker(&self) -> &BreakerPolicy {
        &self.breaker
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier(name: &str, priority: Option<u32>) -> Tier {
        let models = vec![TierModel::Direct("sim:echo".parse().unwrap())];
        let policy = TierPolicy { priority, ..TierPolicy::default() };
        Tier::new(TierName::new(name).unwrap(), models, policy).unwrap()
    }

    fn group(tiers: Vec<Tier>) -> Result<TaskGroup, InvalidTaskGroup> {
        TaskGroup::new(GroupName::new("g").unwrap(), tiers, FallbackPolicy::default())
    }

    fn names(tiers: &[Tier]) -> Vec<&str> {
        tiers.iter().map(|tier| tier.name().as_str()).collect()
    }

    #[test]
    fn smaller_priorities_come_first_and_missing_ones_last() {
        let tiers = vec![tier("late", None), tier("b", Some(2)), tier("a", Some(1)), tier("b2", Some(2))];
        assert_eq!(names(group(tiers).unwrap().tiers()), ["a", "b", "b2", "late"]);
    }

    #[test]
    fn a_named_tier_starts_the_walk_there_and_goes_down() {
        let group = group(vec![tier("a", Some(1)), tier("b", Some(2)), tier("c", Some(3))]).unwrap();
        assert_eq!(names(group.tiers_from(Some(&TierName::new("b").unwrap())).unwrap()), ["b", "c"]);
        assert_eq!(names(group.tiers_from(None).unwrap()), ["a", "b", "c"]);
        assert_eq!(group.tiers_from(Some(&TierName::new("x").unwrap())), None);
    }

    #[test]
    fn a_group_has_tiers_with_names_of_their_own() {
        assert!(matches!(group(vec![]), Err(InvalidTaskGroup::NoTiers(_))));
        let twice = vec![tier("a", None), tier("a", None)];
        assert!(matches!(group(twice), Err(InvalidTaskGroup::DuplicateTier { .. })));
    }
}
