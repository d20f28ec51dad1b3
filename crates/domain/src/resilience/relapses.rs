//! How often something failed again, and so how long it is left alone.
//!
//! What an outage teaches is not forgotten with the first success: an instance that comes back for a moment and fails again
//! goes on where it stood, or it would be asked as often as if it were well. A healthy minute takes one relapse back.

use std::time::{Duration, Instant};

use crate::pool::Random;

/// The healthy time that takes one relapse back.
const FORGIVEN_EVERY: Duration = Duration::from_mins(1);

/// The share of a wait that jitter takes off at most.
const JITTER: f64 = 0.2;

/// Counts relapses: each doubles the wait that follows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relapses {
    count: u32,
    /// Since when it has been well.
    well_since: Option<Instant>,
}

impl Relapses {
    /// Notes a relapse at `now`, and returns how long it calls for: `first`, doubled for each relapse that is remembered, at
    /// most `longest` (or `first`, if that is longer).
    pub fn relapse(&mut self, now: Instant, (first, longest): (Duration, Duration)) -> Duration {
        let count = self.count(now);
        *self = Self { count: count.saturating_add(1), well_since: None };
        let factor = 1_u32.checked_shl(count).unwrap_or(u32::MAX);
        first.saturating_mul(factor).min(longest.max(first))
    }

    /// The same less up to a fifth: what failed together does not come back together.
    pub fn relapse_jittered(&mut self, now: Instant, times: (Duration, Duration), random: &mut Random) -> Duration {
        let full = self.relapse(now, times);
        full.saturating_sub(full.mul_f64(JITTER * random.f64()))
    }

    /// It is well from `now` on, if it was not before.
    pub fn well(&mut self, now: Instant) {
        self.well_since.get_or_insert(now);
    }

    /// Forgets all of them.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// The relapses that are remembered at `now`.
    pub fn count(&self, now: Instant) -> u32 {
        let well = self.well_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let forgiven = well.as_secs() / FORGIVEN_EVERY.as_secs();
        self.count.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    /// Whether the next wait is `full`, less the jitter.
    #[track_caller]
    fn check(relapses: &mut Relapses, now: Instant, full: Duration) {
        let wait = relapses.relapse_jittered(now, (SECOND, SECOND * 10), &mut Random::with_seed(3));
        assert!(full.mul_f64(1.0 - JITTER) <= wait && wait <= full, "{wait:?} of {full:?}");
    }

    #[test]
    fn every_relapse_doubles_the_wait_up_to_the_longest() {
        let mut relapses = Relapses::default();
        for full in [1, 2, 4, 8, 10, 10] {
            check(&mut relapses, origin(), SECOND * full);
        }
        let mut many = Relapses { count: u32::MAX, well_since: None };
        check(&mut many, origin(), SECOND * 10);
    }

    #[test]
    fn a_first_wait_over_the_longest_stands() {
        assert_eq!(Relapses::default().relapse(origin(), (SECOND * 20, SECOND)), SECOND * 20);
    }

    #[test]
    fn a_healthy_minute_takes_one_back() {
        let (mut relapses, now) = (Relapses { count: 3, well_since: None }, origin());
        assert_eq!(relapses.count(now + SECOND * 600), 3, "nobody said that it was well");
        relapses.well(now);
        relapses.well(now + SECOND * 100);
        let counts = [0, 59, 60, 119, 120, 600].map(|seconds| relapses.count(now + SECOND * seconds));
        assert_eq!(counts, [3, 3, 2, 2, 1, 0]);
        check(&mut relapses, now + SECOND * 120, SECOND * 2);
        assert_eq!(relapses.count(now + SECOND * 600), 2, "it is not well any more");
    }

    #[test]
    fn jitter_keeps_apart_what_failed_together() {
        let wait = |seed| {
            let mut random = Random::with_seed(seed);
            Relapses::default().relapse_jittered(origin(), (SECOND, SECOND), &mut random)
        };
        assert!((1..10).any(|seed| wait(seed) != wait(0)));
    }
}
