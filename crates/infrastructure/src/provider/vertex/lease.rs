//! When a token is used, when another one is fetched, and when nobody tries.
//!
//! Pure: the moment is an argument, and whoever asks fetches. A token is fetched anew some time before it ends, while it is still used; after a
//! failure nobody fetches for a while, so that an endpoint that is down is not asked once for each request.

use std::time::{Duration, Instant};

use http::HeaderValue;
use tidegate_domain::{
    fault::{Fault, FaultKind},
    resilience::Backoff,
};

/// How long before its end a token is fetched anew. A metadata server gives out the same one until a few minutes before its end.
const AHEAD: Duration = Duration::from_mins(4);
/// A token is not used in its last moments: a request takes its time to arrive.
const MARGIN: Duration = Duration::from_secs(10);
/// How long nobody fetches after failures.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_mins(1) };
/// A provider that refuses a token that was fetched for its sake refuses something else: for so long no other one is fetched for its sake.
const BETWEEN_REFUSALS: Duration = Duration::from_mins(1);

/// A token, as requests carry it.
#[derive(Debug, Clone)]
pub(in crate::provider) struct Token {
    /// The value of `authorization`.
    pub(in crate::provider) header: HeaderValue,
    renewed_from: Instant,
    ends: Instant,
}

impl Token {
    /// A token that was fetched at `now` and is good for `lifetime`.
    pub(super) fn new(header: HeaderValue, now: Instant, lifetime: Duration) -> Self {
        let ahead = AHEAD.min(lifetime / 4);
        let margin = MARGIN.min(lifetime / 8);
        Self { header, renewed_from: now + lifetime.saturating_sub(ahead), ends: now + lifetime.saturating_sub(margin) }
    }
}

/// What there is of a token.
#[derive(Debug, Default)]
pub(super) struct Lease {
    token: Option<Token>,
    failed: Option<Failed>,
    /// When a token was last fetched because a provider refused its predecessor.
    refused: Option<Instant>,
}

#[derive(Debug)]
struct Failed {
    fault: Fault,
    times: u32,
    until: Instant,
}

impl Failed {
    /// The fault of who asks at `now`. No wait mends a credential.
    fn fault_at(&self, now: Instant) -> Fault {
        let mends = self.fault.kind != FaultKind::Auth;
        Fault { retry_after: mends.then(|| self.until.saturating_duration_since(now)), ..self.fault.clone() }
    }
}

/// What to do for a request.
#[derive(Debug)]
pub(super) enum Advice {
    /// Go with this token.
    Use(Token),
    /// Go with this token, and see to it that another one is fetched.
    UseAndFetch(Token),
    /// Wait until one is fetched.
    Fetch,
    /// Give up: fetching has just failed.
    GiveUp(Fault),
}

impl Lease {
    /// What to do at `now`.
    pub(super) fn advice(&self, now: Instant) -> Advice {
        let resting = self.failed.as_ref().filter(|failed| now < failed.until);
        match (self.token.as_ref().filter(|token| now < token.ends), resting) {
            (Some(token), None) if now >= token.renewed_from => Advice::UseAndFetch(token.clone()),
            (Some(token), _) => Advice::Use(token.clone()),
            (None, None) => Advice::Fetch,
            (None, Some(failed)) => Advice::GiveUp(failed.fault_at(now)),
        }
    }

    /// Takes what was fetched.
    pub(super) fn take(&mut self, fetched: Result<Token, Fault>, now: Instant) {
        match fetched {
            Ok(token) => (self.token, self.failed) = (Some(token), None),
            Err(fault) => {
                let times = self.failed.as_ref().map_or(1, |failed| failed.times.saturating_add(1));
                self.failed = Some(Failed { fault, times, until: now + BACKOFF.longest(times) });
            }
        }
    }

    /// Notes that a provider refused `token`. Whether to ask again with another one.
    pub(super) fn refuse(&mut self, token: &Token, now: Instant) -> bool {
        if self.token.as_ref().is_some_and(|held| held.header != token.header) {
            return true;
        }
        if self.refused.is_some_and(|last| now < last + BETWEEN_REFUSALS) {
            return false;
        }
        if self.token.take().is_some() {
            self.refused = Some(now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tidegate_domain::{fault::Work, time::Clock};

    use super::*;
    use crate::clock::TokioClock;

    const HOUR: Duration = Duration::from_hours(1);

    fn token(name: &'static str, now: Instant) -> Token {
        Token::new(HeaderValue::from_static(name), now, HOUR)
    }

    fn down() -> Fault {
        Fault::new(FaultKind::Overloaded, Work::NotSent, "down")
    }

    /// The advice, as a word.
    fn word(lease: &Lease, now: Instant) -> &'static str {
        match lease.advice(now) {
            Advice::Use(_) => "use",
            Advice::UseAndFetch(_) => "use and fetch",
            Advice::Fetch => "fetch",
            Advice::GiveUp(_) => "give up",
        }
    }

    #[test]
    fn a_token_is_used_renewed_ahead_and_not_used_at_its_end() {
        let start = TokioClock.now();
        let mut lease = Lease::default();
        assert_eq!(word(&lease, start), "fetch");
        lease.take(Ok(token("a", start)), start);
        for (at, expected) in [
            (Duration::ZERO, "use"),
            (Duration::from_secs(3359), "use"),
            (Duration::from_mins(56), "use and fetch"),
            (Duration::from_secs(3589), "use and fetch"),
            (Duration::from_secs(3590), "fetch"),
        ] {
            assert_eq!(word(&lease, start + at), expected, "{at:?}");
        }
    }

    #[test]
    fn nobody_fetches_for_a_while_after_a_failure_and_the_token_serves_on() {
        let start = TokioClock.now();
        let mut lease = Lease::default();
        lease.take(Ok(token("a", start)), start);
        let late = start + Duration::from_mins(57);
        lease.take(Err(down()), late);
        assert_eq!(word(&lease, late), "use");
        assert_eq!(word(&lease, late + Duration::from_secs(1)), "use and fetch");
        lease.take(Err(down()), start + HOUR);
        assert_eq!(word(&lease, start + HOUR), "give up");
        assert_eq!(word(&lease, start + HOUR + Duration::from_secs(2)), "fetch");
        lease.take(Ok(token("b", start + HOUR)), start + HOUR);
        assert_eq!(word(&lease, start + HOUR), "use");
    }

    #[test]
    fn a_refused_token_is_fetched_anew_once() {
        let start = TokioClock.now();
        let (first, second) = (token("a", start), token("b", start));
        let mut lease = Lease::default();
        lease.take(Ok(first.clone()), start);
        assert!(lease.refuse(&first, start));
        assert_eq!(word(&lease, start), "fetch");
        lease.take(Ok(second.clone()), start);
        assert!(lease.refuse(&first, start), "whoever went with the first one goes with the second");
        assert_eq!(word(&lease, start), "use");
        assert!(!lease.refuse(&second, start), "it is not the token");
        assert_eq!(word(&lease, start), "use");
        assert!(lease.refuse(&second, start + BETWEEN_REFUSALS));
    }

    proptest! {
        #[test]
        fn no_schedule_fetches_more_often_than_the_backoff_allows(
            steps in proptest::collection::vec((0_u64..90, any::<bool>()), 1..60),
        ) {
            let (mut lease, mut now) = (Lease::default(), TokioClock.now());
            let (mut failures, mut rests_until) = (0, now);
            for (seconds, succeeds) in steps {
                now += Duration::from_secs(seconds);
                let fetches = matches!(lease.advice(now), Advice::Fetch | Advice::UseAndFetch(_));
                prop_assert!(!fetches || now >= rests_until);
                if fetches && succeeds {
                    failures = 0;
                    lease.take(Ok(Token::new(HeaderValue::from_static("t"), now, Duration::from_secs(40))), now);
                } else if fetches {
                    failures += 1;
                    rests_until = now + BACKOFF.longest(failures);
                    lease.take(Err(down()), now);
                }
            }
        }
    }
}
