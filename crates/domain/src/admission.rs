//! Who is let in: limits on what callers may send in a time.
//!
//! A limit is a pure state machine. Cost is *reserved* from an estimate when a request is admitted and *settled* from real
//! usage when it is over, so that a limit on tokens holds although nobody knows the tokens beforehand.

mod token_bucket;

pub use token_bucket::{Refusal, TokenBucket, TokenBucketPolicy};
