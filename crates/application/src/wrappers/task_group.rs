//! The task group wrapper: tiers of models, best first, from the first one or from a named one down, and whatever the group names
//! besides.
//!
//! Everything that a strategy allows becomes a leg, and nothing else does: a request cannot leave for where nobody sent it.

use std::{sync::Arc, time::Duration};

use tidegate_domain::{
    model::Doubts,
    name::{Target, TierName},
    routing::{Reach, WalkPolicy},
    task_group::{FallbackStrategy, FallbackTarget},
};

use super::{Leg, Order, Route, WrapperFactory};
use crate::routing_table::{CompileError, LiveGroup};

impl<C> WrapperFactory<'_, C> {
    /// A route through the tiers of a group.
    pub(crate) fn task_group(&self, group: &LiveGroup<C>, start: Option<&TierName>) -> Result<Route<C>, CompileError> {
        let fallback = group.definition.fallback();
        let target = Target::Group { group: group.definition.name().clone(), tier: start.cloned() };
        let first = start.and_then(|start| group.legs.iter().position(|leg| leg.tier.as_ref() == Some(start)));
        let mut legs = group.legs[first.unwrap_or(0)..].to_vec();
        if !fallback.strategy.goes_down() {
            legs.truncate(1);
        }
        let max_retries = legs.iter().map(|leg| leg.max_retries).max().unwrap_or(0);
        self.add_targets(&target, fallback.targets(), &mut legs)?;
        let mut content_filter = Vec::new();
        self.add_targets(&target, fallback.content_filter.iter().cloned(), &mut content_filter)?;
        let reach = match fallback.strategy {
            FallbackStrategy::FailFast => Reach::Nowhere,
            _ => Reach::Route,
        };
        Ok(Route {
            total: self.total(&legs),
            doubts: doubts(legs.iter().chain(&content_filter)),
            order: self.order(group)?,
            legs,
            content_filter,
            levels: self.levels(group.level.as_ref()),
            budget: self.budget(&target),
            target,
            walk: WalkPolicy {
                reach,
                max_attempts: fallback.max_attempts,
                max_retries,
                max_ambiguous_repeats: self.max_ambiguous_repeats,
                backoff: fallback.backoff,
            },
        })
    }

    fn order(&self, group: &LiveGroup<C>) -> Result<Order, CompileError> {
        let fallback = group.definition.fallback();
        match (fallback.strategy, fallback.custom.as_deref()) {
            (FallbackStrategy::ProviderFailover, _) => Ok(Order::OtherProvidersFirst),
            (FallbackStrategy::Custom, Some(policy)) => match self.policies.get(policy) {
                Some(known) => Ok(Order::Custom(known.clone())),
                None => Err(CompileError::UnknownPolicy {
                    group: group.definition.name().clone(),
                    policy: policy.to_owned(),
                    known: self.policies.names(),
                }),
            },
            _ => Ok(Order::AsListed),
        }
    }

    /// The legs of what `who` names to fall back to, without those that are there already.
    pub(super) fn add_targets(
        &self,
        who: &Target,
        targets: impl Iterator<Item = FallbackTarget>,
        legs: &mut Vec<Arc<Leg<C>>>,
    ) -> Result<(), CompileError> {
        for target in targets {
            let dangling = || CompileError::DanglingFallback { who: who.clone(), target: target.to_string() };
            match &target {
                FallbackTarget::Group(reference) => {
                    let group = self.groups.get(&reference.group).ok_or_else(dangling)?;
                    let is_meant = |leg: &&Arc<Leg<C>>| reference.tier.is_none() || leg.tier == reference.tier;
                    let mut meant = group.legs.iter().filter(is_meant).peekable();
                    if meant.peek().is_none() {
                        return Err(dangling());
                    }
                    for leg in meant {
                        if !legs.iter().any(|known| Arc::ptr_eq(known, leg)) {
                            legs.push(Arc::clone(leg));
                        }
                    }
                }
                FallbackTarget::Pool(name) => {
                    let pool = self.pools.get(name).ok_or_else(dangling)?;
                    if *who != Target::Pool(name.clone()) && !legs.iter().any(|leg| leg.is_pool(name)) {
                        legs.push(Arc::new(Self::pool_leg(pool, pool.level.clone())));
                    }
                }
            }
        }
        Ok(())
    }

    /// A leg's own total bounds its attempts; together they have at least as long as the longest of them.
    pub(super) fn total(&self, legs: &[Arc<Leg<C>>]) -> Duration {
        legs.iter().map(|leg| leg.manner.total()).fold(self.deadlines.total, Duration::max)
    }
}

/// What the models behind `legs` may not be able to serve.
pub(super) fn doubts<'a, C: 'a>(legs: impl Iterator<Item = &'a Arc<Leg<C>>>) -> Doubts {
    Doubts::about(legs.flat_map(|leg| leg.instances()).filter_map(|instance| instance.card.as_deref()))
}
