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
