//! Durations as a histogram of Prometheus.
//!
//! Buckets, and nothing else: a sample takes no memory, however long nobody looks.

use std::{fmt::Display, time::Duration};

use tidegate_domain::sharded::add_each;

use super::text::Series;

/// Upper bounds of the buckets, in milliseconds: those of the OpenTelemetry conventions for generative AI.
const BOUNDS: [u64; 14] = [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240, 20_480, 40_960, 81_920];

/// How many durations there were in each bucket, and their sum.
#[derive(Debug, Default)]
pub(super) struct Durations {
    /// The last one is for what is over every bound.
    buckets: [u64; BOUNDS.len() + 1],
    micros: u64,
}

impl Durations {
    /// Counts a duration.
    pub(super) fn observe(&mut self, duration: Duration) {
        let bucket = BOUNDS.iter().position(|bound| duration <= Duration::from_millis(*bound)).unwrap_or(BOUNDS.len());
        self.buckets[bucket] += 1;
        self.micros = self.micros.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Counts whatever `other` has counted.
    pub(super) fn add(&mut self, other: &Self) {
        add_each(&mut self.buckets, &other.buckets);
        self.micros = self.micros.saturating_add(other.micros);
    }

    /// Writes its series, each with `label`.
    pub(super) fn write(&self, series: &mut Series<'_>, label: (&str, &dyn Display)) {
        let mut count = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            count += bucket;
            series.add("_bucket", &[label, ("le", &Duration::from_millis(bound).as_secs_f64())], count);
        }
        count += self.buckets[BOUNDS.len()];
        series.add("_bucket", &[label, ("le", &"+Inf")], count);
        series.add("_sum", &[label], Duration::from_micros(self.micros).as_secs_f64());
        series.add("_count", &[label], count);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::text::{Kind, Text},
        *,
    };

    #[test]
    fn buckets_add_up_to_the_count() {
        let mut durations = Durations::default();
        for millis in [1, 10, 11, 90_000] {
            durations.observe(Duration::from_millis(millis));
        }
        let mut text = Text::default();
        text.family(("d", "h", Kind::Histogram), |series| durations.write(series, ("of", &"a")));
        let text = text.into_string();
        for line in [
            r#"d_bucket{of="a",le="0.01"} 2"#,
            r#"d_bucket{of="a",le="0.02"} 3"#,
            r#"d_bucket{of="a",le="81.92"} 3"#,
            r#"d_bucket{of="a",le="+Inf"} 4"#,
            r#"d_sum{of="a"} 90.022"#,
            r#"d_count{of="a"} 4"#,
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} in {text}");
        }
    }
}
