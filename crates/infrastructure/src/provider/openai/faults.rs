//! The one table that says what a failed answer in OpenAI's protocol means.
//!
//! Judged are the status, the codes and types of the error body and the headers. The many providers that speak this protocol
//! spell their errors differently; [`words`] knows their spellings, [`body`] their shapes. The text of a message is
//! searched only as the marked last resort, for providers that say what happened nowhere else.

mod body;
mod words;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use tidegate_domain::fault::{Fault, FaultKind, UpstreamError, Work};

use self::body::ErrorBody;
use crate::provider::retry_after::{rate_limit_reset, retry_after};

/// The largest error body that is read and kept.
pub(in crate::provider) const MAX_ERROR_BYTES: usize = 64 * 1024;

/// The fault that an answer with a status other than 2xx stands for. `body` is empty if it was over-long or unreadable.
pub(in crate::provider) fn answered(status: u16, headers: &HeaderMap, body: &Bytes) -> Fault {
    let error = ErrorBody::parse(body).named_by(headers);
    let mut kind = kind_of(status, &error);
    let wait = wait_for(kind, headers, &error);
    if status == 503 && kind == FaultKind::Transient && wait.is_some() {
        kind = FaultKind::Overloaded;
    }
    Fault {
        kind,
        work: work_of(status, &error),
        retry_after: wait,
        upstream: relayable(kind, status, body, &error),
        detail: detail("answered", status, &error).into(),
    }
}

/// The fault that an error inside an answer with status 200 stands for; `work` is what is known apart from it.
pub(in crate::provider) fn in_band(json: &[u8], work: Work) -> Fault {
    let error = ErrorBody::parse(json);
    let status = error.status.unwrap_or(200);
    let kind = kind_of(status, &error);
    let refused = work != Work::Partial && !matches!(kind, FaultKind::Transient | FaultKind::Malformed);
    Fault {
        kind,
        work: if refused { Work::Refused } else { work },
        retry_after: wait_for(kind, &HeaderMap::new(), &error),
        upstream: relayable(kind, if status == 200 { 400 } else { status }, &Bytes::copy_from_slice(json), &error),
        detail: detail("reported, inside an answer,", status, &error).into(),
    }
}

/// The table. What a status allows a body to say differs: a context length is never inferred on a 5xx, and nothing but a
/// billing code outweighs a 401.
fn kind_of(status: u16, error: &ErrorBody) -> FaultKind {
    use FaultKind::{Auth, Billing, Client, ContentFilter, ContextLength, Malformed, ModelMissing};
    use FaultKind::{Overloaded, RateLimited, Transient};
    let said = |allowed: &[FaultKind]| error.kind().filter(|kind| allowed.contains(kind));
    match status {
        200..=299 => error.kind().unwrap_or(Transient),
        401 => said(&[Billing]).unwrap_or(Auth),
        402 => Billing,
        403 => said(&[Billing, ContentFilter, ModelMissing, RateLimited]).unwrap_or(Auth),
        404 if error.blames_another_field_than_model() => Client,
        404 | 410 => said(&[Auth, ContentFilter]).unwrap_or(ModelMissing),
        405 => Malformed,
        408 | 409 | 424 | 425 | 499 => Transient,
        429 => said(&[Billing, Overloaded]).unwrap_or(RateLimited),
        451 => ContentFilter,
        498 | 529 => Overloaded,
        400..=499 => {
            let specific = said(&[Auth, Billing, ContentFilter, ContextLength, ModelMissing, Overloaded, RateLimited]);
            specific.or_else(|| words::last_resort(error.message.as_deref()?)).unwrap_or(Client)
        }
        500..=599 => said(&[Billing, Overloaded, RateLimited]).unwrap_or(Transient),
        _ => Malformed,
    }
}

/// A refusal starts no work; neither does a failure that the model server itself words. A bare 5xx comes from an edge that
/// may have passed the request on.
fn work_of(status: u16, error: &ErrorBody) -> Work {
    match status {
        408 | 499 => Work::Ambiguous,
        300..=498 | 503 | 529 => Work::Refused,
        _ if error.is_shaped => Work::Refused,
        _ => Work::Ambiguous,
    }
}

/// How long to stay away. The resets of rate limits come with every answer and mean a wait only where one was hit; no wait
/// fills an account or mends a key, so there none may shorten the cooldown.
fn wait_for(kind: FaultKind, headers: &HeaderMap, error: &ErrorBody) -> Option<Duration> {
    match kind {
        FaultKind::RateLimited => retry_after(headers).or_else(|| rate_limit_reset(headers)).or(error.retry_info),
        FaultKind::Overloaded | FaultKind::Transient => retry_after(headers).or(error.retry_info),
        _ => None,
    }
}

/// What may be shown to the caller: only what is the caller's own doing. The body of a refused credential may echo it.
fn relayable(kind: FaultKind, status: u16, body: &Bytes, error: &ErrorBody) -> Option<UpstreamError> {
    let relayed = matches!(kind, FaultKind::Client | FaultKind::ContextLength | FaultKind::ContentFilter);
    relayed.then(|| UpstreamError { status, body: error.relayable(body) })
}

fn detail(verb: &str, status: u16, error: &ErrorBody) -> String {
    match error.word() {
        Some(word) => format!("{verb} {status} ({word})"),
        None => format!("{verb} {status}"),
    }
}

#[cfg(test)]
mod tests;
