//! A retry budget that the requests of a target share.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tidegate_domain::resilience::{RetryBudget, RetryBudgetPolicy};

/// A retry budget behind a lock; it begins with the first request.
#[derive(Debug, Default)]
pub(crate) struct SharedBudget(Mutex<Option<RetryBudget>>);

impl SharedBudget {
    /// Counts a first attempt.
    pub(crate) fn deposit(&self, now: Instant) {
        begun(&mut self.lock(), now).deposit(now);
    }

    /// Pays for an attempt that is not a first one. If this is false, it is not made.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        begun(&mut self.lock(), now).withdraw(now)
    }

    fn lock(&self) -> MutexGuard<'_, Option<RetryBudget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn begun(budget: &mut Option<RetryBudget>, now: Instant) -> &mut RetryBudget {
    budget.get_or_insert_with(|| RetryBudget::new(RetryBudgetPolicy::default(), now))
}
