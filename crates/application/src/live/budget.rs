//! The retry budgets that requests share: one for each target, and one for the whole gateway.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use tidegate_domain::resilience::{RetryBudget, RetryBudgetPolicy};

use crate::sync::{Mutex, MutexGuard};

/// A retry budget behind a lock; it begins with the first request.
#[derive(Debug, Default)]
pub(crate) struct SharedBudget(Mutex<Option<RetryBudget>>);

/// What pays for the extra attempts at a target: its own budget and the gateway's. Both pay, or neither, so that neither an outage
/// of one target nor one of many multiplies the load.
#[derive(Debug, Clone)]
pub(crate) struct Budgets {
    pub(crate) own: Arc<SharedBudget>,
    pub(crate) gateway: Arc<SharedBudget>,
    pub(crate) policy: RetryBudgetPolicy,
}

impl Budgets {
    /// Counts a first attempt.
    pub(crate) fn deposit(&self, now: Instant) {
        for budget in [&self.own, &self.gateway] {
            self.begun(&mut budget.lock(), now).deposit(now);
        }
    }

    /// Pays for an attempt that is not a first one. If this is false, it is not made.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        // A target's lock is always taken before the gateway's.
        let mut own = self.own.lock();
        let own = self.begun(&mut own, now);
        own.available(now) > 0 && self.begun(&mut self.gateway.lock(), now).withdraw(now) && own.withdraw(now)
    }

    fn begun<'a>(&self, budget: &'a mut Option<RetryBudget>, now: Instant) -> &'a mut RetryBudget {
        let budget = budget.get_or_insert_with(|| RetryBudget::new(self.policy, now));
        budget.set_policy(self.policy);
        budget
    }
}

impl SharedBudget {
    fn lock(&self) -> MutexGuard<'_, Option<RetryBudget>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn both_budgets_pay_or_neither() {
        let now = Instant::now();
        let minimum = NonZeroU32::new(3).unwrap();
        let policy = RetryBudgetPolicy { percent: 0, per_second: 0, minimum, ..RetryBudgetPolicy::default() };
        let gateway = Arc::new(SharedBudget::default());
        let target = || Budgets { own: Arc::default(), gateway: Arc::clone(&gateway), policy };
        let (one, other) = (target(), target());
        assert_eq!([one.withdraw(now), one.withdraw(now)], [true, true]);
        assert_eq!([other.withdraw(now), other.withdraw(now)], [true, false], "the gateway's is empty");
        let left = |budget: &SharedBudget| budget.lock().as_ref().unwrap().available(now);
        assert_eq!(left(&other.own), 2, "nothing was taken for what was not made");
        let alone = Budgets { own: Arc::clone(&one.own), gateway: Arc::default(), policy };
        assert_eq!([alone.withdraw(now), alone.withdraw(now)], [true, false], "its own is empty");
        assert_eq!(left(&alone.gateway), 2, "nor from the gateway's");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn a_first_attempt_counts_in_both() {
        let now = Instant::now();
        let policy = RetryBudgetPolicy { percent: 100, per_second: 0, minimum: NonZeroU32::MIN, ..Default::default() };
        let budgets = Budgets { own: Arc::default(), gateway: Arc::default(), policy };
        budgets.deposit(now);
        for budget in [&budgets.own, &budgets.gateway] {
            assert_eq!(budget.lock().as_ref().unwrap().available(now), 2);
        }
    }
}
