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
        };
        body.to_string().into_bytes()
    }

    /// The event that ends a stream in place of its terminal event: what makes the SDKs of the family raise, where a clean
    /// end would pass for a whole answer. Cohere has no such event: its SDK is told by the reason to stop.
    pub fn error_event(self, complaint: &Complaint<'_>) -> Vec<u8> {
        let start: &[u8] = match self {
            Self::OpenAi => b"data: ",
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
        let is_anthropic = body.get("type").is_some_and(|kind| kind == "error");
        let has_error = body.get("error").is_some_and(Value::is_object);
        match self {
            Self::OpenAi => has_error && !is_anthropic,
            Self::Anthropic => has_error && is_anthropic,
            Self::Cohere => !has_error && body.get("message").is_some_and(Value::is_string),
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
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(parse(&body(Family::OpenAi)), parse(openai));
        assert_eq!(parse(&body(Family::Anthropic)), parse(anthropic));
        let cohere = r#"{"message":"too \"fast\""}"#;
        assert_eq!(parse(&body(Family::Cohere)), parse(cohere));
        for (family, text) in [(Family::OpenAi, openai), (Family::Anthropic, anthropic), (Family::Cohere, cohere)] {
            let all = [Family::OpenAi, Family::Anthropic, Family::Cohere];
            assert!(all.iter().all(|f| f.is_worded(&parse(text)) == (*f == family)));
        }
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
