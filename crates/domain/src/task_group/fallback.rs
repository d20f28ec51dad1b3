//! Where a task group goes after a fault that permits fallback.

use std::{fmt, num::NonZeroU32};

use super::GroupReference;
use crate::{name::PoolName, resilience::Backoff};

/// How far a request may walk before it comes to what its group names besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FallbackStrategy {
    /// The other models of the tier, then the next tier, and so on down.
    #[default]
    TierDown,
    /// Only the other models of the same tier.
    ModelRotate,
    /// As [`FallbackStrategy::TierDown`], but models of providers that have not failed come first.
    ProviderFailover,
    /// The other models of the tier, then the groups that are named.
    GroupFallback,
    /// The other models of the tier, then the pools that are named.
    PoolFallback,
    /// Nowhere.
    FailFast,
    /// Wherever a policy says that the embedding program registered.
    Custom,
}

impl FallbackStrategy {
    /// Every strategy.
    pub const ALL: [Self; 7] = [
        Self::TierDown,
        Self::ModelRotate,
        Self::ProviderFailover,
        Self::GroupFallback,
        Self::PoolFallback,
        Self::FailFast,
        Self::Custom,
    ];

    /// The word for files, wire and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TierDown => "tier_down",
            Self::ModelRotate => "model_rotate",
            Self::ProviderFailover => "provider_failover",
            Self::GroupFallback => "group_fallback",
            Self::PoolFallback => "pool_fallback",
            Self::FailFast => "fail_fast",
            Self::Custom => "custom",
        }
    }

    /// The strategy of that name or of one of its aliases.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "echelon_down" => Some(Self::TierDown),
            "task_group_switch" => Some(Self::GroupFallback),
            "polling_pool_switch" => Some(Self::PoolFallback),
            name => Self::ALL.into_iter().find(|strategy| strategy.as_str() == name),
        }
    }

    /// Whether a request leaves the tier that it started at, and goes down.
    pub fn goes_down(self) -> bool {
        match self {
            Self::TierDown | Self::ProviderFailover | Self::Custom => true,
            Self::ModelRotate | Self::GroupFallback | Self::PoolFallback | Self::FailFast => false,
        }
    }
}

/// Where a request may go that leaves its group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FallbackTarget {
    /// All tiers of a task group, best first, or the one that is named.
    Group(GroupReference),
    /// A pool.
    Pool(PoolName),
}

impl fmt::Display for FallbackTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(reference) => write!(formatter, "{reference}"),
            Self::Pool(pool) => write!(formatter, "pool:{pool}"),
        }
    }
}

/// What a task group does after a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallbackPolicy {
    /// How far a request may walk.
    pub strategy: FallbackStrategy,
    /// Groups and tiers to ask when the strategy's own candidates are used up, in order.
    pub groups: Vec<GroupReference>,
    /// Pools to ask then, in order.
    pub pools: Vec<PoolName>,
    /// Where a request may go whose content a provider refused; nowhere if empty.
    pub content_filter: Vec<FallbackTarget>,
    /// The name under which the policy of [`FallbackStrategy::Custom`] is registered.
    pub custom: Option<Box<str>>,
    /// The most attempts that one request makes.
    pub max_attempts: NonZeroU32,
    /// The waits before the same instance is asked again; moving to another one does not wait.
    pub backoff: Backoff,
}

/// Why a group cannot fall back so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFallback {
    /// It goes to other groups, and names none.
    #[error("'group_fallback' names no group to go to")]
    NoGroups,
    /// It goes to pools, and names none.
    #[error("'pool_fallback' names no pool to go to")]
    NoPools,
    /// It goes nowhere, and names where to go.
    #[error("'fail_fast' goes nowhere, but groups or pools to go to are named")]
    Nowhere,
    /// It names no policy.
    #[error("'custom' names no policy")]
    NoPolicy,
    /// It names a policy that nobody asks.
    #[error("a policy is named, but only 'custom' asks one")]
    IdlePolicy,
}

impl FallbackPolicy {
    /// Whether its parts fit together.
    pub(super) fn check(&self) -> Result<(), InvalidFallback> {
        let names_some = !self.groups.is_empty() || !self.pools.is_empty();
        match self.strategy {
            FallbackStrategy::GroupFallback if self.groups.is_empty() => Err(InvalidFallback::NoGroups),
            FallbackStrategy::PoolFallback if self.pools.is_empty() => Err(InvalidFallback::NoPools),
            FallbackStrategy::FailFast if names_some || !self.content_filter.is_empty() => {
                Err(InvalidFallback::Nowhere)
            }
            FallbackStrategy::Custom if self.custom.is_none() => Err(InvalidFallback::NoPolicy),
            FallbackStrategy::Custom => Ok(()),
            _ if self.custom.is_some() => Err(InvalidFallback::IdlePolicy),
            _ => Ok(()),
        }
    }

    /// Where a request goes when the strategy's own candidates are used up, in order.
    pub fn targets(&self) -> impl Iterator<Item = FallbackTarget> {
        let groups = || self.groups.iter().cloned().map(FallbackTarget::Group);
        let pools = || self.pools.iter().cloned().map(FallbackTarget::Pool);
        // What the strategy is named after comes first.
        let pools_first = self.strategy == FallbackStrategy::PoolFallback;
        let first = pools_first.then(pools).into_iter().flatten();
        let last = (!pools_first).then(pools).into_iter().flatten();
        first.chain(groups()).chain(last)
    }
}

impl Default for FallbackPolicy {
    fn default() -> Self {
        Self {
            strategy: FallbackStrategy::default(),
            groups: Vec::new(),
            pools: Vec::new(),
            content_filter: Vec::new(),
            custom: None,
            max_attempts: NonZeroU32::new(3).unwrap_or(NonZeroU32::MIN),
            backoff: Backoff::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(strategy: FallbackStrategy) -> FallbackPolicy {
        FallbackPolicy {
            strategy,
            groups: vec![GroupReference { group: "g".parse().unwrap(), tier: None }],
            pools: vec!["p".parse().unwrap()],
            ..FallbackPolicy::default()
        }
    }

    fn targets(strategy: FallbackStrategy) -> Vec<String> {
        policy(strategy).targets().map(|target| target.to_string()).collect()
    }

    #[test]
    fn every_strategy_is_found_by_its_name() {
        for strategy in FallbackStrategy::ALL {
            assert_eq!(FallbackStrategy::of_name(strategy.as_str()), Some(strategy));
        }
        assert_eq!(FallbackStrategy::of_name("task_group_switch"), Some(FallbackStrategy::GroupFallback));
        assert_eq!(FallbackStrategy::of_name("polling_pool_switch"), Some(FallbackStrategy::PoolFallback));
        assert_eq!(FallbackStrategy::of_name("prayer"), None);
    }

    #[test]
    fn what_a_strategy_is_named_after_comes_first() {
        assert_eq!(targets(FallbackStrategy::TierDown), ["g", "pool:p"]);
        assert_eq!(targets(FallbackStrategy::GroupFallback), ["g", "pool:p"]);
        assert_eq!(targets(FallbackStrategy::PoolFallback), ["pool:p", "g"]);
    }

    #[test]
    fn a_strategy_has_what_it_needs_and_nothing_else() {
        let bare = |strategy| FallbackPolicy { strategy, ..FallbackPolicy::default() };
        let custom = Some("mine".into());
        assert_eq!(bare(FallbackStrategy::GroupFallback).check(), Err(InvalidFallback::NoGroups));
        assert_eq!(bare(FallbackStrategy::PoolFallback).check(), Err(InvalidFallback::NoPools));
        assert_eq!(bare(FallbackStrategy::Custom).check(), Err(InvalidFallback::NoPolicy));
        assert_eq!(policy(FallbackStrategy::FailFast).check(), Err(InvalidFallback::Nowhere));
        let idle = FallbackPolicy { custom: custom.clone(), ..policy(FallbackStrategy::TierDown) };
        assert_eq!(idle.check(), Err(InvalidFallback::IdlePolicy));
        let asked = FallbackPolicy { custom, ..bare(FallbackStrategy::Custom) };
        assert_eq!((asked.check(), policy(FallbackStrategy::TierDown).check()), (Ok(()), Ok(())));
    }
}
