//! Error answers as providers document them, in our own words, and what each of them means.

use http::{HeaderName, HeaderValue};
use tidegate_domain::fault::FaultKind::{
    Auth, Billing, Client, ContentFilter, ContextLength, Malformed, ModelMissing, Overloaded, RateLimited, Transient,
};

use super::*;

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

#[track_caller]
fn check(status: u16, body: &str, kind: FaultKind, work: Work) {
    let fault = classified(status, body);
    assert_eq!((fault.kind, fault.work), (kind, work), "{status} {body}");
}

#[track_caller]
fn check_refused(status: u16, kind: FaultKind, bodies: &[&str]) {
    for body in bodies {
        check(status, body, kind, Work::Refused);
    }
}

#[test]
fn the_callers_mistakes() {
    check_refused(
        400,
        Client,
        &[
            r#"{"error":{"message":"Unknown field","type":"invalid_request_error","param":"foo","code":"unknown_parameter"}}"#,
            r#"{"error":{"message":"Bad role","type":"invalid_request_error","param":null,"code":null}}"#,
            r#"{"object":"error","message":"temperature is out of range","type":"BadRequestError","param":null,"code":400}"#,
            r#"[{"error":{"code":400,"message":"Invalid value","status":"INVALID_ARGUMENT"}}]"#,
            r#"{"error":"json: cannot unmarshal"}"#,
            r#"{"detail":"messages is required"}"#,
            "",
            HTML,
        ],
    );
    check_refused(413, Client, &["", r#"{"error":{"message":"Body too large","type":"invalid_request_error"}}"#]);
    check_refused(415, Client, &[""]);
    check_refused(
        422,
        Client,
        &[
            r#"{"detail":[{"loc":["body","messages"],"msg":"field required","type":"value_error.missing"}]}"#,
            r#"{"error":{"message":"Unprocessable","type":"invalid_request_error"}}"#,
        ],
    );
    check_refused(404, Client, &[r#"{"error":{"message":"No such file","param":"messages.0.file_id","code":null}}"#]);
}

#[test]
fn prompts_that_do_not_fit() {
    check_refused(
        400,
        ContextLength,
        &[
            r#"{"error":{"message":"Too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            r#"{"error":{"message":"Too long","code":"context_length_exceeded","status":400}}"#,
            r#"{"error":{"code":400,"message":"Too long","type":"exceed_context_size_error","n_ctx":4096}}"#,
            // The marked last resort: nothing but the text tells these from any other mistake.
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
            r#"{"error":{"message":"prompt is too long: 9 tokens > 8 maximum","type":"invalid_request_error"}}"#,
        ],
    );
    check_refused(413, ContextLength, &[r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#]);
}

#[test]
fn a_context_length_is_never_inferred_on_a_5xx() {
    let coded = r#"{"error":{"message":"maximum context length","code":"context_length_exceeded"}}"#;
    check_refused(500, Transient, &[coded]);
    check_refused(503, Transient, &[coded]);
}

#[test]
fn refused_content() {
    check_refused(
        400,
        ContentFilter,
        &[
            r#"{"error":{"message":"Filtered","type":null,"param":"prompt","code":"content_filter","status":400,
                "innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{}}}}"#,
            r#"{"error":{"message":"Filtered","code":"400","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            r#"{"error":{"message":"Refused","type":"invalid_request_error","code":"content_policy_violation"}}"#,
            r#"{"error":{"message":"Inspection failed","type":"data_inspection_failed","code":"data_inspection_failed"}}"#,
        ],
    );
    check_refused(403, ContentFilter, &[r#"{"error":{"code":"moderation_blocked","message":"Flagged"}}"#]);
    check_refused(451, ContentFilter, &[""]);
}

#[test]
fn refused_credentials() {
    check_refused(
        401,
        Auth,
        &[
            r#"{"error":{"message":"Wrong key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            r#"{"error":{"code":"401","message":"Access denied due to invalid subscription key"}}"#,
            r#"{"error":{"message":"Authentication fails","type":"authentication_error","code":"invalid_request_error"}}"#,
            r#"{"error":{"message":"No auth credentials found","code":401}}"#,
            r#"{"error":"Unauthorized"}"#,
            r#"{"message":"Unauthorized","request_id":"r"}"#,
            "",
        ],
    );
    check_refused(
        403,
        Auth,
        &[
            r#"{"error":{"message":"Country not supported","code":"unsupported_country_region_territory","type":"request_forbidden"}}"#,
            r#"{"type":"error","error":{"type":"permission_error","message":"Not allowed"}}"#,
            r#"[{"error":{"code":403,"message":"Denied","status":"PERMISSION_DENIED"}}]"#,
            HTML,
        ],
    );
    check_refused(
        400,
        Auth,
        &[
            r#"{"code":"Client specified an invalid argument","error":"Incorrect API key provided: xx. Get one at the console."}"#,
            r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
            r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
        ],
    );
}

#[test]
fn empty_accounts() {
    check_refused(
        429,
        Billing,
        &[
            r#"{"error":{"message":"Over quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            r#"{"error":{"message":"Suspended","type":"exceeded_current_quota_error"}}"#,
        ],
    );
    check_refused(
        402,
        Billing,
        &[
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
            r#"{"error":{"code":402,"message":"Insufficient credits","metadata":{}}}"#,
            "",
        ],
    );
    check_refused(
        400,
        Billing,
        &[
            r#"{"error":{"message":"Limit","type":"invalid_request_error","code":"billing_hard_limit_reached"}}"#,
            r#"{"error":{"message":"m","type":"Arrearage","code":"Arrearage"}}"#,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low."}}"#,
        ],
    );
    check_refused(
        403,
        Billing,
        &[r#"{"error":{"code":"AccountOverdueError","message":"Overdue","type":"Forbidden"}}"#],
    );
}

#[test]
fn missing_models() {
    check_refused(
        404,
        ModelMissing,
        &[
            r#"{"error":{"message":"No such model","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            r#"{"error":{"code":"DeploymentNotFound","message":"No such deployment"}}"#,
            r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":"model","code":404}"#,
            r#"{"error":{"message":"model \"x\" not found, try pulling it first","type":"api_error","param":null,"code":null}}"#,
            r#"{"error":{"message":"No endpoints found for x","code":404}}"#,
            "404 page not found",
        ],
    );
    check_refused(
        403,
        ModelMissing,
        &[r#"{"error":{"message":"No access","type":"invalid_request_error","code":"model_not_found"}}"#],
    );
    check_refused(
        400,
        ModelMissing,
        &[
            r#"{"object":"error","message":"Invalid model: x","type":"invalid_model","param":null,"code":"1500"}"#,
            r#"{"error":{"message":"Decommissioned","type":"invalid_request_error","code":"model_decommissioned"}}"#,
            r#"{"error":{"code":"OperationNotSupported","message":"This operation does not work with the model"}}"#,
        ],
    );
}

#[test]
fn rate_limits() {
    check_refused(
        429,
        RateLimited,
        &[
            r#"{"error":{"message":"Slow","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#,
            r#"{"error":{"message":"Slow","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            r#"{"error":{"code":"429","message":"Requests to the operation have exceeded the rate limit"}}"#,
            r#"{"error":{"code":"RateLimitReached","message":"Slow"}}"#,
            r#"{"object":"error","message":"Requests rate limit exceeded","type":"rate_limited","param":null,"code":"1300"}"#,
            r#"{"message":"Requests rate limit exceeded"}"#,
            r#"{"error":{"message":"Slow","type":"rate_limit_reached_error"}}"#,
            r#"[{"error":{"code":429,"message":"Exhausted","status":"RESOURCE_EXHAUSTED"}}]"#,
            r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"busy"}}}"#,
            HTML,
            "",
        ],
    );
    check_refused(
        413,
        RateLimited,
        &[r#"{"error":{"message":"Too large for TPM","type":"tokens","code":"rate_limit_exceeded"}}"#],
    );
    check_refused(503, RateLimited, &[r#"{"error":{"message":"m","code":"rate_limit_exceeded"}}"#]);
}

#[test]
fn saturation() {
    check_refused(
        529,
        Overloaded,
        &[r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, ""],
    );
    check_refused(
        503,
        Overloaded,
        &[
            r#"{"error":{"message":"Slow down","type":"server_error","param":null,"code":"slow_down"}}"#,
            r#"{"error":{"message":"Busy","type":"service_unavailable_error","code":null}}"#,
            r#"[{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}]"#,
        ],
    );
    check_refused(498, Overloaded, &[r#"{"error":{"message":"Flex is full","code":"capacity_exceeded"}}"#]);
    check_refused(429, Overloaded, &[r#"{"error":{"message":"Busy","type":"engine_overloaded_error"}}"#]);
    check_refused(500, Overloaded, &[r#"{"error":{"message":"m","type":"overloaded_error"}}"#]);
}

#[test]
fn failures_that_may_pass() {
    check_refused(
        500,
        Transient,
        &[
            r#"{"error":{"message":"Sorry","type":"server_error","param":null,"code":null}}"#,
            r#"{"object":"error","message":"boom","type":"InternalServerError","param":null,"code":500}"#,
            r#"{"error":"llama runner process has terminated"}"#,
        ],
    );
    for status in [500, 502, 504, 520, 522, 524] {
        check(status, HTML, Transient, Work::Ambiguous);
        check(status, "", Transient, Work::Ambiguous);
    }
    check(500, r#"{"message":"An internal error"}"#, Transient, Work::Ambiguous);
    check_refused(503, Transient, &["", HTML, r#"{"error":{"message":"m","type":"server_error"}}"#]);
    check_refused(409, Transient, &[r#"{"error":{"message":"Locked"}}"#]);
    check(408, "", Transient, Work::Ambiguous);
    check(499, "", Transient, Work::Ambiguous);
}

#[test]
fn answers_that_are_none() {
    check_refused(301, Malformed, &[""]);
    check_refused(307, Malformed, &[HTML]);
    check_refused(405, Malformed, &[r#"{"detail":"Method Not Allowed"}"#]);
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
    let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "x".repeat(MAX_ERROR_BYTES));
    assert!(classified(400, &body).upstream.unwrap().body.is_empty());
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
