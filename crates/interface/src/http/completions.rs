//! Every operation that is answered by a model: chat completions first of all.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    pin::pin,
};

use http::{HeaderValue, Response, header};
use tidegate_application::{
    admission::Caller,
    domain::inference::{AnswerStream, LlmClient, RequestId, WholeAnswer},
    orchestration::{Answer, Completion, Consent, RequestContext, StreamMarks},
};
use tidegate_http1::Fields;

use super::{
    body::{EventBody, ResponseBody},
    data_plane::DataPlane,
    headers::attribution,
    ingress::Asked,
    marks,
    refusal::Refusal,
    wishes::Wishes,
};
use crate::server::{Outgoing, RequestBody};

impl<C: LlmClient> DataPlane<C> {
    /// Answers a request for an operation, unless the gateway ends first.
    pub(super) async fn complete(
        &self,
        request: (Asked<'_>, &Fields, RequestBody),
        id: &RequestId,
    ) -> Result<Outgoing<ResponseBody<C::Stream>>, Refusal> {
        let mut attempt = pin!(self.attempt(request, id));
        tokio::select! {
            biased;
            answered = &mut attempt => answered,
            () = self.lifecycle.ending() => Err(Refusal::shutting_down()),
        }
    }

    async fn attempt(
        &self,
        (asked, fields, body): (Asked<'_>, &Fields, RequestBody),
        id: &RequestId,
    ) -> Result<Outgoing<ResponseBody<C::Stream>>, Refusal> {
        let operation = asked.operation;
        let wishes = Wishes::of(fields)?;
        let body = self.intake.read(operation, fields, body).await?;
        let request = asked.request(body, fields)?;
        // What is no text has no room for words of ours.
        let has_marks = operation.generates();
        let marks =
            if has_marks { marks::of_streams(operation.family(), self.keep_alive) } else { StreamMarks::default() };
        let context = RequestContext {
            timeout: wishes.timeout,
            affinity: wishes.affinity,
            consent: if operation.generates() { wishes.consent } else { Consent::Nothing },
            is_idempotent: wishes.is_idempotent,
            caller: caller_of(fields, asked.key()),
            marks,
            ..RequestContext::new(id.clone())
        };
        let Completion { head, answer } = self.orchestration.complete(request, context).await?;
        let response = match answer {
            Answer::Whole(whole) => whole_response(whole),
            Answer::Stream(stream) => stream_response(EventBody::new(stream, &self.lifecycle, operation)),
        };
        Ok(Outgoing { response, lines: attribution(&head) })
    }
}

/// Callers are told apart by the credential that they send, in a header or, as Google's may, in the query; of which nothing but
/// a digest is kept.
fn caller_of(fields: &Fields, key: Option<&str>) -> Caller {
    let credential = ["authorization", "x-api-key", "x-goog-api-key"].into_iter().find_map(|name| fields.get(name));
    let credential = credential.or(key.map(str::as_bytes));
    Caller(BuildHasherDefault::<DefaultHasher>::default().hash_one(credential))
}

fn whole_response<S>(answer: WholeAnswer) -> Response<ResponseBody<S>> {
    let media_type = answer.media_type.and_then(|media_type| HeaderValue::from_str(&media_type).ok());
    let mut response = Response::new(ResponseBody::from(answer.body));
    let media_type = media_type.unwrap_or(HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}

fn stream_response<S: AnswerStream>(events: EventBody<S>) -> Response<ResponseBody<S>> {
    let media_type = events.media_type();
    let mut response = Response::new(ResponseBody::Events(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Keeps nginx from collecting the events.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_apart_by_their_credentials() {
        let caller = |value| caller_of(&[("authorization", value)].into_iter().collect(), None);
        assert_eq!(caller("Bearer a"), caller("Bearer a"));
        assert_ne!(caller("Bearer a"), caller("Bearer b"));
        assert_ne!(caller("Bearer a"), caller_of(&Fields::default(), None));
        let google = [("x-goog-api-key", "k")].into_iter().collect();
        assert_eq!(caller_of(&google, None), caller_of(&Fields::default(), Some("k")));
    }
}
