//! The pool wrapper: interchangeable instances, asked in the order of the pool's rotation.

use std::{num::NonZeroU32, sync::Arc};

use tidegate_domain::{
    name::Target,
    pool::{PoolFallback, RotationKind},
    resilience::Backoff,
    routing::{Reach, WalkPolicy},
    task_group::FallbackTarget,
};

use super::{Leg, LegMember, Manner, Order, Route, WrapperFactory, task_group::doubts};
use crate::{
    admission::Level,
    live::{LivePool, Picker},
    routing_table::CompileError,
};

impl<C> WrapperFactory<'_, C> {
    /// A route to a pool; where its policy rotates and every instance failed in a way that may pass, it goes round once more.
    pub(crate) fn pool(&self, pool: &Arc<LivePool<C>>) -> Result<Route<C>, CompileError> {
        let policy = pool.definition.policy();
        let target = Target::Pool(pool.definition.name().clone());
        let mut legs = vec![Arc::new(Self::pool_leg(pool, None))];
        let others = policy.fallback_pools.iter().cloned().map(FallbackTarget::Pool);
        self.add_targets(&target, others, &mut legs)?;
        let of_others = legs[1..].iter().flat_map(|leg| leg.pools()).map(|pool| pool.definition.policy());
        let in_others = of_others.map(|policy| policy.max_instance_attempts.get()).fold(0, u32::saturating_add);
        let attempts = policy.max_instance_attempts;
        let (reach, max_attempts, max_retries) = match policy.fallback {
            PoolFallback::InstanceRotation => (Reach::Leg, attempts.saturating_add(1), 1),
            PoolFallback::PoolFallback => (Reach::Route, attempts.saturating_add(in_others).saturating_add(1), 1),
            PoolFallback::SimpleRetry => (Reach::Instance, attempts, attempts.get() - 1),
            PoolFallback::FailFast => (Reach::Nowhere, NonZeroU32::MIN, 0),
        };
        let longest = |total, leg: &Arc<Leg<C>>| leg.manner.total().max(total);
        Ok(Route {
            total: legs.iter().fold(policy.deadlines.total, longest),
            doubts: doubts(legs.iter()),
            legs,
            content_filter: Vec::new(),
            order: Order::AsListed,
            levels: self.levels(pool.level.as_ref()),
            budget: self.budget(&target),
            target,
            walk: WalkPolicy {
                reach,
                max_attempts,
                max_retries,
                max_ambiguous_repeats: self.max_ambiguous_repeats,
                backoff: Backoff::default(),
            },
        })
    }

    /// A pool as a leg; with `level`, an attempt passes it here.
    pub(super) fn pool_leg(pool: &Arc<LivePool<C>>, level: Option<Level>) -> Leg<C> {
        Leg {
            tier: None,
            members: vec![LegMember::Pool(Arc::clone(pool), level)],
            picker: Picker::new(RotationKind::Declared, 0),
            manner: Manner::plain(pool.definition.policy().deadlines),
            max_retries: 0,
            level: None,
            group_level: None,
            mid_stream: pool.definition.policy().mid_stream,
            hedge: None,
        }
    }
}
