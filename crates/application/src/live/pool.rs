//! A pool that serves: its instances and the rotation over them.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tidegate_domain::{
    pool::{Bend, Members, Pool, Random, Rotation, RotationKind, pull},
    routing::Trace,
};

use super::{LiveInstance, Owned, Permit};
use crate::{admission::Level, wrappers::Asking};

/// A rotation with the randomness it draws from, behind one short lock.
#[derive(Debug)]
pub(crate) struct Picker(Mutex<(Rotation, Random)>);

impl Picker {
    pub(crate) fn new(kind: RotationKind, seed: u64) -> Self {
        Self(Mutex::new((Rotation::new(kind), Random::with_seed(seed))))
    }

    /// The picker after its members changed; see [`Rotation::rearranged`].
    pub(crate) fn rearranged(&self, kind: RotationKind, survivors: &[Option<usize>]) -> Self {
        let (rotation, random) = &*self.lock();
        Self(Mutex::new((rotation.rearranged(kind, survivors), random.clone())))
    }

    /// Picks members until `admit` takes one; the lock makes picking and admitting one step, so that simultaneous requests
    /// do not herd onto one member.
    pub(crate) fn pick<T>(
        &self,
        members: &impl Members,
        trace: &mut Trace,
        mut admit: impl FnMut(usize, &mut Trace) -> Option<T>,
    ) -> Option<T> {
        let mut locked = self.lock();
        let (rotation, random) = &mut *locked;
        // An admission can fail although the member was eligible a moment ago; each such race costs one more pick.
        for _ in 0..=members.count() {
            let picked = trace.pick(rotation, members, random)?;
            if let Some(admitted) = admit(picked, trace) {
                return Some(admitted);
            }
        }
        None
    }

    /// A picker that goes on as this one would, without moving it.
    pub(crate) fn fork(&self) -> Self {
        let (rotation, random) = &*self.lock();
        Self(Mutex::new((rotation.clone(), random.clone())))
    }

    /// In which order it picks.
    pub(crate) fn kind(&self) -> RotationKind {
        self.lock().0.kind()
    }

    fn lock(&self) -> MutexGuard<'_, (Rotation, Random)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pool that serves.
#[derive(Debug)]
pub(crate) struct LivePool<C> {
    pub(crate) definition: Pool,
    pub(crate) instances: Vec<Arc<LiveInstance<C>>>,
    pub(crate) picker: Picker,
    /// What it lets in, if anything is limited.
    pub(crate) level: Option<Level>,
}

impl<C> LivePool<C> {
    /// The next instance that may be asked and has not been tried, with a permit.
    pub(crate) fn pick(&self, asking: &Asking<'_, C>, trace: &mut Trace) -> Option<(Arc<LiveInstance<C>>, Permit)> {
        let now = asking.now;
        self.picker.pick(&self.members(asking), trace, |at, _| {
            let instance = &self.instances[at];
            Permit::acquire(instance, now).ok().map(|permit| (Arc::clone(instance), permit))
        })
    }

    /// The instance that `picker` would pick, without a permit.
    pub(crate) fn preview(
        &self,
        picker: &Picker,
        asking: &Asking<'_, C>,
        trace: &mut Trace,
    ) -> Option<Arc<LiveInstance<C>>> {
        let at = picker.pick(&self.members(asking), trace, |at, _| Some(at))?;
        Some(Arc::clone(&self.instances[at]))
    }

    fn members<'a>(&'a self, asking: &'a Asking<'a, C>) -> PoolMembers<'a, C> {
        let affinity = self.definition.policy().affinity.as_ref();
        let affinity = affinity.and_then(|policy| Some((policy.key(&asking.wishes.affinity)?, policy.max_load_factor)));
        PoolMembers { pool: self, asking, affinity }
    }

    /// Whether `instance` is one of its own.
    pub(crate) fn owns(&self, instance: &LiveInstance<C>) -> bool {
        matches!(&instance.owner, Owned::ByPool(pool) if pool == self.definition.name())
    }

    /// The most instances that one request asks here before it leaves the pool.
    pub(crate) fn attempts_per_request(&self) -> usize {
        self.definition.policy().max_instance_attempts.get() as usize
    }
}

struct PoolMembers<'a, C> {
    pool: &'a LivePool<C>,
    asking: &'a Asking<'a, C>,
    /// The request's key, if it has one here, and how much of its share an instance may have to do.
    affinity: Option<(u64, NonZeroU32)>,
}

impl<C> Members for PoolMembers<'_, C> {
    fn count(&self) -> usize {
        self.pool.instances.len()
    }

    fn weight(&self, member: usize) -> u32 {
        self.pool.instances[member].spec.weight.get()
    }

    fn in_flight(&self, member: usize) -> u32 {
        self.pool.instances[member].state.in_flight()
    }

    fn last_dispatch(&self, member: usize) -> Option<Instant> {
        self.pool.instances[member].state.last_dispatch()
    }

    fn latency(&self, member: usize) -> Option<Duration> {
        self.pool.instances[member].state.performance().latency(self.asking.now)
    }

    fn success_rate(&self, member: usize) -> u32 {
        self.pool.instances[member].state.performance().success_rate()
    }

    fn capacity(&self, member: usize) -> Option<u32> {
        self.pool.instances[member].spec.max_concurrency.map(NonZeroU32::get)
    }

    fn cost(&self, member: usize) -> Option<u64> {
        self.asking.wishes.cost_at(self.pool.instances[member].card.as_deref())
    }

    fn bend(&self) -> Bend {
        let slow_start = self.pool.definition.policy().slow_start.is_some();
        Bend { slow_start, affinity: self.affinity.map(|(_, max_load_factor)| max_load_factor) }
    }

    fn readiness(&self, member: usize) -> u32 {
        let slow_start = self.pool.definition.policy().slow_start.as_ref();
        slow_start.map_or(100, |slow_start| self.pool.instances[member].state.readiness(slow_start, self.asking.now))
    }

    fn pull(&self, member: usize) -> u64 {
        self.affinity.map_or(0, |(key, _)| pull(key, &self.pool.instances[member].spec))
    }

    fn is_eligible(&self, member: usize) -> bool {
        let instance = &self.pool.instances[member];
        !self.asking.leaves_out(instance) && instance.exclusion(self.asking.now).is_none()
    }
}
