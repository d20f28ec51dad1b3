//! What keeps one bad upstream from taking the rest along: breaker, backoff, deadlines.

mod backoff;
mod circuit_breaker;
mod deadlines;

pub use backoff::Backoff;
pub use circuit_breaker::{BreakerPolicy, BreakerState, BreakerTransition, CircuitBreaker, Pass};
pub use deadlines::Deadlines;
