//! The rate limits that an answer tells of: what is left of each, and when it is whole again.
//!
//! Requests and tokens, as OpenAI and those after it spell them, Anthropic with its input and output tokens, Cerebras with its
//! days and minutes, and the bare `x-ratelimit-*` and `ratelimit-*` of others, which are taken for requests.

use std::time::Duration;

use http::HeaderMap;
use tidegate_domain::inference::{Allowance, Quota};
use tidegate_http1::Fields;

use super::{MAX_WAIT, moment::wait, single};

/// Where one limit stands: the header of what is left, and the header of its reset.
type Names = (&'static str, &'static str);

const REQUESTS: [Names; 5] = [
    ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
    ("x-ratelimit-remaining-requests-day", "x-ratelimit-reset-requests-day"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-remaining", "ratelimit-reset"),
];

const TOKENS: [Names; 5] = [
    ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
    ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ("x-ratelimit-remaining-tokens-minute", "x-ratelimit-reset-tokens-minute"),
];

/// The wait until the limits that are used up are reset: the longest of them, of all if none says that it is used up.
pub(in crate::provider) fn rate_limit_reset(headers: &HeaderMap) -> Option<Duration> {
    let all = || REQUESTS.iter().chain(&TOKENS);
    let reset = |name| single(headers, name).and_then(|text| wait(headers, text));
    let used_up = all().filter(|(remaining, _)| single(headers, remaining) == Some("0"));
    let longest = used_up.filter_map(|(_, name)| reset(name)).max();
    longest.or_else(|| all().filter_map(|(_, name)| reset(name)).max()).map(|wait| wait.min(MAX_WAIT))
}

/// What is left of our rate; `None` if the answer does not say.
pub(in crate::provider) fn quota(fields: &Fields) -> Option<Quota> {
    // Most answers say nothing of it: one look at every name costs less than to look for each of ten.
    if !fields.iter().any(|(name, _)| is_of_limits(name)) {
        return None;
    }
    left(&fields.to_map())
}

pub(super) fn left(headers: &HeaderMap) -> Option<Quota> {
    let quota = Quota { requests: least(headers, &REQUESTS), tokens: least(headers, &TOKENS) };
    (quota != Quota::default()).then_some(quota)
}

fn is_of_limits(name: &[u8]) -> bool {
    let begins_with = |start: &str| name.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start.as_bytes()));
    ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"].into_iter().any(begins_with)
}

/// The limit of which the least is left.
fn least(headers: &HeaderMap, limits: &[Names]) -> Option<Allowance> {
    let read = |(remaining, reset): &Names| {
        let remaining = single(headers, remaining)?.parse().ok()?;
        let reset = wait(headers, single(headers, reset)?)?.min(MAX_WAIT);
        Some(Allowance { remaining, reset })
    };
    limits.iter().filter_map(read).min_by_key(|allowance| allowance.remaining)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::headers, *};

    #[track_caller]
    fn check_reset(pairs: &[(&str, &str)], expected_ms: Option<u64>) {
        assert_eq!(rate_limit_reset(&headers(pairs)), expected_ms.map(Duration::from_millis), "{pairs:?}");
    }

    #[test]
    fn the_limit_that_is_used_up_decides() {
        let resets = [("x-ratelimit-reset-requests", "2s"), ("x-ratelimit-reset-tokens", "90s")];
        check_reset(&resets, Some(90_000));
        check_reset(&[resets[0], resets[1], ("x-ratelimit-remaining-requests", "0")], Some(2_000));
    }

    #[test]
    fn every_providers_spelling_is_known() {
        let date = ("date", "Sat, 31 Jan 2026 08:49:37 GMT");
        check_reset(&[("anthropic-ratelimit-input-tokens-reset", "2026-01-31T08:50:07Z"), date], Some(30_000));
        check_reset(&[("x-ratelimit-reset-tokens-minute", "11.38"), date], Some(11_380));
        check_reset(&[("x-ratelimit-reset", "1769849407000"), date], Some(30_000));
        check_reset(&[("ratelimit-reset", "7"), date], Some(7_000));
        check_reset(&[("x-ratelimit-reset-requests", "2h")], Some(600_000));
    }

    #[track_caller]
    fn check_quota(pairs: &[(&str, &str)], requests: Option<(u64, u64)>, tokens: Option<(u64, u64)>) {
        let allowance = |(remaining, seconds)| Allowance { remaining, reset: Duration::from_secs(seconds) };
        let expected = Quota { requests: requests.map(allowance), tokens: tokens.map(allowance) };
        assert_eq!(quota(&pairs.iter().copied().collect()).unwrap_or_default(), expected, "{pairs:?}");
    }

    #[test]
    fn what_is_left_is_read_with_its_reset() {
        let requests = [("x-ratelimit-remaining-requests", "59"), ("x-ratelimit-reset-requests", "1s")];
        let tokens = [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s")];
        check_quota(&[requests, tokens].concat(), Some((59, 1)), Some((0, 360)));
    }

    #[test]
    fn of_two_limits_on_tokens_the_scarcer_one_counts() {
        let date = ("date", "Sat, 31 Jan 2026 08:49:37 GMT");
        let input = [
            ("anthropic-ratelimit-input-tokens-remaining", "9000"),
            ("anthropic-ratelimit-input-tokens-reset", "2026-01-31T08:49:40Z"),
        ];
        let output = [
            ("anthropic-ratelimit-output-tokens-remaining", "100"),
            ("anthropic-ratelimit-output-tokens-reset", "2026-01-31T08:49:57Z"),
        ];
        check_quota(&[&input[..], &output, &[date]].concat(), None, Some((100, 20)));
    }

    #[test]
    fn a_remainder_without_a_reset_says_nothing() {
        check_quota(&[("x-ratelimit-remaining-requests", "0")], None, None);
        check_quota(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "0s")], None, None);
        check_quota(&[("x-ratelimit-remaining-tokens", "-1"), ("x-ratelimit-reset-tokens", "1s")], None, None);
        assert_eq!(quota(&Fields::default()), None);
    }
}
