//! The checks of one instance: when the next one is due, and that there is one at a time.

use std::{
    sync::{Arc, atomic::Ordering::AcqRel},
    time::{Duration, Instant},
};

use tidegate_domain::{
    fault::{Fault, FaultKind},
    pool::{CheckKind, CheckPolicy, Duty, HealthTransition, LastCheck, Lenience, Random},
    time::after,
};

use super::{InstanceState, LiveInstance};

/// The share of an interval by which a check comes early or late.
const JITTER: f64 = 0.2;

/// What is known of the checks of an instance.
#[derive(Debug, Default)]
pub(super) struct Checks {
    due: Option<Instant>,
    pub(super) last: Option<LastCheck>,
    /// When a request last succeeded: as good as a check.
    pub(super) last_success: Option<Instant>,
    spent: Spent,
}

/// What the checks of a day have cost.
#[derive(Debug, Default, Clone, Copy)]
struct Spent {
    /// Days since 1970.
    day: u64,
    micro_dollars: u64,
}

/// A check under way. There is one at a time, whatever table it was begun under; dropping it lets the next one begin.
#[derive(Debug)]
#[must_use = "the check counts as over as soon as this is dropped"]
pub(crate) struct Checking(Arc<InstanceState>);

impl Checks {
    /// The moment of the next check. The first comes soon, but not with every other's.
    fn due(&mut self, policy: &CheckPolicy, now: Instant, random: &mut Random) -> Instant {
        *self.due.get_or_insert_with(|| after(now, policy.interval.mul_f64(JITTER * random.f64())))
    }

    fn next(&mut self, policy: &CheckPolicy, now: Instant, random: &mut Random) {
        let factor = 1.0 - JITTER + 2.0 * JITTER * random.f64();
        self.due = Some(after(now, policy.interval.mul_f64(factor)));
    }
}

impl<C> LiveInstance<C> {
    /// Begins a check if one is due and would tell anything.
    ///
    /// # Errors
    /// When to ask again.
    pub(crate) fn begin_check(&self, now: Instant) -> Result<Checking, Instant> {
        let policy = self.policies.health.check;
        let mut guarded = self.state.lock();
        let guarded = &mut *guarded;
        let due = guarded.checks.due(&policy, now, &mut guarded.random);
        if now < due {
            return Err(due);
        }
        guarded.checks.next(&policy, now, &mut guarded.random);
        let next = guarded.checks.due(&policy, now, &mut guarded.random);
        let is_known = guarded.checks.last_success.is_some_and(|success| now < after(success, policy.interval));
        // No check lifts what an operator has said, nor a cooldown.
        let in_vain =
            self.spec.weight.is_drained() || guarded.health.duty() != Duty::Serving || guarded.is_benched(now);
        // What costs is not spent on an instance that gets no request anyway.
        let wasted = policy.kind == CheckKind::Completion && guarded.exclusion(now.into(), Lenience::Strict).is_some();
        if is_known || in_vain || wasted || self.state.checking.swap(true, AcqRel) {
            return Err(next);
        }
        Ok(Checking(Arc::clone(&self.state)))
    }

    /// Whether its checks may still cost something on that day.
    pub(crate) fn may_spend(&self, day: u64) -> bool {
        let spent = self.state.lock().checks.spent;
        spent.day != day || spent.micro_dollars < self.policies.health.check.daily_cost
    }

    /// Notes what a check cost on that day.
    pub(crate) fn spend(&self, day: u64, micro_dollars: u64) {
        let spent = &mut self.state.lock().checks.spent;
        if spent.day != day {
            *spent = Spent { day, micro_dollars: 0 };
        }
        spent.micro_dollars = spent.micro_dollars.saturating_add(micro_dollars);
    }
}

impl Checking {
    /// Records what the check found, and returns what changed. It moves the health that checks show, and nothing else: no
    /// circuit, no cooldown, and not what requests have shown.
    pub(crate) fn found(self, result: &Result<(), Fault>, now: Instant) -> Option<HealthTransition> {
        let mut guarded = self.0.lock();
        let guarded = &mut *guarded;
        guarded.checks.last = Some(LastCheck { at: now, fault: result.as_ref().err().map(|fault| fault.kind) });
        match result {
            Ok(()) => guarded.health.on_check_success(now),
            Err(fault) if tells(fault.kind) => guarded.health.on_check_fault(fault, now, &mut guarded.random),
            Err(_) => None,
        }
    }
}

/// Whether a check that fails so says that requests would fail, too. Keys that may not list models are common, and so are
/// limits on how often they are listed: such an instance has answered.
fn tells(kind: FaultKind) -> bool {
    kind.counts_against_instance() && !kind.is_about_credential() && kind != FaultKind::ModelMissing
}

impl Drop for Checking {
    fn drop(&mut self) {
        self.0.checking.store(false, std::sync::atomic::Ordering::Release);
    }
}

/// The day of a moment, counted from 1970.
pub(crate) fn day_of(wall: std::time::SystemTime) -> u64 {
    wall.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs() / 86_400
}
