//! How long an answer asks us to stay away.
//!
//! Read from this answer alone, most precise first: `retry-after-ms` (Azure also spells it `x-ms-retry-after-ms`),
//! `retry-after` in seconds (fractions allowed) or as a date relative to the answer's own `date` (so that nobody's clock
//! skews it); then, on a rate limit, the resets of the limits that are used up ([`limits`]) and Google's `RetryInfo` in
//! the body. All of it comes from outside, so reading is total: what is negative, not a number, zero, past or sent twice
//! counts as not sent, and what is over-long is capped.

mod limits;
mod moment;

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

pub(super) use self::limits::{quota, rate_limit_reset};
use self::moment::{http_date, scaled, spelled, until};

/// The longest wait that is believed.
pub(super) const MAX_WAIT: Duration = Duration::from_mins(10);

/// The wait named by `retry-after-ms` or `retry-after`.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let millis = |name| single(headers, name).and_then(|text| scaled(text, 0.001));
    let in_millis = millis("retry-after-ms").or_else(|| millis("x-ms-retry-after-ms"));
    let seconds = || single(headers, "retry-after").and_then(|text| scaled(text, 1.0));
    let dated = || until(headers, http_date(single(headers, "retry-after")?)?);
    in_millis.or_else(seconds).or_else(dated).map(|wait| wait.min(MAX_WAIT))
}

/// The wait that an error body names as Google's APIs do: `details: [{"@type": "..RetryInfo", "retryDelay": "34s"}]`. Where a quota of
/// a day is used up, it names the wait of the quota of a minute: that one says nothing.
pub(super) fn retry_info(error: &Value) -> Option<Duration> {
    let details = error.get("details")?.as_array()?;
    let quotas = details.iter().filter_map(|detail| detail.get("violations")?.as_array()).flatten();
    if quotas.filter_map(|quota| quota.get("quotaId")?.as_str()).any(|id| id.contains("PerDay")) {
        return None;
    }
    let delay = details.iter().find_map(|detail| detail.get("retryDelay")?.as_str())?;
    spelled(delay).map(|wait| wait.min(MAX_WAIT))
}

/// The value of a header that was sent exactly once and is text.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    value.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use proptest::{collection::vec, prelude::*};
    use serde_json::json;

    use super::*;

    const SENT: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");

    pub(super) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
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

    #[test]
    fn seconds_milliseconds_and_dates_are_read() {
        check(&[("retry-after", "20")], Some(20_000));
        check(&[("retry-after", " 0.3 ")], Some(300));
        check(&[("retry-after-ms", "300"), ("retry-after", "20")], Some(300));
        check(&[("x-ms-retry-after-ms", "1500"), ("retry-after", "2")], Some(1500));
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
    fn the_retry_info_of_a_body_is_read() {
        let info = |delay: Value| json!({"details": [{"@type": "QuotaFailure"}, {"retryDelay": delay}]});
        assert_eq!(retry_info(&info(json!("34s"))), Some(Duration::from_secs(34)));
        assert_eq!(retry_info(&info(json!("34.5s"))), Some(Duration::from_millis(34_500)));
        assert_eq!(retry_info(&info(json!("9999s"))), Some(MAX_WAIT));
        for none in [info(json!("soon")), info(json!(34)), info(json!("0s")), json!({"details": "x"}), json!(null)] {
            assert_eq!(retry_info(&none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn reading_is_total_and_bounded(values in vec(vec(any::<u8>(), 0..24), 7)) {
            let names = [
                "retry-after-ms", "retry-after", "date", "x-ratelimit-reset-requests", "x-ratelimit-reset-tokens",
                "x-ratelimit-remaining-tokens", "anthropic-ratelimit-requests-reset",
            ];
            let mut headers = HeaderMap::new();
            for (name, value) in names.iter().zip(values) {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(*name, value);
                }
            }
            for wait in [retry_after(&headers), rate_limit_reset(&headers)].into_iter().flatten() {
                prop_assert!(!wait.is_zero() && wait <= MAX_WAIT);
            }
            let _ = limits::left(&headers);
        }

        #[test]
        fn digits_points_and_units_never_break_it(text in "[0-9.hmsnuTZ:+-]{0,30}") {
            let headers =
                headers(&[("x-ratelimit-reset-requests", &text), ("retry-after", &text), SENT]);
            for wait in [retry_after(&headers), rate_limit_reset(&headers)].into_iter().flatten() {
                prop_assert!(!wait.is_zero() && wait <= MAX_WAIT);
            }
        }
    }
}
