//! The token bucket: a steady rate with a burst.
//!
//! It never lets more than the burst and the rate's worth of any interval in, wherever the interval starts: a fixed window
//! lets twice as much in at its edge. It counts in nanoseconds of the rate, so that no rounding adds up.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

use crate::time::after;

/// A unit, in the measure of the bucket: a rate of n per minute brings in n of them per nanosecond.
const UNIT: i128 = 60 * 1_000_000_000;

/// A rate and its burst, in units: requests or tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucketPolicy {
    /// Units per minute.
    pub per_minute: NonZeroU32,
    /// The most units at once after a silence.
    pub burst: NonZeroU32,
}

/// Why a cost was not reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is not enough now; from then on there is, if nobody else takes it.
    Until(Instant),
    /// The cost is above the burst: no waiting helps.
    ExceedsLimit,
}

/// A bucket that fills up at a rate.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    policy: TokenBucketPolicy,
    /// What is in it; negative while real usage has outrun the estimates.
    level: i128,
    filled: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(policy: TokenBucketPolicy, now: Instant) -> Self {
        Self { policy, level: full(policy), filled: now }
    }

    /// Goes on under another policy. What was used stays used: a reload fills no bucket.
    pub fn set_policy(&mut self, policy: TokenBucketPolicy, now: Instant) {
        self.fill(now);
        self.level += full(policy) - full(self.policy);
        self.policy = policy;
    }

    /// Takes `cost` out, all of it or nothing.
    ///
    /// # Errors
    /// [`Refusal`] says when it is worth asking again.
    pub fn reserve(&mut self, cost: u32, now: Instant) -> Result<(), Refusal> {
        self.fill(now);
        let cost = i128::from(cost) * UNIT;
        if cost > full(self.policy) {
            return Err(Refusal::ExceedsLimit);
        }
        if cost > self.level {
            return Err(Refusal::Until(self.holds(cost, now)));
        }
        self.level -= cost;
        Ok(())
    }

    /// Corrects a reservation by what was really used; call it once for each. More than reserved makes a debt, less is put
    /// back, and nothing used is a refund.
    pub fn settle(&mut self, reserved: u32, used: u32, now: Instant) {
        self.fill(now);
        let correction = (i128::from(reserved) - i128::from(used)) * UNIT;
        self.level = (self.level + correction).min(full(self.policy));
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled);
        self.filled = self.filled.max(now);
        let nanos = i128::try_from(elapsed.as_nanos()).unwrap_or(i128::MAX);
        let gained = nanos.saturating_mul(i128::from(self.policy.per_minute.get()));
        self.level = self.level.saturating_add(gained).min(full(self.policy));
    }

    /// When it holds `wanted`, if nobody takes anything.
    fn holds(&self, wanted: i128, now: Instant) -> Instant {
        let rate = i128::from(self.policy.per_minute.get());
        let nanos = (wanted - self.level + rate - 1) / rate;
        after(self.filled.max(now), Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

fn full(policy: TokenBucketPolicy) -> i128 {
    i128::from(policy.burst.get()) * UNIT
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn policy(per_minute: u32, burst: u32) -> TokenBucketPolicy {
        TokenBucketPolicy { per_minute: NonZeroU32::new(per_minute).unwrap(), burst: NonZeroU32::new(burst).unwrap() }
    }

    #[test]
    fn a_cost_beyond_the_burst_is_refused_for_good() {
        let now = origin();
        let mut bucket = TokenBucket::new(policy(60, 10), now);
        assert_eq!(bucket.reserve(11, now), Err(Refusal::ExceedsLimit));
        assert_eq!(bucket.reserve(10, now), Ok(()));
    }

    #[test]
    fn what_was_used_beyond_the_estimate_is_a_debt() {
        let now = origin();
        let mut bucket = TokenBucket::new(policy(60, 10), now);
        bucket.reserve(1, now).unwrap();
        bucket.settle(1, 15, now);
        assert_eq!(bucket.reserve(1, now), Err(Refusal::Until(now + Duration::from_secs(6))));
    }

    #[test]
    fn another_policy_fills_no_bucket() {
        let now = origin();
        let mut bucket = TokenBucket::new(policy(60, 10), now);
        bucket.reserve(10, now).unwrap();
        bucket.set_policy(policy(60, 5), now);
        assert_eq!(bucket.reserve(1, now), Err(Refusal::Until(now + Duration::from_secs(6))));
    }

    proptest! {
        #[test]
        fn no_interval_gets_more_than_the_burst_and_the_rate(
            per_minute in 1_u32..1000,
            burst in 1_u32..50,
            asks in prop::collection::vec((0_u64..5_000, 0_u32..60), 1..60),
        ) {
            let (mut now, policy) = (origin(), policy(per_minute, burst));
            let mut bucket = TokenBucket::new(policy, now);
            let mut admitted: Vec<(Instant, i128)> = Vec::new();
            for (wait, cost) in asks {
                now += Duration::from_millis(wait);
                if bucket.reserve(cost, now).is_ok() {
                    admitted.push((now, i128::from(cost)));
                }
            }
            for (at, (start, _)) in admitted.iter().enumerate() {
                let mut sum = 0;
                for (end, cost) in &admitted[at..] {
                    sum += cost;
                    let nanos = i128::try_from((*end - *start).as_nanos()).unwrap();
                    prop_assert!(sum * UNIT <= full(policy) + nanos * i128::from(per_minute));
                }
            }
        }

        #[test]
        fn the_moment_of_a_refusal_is_the_soonest_that_succeeds(
            per_minute in 1_u32..1000, burst in 1_u32..50, taken in 0_u32..50, debt in 0_u32..50, cost in 1_u32..50,
        ) {
            let (now, cost) = (origin(), cost.min(burst));
            let mut bucket = TokenBucket::new(policy(per_minute, burst), now);
            bucket.reserve(taken.min(burst), now).unwrap();
            bucket.settle(0, debt, now);
            if let Err(refusal) = bucket.reserve(cost, now) {
                let Refusal::Until(until) = refusal else { panic!("{refusal:?}") };
                let just_before = now + (until - now).saturating_sub(Duration::from_nanos(1));
                prop_assert!(bucket.clone().reserve(cost, just_before).is_err());
                prop_assert!(bucket.reserve(cost, until).is_ok());
            }
        }

        #[test]
        fn what_is_not_used_is_put_back(reserved in 0_u32..50, used in 0_u32..50, burst in 50_u32..100) {
            let now = origin();
            let mut bucket = TokenBucket::new(policy(60, burst), now);
            bucket.reserve(reserved, now).unwrap();
            bucket.settle(reserved, used, now);
            prop_assert_eq!(bucket.level, full(bucket.policy) - i128::from(used) * UNIT);
        }
    }
}
