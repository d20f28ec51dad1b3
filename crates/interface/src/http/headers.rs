//! The headers that are the gateway's own.

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_application::{domain::inference::RequestId, orchestration::CompletionHead};

/// The caller's own deadline, in milliseconds.
pub(super) const TIMEOUT_MS: &str = "x-tidegate-timeout-ms";
/// What the caller wants its requests kept together by.
pub(super) const AFFINITY: &str = "x-tidegate-affinity";
/// What the caller puts up with when a stream breaks: `error` or `restart`.
pub(super) const MID_STREAM: &str = "x-tidegate-mid-stream";
/// Whether work that may have been done already may be done again.
pub(super) const IDEMPOTENT: &str = "x-tidegate-idempotent";
/// Names the request, so that its repetition can be told from another one.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Tells the official SDKs whether to try again.
pub(super) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// When to come back, in milliseconds.
pub(super) const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-tidegate-request-id");
const INSTANCE: HeaderName = HeaderName::from_static("x-tidegate-instance");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-tidegate-attempts");
const DROPPED: HeaderName = HeaderName::from_static("x-tidegate-dropped");
const REVISION: HeaderName = HeaderName::from_static("x-tidegate-revision");

/// Names the request, under the name that SDKs look for too.
pub(super) fn identify(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(X_REQUEST_ID, id.clone());
        headers.insert(REQUEST_ID, id);
    }
}

/// Says who served the request, and what of it was left out for that.
pub(super) fn attribute(headers: &mut HeaderMap, head: &CompletionHead) {
    // An id may hold any visible character; beyond ASCII, readers of headers see its UTF-8 bytes.
    if let Ok(instance) = HeaderValue::from_bytes(head.instance.as_str().as_bytes()) {
        headers.insert(INSTANCE, instance);
    }
    headers.insert(REVISION, HeaderValue::from(head.revision));
    if !head.dropped.is_empty()
        && let Ok(dropped) = HeaderValue::from_bytes(head.dropped.to_string().as_bytes())
    {
        headers.insert(DROPPED, dropped);
    }
    count_attempts(headers, head.attempts);
}

/// Says how many attempts were made.
pub(super) fn count_attempts(headers: &mut HeaderMap, attempts: u32) {
    headers.insert(ATTEMPTS, HeaderValue::from(attempts));
}
