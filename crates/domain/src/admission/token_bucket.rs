//! The token bucket: a steady rate with a burst.
//!
//! It never lets more than the burst and the rate's worth of any interval in, wherever the interval starts. It counts in
//! nanoseconds of the period, so that no rounding adds up.

use std::time::{Duration, Instant};

use super::{RateLimitPolicy, Refusal, Reservation};
use crate::time::after;

/// A bucket that fills up once in a period.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    policy: RateLimitPolicy,
    /// What is in it, in units times nanoseconds of the period; negative while real usage has outrun the estimates.
    level: i128,
    filled: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(policy: RateLimitPolicy, now: Instant) -> Self {
        Self { policy, level: full(policy), filled: now }
    }

    /// Goes on under another policy. What was used stays used: a reload fills no bucket.
    pub fn set_policy(&mut self, policy: RateLimitPolicy, now: Instant) {
        self.fill(now);
        let missing = full(self.policy) - self.level;
        let (old, new) = (unit(self.policy), unit(policy));
        // In two steps, so that no product overflows.
        let missing = (missing / old).saturating_mul(new) + (missing % old) * new / old;
        self.level = full(policy).saturating_sub(missing);
        self.policy = policy;
    }

    /// Takes `cost` out, all of it or nothing.
    ///
    /// # Errors
    /// [`Refusal`] says when it is worth asking again.
    pub fn reserve(&mut self, cost: u32, now: Instant) -> Result<Reservation, Refusal> {
        self.fill(now);
        if cost > self.policy.capacity.get() {
            return Err(Refusal::ExceedsLimit);
        }
        let taken = i128::from(cost) * unit(self.policy);
        if taken > self.level {
            return Err(Refusal::Until(self.holds(taken)));
        }
        self.level -= taken;
        Ok(Reservation { cost, at: self.filled })
    }

    /// Corrects a reservation by what was really used. More than reserved makes a debt, less is put back.
    pub fn settle(&mut self, reservation: Reservation, used: u32, now: Instant) {
        self.fill(now);
        let (cost, _) = reservation.spend();
        let correction = (i128::from(cost) - i128::from(used)) * unit(self.policy);
        self.level = self.level.saturating_add(correction).min(full(self.policy));
    }

    /// Units that are missing at `now`, debts included; a part of one counts as one.
    pub fn used(&mut self, now: Instant) -> u64 {
        self.fill(now);
        let missing = full(self.policy).saturating_sub(self.level);
        let unit = unit(self.policy);
        u64::try_from(missing.saturating_add(unit - 1) / unit).unwrap_or(u64::MAX)
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled);
        self.filled = self.filled.max(now);
        let nanos = i128::try_from(elapsed.as_nanos()).unwrap_or(i128::MAX);
        let gained = nanos.saturating_mul(i128::from(self.policy.units()));
        self.level = self.level.saturating_add(gained).min(full(self.policy));
    }

    /// When it holds `wanted`, if nobody takes anything.
    fn holds(&self, wanted: i128) -> Instant {
        let rate = i128::from(self.policy.units());
        let nanos = wanted.saturating_sub(self.level).saturating_add(rate - 1) / rate;
        after(self.filled, Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
    }
}

fn unit(policy: RateLimitPolicy) -> i128 {
    i128::from(policy.nanos())
}

fn full(policy: RateLimitPolicy) -> i128 {
    i128::from(policy.units()) * unit(policy)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::admission::RateLimitAlgorithm;

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn policy(capacity: u32, period: Duration) -> RateLimitPolicy {
        let capacity = NonZeroU32::new(capacity).unwrap();
        RateLimitPolicy { algorithm: RateLimitAlgorithm::TokenBucket, capacity, period }
    }

    #[test]
    fn what_was_used_beyond_the_estimate_is_a_debt() {
        let now = origin();
        let mut bucket = TokenBucket::new(policy(10, Duration::from_secs(10)), now);
        let reservation = bucket.reserve(1, now).unwrap();
        bucket.settle(reservation, 15, now);
        assert_eq!(bucket.reserve(1, now), Err(Refusal::Until(now + Duration::from_secs(6))));
    }

    #[test]
    fn another_period_keeps_what_was_used() {
        let now = origin();
        let mut bucket = TokenBucket::new(policy(10, Duration::from_secs(10)), now);
        bucket.reserve(10, now).unwrap();
        bucket.set_policy(policy(10, Duration::from_secs(20)), now);
        assert_eq!(bucket.reserve(1, now), Err(Refusal::Until(now + Duration::from_secs(2))));
    }

    #[test]
    fn a_part_of_a_unit_is_the_same_part_in_another_period() {
        let start = origin();
        let mut bucket = TokenBucket::new(policy(10, Duration::from_secs(10)), start);
        bucket.reserve(10, start).unwrap();
        let half_a_unit = start + Duration::from_millis(500);
        bucket.set_policy(policy(10, Duration::from_secs(40)), half_a_unit);
        assert_eq!(bucket.reserve(1, half_a_unit), Err(Refusal::Until(half_a_unit + Duration::from_secs(2))));
        assert_eq!(bucket.used(half_a_unit), 10, "a part of one counts as one");
    }

    proptest! {
        #[test]
        fn no_interval_gets_more_than_the_burst_and_the_rate(
            capacity in 1_u32..50,
            period in 1_u64..60_000,
            asks in prop::collection::vec((0_u64..5_000, 0_u32..60), 1..60),
        ) {
            let (mut now, policy) = (origin(), policy(capacity, Duration::from_millis(period)));
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
                    prop_assert!(sum * unit(policy) <= full(policy) + nanos * i128::from(capacity));
                }
            }
        }
    }
}
