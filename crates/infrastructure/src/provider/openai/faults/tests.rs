//! Error answers as providers document them, in our own words, and what each of them means: the table is in `fixtures`.

use std::{collections::BTreeMap, fs, path::Path};

use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use tidegate_domain::fault::FaultKind::{self, Billing, Client, ContentFilter, Overloaded, RateLimited, Transient};

use super::*;

/// The documented errors of one provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixtures {
    case: Vec<Case>,
}

/// An error, and what it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Absent where the error came inside an answer.
    status: Option<u16>,
    #[serde(default)]
    in_band: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    kind: String,
    work: String,
    retry_after_ms: Option<u64>,
}

impl Case {
    fn check(&self, file: &Path) {
        let place = format!("{}: {}", file.display(), self.name);
        let pairs: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = Bytes::copy_from_slice(self.body.as_bytes());
        let fault = match self.status {
            Some(status) => answered(status, &headers(&pairs), &body),
            None => in_band(&body, Work::Ambiguous),
        };
        assert_eq!(self.in_band, self.status.is_none(), "{place}: an error has a status or came inside an answer");
        assert_eq!(fault.kind.as_str(), self.kind, "{place}");
        let work = match fault.work {
            Work::Refused => "refused",
            Work::Ambiguous => "ambiguous",
            Work::NotSent | Work::Partial => "impossible",
        };
        assert_eq!(work, self.work, "{place}");
        assert_eq!(fault.retry_after, self.retry_after_ms.map(Duration::from_millis), "{place}");
    }
}

#[test]
fn every_documented_error_means_what_its_provider_says() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/openai/faults/fixtures");
    let mut cases = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let fixtures: Fixtures = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        fixtures.case.iter().for_each(|case| case.check(&path));
        cases += fixtures.case.len();
    }
    assert!(cases >= 120, "{cases}");
}

#[test]
fn every_kind_of_error_has_a_fixture() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/openai/faults/fixtures");
    let texts: String =
        fs::read_dir(directory).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    for kind in FaultKind::ALL {
        let by_answer = !matches!(kind, FaultKind::Timeout(_) | FaultKind::Transport(_) | FaultKind::Cancelled);
        assert_eq!(texts.contains(&format!("\nkind = \"{kind}\"\n")), by_answer, "{kind}");
    }
}

const HTML: &str = "<html><body>Bad gateway</body></html>";

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect()
}

fn classified(status: u16, body: &str) -> Fault {
    answered(status, &HeaderMap::new(), &Bytes::copy_from_slice(body.as_bytes()))
}

#[test]
fn a_status_that_comes_with_no_word_speaks_for_itself() {
    use FaultKind::{Auth, Malformed, ModelMissing};
    for (kind, statuses) in [
        (Auth, &[401, 403][..]),
        (Billing, &[402]),
        (ModelMissing, &[404, 410]),
        (Malformed, &[302, 405, 600]),
        (Transient, &[408, 409, 424, 425, 499, 500, 502, 503, 504, 599]),
        (Client, &[400, 406, 413, 415, 422]),
        (RateLimited, &[429]),
        (ContentFilter, &[451]),
        (Overloaded, &[498, 529]),
    ] {
        for &status in statuses {
            assert_eq!(classified(status, "").kind, kind, "{status}");
        }
    }
}

#[test]
fn a_503_that_names_a_wait_is_saturation() {
    let fault = answered(503, &headers(&[("retry-after", "7")]), &Bytes::new());
    assert_eq!((fault.kind, fault.retry_after), (Overloaded, Some(Duration::from_secs(7))));
}

#[test]
fn the_reset_of_a_limit_is_a_wait_only_on_a_429() {
    let reset = headers(&[("x-ratelimit-reset-requests", "6m0s")]);
    assert_eq!(answered(429, &reset, &Bytes::new()).retry_after, Some(Duration::from_mins(6)));
    assert_eq!(answered(500, &reset, &Bytes::new()).retry_after, None);
}

#[test]
fn no_wait_shortens_the_cooldown_of_an_empty_account() {
    let body = Bytes::from_static(br#"{"error":{"message":"m","code":"insufficient_quota"}}"#);
    let waits = headers(&[("retry-after", "1"), ("x-ratelimit-reset-requests", "20ms")]);
    assert_eq!(answered(429, &waits, &body).cooldown(), Billing.cooldown());
}

#[test]
fn the_callers_mistake_is_relayed_as_the_upstream_worded_it() {
    let body = r#"{"error":{"message":"Bad","type":"invalid_request_error","param":"n","code":null}}"#;
    let upstream = classified(400, body).upstream.unwrap();
    assert_eq!((upstream.status, &upstream.body[..]), (400, body.as_bytes()));
}

#[test]
fn another_shape_is_relayed_in_the_protocols() {
    let upstream = classified(422, r#"{"detail":"messages is required"}"#).upstream.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&upstream.body).unwrap();
    assert_eq!(body.pointer("/error/message").unwrap(), "messages is required");
    assert!(classified(400, HTML).upstream.unwrap().body.is_empty());
}

#[test]
fn nothing_but_the_callers_own_doing_is_relayed() {
    let canary = r#"{"error":{"message":"Incorrect API key provided: sk-canary","code":"invalid_api_key"}}"#;
    for status in [400, 401, 403, 404, 429, 500, 503] {
        let fault = classified(status, canary);
        assert!(!format!("{fault:?}").contains("canary"), "{status}");
    }
}

#[test]
fn an_over_long_body_is_not_kept() {
    let kept = |bytes: usize| {
        let frame = r#"{"error":{"message":""}}"#.len();
        let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(bytes - frame));
        classified(400, &body).upstream.unwrap().body.len()
    };
    assert_eq!([65_536, 65_537].map(kept), [65_536, 0]);
}

#[test]
fn the_detail_names_status_and_code_but_no_text() {
    let fault = classified(429, r#"{"error":{"message":"secret text","code":"rate_limit_exceeded"}}"#);
    assert_eq!(fault.detail, "answered 429 (rate_limit_exceeded)");
    assert_eq!(classified(400, r#"{"error":{"code":"a sentence, not a code"}}"#).detail, "answered 400");
}

#[track_caller]
fn check_in_band(json: &str, kind: FaultKind, work: Work) {
    let fault = in_band(json.as_bytes(), Work::Ambiguous);
    assert_eq!((fault.kind, fault.work), (kind, work), "{json}");
    assert_eq!(in_band(json.as_bytes(), Work::Partial).work, Work::Partial, "{json}");
}

#[test]
fn the_callers_mistake_inside_an_answer_is_relayed_with_the_status_that_it_names() {
    let status = |json: &str| in_band(json.as_bytes(), Work::Ambiguous).upstream.unwrap().status;
    assert_eq!(status(r#"{"error":{"message":"m","type":"invalid_request_error","code":422}}"#), 422);
    assert_eq!(status(r#"{"error":{"message":"m","type":"invalid_request_error"}}"#), 400, "it names none");
}

#[test]
fn errors_inside_an_answer() {
    check_in_band(r#"{"error":{"message":"m","type":"server_error","code":null}}"#, Transient, Work::Ambiguous);
    check_in_band(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#, Overloaded, Work::Refused);
    check_in_band(r#"{"error":{"message":"m","code":429}}"#, RateLimited, Work::Refused);
    check_in_band(r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#, RateLimited, Work::Refused);
    check_in_band(r#"{"error":{"message":"m","code":502},"choices":[]}"#, Transient, Work::Ambiguous);
    check_in_band(r#"{"choices":[{"error":{"code":"insufficient_quota","message":"m"}}]}"#, Billing, Work::Refused);
    check_in_band(r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#, Transient, Work::Ambiguous);
    check_in_band(r#"{"object":"error","message":"m","type":"BadRequestError","code":400}"#, Client, Work::Refused);
    check_in_band(r#"{"error":{"message":"m","type":"invalid_request_error"}}"#, Client, Work::Refused);
    check_in_band(r#"{"error":"out of memory"}"#, Transient, Work::Ambiguous);
    check_in_band(r#"{"error":"Input too long","error_type":"validation"}"#, Transient, Work::Ambiguous);
    check_in_band(r#"{"error":{"message":"m","code":"content_filter"}}"#, ContentFilter, Work::Refused);
    check_in_band("upstream died", Transient, Work::Ambiguous);
}
