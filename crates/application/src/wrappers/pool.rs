//! The pool wrapper: interchangeable instances, asked in the order of the pool's rotation.

use std::sync::Arc;

use tidegate_domain::{
    inference::ParameterDefaults,
    name::Target,
    pool::{PoolFallback, RotationKind},
    resilience::Backoff,
    routing::{Reach, WalkPolicy},
};

use super::{Leg, LegMember, Route, WrapperFactory};
use crate::live::{LivePool, Picker};

impl<C> WrapperFactory<'_, C> {
    /// A route to a pool; where its policy rotates and every instance failed in a way that may pass, it goes round once more.
    pub(crate) fn pool(&self, pool: &Arc<LivePool<C>>) -> Route<C> {
        let policy = pool.definition.policy();
        let attempts = policy.max_instance_attempts;
        let (reach, max_attempts, max_retries) = match policy.fallback {
            PoolFallback::InstanceRotation => (Reach::Leg, attempts.saturating_add(1), 1),
            PoolFallback::SimpleRetry => (Reach::Instance, attempts, attempts.get() - 1),
            PoolFallback::FailFast => (Reach::Nowhere, attempts, 0),
        };
        let target = Target::Pool(pool.definition.name().clone());
        Route {
            legs: vec![Arc::new(Leg {
                tier: None,
                members: vec![LegMember::Pool(Arc::clone(pool), None)],
                picker: Picker::new(RotationKind::Declared, 0),
                deadlines: policy.deadlines,
                defaults: ParameterDefaults::default(),
                max_retries: 0,
                level: None,
            })],
            levels: self.levels(pool.level.as_ref()),
            budget: self.budget(&target),
            target,
            total: policy.deadlines.total,
            walk: WalkPolicy {
                reach,
                max_attempts,
                max_retries,
                max_ambiguous_repeats: self.max_ambiguous_repeats,
                backoff: Backoff::default(),
            },
        }
    }
}
