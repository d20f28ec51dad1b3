//! Waits and moments as providers spell them: `20ms`, `6m0s`, bare seconds, seconds or milliseconds since 1970, HTTP dates
//! and RFC 3339. A moment becomes a wait by the answer's own `date`; without one it is none.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use super::single;

const DAY: Duration = Duration::from_hours(24);
/// A bare number over this is milliseconds since 1970, one over a day's seconds is seconds since 1970.
const MILLIS_FROM: f64 = 1e11;

/// The wait until the moment or for the time that `text` says.
pub(super) fn wait(headers: &HeaderMap, text: &str) -> Option<Duration> {
    if let Some(wait) = spelled(text).filter(|wait| *wait <= DAY || !is_number(text)) {
        return Some(wait);
    }
    until(headers, epoch(text).or_else(|| rfc3339(text)).or_else(|| http_date(text))?)
}

/// How long after the answer's own `date` the moment is; `None` if it is not.
pub(super) fn until(headers: &HeaderMap, moment: SystemTime) -> Option<Duration> {
    let sent = http_date(single(headers, header::DATE.as_str())?)?;
    moment.duration_since(sent).ok().filter(|wait| !wait.is_zero())
}

pub(super) fn http_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// A plain decimal number of some unit; `None` for signs, exponents, words and zero.
pub(super) fn scaled(text: &str, seconds_per_unit: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok().filter(|_| is_number(text))?;
    let wait = Duration::try_from_secs_f64(number * seconds_per_unit).unwrap_or(super::MAX_WAIT);
    (!wait.is_zero()).then_some(wait)
}

/// `6m0s`, `1h2m3.5s`, `20ms`, or bare seconds.
pub(super) fn spelled(text: &str) -> Option<Duration> {
    if is_number(text) {
        return scaled(text, 1.0);
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

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn epoch(text: &str) -> Option<SystemTime> {
    let number: f64 = text.parse().ok().filter(|_| is_number(text))?;
    let seconds = if number >= MILLIS_FROM { number / 1000.0 } else { number };
    SystemTime::UNIX_EPOCH.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// `2026-01-31T08:49:37Z`, with a fraction or an offset; of the years from 1970 to 9999.
fn rfc3339(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-').map(digits);
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let clock_end = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(clock_end);
    let mut parts = clock.split('.').next()?.splitn(3, ':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let valid = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !valid || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_day = hour * 3600 + minute * 60 + second;
    let seconds = (days_since_1970(year, month, day) * 86_400 + of_day).checked_sub(offset(zone)?)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// The seconds that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, time) = match zone.as_bytes().first()? {
        b'Z' | b'z' if zone.len() == 1 => return Some(0),
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hours, minutes) = time.split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{super::tests::headers, *};

    /// How long after `2026-01-31 08:49:37` the moment is.
    #[track_caller]
    fn check(text: &str, expected_ms: Option<u64>) {
        let headers = headers(&[("date", "Sat, 31 Jan 2026 08:49:37 GMT")]);
        assert_eq!(wait(&headers, text), expected_ms.map(Duration::from_millis), "{text}");
    }

    #[test]
    fn waits_are_read_in_every_unit() {
        check("6m0s", Some(360_000));
        check("1s", Some(1_000));
        check("20ms", Some(20));
        check("7.66s", Some(7_660));
        check("1m30.5s", Some(90_500));
        check("2h", Some(7_200_000));
        check("1d", Some(86_400_000));
        check("3000us", Some(3));
        check("2000000ns", Some(2));
        check("59.5", Some(59_500));
    }

    #[test]
    fn moments_are_read_in_every_form() {
        check("1769849407", Some(30_000));
        check("1769849407.5", Some(30_500));
        check("1769849407000", Some(30_000));
        check("2026-01-31T08:50:07Z", Some(30_000));
        check("2026-01-31T08:50:07.25Z", Some(30_000));
        check("2026-01-31T10:50:07+02:00", Some(30_000));
        check("2026-01-31T03:20:07-05:30", Some(30_000));
        check("Sat, 31 Jan 2026 08:50:07 GMT", Some(30_000));
        check("2026-03-01T08:49:37Z", Some(29 * 86_400_000));
        check("2028-03-01T08:49:37Z", Some(760 * 86_400_000));
        check("2026-01-31T23:59:60Z", Some(54_623_000));
    }

    #[test]
    fn what_is_past_or_no_moment_is_none() {
        for text in [
            "",
            "6x",
            "s",
            "m5",
            "-1s",
            "0s",
            "0",
            "1769849377",
            "1769849376",
            "2026-01-31T08:49:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-31",
            "2026-01-31T08:50Z",
            "2026-01-31T08:50:07",
            "2026-01-31T08:50:07+5",
            "99999-01-31T08:50:07Z",
            "02026-01-31T08:50:07Z",
            "2026-+1-31T08:50:07Z",
            "2026-01-31T24:50:07Z",
            "2026-01-31T10:60:07Z",
            "2026-01-31T10:50:61Z",
            "2026-01-31T08:50:07Zulu",
            "2026-02-03T08:50:07+24:00",
            "2026-02-03T08:50:07+01:60",
        ] {
            check(text, None);
        }
        assert_eq!(wait(&HeaderMap::new(), "2026-01-31T08:50:07Z"), None, "nobody says when it was sent");
    }

    #[test]
    fn days_are_counted_over_every_kind_of_year() {
        for (date, days) in [((1970, 1, 1), 0), ((1972, 3, 1), 790), ((2000, 2, 29), 11_016), ((2100, 3, 1), 47_541)] {
            assert_eq!(days_since_1970(date.0, date.1, date.2), days, "{date:?}");
        }
    }
}
