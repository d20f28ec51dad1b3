//! Time as a port, so that tests and simulations own it.

use std::time::{Instant, SystemTime};

/// Tells the time. Everything that needs it asks here or takes it as an argument.
pub trait Clock: Send + Sync + 'static {
    /// The monotonic time: for intervals, deadlines and ordering.
    fn now(&self) -> Instant;

    /// The wall time: for people, and for dates that an upstream sends.
    fn wall(&self) -> SystemTime;
}
