//! Every operation that is answered by a model: chat completions first of all.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response, header};
use tidegate_application::{
    admission::Caller,
    domain::{
        inference::{InferenceRequest, LlmClient, Operation, RequestId, WholeAnswer},
        pool::digest,
    },
    orchestration::{Answer, Completion, CompletionHead, RequestContext},
};

use super::{
    body::{EventBody, ResponseBody},
    data_plane::DataPlane,
    headers::{AFFINITY, TIMEOUT_MS, attribute},
    ingress,
    refusal::Refusal,
};
use crate::server::RequestBody;

impl<C: LlmClient> DataPlane<C> {
    /// Answers a request for an operation, unless the gateway ends first.
    pub(super) async fn complete(
        &self,
        request: (Operation, Request<RequestBody>),
        id: &RequestId,
    ) -> Result<Response<ResponseBody<C::Stream>>, Refusal> {
        tokio::select! {
            biased;
            answered = self.attempt(request, id) => answered,
            () = self.lifecycle.ending() => Err(Refusal::shutting_down()),
        }
    }

    async fn attempt(
        &self,
        (operation, request): (Operation, Request<RequestBody>),
        id: &RequestId,
    ) -> Result<Response<ResponseBody<C::Stream>>, Refusal> {
        let (head, body) = request.into_parts();
        let timeout = timeout_of(&head.headers)?;
        let body = self.intake.read(&head.headers, body).await?;
        let request = ingress::with_headers(InferenceRequest::read(operation, body)?, &head.headers);
        let caller = caller_of(&head.headers);
        let affinity = affinity_of(&head.headers);
        let context = RequestContext { timeout, caller, affinity, ..RequestContext::new(id.clone()) };
        let Completion { head, answer } = self.orchestration.complete(request, context).await?;
        Ok(match answer {
            Answer::Whole(whole) => whole_response(whole, &head),
            Answer::Stream(stream) => {
                stream_response(EventBody::new(stream, &self.lifecycle, operation.family()), &head)
            }
        })
    }
}

/// Callers are told apart by the credential that they send, of which nothing but a digest is kept.
fn caller_of(headers: &HeaderMap) -> Caller {
    let credential = headers.get(header::AUTHORIZATION).or(headers.get("x-api-key")).map(HeaderValue::as_bytes);
    Caller(BuildHasherDefault::<DefaultHasher>::default().hash_one(credential))
}

fn affinity_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(AFFINITY).map(|value| digest(value.as_bytes()))
}

fn timeout_of(headers: &HeaderMap) -> Result<Option<Duration>, Refusal> {
    let Some(value) = headers.get(TIMEOUT_MS) else { return Ok(None) };
    let millis = value.to_str().ok().and_then(|text| text.trim().parse().ok()).filter(|millis| *millis > 0);
    let invalid = || format!("'{TIMEOUT_MS}' must be a whole number of milliseconds, at least 1");
    let millis = millis.ok_or_else(|| Refusal::invalid_value(TIMEOUT_MS, invalid()))?;
    Ok(Some(Duration::from_millis(millis)))
}

fn whole_response<S>(answer: WholeAnswer, head: &CompletionHead) -> Response<ResponseBody<S>> {
    let media_type = answer.media_type.and_then(|media_type| HeaderValue::from_str(&media_type).ok());
    let mut response = Response::new(ResponseBody::from(answer.body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type.unwrap_or(HeaderValue::from_static("application/json")));
    attribute(headers, head);
    response
}

fn stream_response<S>(events: EventBody<S>, head: &CompletionHead) -> Response<ResponseBody<S>> {
    let mut response = Response::new(ResponseBody::Events(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Keeps nginx from collecting the events.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    attribute(headers, head);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &'static str, expected: Option<Duration>) {
        let headers = HeaderMap::from_iter([(TIMEOUT_MS.parse().unwrap(), HeaderValue::from_static(value))]);
        assert_eq!(timeout_of(&headers).ok().flatten(), expected);
    }

    #[test]
    fn callers_are_told_apart_by_their_credentials() {
        let caller =
            |value| caller_of(&HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]));
        assert_eq!(caller("Bearer a"), caller("Bearer a"));
        assert_ne!(caller("Bearer a"), caller("Bearer b"));
        assert_ne!(caller("Bearer a"), caller_of(&HeaderMap::new()));
    }

    #[test]
    fn requests_are_kept_together_by_what_the_caller_says() {
        let affinity = |value| affinity_of(&HeaderMap::from_iter([(AFFINITY.parse().unwrap(), value)]));
        let session = |name| affinity(HeaderValue::from_static(name));
        assert_eq!(session("one"), Some(digest(b"one")));
        assert_ne!(session("one"), session("other"));
        assert_eq!(affinity_of(&HeaderMap::new()), None);
    }

    #[test]
    fn a_callers_deadline_is_a_whole_number_of_milliseconds() {
        check("1500", Some(Duration::from_millis(1500)));
        check(" 7 ", Some(Duration::from_millis(7)));
        for bad in ["0", "-1", "1.5", "soon", ""] {
            check(bad, None);
        }
        assert_eq!(timeout_of(&HeaderMap::new()), Ok(None));
    }
}
