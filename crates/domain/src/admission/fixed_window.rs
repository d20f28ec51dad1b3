//! The fixed window: the capacity afresh with every period.
//!
//! The cheapest to explain, and the loosest: around the edge between two windows it lets in up to twice the capacity.

use std::time::{Duration, Instant};

use super::{RateLimitPolicy, Refusal, Reservation};
use crate::time::after;

/// A window that is followed by the next one.
#[derive(Debug, Clone)]
pub struct FixedWindow {
    policy: RateLimitPolicy,
    start: Instant,
    /// Units of this window; above the capacity while real usage has outrun the estimates, and then carried on.
    used: u64,
}

impl FixedWindow {
    /// A window that starts now.
    pub fn new(policy: RateLimitPolicy, now: Instant) -> Self {
        Self { policy, start: now, used: 0 }
    }

    /// Goes on under another policy. What was let in stays let in.
    pub fn set_policy(&mut self, policy: RateLimitPolicy, now: Instant) {
        self.roll(now);
        self.policy = policy;
    }

    /// Takes `cost` out, all of it or nothing.
    ///
    /// # Errors
    /// [`Refusal`] says when it is worth asking again.
    pub fn reserve(&mut self, cost: u32, now: Instant) -> Result<Reservation, Refusal> {
        self.roll(now);
        if cost > self.policy.capacity.get() {
            return Err(Refusal::ExceedsLimit);
        }
        let room = self.policy.units() - u64::from(cost);
        if self.used > room {
            let windows = (self.used - room).div_ceil(self.policy.units());
            return Err(Refusal::Until(self.starts(windows)));
        }
        self.used += u64::from(cost);
        Ok(Reservation { cost, at: now.max(self.start) })
    }

    /// Corrects a reservation by what was really used. More than reserved counts in this window; less is put back, if it was
    /// taken in this window.
    pub fn settle(&mut self, reservation: Reservation, used: u32, now: Instant) {
        self.roll(now);
        let (cost, at) = reservation.spend();
        if let Some(more) = used.checked_sub(cost) {
            self.used += u64::from(more);
        } else if at >= self.start {
            self.used = self.used.saturating_sub(u64::from(cost - used));
        }
    }

    /// Units of the window of `now`, debts included.
    pub fn used(&mut self, now: Instant) -> u64 {
        self.roll(now);
        self.used
    }

    fn roll(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.start).as_nanos();
        let windows = u64::try_from(elapsed / u128::from(self.policy.nanos())).unwrap_or(u64::MAX);
        if windows > 0 {
            self.start = self.starts(windows).min(now);
            self.used = self.used.saturating_sub(windows.saturating_mul(self.policy.units()));
        }
    }

    /// When the window after so many others starts.
    fn starts(&self, windows: u64) -> Instant {
        after(self.start, Duration::from_nanos(self.policy.nanos().saturating_mul(windows)))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::admission::RateLimitAlgorithm;

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn window(capacity: u32, now: Instant) -> FixedWindow {
        let capacity = NonZeroU32::new(capacity).unwrap();
        let (algorithm, period) = (RateLimitAlgorithm::FixedWindow, Duration::from_mins(1));
        FixedWindow::new(RateLimitPolicy { algorithm, capacity, period }, now)
    }

    #[test]
    fn each_window_has_the_whole_capacity() {
        let start = origin();
        let mut window = window(10, start);
        window.reserve(10, start + Duration::from_secs(59)).unwrap();
        let refused = window.reserve(1, start + Duration::from_secs(59));
        assert_eq!(refused, Err(Refusal::Until(start + Duration::from_mins(1))));
        window.reserve(10, start + Duration::from_mins(1)).unwrap();
    }

    #[test]
    fn what_was_not_used_is_put_back_into_its_own_window_alone() {
        let start = origin();
        let mut window = window(10, start);
        let early = window.reserve(4, start + Duration::from_secs(59)).unwrap();
        let next = start + Duration::from_mins(1);
        let late = window.reserve(6, next).unwrap();
        window.settle(early, 0, next);
        assert_eq!(window.used(next), 6);
        window.settle(late, 1, next);
        assert_eq!(window.used(next), 1);
    }

    #[test]
    fn a_debt_is_carried_into_the_windows_after_it() {
        let start = origin();
        let mut window = window(10, start);
        let reservation = window.reserve(1, start).unwrap();
        window.settle(reservation, 25, start);
        assert_eq!(window.reserve(6, start), Err(Refusal::Until(start + Duration::from_mins(3))));
        assert_eq!(window.reserve(5, start), Err(Refusal::Until(start + Duration::from_mins(2))));
    }
}
