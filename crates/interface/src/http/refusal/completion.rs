//! What a caller is told when a completion fails: before its answer has begun, and after.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tidegate_application::{
    AdmissionError, RefusalReason,
    domain::{
        admission::Measure,
        fault::{Fault, FaultKind},
        inference::StreamFailure,
        model::{Capability, Shortfall},
    },
    orchestration::CompletionError,
};

use super::{Advice, Content, ErrorBody, ErrorType, Refusal};

impl From<CompletionError> for Refusal {
    fn from(error: CompletionError) -> Self {
        match error {
            CompletionError::UnknownModel { model, nearest } => Self::unknown_model(&model, &nearest),
            CompletionError::NoneAvailable { retry_after, attempts, .. } => none_available(retry_after, attempts),
            CompletionError::Unfit { unfit } => unfit.into(),
            CompletionError::FallsShort { shortfall, .. } => short_of(shortfall, &error.to_string()),
            CompletionError::Refused(refused) => not_let_in(&refused),
            CompletionError::Upstream { fault, attempts } => {
                Self { attempts: Some(attempts), ..upstream_failed(fault, attempts) }
            }
        }
    }
}

/// A limit of our own: a rate is the caller's to keep, too many at once are ours to make room for.
fn not_let_in(refused: &AdmissionError) -> Refusal {
    let kind = match refused.measure {
        Measure::Requests => ErrorType::Requests,
        Measure::Tokens => ErrorType::Tokens,
        Measure::Concurrency => return overloaded(refused),
    };
    let limited =
        |code, advice| Refusal::new(StatusCode::TOO_MANY_REQUESTS, kind, code, refused.to_string()).advice(advice);
    match refused.reason {
        RefusalReason::Reached => limited("rate_limit_exceeded", refused.retry_after.map_or(SOON, Advice::Wait)),
        RefusalReason::Exceeded => limited("request_exceeds_limit", Advice::GiveUp),
        RefusalReason::QueueFull | RefusalReason::WaitOver => overloaded(refused),
    }
}

fn overloaded(refused: &AdmissionError) -> Refusal {
    let message = refused.to_string();
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, ErrorType::ServerError, "gateway_overloaded", message).advice(SOON)
}

/// Where nobody knows when there is room.
const SOON: Advice = Advice::Wait(Duration::from_secs(1));

/// No model behind the name can serve the request: the caller has to ask for less, or for another name.
fn short_of(shortfall: Shortfall, message: &str) -> Refusal {
    let (code, param) = match shortfall {
        Shortfall::ContextWindow { .. } => ("context_length_exceeded", "messages"),
        Shortfall::AnswerTooLong { .. } => ("max_tokens_exceeded", "max_tokens"),
        Shortfall::Lacks(Capability::Tools) => ("unsupported_by_model", "tools"),
        Shortfall::Lacks(Capability::JsonSchema) => ("unsupported_by_model", "response_format"),
        Shortfall::Lacks(Capability::Reasoning) => ("unsupported_by_model", "reasoning_effort"),
        Shortfall::Lacks(Capability::Streaming) => ("unsupported_by_model", "stream"),
        Shortfall::Lacks(Capability::Vision | Capability::Audio | Capability::Prefill) => {
            ("unsupported_by_model", "messages")
        }
    };
    Refusal::invalid(StatusCode::BAD_REQUEST, code, message).param(param)
}

fn none_available(retry_after: Option<Duration>, attempts: u32) -> Refusal {
    let message = "no instance of this model can be asked at the moment";
    let refusal =
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, ErrorType::ServerError, "no_available_instance", message);
    Refusal { attempts: Some(attempts), ..refusal.advice(retry_after.map_or(Advice::GiveUp, Advice::Wait)) }
}

fn upstream_failed(fault: Fault, attempts: u32) -> Refusal {
    use FaultKind as Kind;
    let kind = fault.kind;
    match kind {
        Kind::Client | Kind::ContextLength | Kind::ContentFilter => relayed(fault),
        Kind::RateLimited => rate_limited(&fault),
        // The caller's own key is good; to pass a 401 on would make it drop that.
        Kind::Auth | Kind::Billing => settled(
            StatusCode::BAD_GATEWAY,
            "upstream_auth",
            "the upstream refused this gateway's own account; its operator has to look".to_owned(),
        ),
        Kind::Timeout(_) => settled(
            StatusCode::GATEWAY_TIMEOUT,
            "upstream_timeout",
            format!("the upstream did not answer in time, in {}", counted(attempts)),
        ),
        Kind::ModelMissing | Kind::Overloaded | Kind::Transient | Kind::Transport(_) | Kind::Malformed => {
            settled(StatusCode::BAD_GATEWAY, "upstream_error", format!("the upstream failed, in {}", counted(attempts)))
        }
        // Nobody reads it; 499 is what logs call it.
        Kind::Cancelled => settled(
            StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
            "request_cancelled",
            "the request was cancelled".to_owned(),
        ),
    }
}

fn settled(status: StatusCode, code: &'static str, message: String) -> Refusal {
    Refusal::new(status, ErrorType::ServerError, code, message).advice(Advice::GiveUp)
}

fn counted(attempts: u32) -> String {
    match attempts {
        1 => "1 attempt".to_owned(),
        more => format!("{more} attempts"),
    }
}

fn rate_limited(fault: &Fault) -> Refusal {
    let message = "the upstream limits the rate of requests; try again later";
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, ErrorType::Requests, "upstream_rate_limited", message)
        .advice(fault.cooldown().map_or(Advice::AsUsual, Advice::Wait))
}

/// The caller's own mistake, as the upstream worded it.
fn relayed(fault: Fault) -> Refusal {
    let (status, body) = match fault.upstream {
        Some(upstream) => (StatusCode::from_u16(upstream.status).ok(), upstream.body),
        None => (None, Bytes::new()),
    };
    let status = status.filter(StatusCode::is_client_error).unwrap_or(StatusCode::BAD_REQUEST);
    let (code, message) = match fault.kind {
        FaultKind::ContextLength => ("context_length_exceeded", "the prompt does not fit the model"),
        FaultKind::ContentFilter => ("content_filter", "the upstream refused the content"),
        _ => ("invalid_request", "the upstream refused the request as invalid"),
    };
    let refusal = Refusal::invalid(status, code, message);
    if body.is_empty() { refusal } else { Refusal { content: Content::Relayed(body), ..refusal } }
}

/// The last event of a stream that broke after it had begun. No terminal event follows it.
pub(crate) fn broken_stream(kind: FaultKind, failure: &StreamFailure) -> Option<Bytes> {
    let what = match kind {
        FaultKind::Timeout(_) => "the upstream stalled",
        FaultKind::ContentFilter => "the upstream refused to go on with the content",
        _ => "the upstream failed",
    };
    last_event(format!("{what} after the answer had begun; the answer is incomplete"), failure)
}

/// The last event of a stream that the end of the gateway cuts.
pub(crate) fn interrupted_stream(failure: &StreamFailure) -> Option<Bytes> {
    last_event("this gateway is shutting down; the answer is incomplete".to_owned(), failure)
}

fn last_event(message: String, failure: &StreamFailure) -> Option<Bytes> {
    let body = ErrorBody { message, kind: ErrorType::ServerError, param: None, code: Some("upstream_stream_error") };
    failure.event(&body.complaint(StatusCode::BAD_GATEWAY)).map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Response};
    use serde_json::Value;
    use tidegate_application::{
        Scope,
        domain::{
            fault::{Phase, TransportFault, UpstreamError, Work},
            name::PoolName,
        },
    };

    use super::*;

    fn upstream(kind: FaultKind) -> CompletionError {
        let fault = Fault::new(kind, Work::Ambiguous, "https://10.0.0.7/v1 said no to sk-secret");
        CompletionError::Upstream { fault, attempts: 3 }
    }

    fn answered(error: CompletionError) -> (StatusCode, HeaderMap, Bytes) {
        let response: Response<Bytes> = Refusal::from(error).into_response();
        let (parts, body) = response.into_parts();
        (parts.status, parts.headers, body)
    }

    /// `expected`: status, type, code, `x-should-retry`, `retry-after`.
    #[track_caller]
    fn check(error: CompletionError, expected: (u16, &str, &str, Option<&str>, Option<&str>)) {
        let (status, headers, body) = answered(error);
        let body: Value = serde_json::from_slice(&body).unwrap();
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        let seen = (
            status.as_u16(),
            body["error"]["type"].as_str().unwrap(),
            body["error"]["code"].as_str().unwrap(),
            header("x-should-retry"),
            header("retry-after"),
        );
        assert_eq!(seen, expected);
        assert_eq!(header("content-type"), Some("application/json"));
        assert!(body["error"].as_object().unwrap().contains_key("param"));
        assert!(!body.to_string().contains("10.0.0.7") && !body.to_string().contains("sk-secret"));
    }

    #[test]
    fn a_failed_upstream_is_settled_so_that_no_sdk_multiplies_the_attempts() {
        let failed = (502, "server_error", "upstream_error", Some("false"), None);
        check(upstream(FaultKind::Transient), failed);
        check(upstream(FaultKind::Overloaded), failed);
        check(upstream(FaultKind::ModelMissing), failed);
        check(upstream(FaultKind::Malformed), failed);
        check(upstream(FaultKind::Transport(TransportFault::Reset)), failed);
        let timed_out = (504, "server_error", "upstream_timeout", Some("false"), None);
        check(upstream(FaultKind::Timeout(Phase::Total)), timed_out);
        let refused = (502, "server_error", "upstream_auth", Some("false"), None);
        check(upstream(FaultKind::Auth), refused);
        check(upstream(FaultKind::Billing), refused);
        check(upstream(FaultKind::Cancelled), (499, "server_error", "request_cancelled", Some("false"), None));
    }

    #[test]
    fn an_upstream_that_limits_the_rate_passes_on_its_wait() {
        check(upstream(FaultKind::RateLimited), (429, "requests", "upstream_rate_limited", None, Some("10")));
    }

    fn none_for(retry_after: Option<Duration>) -> CompletionError {
        let target = "pool:fast".parse().unwrap();
        CompletionError::NoneAvailable { target, retry_after, attempts: 0 }
    }

    #[test]
    fn a_wait_is_named_in_both_units_and_rounded_up() {
        let wait = Duration::from_millis(1200);
        check(none_for(Some(wait)), (503, "server_error", "no_available_instance", None, Some("2")));
        let (_, headers, _) = answered(none_for(Some(wait)));
        assert_eq!(headers["retry-after-ms"], "1200");
    }

    fn refused(measure: Measure, reason: RefusalReason, retry_after: Option<Duration>) -> CompletionError {
        let scope = Scope::Pool(PoolName::new("fast").unwrap());
        AdmissionError { scope, measure, reason, retry_after }.into()
    }

    #[test]
    fn a_rate_that_is_reached_says_which_and_when_to_come_back() {
        let wait = Some(Duration::from_millis(2500));
        let requests = refused(Measure::Requests, RefusalReason::Reached, wait);
        check(requests.clone(), (429, "requests", "rate_limit_exceeded", None, Some("3")));
        let (_, headers, body) = answered(requests);
        assert_eq!(headers["retry-after-ms"], "2500");
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("the limit of pool 'fast' on the rate of requests is reached"), "{body}");
        let tokens = refused(Measure::Tokens, RefusalReason::Reached, wait);
        check(tokens, (429, "tokens", "rate_limit_exceeded", None, Some("3")));
    }

    #[test]
    fn a_request_that_no_waiting_lets_in_is_not_invited_back() {
        let exceeded = refused(Measure::Tokens, RefusalReason::Exceeded, None);
        check(exceeded, (429, "tokens", "request_exceeds_limit", Some("false"), None));
    }

    #[test]
    fn a_gateway_without_room_asks_for_a_second() {
        let overloaded = (503, "server_error", "gateway_overloaded", None, Some("1"));
        check(refused(Measure::Concurrency, RefusalReason::Reached, None), overloaded);
        check(refused(Measure::Requests, RefusalReason::QueueFull, None), overloaded);
        check(refused(Measure::Tokens, RefusalReason::WaitOver, None), overloaded);
    }

    #[test]
    fn without_a_usable_wait_nobody_is_invited_back() {
        check(none_for(None), (503, "server_error", "no_available_instance", Some("false"), None));
        let long = Some(Duration::from_mins(5));
        check(none_for(long), (503, "server_error", "no_available_instance", Some("false"), Some("300")));
    }

    #[test]
    fn an_unknown_model_is_not_found_and_its_name_is_not_echoed_at_length() {
        let unknown = |model: &str| CompletionError::UnknownModel { model: model.to_owned(), nearest: vec![] };
        check(unknown("nope"), (404, "invalid_request_error", "model_not_found", None, None));
        let (_, _, body) = answered(unknown(&"x".repeat(1 << 20)));
        assert!(body.len() < 512);
    }

    #[track_caller]
    fn check_relayed(kind: FaultKind, status: u16, body: &'static str, expected: u16) {
        let mut fault = Fault::new(kind, Work::Refused, "refused");
        fault.upstream = Some(UpstreamError { status, body: Bytes::from_static(body.as_bytes()) });
        let (seen, headers, relayed) = answered(CompletionError::Upstream { fault, attempts: 1 });
        assert_eq!((seen.as_u16(), &relayed[..]), (expected, body.as_bytes()));
        assert_eq!(headers["x-tidegate-attempts"], "1");
    }

    #[test]
    fn a_callers_own_mistake_is_relayed_as_the_upstream_worded_it() {
        let body = r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":null}}"#;
        check_relayed(FaultKind::Client, 422, body, 422);
        check_relayed(FaultKind::ContextLength, 400, body, 400);
        check_relayed(FaultKind::ContentFilter, 400, body, 400);
        // A mistake of the caller's is never a success or a server error, whatever the upstream called it.
        check_relayed(FaultKind::ContentFilter, 200, body, 400);
    }

    #[test]
    fn a_mistake_without_words_gets_ours() {
        let context_length = (400, "invalid_request_error", "context_length_exceeded", None, None);
        check(upstream(FaultKind::ContextLength), context_length);
        check(upstream(FaultKind::Client), (400, "invalid_request_error", "invalid_request", None, None));
    }
}
