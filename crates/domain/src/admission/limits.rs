//! The limits of one level: the whole gateway, a pool, a task group or a tier.

use std::{fmt, num::NonZeroU32, time::Duration};

use super::RateLimitPolicy;

/// What a level lets in. Whatever is absent is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most requests at once.
    pub max_concurrency: Option<NonZeroU32>,
    /// How many requests in a time.
    pub requests: Option<RateLimitPolicy>,
    /// How many tokens in a time, of prompts and answers together.
    pub tokens: Option<RateLimitPolicy>,
    /// Who waits when a limit is reached.
    pub queue: QueuePolicy,
}

/// Who waits when a limit is reached, instead of being refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePolicy {
    /// The most requests that wait; 0 refuses at once.
    pub size: u32,
    /// The longest that one waits; its own deadline may be sooner.
    pub max_wait: Duration,
}

impl Default for QueuePolicy {
    fn default() -> Self {
        Self { size: 0, max_wait: Duration::from_secs(30) }
    }
}

impl Limits {
    /// Whether anything is limited at all.
    pub fn is_limited(&self) -> bool {
        self.max_concurrency.is_some() || self.requests.is_some() || self.tokens.is_some()
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Requests at once.
    Concurrency,
    /// Requests in a time.
    Requests,
    /// Tokens in a time.
    Tokens,
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Concurrency => "requests at once",
            Self::Requests => "the rate of requests",
            Self::Tokens => "the rate of tokens",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_limited_by_any_one_of_its_limits() {
        let rate = Some(RateLimitPolicy::per_minute(NonZeroU32::MIN));
        let none = Limits::default();
        assert!(!none.is_limited());
        assert!(!Limits { queue: QueuePolicy { size: 9, ..QueuePolicy::default() }, ..none }.is_limited());
        assert!(Limits { max_concurrency: Some(NonZeroU32::MIN), ..none }.is_limited());
        assert!(Limits { requests: rate, ..none }.is_limited());
        assert!(Limits { tokens: rate, ..none }.is_limited());
    }

    #[test]
    fn a_measure_says_what_it_counts() {
        let words = [Measure::Concurrency, Measure::Requests, Measure::Tokens].map(|measure| measure.to_string());
        assert_eq!(words, ["requests at once", "the rate of requests", "the rate of tokens"]);
    }
}
