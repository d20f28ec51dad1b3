//! What an upstream says is left of our rate.

use std::time::Duration;

/// What is left of our rate at an upstream, as an answer of its says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// Requests.
    pub requests: Option<Allowance>,
    /// Tokens.
    pub tokens: Option<Allowance>,
}

/// What is left of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// How much.
    pub remaining: u64,
    /// How long until it is whole again.
    pub reset: Duration,
}
