//! A pool that serves: its instances and the rotation over them.

mod members;

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use members::PoolMembers;
use tidegate_domain::{
    pool::{EjectionPolicy, Lenience, Members, OnExhausted, Pool, Random, Rotation, RotationKind, Standing, Verdict},
    routing::Trace,
};

use super::{LiveInstance, Occasion, Owned, Permit, WaitingRoom};
use crate::{
    admission::Level,
    sync::{Mutex, MutexGuard},
    wrappers::{Asking, Resort},
};

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
    /// Where requests wait for an instance, if they do.
    pub(crate) room: Option<Arc<WaitingRoom>>,
}

type Picked<C> = (Arc<LiveInstance<C>>, Box<Permit>);

impl<C> LivePool<C> {
    /// The next instance that may be asked and has not been tried, with a permit.
    pub(crate) fn pick(&self, asking: &Asking<'_, C>, trace: &mut Trace) -> Option<Picked<C>> {
        // Whoever waits was here before.
        if asking.resort != Resort::Waited && self.room.as_ref().is_some_and(|room| !room.is_empty()) {
            return None;
        }
        let policy = self.definition.policy();
        if !policy.ejection.is_set()
            && let Some(picked) = self.pick_but(&[], asking, trace)
        {
            return Some(picked);
        }
        let Verdict { leniences, .. } = self.verdict(asking.now, || asking.is_nobody_else_usable(self));
        let is_lenient = leniences.iter().any(|lenience| *lenience > Lenience::Strict);
        if (is_lenient || policy.ejection.is_set())
            && let Some(picked) = self.pick_but(&leniences, asking, trace)
        {
            return Some(picked);
        }
        if asking.resort == Resort::LeastBad && policy.on_exhausted == OnExhausted::LeastBad {
            return self.least_bad(asking);
        }
        None
    }

    /// As [`LivePool::pick`], where this is overlooked of each instance.
    fn pick_but(&self, leniences: &[Lenience], asking: &Asking<'_, C>, trace: &mut Trace) -> Option<Picked<C>> {
        let members = PoolMembers::new((self, leniences), asking);
        self.picker.pick(&members, trace, |at, _| self.enter(at, (asking.occasion(), members.lenience(at))))
    }

    /// The instance that would come back soonest, of those that are out for what they showed.
    fn least_bad(&self, asking: &Asking<'_, C>) -> Option<Picked<C>> {
        let untried = self.instances.iter().enumerate().filter(|(_, instance)| !asking.leaves_out(instance));
        let mut out: Vec<_> = untried
            .filter_map(|(at, instance)| match instance.standing(asking.now) {
                Standing::Ejected(until) | Standing::Broken(until) => Some((until, at)),
                Standing::Usable | Standing::Out | Standing::Absent => None,
            })
            .collect();
        out.sort_unstable();
        out.into_iter().find_map(|(_, at)| self.enter(at, (asking.occasion(), Lenience::Broken)))
    }

    fn enter(&self, at: usize, (occasion, lenience): (Occasion, Lenience)) -> Option<Picked<C>> {
        let instance = &self.instances[at];
        let permit = Permit::acquire_but(instance, occasion, lenience).ok()?;
        Some((Arc::clone(instance), permit))
    }

    /// What is overlooked of its instances at `now`. It panics only where nobody else could be asked, which is looked up only if
    /// it matters.
    pub(crate) fn verdict(&self, now: Instant, is_alone: impl FnOnce() -> bool) -> Verdict {
        let standings: Vec<_> = self.instances.iter().map(|instance| instance.standing(now)).collect();
        let ejection = self.definition.policy().ejection;
        let verdict = ejection.judge(&standings);
        if verdict.is_panic && !is_alone() {
            let calm = EjectionPolicy { panic_threshold: 0, ..ejection };
            return calm.judge(&standings);
        }
        verdict
    }

    /// Whether a request that could be sent to nobody else could be sent to any of its instances at `now`.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.instances.iter().any(|instance| instance.exclusion(now).is_none())
            || self.is_usable_but(&self.verdict(now, || true), now.into())
    }

    /// Whether what `asking` asks for could be sent to any of its instances.
    pub(crate) fn is_usable_for(&self, asking: &Asking<'_, C>) -> bool {
        let occasion = asking.occasion();
        let least_bad =
            asking.resort == Resort::LeastBad && self.definition.policy().on_exhausted == OnExhausted::LeastBad;
        least_bad
            || self.instances.iter().any(|instance| instance.exclusion(occasion).is_none())
            || self.is_usable_but(&self.verdict(occasion.now, || asking.is_nobody_else_usable(self)), occasion)
    }

    fn is_usable_but(&self, verdict: &Verdict, occasion: Occasion) -> bool {
        let mut members = self.instances.iter().zip(&verdict.leniences);
        members.any(|(instance, lenience)| instance.exclusion_but(occasion, *lenience).is_none())
    }

    /// The soonest moment at which an instance comes back by itself.
    pub(crate) fn soonest(&self, occasion: Occasion) -> Option<Instant> {
        self.instances.iter().filter_map(|instance| instance.exclusion(occasion)?.until()).min()
    }

    /// The instance that `picker` would pick, without a permit.
    pub(crate) fn preview(
        &self,
        picker: &Picker,
        asking: &Asking<'_, C>,
        trace: &mut Trace,
    ) -> Option<Arc<LiveInstance<C>>> {
        let pick = |leniences: &[Lenience], trace: &mut Trace| {
            picker.pick(&PoolMembers::new((self, leniences), asking), trace, |at, _| Some(at))
        };
        let strict = if self.definition.policy().ejection.is_set() { None } else { pick(&[], trace) };
        let verdict = || self.verdict(asking.now, || asking.is_nobody_else_usable(self));
        let at = strict.or_else(|| pick(&verdict().leniences, trace))?;
        Some(Arc::clone(&self.instances[at]))
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
