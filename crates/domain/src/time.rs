//! Time as a port, so that tests and simulations own it.

use std::time::{Duration, Instant, SystemTime};

/// Tells the time. Everything that needs it asks here or takes it as an argument.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic time: for intervals, deadlines and ordering.
    fn now(&self) -> Instant;

    /// The wall time: for people, and for dates that an upstream sends.
    fn wall(&self) -> SystemTime;
}

/// The longest wait that a state machine takes note of: beyond it, it is as good as for ever.
const LONGEST_WAIT: Duration = Duration::from_hours(365 * 24);

/// The moment `wait` after `now`. Waits come from configuration and from upstreams, so that one of them may lie beyond what
/// an [`Instant`] can hold, where adding would panic.
pub fn after(now: Instant, wait: Duration) -> Instant {
    now + wait.min(LONGEST_WAIT)
}

/// A moment in UTC, as a calendar and a clock show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Utc {
    /// The year.
    pub year: u64,
    /// The month, from 1.
    pub month: u64,
    /// The day of the month, from 1.
    pub day: u64,
    /// The hour, from 0.
    pub hour: u64,
    /// The minute.
    pub minute: u64,
    /// The second.
    pub second: u64,
}

impl Utc {
    /// The moment so many seconds after the beginning of 1970.
    ///
    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    pub fn of_unix(seconds: u64) -> Self {
        let (days, of_day) = (seconds / 86_400 + 719_468, seconds % 86_400);
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        Self {
            year: year_of_era + era * 400 + u64::from(month <= 2),
            month,
            day: of_year - (153 * shifted + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_days_are_those_of_the_calendar() {
        for (days, date) in
            [(0, (1970, 1, 1)), (11_016, (2000, 2, 29)), (19_782, (2024, 2, 29)), (20_818, (2026, 12, 31))]
        {
            let utc = Utc::of_unix(days * 86_400 + 86_399);
            assert_eq!((utc.year, utc.month, utc.day), date);
            assert_eq!((utc.hour, utc.minute, utc.second), (23, 59, 59));
        }
    }
}
