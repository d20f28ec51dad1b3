//! When a tier's slow attempts get a second one beside them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidegate_domain::resilience::{HedgePolicy, RecentTimes};

/// A hedging policy, and how long the answers of its tier took lately to begin.
#[derive(Debug)]
pub(crate) struct Hedge {
    policy: HedgePolicy,
    times: Mutex<RecentTimes>,
}

impl Hedge {
    /// Hedging under `policy`, with what `previous` knew.
    pub(crate) fn following(previous: Option<&Self>, policy: HedgePolicy) -> Self {
        let times = previous.map(|previous| previous.lock().clone()).unwrap_or_default();
        Self { policy, times: Mutex::new(times) }
    }

    /// How long an attempt may take to begin before a second one is made; `None` while nobody knows.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self.policy {
            HedgePolicy::After(delay) => Some(delay),
            HedgePolicy::P95 => self.lock().p95(),
        }
    }

    /// Takes note of an answer that began after `time`.
    pub(crate) fn observe(&self, time: Duration) {
        if self.policy == HedgePolicy::P95 {
            self.lock().observe(time);
        }
    }

    fn lock(&self) -> MutexGuard<'_, RecentTimes> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
