//! The sliding window: never more than the capacity in any period, wherever it starts.
//!
//! What is let in within a thousandth of the period is remembered as one span that counts until its last moment has left the
//! window: memory is bounded whatever the traffic, and the bound on what is let in stays exact.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{RateLimitPolicy, Refusal, Reservation};
use crate::time::after;

/// How many spans a period is remembered as.
const SPANS: u64 = 1024;

/// A window that ends now.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    policy: RateLimitPolicy,
    spans: VecDeque<Span>,
    used: u64,
    /// The latest moment it was told of.
    latest: Instant,
}

#[derive(Debug, Clone)]
struct Span {
    first: Instant,
    last: Instant,
    units: u64,
}

impl SlidingWindow {
    /// An empty window.
    pub fn new(policy: RateLimitPolicy, now: Instant) -> Self {
        Self { policy, spans: VecDeque::new(), used: 0, latest: now }
    }

    /// Goes on under another policy. What was let in stays let in.
    pub fn set_policy(&mut self, policy: RateLimitPolicy, now: Instant) {
        self.slide(now);
        self.policy = policy;
    }

    /// Takes `cost` out, all of it or nothing.
    ///
    /// # Errors
    /// [`Refusal`] says when it is worth asking again.
    pub fn reserve(&mut self, cost: u32, now: Instant) -> Result<Reservation, Refusal> {
        self.slide(now);
        if cost > self.policy.capacity.get() {
            return Err(Refusal::ExceedsLimit);
        }
        let room = self.policy.units() - u64::from(cost);
        if self.used > room {
            return Err(Refusal::Until(self.leaves(self.used - room)));
        }
        self.add(u64::from(cost));
        Ok(Reservation { cost, at: self.latest })
    }

    /// Corrects a reservation by what was really used. More than reserved counts from now on; less is put back where it was
    /// taken, if that is still in the window.
    pub fn settle(&mut self, reservation: Reservation, used: u32, now: Instant) {
        self.slide(now);
        let (cost, at) = reservation.spend();
        if let Some(more) = used.checked_sub(cost) {
            self.add(u64::from(more));
            return;
        }
        let place = self.spans.partition_point(|span| span.last < at);
        if let Some(span) = self.spans.get_mut(place).filter(|span| span.first <= at) {
            let back = u64::from(cost - used).min(span.units);
            span.units -= back;
            self.used -= back;
        }
    }

    /// Units in the window that ends at `now`.
    pub fn used(&mut self, now: Instant) -> u64 {
        self.slide(now);
        self.used
    }

    fn slide(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
        let period = self.period();
        while let Some(span) = self.spans.front().filter(|span| after(span.last, period) <= self.latest) {
            self.used -= span.units;
            self.spans.pop_front();
        }
    }

    fn add(&mut self, units: u64) {
        if units == 0 {
            return;
        }
        self.used += units;
        let grain = Duration::from_nanos(self.policy.nanos() / SPANS);
        match self.spans.back_mut() {
            Some(span) if self.latest.saturating_duration_since(span.first) <= grain => {
                span.units += units;
                span.last = self.latest;
            }
            _ => self.spans.push_back(Span { first: self.latest, last: self.latest, units }),
        }
    }

    /// When at least `units` of it have left the window.
    fn leaves(&self, units: u64) -> Instant {
        let mut left = 0;
        let enough = self.spans.iter().find(|span| {
            left += span.units;
            left >= units
        });
        after(enough.map_or(self.latest, |span| span.last), self.period())
    }

    fn period(&self) -> Duration {
        Duration::from_nanos(self.policy.nanos())
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn per_minute(capacity: u32) -> RateLimitPolicy {
        RateLimitPolicy::per_minute(NonZeroU32::new(capacity).unwrap())
    }

    #[test]
    fn a_minute_after_the_first_its_place_is_free() {
        let start = origin();
        let mut window = SlidingWindow::new(per_minute(2), start);
        window.reserve(1, start).unwrap();
        window.reserve(1, start + Duration::from_secs(20)).unwrap();
        let refused = window.reserve(1, start + Duration::from_secs(59));
        assert_eq!(refused, Err(Refusal::Until(start + Duration::from_mins(1))));
        window.reserve(1, start + Duration::from_mins(1)).unwrap();
    }

    #[test]
    fn memory_is_bounded_whatever_the_traffic() {
        let mut now = origin();
        let mut window = SlidingWindow::new(per_minute(u32::MAX), now);
        for _ in 0..200_000 {
            now += Duration::from_micros(700);
            window.reserve(1, now).unwrap();
        }
        assert!(window.spans.len() <= 1026, "{}", window.spans.len());
    }

    #[test]
    fn what_comes_at_one_moment_is_one_span_however_short_the_period() {
        let now = origin();
        let mut window =
            SlidingWindow::new(RateLimitPolicy { period: Duration::from_nanos(1), ..per_minute(100) }, now);
        for _ in 0..100 {
            window.reserve(1, now).unwrap();
        }
        assert_eq!((window.spans.len(), window.used(now)), (1, 100));
    }

    #[test]
    fn what_was_not_used_is_put_back_only_while_it_counts() {
        let start = origin();
        let mut window = SlidingWindow::new(per_minute(10), start);
        let early = window.reserve(4, start).unwrap();
        let late = window.reserve(6, start + Duration::from_secs(50)).unwrap();
        let now = start + Duration::from_secs(70);
        window.settle(early, 0, now);
        assert_eq!(window.used(now), 6);
        window.settle(late, 1, now);
        assert_eq!(window.used(now), 1);
        assert_eq!(window.reserve(10, now), Err(Refusal::Until(start + Duration::from_secs(110))));
        assert_eq!(window.used(start + Duration::from_secs(110)), 0);
    }

    #[test]
    fn what_was_not_used_is_put_back_where_it_was_taken() {
        let start = origin();
        let mut window = SlidingWindow::new(per_minute(10), start);
        let _early = window.reserve(4, start).unwrap();
        let late = window.reserve(6, start + Duration::from_secs(50)).unwrap();
        window.settle(late, 1, start + Duration::from_secs(55));
        let seconds = [55, 60, 109, 110].map(|second| window.used(start + Duration::from_secs(second)));
        assert_eq!(seconds, [5, 1, 1, 0]);
    }
}
