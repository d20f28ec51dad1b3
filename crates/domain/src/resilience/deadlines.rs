//! How long the phases of an attempt may take.

use std::time::Duration;

/// The deadlines of an attempt. They are separate because they mean different things: an upstream that never answers, one
/// that thinks for long, one that stalls, and one that never ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until the head of a streamed answer.
    pub headers: Duration,
    /// Until the first content of a streamed answer, from the start of the attempt.
    pub first_content: Duration,
    /// Between two pieces of a streamed answer; comments and pings do not count.
    pub idle: Duration,
    /// For a whole request, with every attempt and every wait in it; within a tier, for one attempt.
    pub total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(30),
            first_content: Duration::from_mins(1),
            idle: Duration::from_mins(1),
            total: Duration::from_mins(10),
        }
    }
}
