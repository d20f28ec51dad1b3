//! The headers that are the gateway's own.

use http::HeaderName;
use tidegate_application::{domain::inference::RequestId, orchestration::CompletionHead};
use tidegate_http1::decimal;

use crate::server::Lines;

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

/// How many attempts were made.
pub(super) const ATTEMPTS: &str = "x-tidegate-attempts";
/// What an attribution and the names of its request mostly fit into.
const ATTRIBUTION_BYTES: usize = 256;

/// Names the request, whose id the gateway made, under the name that SDKs look for too.
pub(super) fn identify(lines: &mut Lines, id: &RequestId) {
    lines.add("x-request-id", id.as_str().as_bytes());
    lines.add("x-tidegate-request-id", id.as_str().as_bytes());
}

/// Says who served the request, and what of it was left out for that.
pub(super) fn attribution(head: &CompletionHead) -> Lines {
    let mut lines = Lines::with_capacity(ATTRIBUTION_BYTES);
    // An id may hold any visible character; beyond ASCII, readers of headers see its UTF-8 bytes.
    lines.add("x-tidegate-instance", head.instance.as_str().as_bytes());
    lines.add("x-tidegate-revision", decimal(head.revision, &mut [0; 20]));
    if !head.dropped.is_empty() {
        lines.add_foreign("x-tidegate-dropped", head.dropped.to_string().as_bytes());
    }
    lines.add(ATTEMPTS, decimal(head.attempts.into(), &mut [0; 20]));
    lines
}
