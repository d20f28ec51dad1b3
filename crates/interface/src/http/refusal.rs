//! Every error a caller can see, in the shape that the SDKs of its protocol read.
//!
//! The SDKs try again by themselves, so each error also says whether that would help: an error that the gateway's own
//! attempts have settled tells them not to, and one that will pass names the wait. Messages are written for callers and
//! hold no address, credential or detail of an upstream; those go to the log.

mod completion;

use std::time::Duration;

use bytes::Bytes;
pub(super) use completion::{broken_stream, interrupted_stream};
use http::{HeaderValue, Response, StatusCode, header};
use tidegate_application::domain::inference::{Complaint, Family, InvalidEnvelope, Unfit};

use super::headers::{ATTEMPTS, RETRY_AFTER_MS, SHOULD_RETRY};

/// The longest wait that an SDK is told to sit out; some ignore longer ones and come back at once.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// A request that is not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    content: Content,
    advice: Advice,
    attempts: Option<u32>,
    allow: Option<&'static str>,
    closes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Own(ErrorBody),
    /// The upstream's own words.
    Relayed(Bytes),
}

/// What an SDK should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Advice {
    /// What it always does with this status.
    AsUsual,
    /// Not try again.
    GiveUp,
    /// Try again after a wait.
    Wait(Duration),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct ErrorBody {
    message: String,
    kind: ErrorType,
    param: Option<String>,
    code: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorType {
    InvalidRequestError,
    Requests,
    Tokens,
    ServerError,
}

impl ErrorType {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequestError => "invalid_request_error",
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::ServerError => "server_error",
        }
    }
}

impl ErrorBody {
    fn complaint(&self, status: StatusCode) -> Complaint<'_> {
        Complaint {
            status: status.as_u16(),
            kind: self.kind.as_str(),
            message: &self.message,
            param: self.param.as_deref(),
            code: self.code,
        }
    }
}

impl Refusal {
    fn new(status: StatusCode, kind: ErrorType, code: &'static str, message: impl Into<String>) -> Self {
        let body = ErrorBody { message: message.into(), kind, param: None, code: Some(code) };
        Self {
            status,
            content: Content::Own(body),
            advice: Advice::AsUsual,
            attempts: None,
            allow: None,
            closes: false,
        }
    }

    fn invalid(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self::new(status, ErrorType::InvalidRequestError, code, message)
    }

    fn param(mut self, name: &str) -> Self {
        if let Content::Own(body) = &mut self.content {
            body.param = Some(name.to_owned());
        }
        self
    }

    fn advice(self, advice: Advice) -> Self {
        Self { advice, ..self }
    }

    fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    /// The body is larger than is put up with.
    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the body is larger than {limit} bytes, the limit of this gateway");
        Self::invalid(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message).closing()
    }

    /// The body took too long to arrive.
    pub(super) fn body_timeout() -> Self {
        let message = "the body did not arrive in time";
        Self::invalid(StatusCode::REQUEST_TIMEOUT, "request_timeout", message).closing()
    }

    /// The body broke off or was framed wrongly.
    pub(super) fn unreadable_body() -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, "invalid_body", "the body could not be read to its end").closing()
    }

    /// There is no such pool or instance.
    pub(super) fn no_such_instance(message: String) -> Self {
        Self::invalid(StatusCode::NOT_FOUND, "no_such_instance", message)
    }

    /// The body is of a kind that is not taken.
    pub(super) fn unsupported_media_type(message: &str) -> Self {
        Self::invalid(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message).closing()
    }

    /// A parameter outside the body has a value that means nothing.
    pub(super) fn invalid_value(param: &str, message: String) -> Self {
        Self::invalid(StatusCode::BAD_REQUEST, "invalid_value", message).param(param)
    }

    /// Nothing is served at the path.
    pub(super) fn no_such_route() -> Self {
        let message = "nothing is served at this path; the base URL of this gateway ends in /v1";
        Self::invalid(StatusCode::NOT_FOUND, "unknown_url", message)
    }

    /// Something is served at the path, but not by that method.
    pub(super) fn wrong_method(allow: &'static str) -> Self {
        let message = format!("this path takes {allow} only");
        Self { allow: Some(allow), ..Self::invalid(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message) }
    }

    /// No such configuration was in force, or it is not kept any more.
    pub(super) fn no_such_revision() -> Self {
        let message = "no such revision is kept; GET /admin/v1/config/revisions lists those that are";
        Self::invalid(StatusCode::NOT_FOUND, "revision_not_found", message)
    }

    /// What was asked for does not go with what is there.
    pub(super) fn conflict(message: String) -> Self {
        Self::invalid(StatusCode::CONFLICT, "conflict", message)
    }

    /// The store failed; the log says how.
    pub(super) fn store_failed() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorType::ServerError,
            "store_failed",
            "the store failed; see the log",
        )
    }

    /// Nothing has the name that was asked for.
    pub(super) fn unknown_model(model: &str, nearest: &[String]) -> Self {
        let shown: String = model.chars().take(64).collect();
        let hint = match nearest {
            [] => "GET /v1/models lists the names".to_owned(),
            names => format!("did you mean {}?", names.join(", ")),
        };
        let message = format!("the model '{shown}' does not exist: {hint}");
        Self::invalid(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
    }

    /// A request is not known, or not any more.
    pub(super) fn no_such_request(id: &str) -> Self {
        let shown: String = id.chars().take(64).collect();
        let message = format!("the request '{shown}' is not known; it may be too long ago, or was not sampled");
        Self::invalid(StatusCode::NOT_FOUND, "request_not_found", message)
    }

    /// The store does not answer now.
    pub(super) fn store_unavailable() -> Self {
        let message = "the store does not answer now; the log says why";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorType::ServerError, "store_unavailable", message)
    }

    /// The gateway ends before it could answer.
    pub(super) fn shutting_down() -> Self {
        let message = "this gateway is shutting down; try again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, ErrorType::ServerError, "gateway_shutting_down", message)
            .advice(Advice::Wait(Duration::from_secs(1)))
            .closing()
    }

    /// A mistake of the gateway's own. It would be made again, and the work upstream may have been done already.
    pub(super) fn internal_error() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, ErrorType::ServerError, "internal_error", "internal error")
            .advice(Advice::GiveUp)
            .closing()
    }

    /// The response that tells the caller, worded as OpenAI words errors.
    pub(super) fn into_response<B: From<Bytes>>(self) -> Response<B> {
        self.worded_by(Family::OpenAi)
    }

    /// The response that tells the caller, worded as its protocol words errors.
    pub(super) fn worded_by<B: From<Bytes>>(self, family: Family) -> Response<B> {
        let Self { status, content, advice, attempts, allow, closes } = self;
        let body = match content {
            Content::Own(body) => family.error_body(&body.complaint(status)).into(),
            Content::Relayed(body) => body,
        };
        let mut response = Response::new(B::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match advice {
            Advice::Wait(wait) if wait <= LONGEST_WAIT => name_wait(headers, wait),
            Advice::Wait(wait) => {
                name_wait(headers, wait);
                headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
            Advice::GiveUp => drop(headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"))),
            Advice::AsUsual => {}
        }
        if let Some(attempts) = attempts {
            headers.insert(ATTEMPTS, HeaderValue::from(attempts));
        }
        if let Some(allow) = allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        if closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn name_wait(headers: &mut http::HeaderMap, wait: Duration) {
    // Rounded up: who comes back too early is refused again.
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1000)));
    headers.insert(RETRY_AFTER_MS, HeaderValue::from(millis));
}

impl From<Unfit> for Refusal {
    fn from(unfit: Unfit) -> Self {
        let code = match &unfit {
            Unfit::Operation(_) => "unsupported_operation",
            Unfit::Field { .. } => "unsupported_value",
        };
        let refusal = Self::invalid(StatusCode::BAD_REQUEST, code, unfit.to_string());
        match unfit.param() {
            Some(param) => refusal.param(param),
            None => refusal,
        }
    }
}

impl From<InvalidEnvelope> for Refusal {
    fn from(invalid: InvalidEnvelope) -> Self {
        let code = match &invalid {
            InvalidEnvelope::Json(_) => "invalid_json",
            InvalidEnvelope::Form(_) => "invalid_form",
            InvalidEnvelope::TooDeep
            | InvalidEnvelope::DuplicateKey(_)
            | InvalidEnvelope::MissingModel
            | InvalidEnvelope::WrongType { .. } => "invalid_value",
        };
        let refusal = Self::invalid(StatusCode::BAD_REQUEST, code, invalid.to_string());
        match invalid.param() {
            Some(param) => refusal.param(param),
            None => refusal,
        }
    }
}
