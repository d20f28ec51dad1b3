//! Who is let in: how many at once, how much in a time, and who waits.
//!
//! A limit is a pure state machine. Cost is *reserved* from an estimate when a request is admitted and *settled* from real
//! usage when it is over, so that a limit on tokens holds although nobody knows the tokens beforehand.

mod fixed_window;
mod limits;
mod queue;
mod rate_limit;
mod sliding_window;
mod token_bucket;

pub use fixed_window::FixedWindow;
pub use limits::{Limits, Measure, QueuePolicy};
pub use queue::{FairQueue, Priority, QueueFull, Ticket};
pub use rate_limit::{RateLimit, RateLimitAlgorithm, RateLimitPolicy, Refusal, Reservation};
pub use sliding_window::SlidingWindow;
pub use token_bucket::TokenBucket;
