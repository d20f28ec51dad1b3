//! How a family of protocols words an error: as a body, and as the last event of a stream.

use serde_json::{Value, json};

use super::Family;

/// An error, before anybody's convention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complaint<'a> {
    /// The HTTP status it goes with; for a stream, the one it would have gone with.
    pub status: u16,
    /// OpenAI's word for its type.
    pub kind: &'a str,
    /// The text for people.
    pub message: &'a str,
    /// The field at fault.
    pub param: Option<&'a str>,
    /// What a program tells it by.
    pub code: Option<&'a str>,
}

impl Family {
    /// The body of an error answer.
    pub fn error_body(self, complaint: &Complaint<'_>) -> Vec<u8> {
        let Complaint { status, kind, message, param, code } = *complaint;
        let body = match self {
            Self::OpenAi => {
                json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
            }
            Self::Anthropic => {
                json!({ "type": "error", "error": { "type": anthropic_type(status), "message": message } })
            }
            Self::Cohere => json!({ "message": message }),
            Self::Google => json!({
                "error": {
                    "code": status, "message": message, "status": google_status(status),
                    "details": google_details(complaint),
                },
            }),
        };
        body.to_string().into_bytes()
    }

    /// The event that ends a stream in place of its terminal event: what makes the SDKs of the family raise, where a clean
    /// end would pass for a whole answer. Cohere has no such event: its SDK is told by the reason to stop.
    pub fn error_event(self, complaint: &Complaint<'_>) -> Vec<u8> {
        let start: &[u8] = match self {
            Self::OpenAi | Self::Google => b"data: ",
            Self::Anthropic => b"event: error\ndata: ",
            Self::Cohere => {
                let delta = json!({ "error": complaint.message, "finish_reason": "ERROR" });
                let event = json!({ "type": "message-end", "delta": delta });
                return format!("event: message-end\ndata: {event}\n\n").into_bytes();
            }
        };
        [start, &self.error_body(complaint), b"\n\n"].concat()
    }

    /// Whether `body` is worded as this family words its errors.
    pub fn is_worded(self, body: &Value) -> bool {
        let Some(error) = body.get("error").filter(|error| error.is_object()) else {
            return self == Self::Cohere && body.get("message").is_some_and(Value::is_string);
        };
        let is_anthropic = body.get("type").is_some_and(|kind| kind == "error");
        let is_google =
            error.get("code").is_some_and(Value::is_u64) && error.get("status").is_some_and(Value::is_string);
        match self {
            Self::Anthropic => is_anthropic,
            Self::Google => is_google,
            Self::OpenAi => !is_anthropic && !is_google,
            Self::Cohere => false,
        }
    }
}

/// Anthropic's words for errors, by status.
fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 | 405 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        503 | 529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// Google's words for errors, the codes of gRPC, by status.
fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 | 405 => "NOT_FOUND",
        409 => "ABORTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        400..=499 => "INVALID_ARGUMENT",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

/// The code and the field, where Google's errors have a place for them.
fn google_details(complaint: &Complaint<'_>) -> Vec<Value> {
    let reason = complaint.code.map(
        |code| json!({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "tidegate" }),
    );
    let field = complaint.param.map(|param| {
        let violation = json!({ "field": param, "description": complaint.message });
        json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation] })
    });
    reason.into_iter().chain(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLAINT: Complaint<'static> = Complaint {
        status: 429,
        kind: "requests",
        message: "too \"fast\"",
        param: None,
        code: Some("rate_limit_exceeded"),
    };

    #[test]
    fn each_family_words_an_error_in_its_own_way() {
        let body = |family: Family| String::from_utf8(family.error_body(&COMPLAINT)).unwrap();
        let openai =
            r#"{"error":{"message":"too \"fast\"","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#;
        let anthropic = r#"{"type":"error","error":{"type":"rate_limit_error","message":"too \"fast\""}}"#;
        let google = r#"{"error":{"code":429,"message":"too \"fast\"","status":"RESOURCE_EXHAUSTED","details":[
            {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"rate_limit_exceeded","domain":"tidegate"}]}}"#;
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(parse(&body(Family::OpenAi)), parse(openai));
        assert_eq!(parse(&body(Family::Anthropic)), parse(anthropic));
        let cohere = r#"{"message":"too \"fast\""}"#;
        assert_eq!(parse(&body(Family::Cohere)), parse(cohere));
        assert_eq!(parse(&body(Family::Google)), parse(google));
        let all = [Family::OpenAi, Family::Anthropic, Family::Google, Family::Cohere];
        for (family, text) in all.into_iter().zip([openai, anthropic, google, cohere]) {
            assert!(all.iter().all(|f| f.is_worded(&parse(text)) == (*f == family)));
        }
    }

    #[test]
    fn each_status_has_its_word_in_the_families_that_have_words() {
        let named = |family: Family, status, place: &str| {
            let body = family.error_body(&Complaint { status, ..COMPLAINT });
            let body: Value = serde_json::from_slice(&body).unwrap();
            body.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        for (status, anthropic, google) in [
            (400, "invalid_request_error", "INVALID_ARGUMENT"),
            (401, "authentication_error", "UNAUTHENTICATED"),
            (402, "billing_error", "INVALID_ARGUMENT"),
            (403, "permission_error", "PERMISSION_DENIED"),
            (404, "not_found_error", "NOT_FOUND"),
            (405, "not_found_error", "NOT_FOUND"),
            (408, "invalid_request_error", "DEADLINE_EXCEEDED"),
            (409, "invalid_request_error", "ABORTED"),
            (413, "request_too_large", "INVALID_ARGUMENT"),
            (429, "rate_limit_error", "RESOURCE_EXHAUSTED"),
            (499, "invalid_request_error", "CANCELLED"),
            (500, "api_error", "INTERNAL"),
            (501, "api_error", "UNIMPLEMENTED"),
            (502, "api_error", "UNAVAILABLE"),
            (503, "overloaded_error", "UNAVAILABLE"),
            (504, "timeout_error", "DEADLINE_EXCEEDED"),
            (529, "overloaded_error", "UNAVAILABLE"),
        ] {
            assert_eq!(named(Family::Anthropic, status, "/error/type"), anthropic, "{status}");
            assert_eq!(named(Family::Google, status, "/error/status"), google, "{status}");
        }
    }

    #[test]
    fn google_is_told_the_field_at_fault() {
        let complaint = Complaint { status: 400, param: Some("contents[0]"), ..COMPLAINT };
        let body: Value = serde_json::from_slice(&Family::Google.error_body(&complaint)).unwrap();
        assert_eq!(body["error"]["details"][1]["fieldViolations"][0]["field"], "contents[0]");
    }

    #[test]
    fn a_broken_stream_ends_with_an_event_that_the_sdks_raise() {
        let event = |family: Family| String::from_utf8(family.error_event(&COMPLAINT)).unwrap();
        assert!(event(Family::OpenAi).starts_with("data: {\"error\":"));
        assert!(event(Family::Anthropic).starts_with("event: error\ndata: {"));
        assert!(event(Family::Anthropic).ends_with("}\n\n"));
        assert!(event(Family::Cohere).starts_with("event: message-end\ndata: {"));
        assert!(event(Family::Cohere).contains(r#""finish_reason":"ERROR""#));
    }
}
