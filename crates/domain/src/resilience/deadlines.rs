//! How long the phases of an attempt may take.

use std::{num::NonZeroU32, time::Duration};

/// The deadlines of an attempt. They are separate because they mean different things: an upstream that never answers, one
/// that thinks for long, one that stalls, and one that never ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until the head of a streamed answer.
    pub headers: Duration,
    /// Until the first content of a streamed answer, from the start of the attempt.
    pub first_content: Duration,
    /// The same from a model that thinks, which says nothing for longer.
    pub reasoning_first_content: Duration,
    /// Between two pieces of a streamed answer; comments and pings do not count.
    pub idle: Duration,
    /// For a whole request, with every attempt and every wait in it; within a tier, for one attempt.
    pub total: Duration,
    /// How fast a streamed answer must be, once it has begun; as slow as it likes if absent.
    pub pace: Option<Pace>,
}

/// How fast a streamed answer must be. The time in which its reader keeps it waiting does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The fewest tokens in a second, on average over a window.
    pub tokens_per_second: NonZeroU32,
    /// How long a window is.
    pub window: Duration,
}

impl Pace {
    /// Whether `tokens` in `waited` are too few.
    pub fn is_missed(&self, tokens: u64, waited: Duration) -> bool {
        u128::from(tokens) * 1000 < u128::from(self.tokens_per_second.get()) * waited.as_millis()
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(30),
            first_content: Duration::from_mins(1),
            // Half of the total, so that there is time left for somebody else.
            reasoning_first_content: Duration::from_mins(5),
            idle: Duration::from_mins(1),
            total: Duration::from_mins(10),
            pace: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(tokens: u64, millis: u64, missed: bool) {
        let pace = Pace { tokens_per_second: NonZeroU32::new(5).unwrap(), window: Duration::from_secs(10) };
        assert_eq!(pace.is_missed(tokens, Duration::from_millis(millis)), missed);
    }

    #[test]
    fn a_pace_is_missed_by_fewer_tokens_than_the_time_calls_for() {
        check(4, 1000, true);
        check(5, 1000, false);
        check(9, 2000, true);
        check(10, 2000, false);
        check(2, 500, true);
        check(3, 500, false);
        check(0, 0, false);
        check(0, 1, true);
    }
}
