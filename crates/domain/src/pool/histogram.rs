//! Durations by size: a small histogram of fixed size.
//!
//! Forty buckets from a millisecond on, each half as large again as the one before, reach past an hour: what a quantile says is
//! off by half at most, and mostly by much less, since it is interpolated. That suffices to tell a second from ten.

use std::time::Duration;

use crate::sharded::add_each;

const BUCKETS: usize = 40;
const FIRST: f64 = 0.001;
const GROWTH: f64 = 1.5;

/// A histogram of durations.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    micros: u64,
}

/// What a histogram says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LatencySummary {
    /// How many durations there were.
    pub count: u64,
    /// Their mean.
    pub mean: Duration,
    /// Half were no longer.
    pub p50: Duration,
    /// Nineteen in twenty were no longer.
    pub p95: Duration,
    /// Ninety-nine in a hundred were no longer.
    pub p99: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], micros: 0 }
    }
}

impl Histogram {
    /// Counts a duration.
    pub fn observe(&mut self, duration: Duration) {
        self.buckets[bucket(duration)] += 1;
        self.micros = self.micros.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts whatever `other` has counted.
    pub fn add(&mut self, other: &Self) {
        add_each(&mut self.buckets, &other.buckets);
        self.micros = self.micros.saturating_add(other.micros);
    }

    /// What it says; `None` if it has counted nothing.
    pub fn summary(&self) -> Option<LatencySummary> {
        let counts = &self.buckets;
        let count = counts.iter().sum();
        let mean = Duration::from_micros(u64::checked_div(self.micros, count)?);
        let quantile = |percent| quantile(counts, count, percent);
        Some(LatencySummary { count, mean, p50: quantile(50), p95: quantile(95), p99: quantile(99) })
    }
}

/// The bucket of a duration: the first one whose upper bound it does not exceed, or the last.
fn bucket(duration: Duration) -> usize {
    let seconds = duration.as_secs_f64();
    let mut bound = FIRST;
    for at in 0..BUCKETS - 1 {
        if seconds <= bound {
            return at;
        }
        bound *= GROWTH;
    }
    BUCKETS - 1
}

/// The bounds of a bucket, in seconds.
fn bounds(at: usize) -> (f64, f64) {
    let upper = (0..at).fold(FIRST, |bound, _| bound * GROWTH);
    (if at == 0 { 0.0 } else { upper / GROWTH }, upper)
}

/// The duration that `percent` of a hundred do not exceed, as if each bucket were filled evenly.
#[expect(clippy::cast_precision_loss, reason = "a share of a bucket; 2^53 durations are out of reach")]
fn quantile(counts: &[u64; BUCKETS], total: u64, percent: u64) -> Duration {
    let rank = (total * percent).div_ceil(100).max(1);
    let mut below = 0;
    for (at, count) in counts.iter().enumerate() {
        if below + count >= rank {
            let (lower, upper) = bounds(at);
            let share = (rank - below) as f64 / *count as f64;
            return Duration::from_secs_f64(lower + (upper - lower) * share);
        }
        below += count;
    }
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_counted_says_nothing() {
        assert_eq!(Histogram::default().summary(), None);
    }

    #[test]
    fn two_say_together_what_one_would_say() {
        let of = |millis: &[u64]| {
            let mut histogram = Histogram::default();
            for millis in millis {
                histogram.observe(Duration::from_millis(*millis));
            }
            histogram
        };
        let mut sum = of(&[3, 1000]);
        sum.add(&of(&[20, 70]));
        assert_eq!(sum.summary(), of(&[3, 1000, 20, 70]).summary());
    }

    #[test]
    fn the_last_bucket_reaches_past_an_hour() {
        assert!(bounds(BUCKETS - 2).1 > 3600.0);
        let mut histogram = Histogram::default();
        histogram.observe(Duration::MAX);
        assert!(histogram.summary().is_some_and(|summary| summary.p50 > Duration::from_hours(1)));
    }

    #[test]
    fn each_bucket_begins_where_the_one_before_it_ends() {
        let buckets = [0, 1000, 1001, 1500, 1501, 2250, 2251].map(|micros| bucket(Duration::from_micros(micros)));
        assert_eq!(buckets, [0, 0, 1, 1, 2, 2, 3]);
        assert_eq!([bounds(0), bounds(1)], [(0.0, 0.001), (0.001, 0.0015)]);
        let last = Duration::from_secs_f64(bounds(BUCKETS - 1).1);
        assert_eq!([last / 2, last, last * 2].map(bucket), [BUCKETS - 2, BUCKETS - 1, BUCKETS - 1]);
    }

    #[test]
    fn a_quantile_lies_in_its_bucket_as_if_that_were_filled_evenly() {
        let mut histogram = Histogram::default();
        (0..4).for_each(|_| histogram.observe(Duration::from_micros(1200)));
        let LatencySummary { p50, p95, .. } = histogram.summary().unwrap();
        assert_eq!([p50, p95], [1250, 1500].map(Duration::from_micros));
    }

    proptest! {
        #[test]
        fn quantiles_are_those_of_a_sorted_list_within_a_bucket(millis in prop::collection::vec(1_u64..3_000_000, 1..300)) {
            let mut histogram = Histogram::default();
            for millis in &millis {
                histogram.observe(Duration::from_millis(*millis));
            }
            let mut sorted = millis.clone();
            sorted.sort_unstable();
            let summary = histogram.summary().unwrap();
            prop_assert_eq!(summary.count, millis.len() as u64);
            let mean = u128::from(millis.iter().sum::<u64>()) / millis.len() as u128;
            prop_assert_eq!(summary.mean.as_millis(), mean);
            for (percent, seen) in [(50, summary.p50), (95, summary.p95), (99, summary.p99)] {
                let rank = (millis.len() * percent).div_ceil(100).max(1);
                let exact = Duration::from_millis(sorted[rank - 1]);
                let (lower, upper) = bounds(bucket(exact));
                prop_assert!(lower <= seen.as_secs_f64() && seen.as_secs_f64() <= upper * 1.000_001, "p{percent}: {seen:?} for {exact:?}");
            }
        }
    }
}
