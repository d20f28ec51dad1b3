//! How long an answer asks us to stay away.
//!
//! Read from this answer's own headers alone, most precise first: `retry-after-ms`, `retry-after` in seconds (fractions
//! allowed) or as a date relative to the answer's own `date` (so that nobody's clock skews it), then, on a rate limit,
//! `x-ratelimit-reset-requests` and `-tokens`. Headers come from outside, so reading is total: what is negative, not a
//! number, zero, past or sent twice counts as not sent, and what is over-long is capped.

use std::time::Duration;

use http::{HeaderMap, header};

/// The longest wait that is believed.
pub(super) const MAX_WAIT: Duration = Duration::from_mins(10);

/// The wait named by `retry-after-ms` or `retry-after`.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let millis = || single(headers, "retry-after-ms").and_then(|text| scaled(text, 0.001));
    let seconds = || single(headers, "retry-after").and_then(|text| scaled(text, 1.0));
    millis().or_else(seconds).or_else(|| dated(headers)).map(|wait| wait.min(MAX_WAIT))
}

/// The wait until the limits that are used up are reset: the longest of them, of all if none says that it is used up.
pub(super) fn rate_limit_reset(headers: &HeaderMap) -> Option<Duration> {
    let limits = [
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    ];
    let reset = |name| single(headers, name).and_then(reset_duration);
    let used_up = limits.iter().filter(|(remaining, _)| single(headers, remaining) == Some("0"));
    let longest = used_up.filter_map(|(_, name)| reset(name)).max();
    longest.or_else(|| limits.iter().filter_map(|(_, name)| reset(name)).max()).map(|wait| wait.min(MAX_WAIT))
}

/// The value of a header that was sent exactly once and is text.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().map(str::trim)
}

fn dated(headers: &HeaderMap) -> Option<Duration> {
    let until = httpdate::parse_http_date(single(headers, "retry-after")?).ok()?;
    let sent = httpdate::parse_http_date(single(headers, header::DATE.as_str())?).ok()?;
    until.duration_since(sent).ok().filter(|wait| !wait.is_zero())
}

/// A plain decimal number of some unit; `None` for signs, exponents, words and zero.
fn scaled(text: &str, seconds_per_unit: f64) -> Option<Duration> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    let wait = Duration::try_from_secs_f64(number * seconds_per_unit).unwrap_or(MAX_WAIT);
    (!wait.is_zero()).then_some(wait)
}

/// `6m0s`, `1h2m3.5s`, `20ms`, or bare seconds up to a day: a larger bare number is a point in time, not a wait.
fn reset_duration(text: &str) -> Option<Duration> {
    const DAY: Duration = Duration::from_hours(24);
    if text.ends_with(|last: char| last.is_ascii_digit()) {
        return scaled(text, 1.0).filter(|wait| *wait <= DAY);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = rest.find(|character: char| character.is_ascii_alphabetic())?;
        let unit = rest[number..].find(|character: char| !character.is_ascii_alphabetic());
        let (part, tail) = rest.split_at(unit.map_or(rest.len(), |length| number + length));
        total = total.saturating_add(component(&part[..number], &part[number..])?);
        rest = tail;
    }
    (!total.is_zero()).then_some(total)
}

fn component(number: &str, unit: &str) -> Option<Duration> {
    let seconds_per_unit = match unit {
        "d" => 86_400.0,
        "h" => 3_600.0,
        "m" => 60.0,
        "s" => 1.0,
        "ms" => 1e-3,
        "us" => 1e-6,
        "ns" => 1e-9,
        _ => return None,
    };
    if number.bytes().all(|byte| byte == b'0') && !number.is_empty() {
        return Some(Duration::ZERO);
    }
    scaled(number, seconds_per_unit)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const SENT: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expected_ms: Option<u64>) {
        assert_eq!(retry_after(&headers(pairs)), expected_ms.map(Duration::from_millis), "{pairs:?}");
    }

    #[track_caller]
    fn check_reset(pairs: &[(&str, &str)], expected_ms: Option<u64>) {
        assert_eq!(rate_limit_reset(&headers(pairs)), expected_ms.map(Duration::from_millis), "{pairs:?}");
    }

    #[test]
    fn seconds_milliseconds_and_dates_are_read() {
        check(&[("retry-after", "20")], Some(20_000));
        check(&[("retry-after", " 0.3 ")], Some(300));
        check(&[("retry-after-ms", "300"), ("retry-after", "20")], Some(300));
        check(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"), SENT], Some(30_000));
    }

    #[test]
    fn what_cannot_be_a_wait_counts_as_not_sent() {
        for hostile in
            ["", "-1", "+1", "NaN", "inf", "infinity", "1e309", "1e3", "abc", "0", "0.0", ".", "1.2.3", "1,5"]
        {
            check(&[("retry-after", hostile)], None);
            check(&[("retry-after-ms", hostile)], None);
        }
        check(&[("retry-after", "1"), ("retry-after", "1")], None);
        check(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")], None);
        check(&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"), SENT], None);
        check(&[], None);
    }

    #[test]
    fn a_useless_form_gives_way_to_the_next_one() {
        check(&[("retry-after-ms", "-5"), ("retry-after", "2")], Some(2_000));
    }

    #[test]
    fn a_long_wait_is_capped() {
        for long in ["601", "99999999", &"9".repeat(400)] {
            check(&[("retry-after", long)], Some(600_000));
        }
        check(&[("retry-after", "Thu, 06 Nov 2994 08:49:37 GMT"), SENT], Some(600_000));
    }

    #[test]
    fn resets_are_read_in_every_unit() {
        for (text, expected) in [
            ("6m0s", Some(360_000)),
            ("1s", Some(1_000)),
            ("20ms", Some(20)),
            ("7.66s", Some(7_660)),
            ("1m30.5s", Some(90_500)),
            ("2h", Some(600_000)),
            ("59.5", Some(59_500)),
            ("1767225600", None),
            ("6x", None),
            ("s", None),
            ("m5", None),
            ("-1s", None),
            ("0s", None),
        ] {
            check_reset(&[("x-ratelimit-reset-requests", text)], expected);
        }
    }

    #[test]
    fn the_limit_that_is_used_up_decides() {
        let resets = [("x-ratelimit-reset-requests", "2s"), ("x-ratelimit-reset-tokens", "90s")];
        check_reset(&resets, Some(90_000));
        check_reset(&[resets[0], resets[1], ("x-ratelimit-remaining-requests", "0")], Some(2_000));
    }

    proptest! {
        #[test]
        fn reading_is_total_and_bounded(values in vec(vec(any::<u8>(), 0..24), 5)) {
            let names = ["retry-after-ms", "retry-after", "date", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens"];
            let mut headers = HeaderMap::new();
            for (name, value) in names.iter().zip(values) {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(*name, value);
                }
            }
            for wait in [retry_after(&headers), rate_limit_reset(&headers)].into_iter().flatten() {
                prop_assert!(!wait.is_zero() && wait <= MAX_WAIT);
            }
        }

        #[test]
        fn digits_points_and_units_never_break_it(text in "[0-9.hmsnu-]{0,16}") {
            let headers = headers(&[("x-ratelimit-reset-requests", &text), ("retry-after", &text)]);
            for wait in [retry_after(&headers), rate_limit_reset(&headers)].into_iter().flatten() {
                prop_assert!(!wait.is_zero() && wait <= MAX_WAIT);
            }
        }
    }
}
