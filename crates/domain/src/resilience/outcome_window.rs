//! The outcomes of the last while, in ten slices that fall out of sight one by one.

use std::time::{Duration, Instant};

use super::Rate;

const SLICES: usize = 10;

/// Outcomes over a sliding window; it looks back on nine to ten tenths of it.
#[derive(Debug, Clone, Default)]
pub(super) struct OutcomeWindow {
    started: Option<Instant>,
    slices: [Slice; SLICES],
}

/// What happened in one slice, or in all together, which have no number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Slice {
    number: u64,
    pub(super) outcomes: u32,
    pub(super) hits: u32,
}

impl OutcomeWindow {
    /// Counts one outcome, and says whether the hits among the outcomes reach `rate`.
    pub(super) fn reaches(&mut self, rate: Rate, now: Instant, is_hit: bool) -> bool {
        let sum = self.record(now, rate.window, is_hit);
        let hits = u64::from(sum.hits) * 100;
        sum.outcomes >= rate.minimum.get() && hits >= u64::from(sum.outcomes) * u64::from(rate.percent.get())
    }

    /// Counts one outcome, and returns the sum over the `window` that ends at `now`.
    fn record(&mut self, now: Instant, window: Duration, is_hit: bool) -> Slice {
        let started = *self.started.get_or_insert(now);
        let length = (nanos(window) / SLICES as u64).max(1);
        let number = nanos(now.saturating_duration_since(started)) / length;
        // The remainder of a division by ten fits whatever the platform.
        let slice = &mut self.slices[usize::try_from(number % SLICES as u64).unwrap_or(0)];
        if slice.number != number {
            *slice = Slice { number, ..Slice::default() };
        }
        slice.outcomes = slice.outcomes.saturating_add(1);
        slice.hits = slice.hits.saturating_add(u32::from(is_hit));
        let seen = self.slices.iter().filter(|slice| number.saturating_sub(slice.number) < SLICES as u64);
        seen.fold(Slice::default(), |sum, slice| Slice {
            outcomes: sum.outcomes.saturating_add(slice.outcomes),
            hits: sum.hits.saturating_add(slice.hits),
            ..sum
        })
    }
}

/// In a word: five centuries of them fit, and a division of two words costs more than all the rest.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_mins(1);

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    proptest! {
        #[test]
        fn it_counts_what_a_full_list_would(steps in prop::collection::vec((0_u64..20_000, any::<bool>()), 1..100)) {
            let origin = origin();
            let (mut now, mut window) = (origin, OutcomeWindow::default());
            let slice = |at: Instant| (at - origin).as_secs() / 6;
            let mut all = Vec::new();
            let mut first = None;
            for (wait, is_fault) in steps {
                if first.is_some() {
                    now += Duration::from_millis(wait);
                }
                first.get_or_insert(now);
                all.push((now, is_fault));
                let sum = window.record(now, WINDOW, is_fault);
                let seen: Vec<_> = all.iter().filter(|(at, _)| slice(now) - slice(*at) < 10).collect();
                prop_assert_eq!(sum.outcomes as usize, seen.len());
                prop_assert_eq!(sum.hits as usize, seen.iter().filter(|(_, is_fault)| *is_fault).count());
            }
        }
    }
}
