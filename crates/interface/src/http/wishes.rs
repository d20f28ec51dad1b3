//! How a caller wants its request to be treated: the headers that say so.

use std::time::Duration;

use tidegate_application::{domain::pool::digest, orchestration::Consent};
use tidegate_http1::Fields;

use super::{
    headers::{AFFINITY, IDEMPOTENCY_KEY, IDEMPOTENT, MID_STREAM, TIMEOUT_MS},
    refusal::Refusal,
};

/// How a caller wants its request to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wishes {
    /// How long the caller will wait.
    pub(super) timeout: Option<Duration>,
    /// The digest of what the caller wants its requests kept together by.
    pub(super) affinity: Option<u64>,
    /// What the caller puts up with when a stream breaks.
    pub(super) consent: Consent,
    /// Whether work that may have been done already may be done again; `None` if the caller does not say.
    pub(super) is_idempotent: Option<bool>,
}

impl Wishes {
    /// Reads them off the headers.
    pub(super) fn of(fields: &Fields) -> Result<Self, Refusal> {
        // Most callers wish nothing: one look at every name costs less than to look for each of ours.
        if !fields.iter().any(|(name, _)| is_wish(name)) {
            return Ok(Self { timeout: None, affinity: None, consent: Consent::default(), is_idempotent: None });
        }
        Ok(Self {
            timeout: timeout(fields)?,
            affinity: fields.get(AFFINITY).map(digest),
            consent: consent(fields)?,
            is_idempotent: is_idempotent(fields)?,
        })
    }
}

fn is_wish(name: &[u8]) -> bool {
    let begins_with = |start: &[u8]| name.get(..start.len()).is_some_and(|begun| begun.eq_ignore_ascii_case(start));
    begins_with(b"x-tidegate-") || begins_with(IDEMPOTENCY_KEY.as_bytes())
}

fn timeout(fields: &Fields) -> Result<Option<Duration>, Refusal> {
    let Some(text) = text(fields, TIMEOUT_MS) else { return Ok(None) };
    let millis = text.parse().ok().filter(|millis| *millis > 0);
    let millis = millis.ok_or_else(|| invalid(TIMEOUT_MS, "a whole number of milliseconds, at least 1"))?;
    Ok(Some(Duration::from_millis(millis)))
}

fn consent(fields: &Fields) -> Result<Consent, Refusal> {
    match text(fields, MID_STREAM) {
        None => Ok(Consent::default()),
        Some("error") => Ok(Consent::Nothing),
        Some("restart") => Ok(Consent::Restart),
        Some(_) => Err(invalid(MID_STREAM, "'error' or 'restart'")),
    }
}

/// Whoever names the request can tell that it was made twice.
fn is_idempotent(fields: &Fields) -> Result<Option<bool>, Refusal> {
    match text(fields, IDEMPOTENT) {
        None => Ok(fields.get(IDEMPOTENCY_KEY).map(|_| true)),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(invalid(IDEMPOTENT, "'true' or 'false'")),
    }
}

/// The value of a header; one that is no text is an empty one.
fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(|_| fields.text(name).unwrap_or_default().trim())
}

fn invalid(name: &'static str, expected: &str) -> Refusal {
    Refusal::invalid_value(name, format!("'{name}' must be {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &'static str, value: &'static str) -> Option<Wishes> {
        Wishes::of(&[(name, value)].into_iter().collect()).ok()
    }

    #[test]
    fn a_caller_who_says_nothing_wishes_nothing() {
        let nothing = Wishes { timeout: None, affinity: None, consent: Consent::Seam, is_idempotent: None };
        assert_eq!(Wishes::of(&Fields::default()), Ok(nothing));
    }

    #[test]
    fn a_callers_deadline_is_a_whole_number_of_milliseconds() {
        let timeout = |value| of(TIMEOUT_MS, value).and_then(|wishes| wishes.timeout);
        assert_eq!(timeout("1500"), Some(Duration::from_millis(1500)));
        assert_eq!(timeout(" 7 "), Some(Duration::from_millis(7)));
        for bad in ["0", "-1", "1.5", "soon", ""] {
            assert_eq!(of(TIMEOUT_MS, bad), None, "{bad}");
        }
    }

    #[test]
    fn requests_are_kept_together_by_what_the_caller_says() {
        let affinity = |value| of(AFFINITY, value).and_then(|wishes| wishes.affinity);
        assert_eq!(affinity("one"), Some(digest(b"one")));
        assert_ne!(affinity("one"), affinity("other"));
    }

    #[test]
    fn what_a_caller_puts_up_with_is_one_of_two_words() {
        let consent = |value| of(MID_STREAM, value).map(|wishes| wishes.consent);
        assert_eq!(consent("error"), Some(Consent::Nothing));
        assert_eq!(consent("restart"), Some(Consent::Restart));
        assert_eq!(consent("continue, please"), None);
    }

    #[test]
    fn a_request_with_a_key_may_be_made_again_unless_its_caller_says_no() {
        let idempotent = |name, value| of(name, value).map(|wishes| wishes.is_idempotent);
        assert_eq!(idempotent(IDEMPOTENCY_KEY, "k"), Some(Some(true)));
        assert_eq!(idempotent(IDEMPOTENT, "false"), Some(Some(false)));
        assert_eq!(idempotent(IDEMPOTENT, "true"), Some(Some(true)));
        assert_eq!(idempotent(IDEMPOTENT, "maybe"), None);
    }
}
