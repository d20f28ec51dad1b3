//! How fast an instance has lately been: a moving average that jumps up and comes down slowly.

use std::time::{Duration, Instant};

/// The time in which a past peak loses two thirds of its weight.
const DECAY: Duration = Duration::from_secs(10);

/// A peak-sensitive, exponentially weighted moving average, as in Finagle: a sample above it replaces it, one below moves
/// it by how much time has passed. Meant for the time to first content of *successes*: a fault in a millisecond would make
/// its instance look the fastest of all, so that a fault is either not observed or observed as its deadline.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PeakLatency {
    last: Option<(Instant, Duration)>,
}

impl PeakLatency {
    /// Takes a sample into account.
    pub fn observe(&mut self, sample: Duration, now: Instant) {
        let (at, average) = self.last.unwrap_or((now, sample));
        let elapsed = now.saturating_duration_since(at);
        let kept = (-elapsed.as_secs_f64() / DECAY.as_secs_f64()).exp();
        let above = average.saturating_sub(sample);
        self.last = Some((now, sample + above.mul_f64(kept).min(above)));
    }

    /// The average; `None` before the first sample.
    pub fn average(&self) -> Option<Duration> {
        self.last.map(|(_, average)| average)
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

    proptest! {
        #[test]
        fn it_stays_between_its_samples_and_at_or_above_the_last(
            samples in prop::collection::vec((0_u64..100_000, 0_u64..100_000), 1..50),
        ) {
            let (mut now, mut latency) = (origin(), PeakLatency::default());
            let mut highest = Duration::ZERO;
            for (wait, sample) in samples {
                now += Duration::from_millis(wait);
                let sample = Duration::from_millis(sample);
                highest = highest.max(sample);
                latency.observe(sample, now);
                let average = latency.average().unwrap();
                prop_assert!(sample <= average && average <= highest);
            }
        }
    }

    #[test]
    fn ten_seconds_leave_a_third_of_a_peak() {
        let (now, mut latency) = (origin(), PeakLatency::default());
        latency.observe(Duration::from_secs(101), now);
        latency.observe(Duration::from_secs(1), now + Duration::from_secs(10));
        assert_eq!(latency.average().map(|average| average.as_secs()), Some(37), "1 + 100 / e");
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_in_time() {
        let now = origin();
        let mut latency = PeakLatency::default();
        assert_eq!(latency.average(), None);
        latency.observe(Duration::from_millis(10), now);
        latency.observe(Duration::from_secs(5), now);
        latency.observe(Duration::from_millis(10), now);
        assert_eq!(latency.average(), Some(Duration::from_secs(5)), "no time has passed");
        latency.observe(Duration::from_millis(10), now + Duration::from_hours(1));
        assert_eq!(latency.average(), Some(Duration::from_millis(10)));
    }
}
