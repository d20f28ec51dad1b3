//! Rate limits: how much may be let in within a time, by one of three algorithms with one interface.
//!
//! | algorithm | in any period | after a silence | memory |
//! |---|---|---|---|
//! | token bucket | at most twice the capacity | the capacity at once, then a steady rate | two numbers |
//! | sliding window | at most the capacity | the capacity at once, and again a period later | about a thousand spans |
//! | fixed window | at most twice the capacity, at the edge | the capacity at once, and again in the next window | two numbers |
//!
//! Deliberately absent: a lock and a clock. A clock that goes backwards adds nothing.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use super::{FixedWindow, SlidingWindow, TokenBucket};

/// How a rate is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateLimitAlgorithm {
    /// A steady rate with a burst.
    TokenBucket,
    /// Never more than the capacity in any period.
    SlidingWindow,
    /// The capacity afresh with every period.
    FixedWindow,
}

impl RateLimitAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::TokenBucket, Self::SlidingWindow, Self::FixedWindow];

    /// The word for files and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokenBucket => "token_bucket",
            Self::SlidingWindow => "sliding_window",
            Self::FixedWindow => "fixed_window",
        }
    }

    /// The algorithm of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// How much may be let in, in units: requests or tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitPolicy {
    /// How the rate is kept.
    pub algorithm: RateLimitAlgorithm,
    /// The most units at once; for windows, the units of a period.
    pub capacity: NonZeroU32,
    /// In what time a token bucket fills up, or how long a window is.
    pub period: Duration,
}

impl RateLimitPolicy {
    /// At most `capacity` units in any minute.
    pub fn per_minute(capacity: NonZeroU32) -> Self {
        Self { algorithm: RateLimitAlgorithm::SlidingWindow, capacity, period: Duration::from_mins(1) }
    }

    pub(super) fn units(&self) -> u64 {
        u64::from(self.capacity.get())
    }

    /// The period in nanoseconds, at least one and at most a year, so that no product of it overflows.
    pub(super) fn nanos(&self) -> u64 {
        const YEAR: u128 = 365 * 24 * 3600 * 1_000_000_000;
        u64::try_from(self.period.as_nanos().clamp(1, YEAR)).unwrap_or(u64::MAX)
    }
}

/// Why a cost was not reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is not enough now; from then on there is, if nobody else takes it.
    Until(Instant),
    /// The cost is above the capacity: no waiting helps.
    ExceedsLimit,
}

/// A cost that was taken out and waits to be settled. It is no copy, so that it is settled once; one that never is counts
/// as used.
#[derive(Debug, PartialEq, Eq)]
pub struct Reservation {
    pub(super) cost: u32,
    pub(super) at: Instant,
}

impl Reservation {
    /// What was reserved.
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// The cost, and when it was taken out.
    pub(super) fn spend(self) -> (u32, Instant) {
        (self.cost, self.at)
    }
}

/// A rate limit of any algorithm.
#[derive(Debug, Clone)]
pub enum RateLimit {
    /// A token bucket.
    TokenBucket(TokenBucket),
    /// A sliding window.
    SlidingWindow(SlidingWindow),
    /// A fixed window.
    FixedWindow(FixedWindow),
}

impl RateLimit {
    /// A limit of which nothing is used.
    pub fn new(policy: RateLimitPolicy, now: Instant) -> Self {
        match policy.algorithm {
            RateLimitAlgorithm::TokenBucket => Self::TokenBucket(TokenBucket::new(policy, now)),
            RateLimitAlgorithm::SlidingWindow => Self::SlidingWindow(SlidingWindow::new(policy, now)),
            RateLimitAlgorithm::FixedWindow => Self::FixedWindow(FixedWindow::new(policy, now)),
        }
    }

    /// Goes on under another policy. What was used stays used, whatever the algorithm: a reload lets nothing in.
    pub fn set_policy(&mut self, policy: RateLimitPolicy, now: Instant) {
        match (&mut *self, policy.algorithm) {
            (Self::TokenBucket(limit), RateLimitAlgorithm::TokenBucket) => limit.set_policy(policy, now),
            (Self::SlidingWindow(limit), RateLimitAlgorithm::SlidingWindow) => limit.set_policy(policy, now),
            (Self::FixedWindow(limit), RateLimitAlgorithm::FixedWindow) => limit.set_policy(policy, now),
            _ => {
                let used = u32::try_from(self.used(now)).unwrap_or(u32::MAX);
                *self = Self::new(policy, now);
                self.settle(Reservation { cost: 0, at: now }, used, now);
            }
        }
    }

    /// Takes `cost` out, all of it or nothing.
    ///
    /// # Errors
    /// [`Refusal`] says when it is worth asking again.
    pub fn reserve(&mut self, cost: u32, now: Instant) -> Result<Reservation, Refusal> {
        match self {
            Self::TokenBucket(limit) => limit.reserve(cost, now),
            Self::SlidingWindow(limit) => limit.reserve(cost, now),
            Self::FixedWindow(limit) => limit.reserve(cost, now),
        }
    }

    /// Corrects a reservation by what was really used. More than reserved makes a debt, less is put back, and nothing used
    /// is a refund.
    pub fn settle(&mut self, reservation: Reservation, used: u32, now: Instant) {
        match self {
            Self::TokenBucket(limit) => limit.settle(reservation, used, now),
            Self::SlidingWindow(limit) => limit.settle(reservation, used, now),
            Self::FixedWindow(limit) => limit.settle(reservation, used, now),
        }
    }

    /// Units that are taken at `now`, debts included.
    pub fn used(&mut self, now: Instant) -> u64 {
        match self {
            Self::TokenBucket(limit) => limit.used(now),
            Self::SlidingWindow(limit) => limit.used(now),
            Self::FixedWindow(limit) => limit.used(now),
        }
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

    fn policies() -> impl Strategy<Value = RateLimitPolicy> {
        (0_usize..3, 1_u32..50, 1_u64..5_000).prop_map(|(algorithm, capacity, period)| RateLimitPolicy {
            algorithm: RateLimitAlgorithm::ALL[algorithm],
            capacity: NonZeroU32::new(capacity).unwrap(),
            period: Duration::from_millis(period),
        })
    }

    fn asks() -> impl Strategy<Value = Vec<(u64, u32)>> {
        prop::collection::vec((0_u64..1_500, 0_u32..60), 1..80)
    }

    #[test]
    fn every_algorithm_is_found_by_its_name() {
        for algorithm in RateLimitAlgorithm::ALL {
            assert_eq!(RateLimitAlgorithm::of_name(algorithm.as_str()), Some(algorithm));
        }
        assert_eq!(RateLimitAlgorithm::of_name("sliding_window"), Some(RateLimitAlgorithm::SlidingWindow));
        assert_eq!(RateLimitAlgorithm::of_name("leaky_bucket"), None);
    }

    #[test]
    fn a_period_lies_between_a_nanosecond_and_a_year() {
        let per_minute = RateLimitPolicy::per_minute(NonZeroU32::MIN);
        for (period, nanos) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(7), 7),
            (Duration::from_mins(1), 60_000_000_000),
            (Duration::MAX, 31_536_000_000_000_000),
        ] {
            assert_eq!(RateLimitPolicy { period, ..per_minute }.nanos(), nanos, "{period:?}");
        }
    }

    #[test]
    fn the_same_policy_again_changes_nothing() {
        for algorithm in RateLimitAlgorithm::ALL {
            let (start, capacity) = (origin(), NonZeroU32::new(10).unwrap());
            let policy = RateLimitPolicy { algorithm, capacity, period: Duration::from_secs(10) };
            let mut limit = RateLimit::new(policy, start);
            assert_eq!(limit.reserve(10, start).unwrap().cost(), 10);
            let later = start + Duration::from_millis(500);
            let refused = limit.clone().reserve(5, later);
            limit.set_policy(policy, later);
            assert_eq!(limit.reserve(5, later), refused, "{algorithm:?}: it still knows when it was used");
        }
    }

    /// What any period may be given, in units.
    fn bound(policy: RateLimitPolicy) -> u64 {
        match policy.algorithm {
            RateLimitAlgorithm::SlidingWindow => policy.units(),
            RateLimitAlgorithm::TokenBucket | RateLimitAlgorithm::FixedWindow => 2 * policy.units(),
        }
    }

    proptest! {
        #[test]
        fn no_period_gets_more_than_its_bound_wherever_it_starts(policy in policies(), asks in asks()) {
            let mut now = origin();
            let mut limit = RateLimit::new(policy, now);
            let mut admitted: Vec<(Instant, u64)> = Vec::new();
            for (wait, cost) in asks {
                now += Duration::from_millis(wait);
                if limit.reserve(cost, now).is_ok() {
                    admitted.push((now, u64::from(cost)));
                }
            }
            for (at, (start, _)) in admitted.iter().enumerate() {
                let within = admitted[at..].iter().take_while(|(end, _)| *end < *start + policy.period);
                prop_assert!(within.map(|(_, cost)| cost).sum::<u64>() <= bound(policy));
            }
        }

        #[test]
        fn the_moment_of_a_refusal_is_the_soonest_that_succeeds(
            policy in policies(), asks in asks(), debt in 0_u32..120, cost in 1_u32..50,
        ) {
            let mut now = origin();
            let mut limit = RateLimit::new(policy, now);
            for (wait, cost) in asks {
                now += Duration::from_millis(wait);
                let _ = limit.reserve(cost, now);
            }
            limit.settle(Reservation { cost: 0, at: now }, debt, now);
            let cost = cost.min(policy.capacity.get());
            if let Err(refusal) = limit.reserve(cost, now) {
                let Refusal::Until(until) = refusal else { panic!("{refusal:?}") };
                let just_before = now + (until - now).saturating_sub(Duration::from_nanos(1));
                prop_assert!(limit.clone().reserve(cost, just_before).is_err());
                prop_assert!(limit.reserve(cost, until).is_ok());
            }
        }

        #[test]
        fn what_is_settled_is_what_was_used_and_nothing_else(
            policy in policies(), costs in prop::collection::vec((1_u32..20, 0_u32..30), 1..20),
        ) {
            let now = origin();
            let mut limit = RateLimit::new(policy, now);
            let mut expected = 0;
            let mut open = Vec::new();
            for (cost, used) in costs {
                if let Ok(reservation) = limit.reserve(cost, now) {
                    open.push((reservation, used));
                }
            }
            for (reservation, used) in open {
                limit.settle(reservation, used, now);
                expected += u64::from(used);
            }
            prop_assert_eq!(limit.used(now), expected);
        }

        #[test]
        fn a_clock_that_goes_backwards_adds_nothing(policy in policies(), asks in asks()) {
            let earlier = origin();
            let mut limit = RateLimit::new(policy, earlier + Duration::from_mins(1));
            let mut admitted = 0;
            for (later, cost) in asks {
                if limit.reserve(cost, earlier + Duration::from_millis(later)).is_ok() {
                    admitted += u64::from(cost);
                }
            }
            prop_assert!(admitted <= policy.units());
        }

        #[test]
        fn another_policy_of_any_algorithm_lets_nothing_in(before in policies(), after in policies()) {
            let now = origin();
            let mut limit = RateLimit::new(before, now);
            limit.reserve(before.capacity.get(), now).unwrap();
            limit.set_policy(after, now);
            prop_assert_eq!(limit.used(now), before.units());
            let room = after.units().saturating_sub(before.units());
            prop_assert_eq!(limit.reserve(1, now).is_ok(), room > 0);
        }

        #[test]
        fn a_cost_beyond_the_capacity_is_refused_for_good(policy in policies()) {
            let now = origin();
            let mut limit = RateLimit::new(policy, now);
            prop_assert_eq!(limit.reserve(policy.capacity.get() + 1, now), Err(Refusal::ExceedsLimit));
            prop_assert!(limit.reserve(policy.capacity.get(), now).is_ok());
        }
    }
}
