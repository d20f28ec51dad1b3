//! The retry budget: extra attempts in proportion to the traffic, so that an outage does not multiply the load.
//!
//! Every first attempt deposits a part of an extra one; every further attempt - a retry, a failover, a hedge - withdraws a
//! whole one or is not made. A floor per second and a minimum keep low traffic useful. Source: Finagle's `RetryBudget`,
//! here as a bucket that holds what one window brings in and forgets the rest.
//!
//! It counts in thousandths of an attempt. Deliberately absent: a lock. Whoever shares a budget puts it behind one.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// What one extra attempt costs.
const ATTEMPT: u64 = 1000;

/// How many extra attempts there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudgetPolicy {
    /// Extra attempts per hundred first ones.
    pub percent: u32,
    /// Extra attempts per second, whatever the traffic.
    pub per_second: u32,
    /// Extra attempts that can be made in a row even after a long silence.
    pub minimum: NonZeroU32,
    /// How long first attempts count; what they brought in fades with it.
    pub window: Duration,
}

impl Default for RetryBudgetPolicy {
    fn default() -> Self {
        Self {
            percent: 20,
            per_second: 10,
            minimum: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
            window: Duration::from_secs(10),
        }
    }
}

/// The extra attempts that are left.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    policy: RetryBudgetPolicy,
    /// Deposits of the traffic, which fade over the window.
    deposits: u64,
    /// What the floor and the minimum leave, which fills up by itself.
    floor: u64,
    refreshed: Instant,
}

impl RetryBudget {
    /// A budget that has seen no traffic and holds its minimum.
    pub fn new(policy: RetryBudgetPolicy, now: Instant) -> Self {
        Self { policy, deposits: 0, floor: u64::from(policy.minimum.get()) * ATTEMPT, refreshed: now }
    }

    /// Goes on under another policy; what it holds beyond the new bounds is gone.
    pub fn set_policy(&mut self, policy: RetryBudgetPolicy) {
        self.policy = policy;
        self.floor = self.floor.min(self.full_floor());
    }

    /// Counts a first attempt.
    pub fn deposit(&mut self, now: Instant) {
        self.refresh(now);
        self.deposits = self.deposits.saturating_add(u64::from(self.policy.percent) * ATTEMPT / 100);
    }

    /// Pays for an attempt that is not a first one. If this is false, it is not made.
    #[must_use = "an attempt that was not paid for is not made"]
    pub fn withdraw(&mut self, now: Instant) -> bool {
        self.refresh(now);
        if self.deposits.saturating_add(self.floor) < ATTEMPT {
            return false;
        }
        let from_deposits = self.deposits.min(ATTEMPT);
        self.deposits -= from_deposits;
        self.floor -= ATTEMPT - from_deposits;
        true
    }

    /// Extra attempts that could be made at `now`.
    pub fn available(&self, now: Instant) -> u64 {
        let mut at = self.clone();
        at.refresh(now);
        at.deposits.saturating_add(at.floor) / ATTEMPT
    }

    /// The floor holds its minimum, or one second of it if that is more.
    fn full_floor(&self) -> u64 {
        u64::from(self.policy.minimum.get().max(self.policy.per_second)) * ATTEMPT
    }

    /// Lets deposits fade and the floor fill up, in whole milliseconds, so that no fraction is lost however often it is asked.
    fn refresh(&mut self, now: Instant) {
        // Most requests come within the same millisecond as the one before.
        if now < self.refreshed + Duration::from_millis(1) {
            return;
        }
        let elapsed = u64::try_from(now.saturating_duration_since(self.refreshed).as_millis()).unwrap_or(u64::MAX);
        self.refreshed += Duration::from_millis(elapsed);
        let window = u64::try_from(self.policy.window.as_millis()).unwrap_or(u64::MAX).max(1);
        let faded = (u128::from(self.deposits) * u128::from(elapsed.min(window))).div_ceil(u128::from(window));
        self.deposits = self.deposits.saturating_sub(u64::try_from(faded).unwrap_or(u64::MAX));
        // A thousandth of an attempt per millisecond is one per second.
        let filled = elapsed.saturating_mul(u64::from(self.policy.per_second));
        self.floor = self.floor.saturating_add(filled).min(self.full_floor());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn policy(percent: u32, per_second: u32) -> RetryBudgetPolicy {
        RetryBudgetPolicy { percent, per_second, minimum: NonZeroU32::new(3).unwrap(), ..RetryBudgetPolicy::default() }
    }

    #[test]
    fn low_traffic_has_its_minimum() {
        let now = origin();
        let mut budget = RetryBudget::new(policy(20, 0), now);
        assert_eq!((0..10).filter(|_| budget.withdraw(now)).count(), 3);
    }

    #[test]
    fn deposits_are_forgotten_with_their_window() {
        let now = origin();
        let mut budget = RetryBudget::new(policy(20, 0), now);
        for _ in 0..1000 {
            budget.deposit(now);
        }
        assert_eq!(budget.available(now), 203);
        assert_eq!(budget.available(now + Duration::from_secs(5)), 103);
        assert_eq!(budget.available(now + Duration::from_secs(10)), 3);
    }

    #[test]
    fn another_policy_takes_what_is_beyond_its_bounds_and_gives_nothing() {
        let now = origin();
        let mut budget = RetryBudget::new(policy(20, 0), now);
        budget.set_policy(RetryBudgetPolicy { minimum: NonZeroU32::new(1).unwrap(), ..policy(20, 0) });
        assert_eq!(budget.available(now), 1);
        budget.set_policy(policy(100, 0));
        assert_eq!(budget.available(now), 1);
        budget.deposit(now);
        assert_eq!(budget.available(now), 2, "a deposit is worth what the policy says by then");
    }

    #[test]
    fn an_outage_at_five_hundred_a_second_adds_a_fifth_and_the_floor() {
        let mut now = origin();
        let mut budget = RetryBudget::new(RetryBudgetPolicy::default(), now);
        let mut extra = 0;
        for _ in 0..10_000 {
            now += Duration::from_millis(2);
            budget.deposit(now);
            extra += (0..2).filter(|_| budget.withdraw(now)).count();
        }
        assert!((1_900..=2_000 + 20 * 10 + 10).contains(&extra), "{extra}");
    }

    proptest! {
        #[test]
        fn no_schedule_gets_more_than_the_traffic_and_the_floor_allow(
            percent in 0_u32..100,
            per_second in 0_u32..10,
            steps in prop::collection::vec((0_u64..300, 0_u32..4, 0_u32..4), 1..200),
        ) {
            let (start, policy) = (origin(), policy(percent, per_second));
            let (mut now, mut budget) = (start, RetryBudget::new(policy, start));
            let (mut first, mut extra) = (0_u64, 0_u64);
            for (wait, deposits, withdrawals) in steps {
                now += Duration::from_millis(wait);
                for _ in 0..deposits {
                    budget.deposit(now);
                    first += 1;
                }
                for _ in 0..withdrawals {
                    let available = budget.available(now);
                    let paid = budget.withdraw(now);
                    prop_assert_eq!(paid, available > 0);
                    extra += u64::from(paid);
                }
            }
            let elapsed = u64::try_from((now - start).as_millis()).unwrap();
            let bound = first * u64::from(percent) * 10 + elapsed * u64::from(per_second) + 3 * ATTEMPT;
            prop_assert!(extra * ATTEMPT <= bound, "{extra} extra attempts for {first} first ones");
        }
    }
}
