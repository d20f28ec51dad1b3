//! One candidate of a leg: an instance, or a pool that picks among its own.

use std::{sync::Arc, time::Instant};

use tidegate_domain::{routing::Trace, task_group::Exclusion};

use super::Asking;
use crate::{
    admission::Level,
    live::{LiveInstance, LivePool, Permit, Picker},
};

/// One candidate of a leg.
#[derive(Debug)]
pub(crate) enum LegMember<C> {
    Instance(Arc<LiveInstance<C>>),
    /// With the level that an attempt passes here; none where the whole request has passed it already.
    Pool(Arc<LivePool<C>>, Option<Level>),
}

impl<C> LegMember<C> {
    /// What tells it from the other members of its leg.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Instance(instance) => instance.spec.id.as_str(),
            Self::Pool(pool, _) => pool.definition.name().as_str(),
        }
    }

    /// Its instances.
    pub(crate) fn instances(&self) -> &[Arc<LiveInstance<C>>] {
        match self {
            Self::Instance(instance) => std::slice::from_ref(instance),
            Self::Pool(pool, _) => &pool.instances,
        }
    }

    pub(super) fn is_usable(&self, now: Instant) -> bool {
        match self {
            Self::Instance(instance) => instance.exclusion(now).is_none(),
            Self::Pool(pool, _) => pool.is_usable(now),
        }
    }

    pub(super) fn is_usable_for(&self, asking: &Asking<'_, C>) -> bool {
        match self {
            Self::Instance(instance) => instance.exclusion(asking.occasion()).is_none(),
            Self::Pool(pool, _) => pool.is_usable_for(asking),
        }
    }

    /// Whether the member still has somebody to ask for this request, and, if it is a pool, attempts left.
    pub(crate) fn has_more(&self, asking: &Asking<'_, C>) -> bool {
        match self {
            Self::Instance(instance) => !asking.leaves_out(instance),
            Self::Pool(pool, _) => {
                let asked = asking.tried.iter().filter(|instance| pool.owns(instance)).count();
                asked < pool.attempts_per_request() && pool.instances.iter().any(|it| !asking.leaves_out(it))
            }
        }
    }

    pub(super) fn pick(
        &self,
        asking: &Asking<'_, C>,
        trace: &mut Trace,
    ) -> Option<(Arc<LiveInstance<C>>, Box<Permit>)> {
        match self {
            Self::Instance(instance) => {
                Permit::acquire(instance, asking.occasion()).ok().map(|permit| (Arc::clone(instance), permit))
            }
            Self::Pool(pool, level) => {
                let place = level.as_ref().map(|level| level.try_enter(asking.tokens, asking.now)).transpose().ok()?;
                let (instance, mut permit) = pool.pick(asking, trace)?;
                if let Some(place) = place {
                    permit.places.hold(place);
                }
                Some((instance, permit))
            }
        }
    }

    /// A picker that picks as its pool's would, and moves nobody's turn.
    pub(crate) fn fork(&self) -> Option<Picker> {
        match self {
            Self::Instance(_) => None,
            Self::Pool(pool, _) => Some(pool.picker.fork()),
        }
    }

    /// Why its pool lets nobody in now; `None` if it does.
    pub(crate) fn at_limit(&self, asking: &Asking<'_, C>) -> Option<Exclusion> {
        match self {
            Self::Instance(_) | Self::Pool(_, None) => None,
            Self::Pool(_, Some(level)) => level.exclusion(asking.tokens, asking.now),
        }
    }

    /// Notes why none of its instances is asked.
    pub(super) fn explain(&self, asking: &Asking<'_, C>, trace: &mut Trace) {
        let at_limit = self.at_limit(asking);
        for instance in self.instances() {
            if let Some(reason) = at_limit.or_else(|| instance.exclusion(asking.occasion())) {
                trace.exclude(&instance.label, reason);
            }
        }
    }
}
