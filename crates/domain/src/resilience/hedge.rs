//! Hedging: a second attempt beside a first one that is slow to begin, for whichever answers first.
//!
//! It buys tail latency with load, so it is off by default, waits until the first attempt is slower than most, makes one
//! attempt and not more, and pays for it out of the retry budget. Source: Dean and Barroso, "The Tail at Scale" (2013); gRPC's
//! hedging policy (A6).

use std::time::Duration;

/// When a slow attempt gets a second one beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HedgePolicy {
    /// After this long without an answer.
    After(Duration),
    /// Once it is slower than 19 of 20 answers lately were.
    P95,
}

/// How many answers the percentile is taken over.
const WINDOW: usize = 128;
/// With fewer answers than this, nobody knows what is slow.
const MINIMUM: usize = 20;

/// The times that answers took lately to begin.
#[derive(Debug, Clone, Default)]
pub struct RecentTimes {
    /// A ring, once it is full.
    times: Vec<Duration>,
    next: usize,
}

impl RecentTimes {
    /// Takes note of an answer that began after `time`.
    pub fn observe(&mut self, time: Duration) {
        if self.times.len() < WINDOW {
            self.times.push(time);
        } else {
            self.times[self.next] = time;
        }
        self.next = (self.next + 1) % WINDOW;
    }

    /// The time that 19 of 20 answers did not exceed; `None` while there are too few to tell.
    pub fn p95(&self) -> Option<Duration> {
        let count = self.times.len();
        if count < MINIMUM {
            return None;
        }
        let mut times = self.times.clone();
        let (_, p95, _) = times.select_nth_unstable((count * 95).div_ceil(100) - 1);
        Some(*p95)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(millis: impl IntoIterator<Item = u64>) -> RecentTimes {
        let mut times = RecentTimes::default();
        millis.into_iter().for_each(|millis| times.observe(Duration::from_millis(millis)));
        times
    }

    #[test]
    fn nobody_knows_what_is_slow_before_enough_answers_came() {
        assert_eq!(times(1..20).p95(), None);
        assert_eq!(times(1..=20).p95(), Some(Duration::from_millis(19)));
    }

    #[test]
    fn nineteen_of_twenty_answers_are_not_slower() {
        assert_eq!(times((1..=100).rev()).p95(), Some(Duration::from_millis(95)));
    }

    #[test]
    fn the_last_128_answers_are_looked_at() {
        assert_eq!(times((1..=130).rev()).p95(), Some(Duration::from_millis(122)));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut times = times(std::iter::repeat_n(9000, 128));
        (0..128).for_each(|_| times.observe(Duration::from_millis(10)));
        assert_eq!(times.p95(), Some(Duration::from_millis(10)));
    }
}
