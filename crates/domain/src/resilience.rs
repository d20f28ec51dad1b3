//! What keeps one bad upstream from taking the rest along: breaker, backoff, deadlines, retry budget.

mod backoff;
mod circuit_breaker;
mod deadlines;
mod outcome_window;
mod retry_budget;

pub use backoff::Backoff;
pub use circuit_breaker::{BreakerPolicy, BreakerState, BreakerTransition, CircuitBreaker, FailureRate, Pass};
pub use deadlines::Deadlines;
pub use retry_budget::{RetryBudget, RetryBudgetPolicy};
