//! The last changes of a circuit, for people.

use std::time::Instant;

use super::BreakerState;

/// How many changes are kept.
const KEPT: usize = 16;

/// The last changes of a circuit, oldest first. It has a fixed size and allocates nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeline {
    changes: [Option<(Instant, BreakerState)>; KEPT],
    /// How many there have been.
    total: usize,
}

impl Timeline {
    /// Notes that the circuit is in `state` from `at` on.
    pub(super) fn note(&mut self, at: Instant, state: BreakerState) {
        self.changes[self.total % KEPT] = Some((at, state));
        self.total = self.total.wrapping_add(1);
    }

    /// The changes that are kept, oldest first: when, and to which state.
    pub fn iter(&self) -> impl Iterator<Item = (Instant, BreakerState)> + '_ {
        let (newer, older) = self.changes.split_at(self.total % KEPT);
        older.iter().chain(newer).flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn the_last_sixteen_are_kept_in_order() {
        let (origin, mut timeline) = (Instant::now(), Timeline::default());
        assert_eq!(timeline.iter().count(), 0);
        for second in 0..40 {
            timeline.note(origin + Duration::from_secs(second), BreakerState::Open);
            let seen: Vec<_> = timeline.iter().map(|(at, _)| (at - origin).as_secs()).collect();
            let first = (second + 1).saturating_sub(16);
            assert_eq!(seen, (first..=second).collect::<Vec<_>>());
        }
    }
}
