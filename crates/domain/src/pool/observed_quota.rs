//! What is known of our rate at an instance's upstream, from its answers.
//!
//! An instance of which nothing is left is passed over until its limit is reset: the refusal would be certain, and cost a
//! round trip. The last answer's word counts; it may be a moment old, so that an upstream's own refusal remains the last one.

use std::time::Instant;

use crate::{
    inference::{Allowance, Quota},
    time::after,
};

/// What is left at an instance's upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObservedQuota {
    requests: Option<Left>,
    tokens: Option<Left>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    remaining: u64,
    until: Instant,
}

impl ObservedQuota {
    /// Takes in what an answer said at `now`; what it is silent about stands.
    pub fn observe(&mut self, quota: Quota, now: Instant) {
        let left = |allowance: Allowance| Left { remaining: allowance.remaining, until: after(now, allowance.reset) };
        self.requests = quota.requests.map(left).or(self.requests);
        self.tokens = quota.tokens.map(left).or(self.tokens);
    }

    /// Until when a request that may cost `tokens` would be refused at `now`; `None` if it would not, as far as is known.
    pub fn spent(&self, tokens: u32, now: Instant) -> Option<Instant> {
        let short = |left: Option<Left>, needed: u64| {
            left.filter(|left| left.remaining < needed && now < left.until).map(|left| left.until)
        };
        short(self.requests, 1).max(short(self.tokens, u64::from(tokens.max(1))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn quota(requests: Option<u64>, tokens: Option<u64>) -> Quota {
        let allowance = |reset| move |remaining| Allowance { remaining, reset };
        Quota { requests: requests.map(allowance(SECOND)), tokens: tokens.map(allowance(SECOND * 5)) }
    }

    /// For how many seconds a request of a hundred tokens is kept away.
    #[track_caller]
    fn check(quotas: &[Quota], expected: Option<u32>) {
        let (mut observed, now) = (ObservedQuota::default(), origin());
        for quota in quotas {
            observed.observe(*quota, now);
        }
        assert_eq!(observed.spent(100, now), expected.map(|seconds| now + SECOND * seconds), "{quotas:?}");
        assert_eq!(observed.spent(100, now + SECOND * 5), None, "every limit is whole again");
    }

    #[test]
    fn what_is_used_up_keeps_requests_away_until_its_reset() {
        check(&[], None);
        check(&[quota(Some(1), Some(100))], None);
        check(&[quota(Some(0), Some(100))], Some(1));
        check(&[quota(Some(0), None)], Some(1));
        check(&[quota(None, Some(0))], Some(5));
        check(&[quota(Some(0), Some(99))], Some(5));
    }

    #[test]
    fn the_last_answer_counts_for_what_it_speaks_of() {
        check(&[quota(Some(0), None), quota(Some(3), None)], None);
        check(&[quota(Some(0), None), quota(None, Some(1000))], Some(1));
    }

    #[test]
    fn a_request_of_unknown_size_needs_a_token() {
        let (mut observed, now) = (ObservedQuota::default(), origin());
        observed.observe(quota(None, Some(0)), now);
        assert_eq!(observed.spent(0, now), Some(now + SECOND * 5));
        observed.observe(quota(None, Some(1)), now);
        assert_eq!(observed.spent(0, now), None);
    }
}
