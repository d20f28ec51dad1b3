//! How long to wait before the same instance is asked again.

use std::time::Duration;

use crate::pool::Random;

/// Exponential backoff with full jitter: the n-th wait is drawn evenly from zero to `base` x 2^(n-1), capped. Source: the
/// AWS Architecture Blog, "Exponential Backoff And Jitter".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_secs(1), max: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait before retry number `retry`, counted from 1.
    pub fn wait(&self, retry: u32, random: &mut Random) -> Duration {
        self.longest(retry).mul_f64(random.f64())
    }

    /// The longest that [`Backoff::wait`] can return for `retry`.
    pub fn longest(&self, retry: u32) -> Duration {
        let doublings = retry.saturating_sub(1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_doubles_up_to_the_cap() {
        let backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(5) };
        let longest: Vec<_> = (1..=5).map(|retry| backoff.longest(retry).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 5, 5]);
        assert_eq!(backoff.longest(u32::MAX), backoff.max);
    }

    #[test]
    fn waits_are_spread_over_all_of_it() {
        let (backoff, mut random) = (Backoff::default(), Random::with_seed(7));
        let waits: Vec<_> = (0..100).map(|_| backoff.wait(1, &mut random)).collect();
        assert!(waits.iter().any(|&wait| wait > backoff.base.mul_f64(0.9)));
        assert!(waits.iter().any(|&wait| wait < backoff.base.mul_f64(0.1)));
    }

    #[test]
    fn a_wait_stays_below_the_longest() {
        let backoff = Backoff::default();
        let mut random = Random::with_seed(7);
        for retry in 1..100 {
            assert!(backoff.wait(retry, &mut random) <= backoff.longest(retry));
        }
    }
}
