//! The task group wrapper: tiers of models, best first, from the first one or from a named one down.

use std::time::Duration;

use tidegate_domain::{
    name::{Target, TierName},
    routing::{Reach, WalkPolicy},
    task_group::FallbackStrategy,
};

use super::{Route, WrapperFactory};
use crate::routing_table::LiveGroup;

impl<C> WrapperFactory<'_, C> {
    /// A route through the tiers of a group.
    pub(crate) fn task_group(&self, group: &LiveGroup<C>, start: Option<&TierName>) -> Route<C> {
        let fallback = group.definition.fallback();
        let first = start.and_then(|start| group.legs.iter().position(|leg| leg.tier.as_ref() == Some(start)));
        let legs = group.legs[first.unwrap_or(0)..].to_vec();
        // A tier's own total bounds its attempts; together they have at least as long as the longest of them.
        let total = legs.iter().map(|leg| leg.deadlines.total).fold(self.deadlines.total, Duration::max);
        let max_retries = legs.iter().map(|leg| leg.max_retries).max().unwrap_or(0);
        let reach = match fallback.strategy {
            FallbackStrategy::TierDown => Reach::Route,
            FallbackStrategy::ModelRotate => Reach::Leg,
            FallbackStrategy::FailFast => Reach::Nowhere,
        };
        let target = Target::Group { group: group.definition.name().clone(), tier: start.cloned() };
        Route {
            legs,
            levels: self.levels(group.level.as_ref()),
            budget: self.budget(&target),
            target,
            total,
            walk: WalkPolicy {
                reach,
                max_attempts: fallback.max_attempts,
                max_retries,
                max_ambiguous_repeats: self.max_ambiguous_repeats,
                backoff: fallback.backoff,
            },
        }
    }
}
