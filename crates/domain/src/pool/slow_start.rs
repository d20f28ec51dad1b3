//! Slow start: an instance that joins a serving pool, or comes back to it, gets its share little by little.
//!
//! It may have cold caches, or be the same broken one as before: a success or two do not prove that it can take all. The ramp is
//! Envoy's: the share is (time / window) ^ (1 / aggression), and at least a tenth. At the start of the process everybody is new,
//! and nobody starts slowly.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// The least share, in percent.
const LEAST: u32 = 10;

/// How an instance gets its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlowStart {
    /// How long it takes until it has its whole share.
    pub window: Duration,
    /// In percent: 100 is a straight ramp; above 100 it is steeper at first, below 100 later.
    pub aggression: NonZeroU32,
}

/// Since when an instance has taken part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presence {
    /// As long as everybody else.
    #[default]
    FromTheStart,
    /// From when somebody asks.
    Joining,
    /// From that moment, which may lie ahead: it is out until then.
    Since(Instant),
}

impl SlowStart {
    /// The percentage of its share that an instance takes at `now`.
    pub fn readiness(&self, presence: &mut Presence, now: Instant) -> u32 {
        let since = match *presence {
            Presence::FromTheStart => return 100,
            Presence::Joining => now,
            Presence::Since(since) => since,
        };
        *presence = Presence::Since(since);
        let elapsed = now.saturating_duration_since(since);
        if elapsed >= self.window {
            return 100;
        }
        let part = elapsed.as_secs_f64() / self.window.as_secs_f64();
        let ramp = part.powf(100.0 / f64::from(self.aggression.get())) * 100.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies from 0 to 100")]
        let percent = ramp as u32;
        percent.clamp(LEAST, 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::rotation::tests::origin;

    const STRAIGHT: NonZeroU32 = NonZeroU32::new(100).unwrap();

    fn readiness(aggression: u32, seconds: u64) -> u32 {
        let aggression = NonZeroU32::new(aggression).unwrap();
        let (start, mut presence) = (origin(), Presence::Joining);
        let slow = SlowStart { window: Duration::from_secs(100), aggression };
        assert_eq!(slow.readiness(&mut presence, start), 10, "the clock starts when it is first asked");
        slow.readiness(&mut presence, start + Duration::from_secs(seconds))
    }

    #[test]
    fn the_share_grows_from_a_tenth_to_the_whole() {
        assert_eq!([0, 5, 50, 99, 100, 1000].map(|seconds| readiness(100, seconds)), [10, 10, 50, 99, 100, 100]);
    }

    #[test]
    fn aggression_bends_the_ramp() {
        assert_eq!([4, 25, 81].map(|seconds| readiness(200, seconds)), [20, 50, 90]);
        assert_eq!([10, 50, 90].map(|seconds| readiness(50, seconds)), [10, 25, 81]);
    }

    #[test]
    fn whoever_was_there_from_the_start_has_its_whole_share() {
        let slow = SlowStart { window: Duration::from_secs(100), aggression: STRAIGHT };
        let mut presence = Presence::FromTheStart;
        assert_eq!((slow.readiness(&mut presence, origin()), presence), (100, Presence::FromTheStart));
    }

    #[test]
    fn whoever_is_still_out_starts_when_it_is_back() {
        let now = origin();
        let slow = SlowStart { window: Duration::from_secs(10), aggression: STRAIGHT };
        let mut presence = Presence::Since(now + Duration::from_mins(1));
        let at = |presence: &mut Presence, seconds| slow.readiness(presence, now + Duration::from_secs(seconds));
        assert_eq!([0, 60, 65, 70].map(|seconds| at(&mut presence, seconds)), [10, 10, 50, 100]);
    }
}
