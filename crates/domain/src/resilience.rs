//! What keeps one bad upstream from taking the rest along: breaker, backoff, deadlines, retry budget, adaptive concurrency, hedging and the
//! rescue of broken streams.

mod adaptive_concurrency;
mod backoff;
mod circuit_breaker;
mod cooldown;
mod deadlines;
mod hedge;
mod mid_stream;
mod outcome_window;
mod relapses;
mod retry_budget;
mod timeline;

pub use adaptive_concurrency::{AdaptiveLimit, AdaptivePolicy, Began, Dispatch};
pub use backoff::Backoff;
pub use circuit_breaker::{
    BreakerOverride, BreakerPolicy, BreakerState, BreakerTransition, CircuitBreaker, Pass, Rate, SlowCalls,
};
pub use cooldown::Cooldown;
pub use deadlines::{Deadlines, Pace};
pub use hedge::{HedgePolicy, RecentTimes};
pub use mid_stream::MidStream;
pub use relapses::Relapses;
pub use retry_budget::{RetryBudget, RetryBudgetPolicy};
pub use timeline::Timeline;
