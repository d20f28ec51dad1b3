//! Every operation that is answered by a model: chat completions first of all.

use std::{
    future::{Future, poll_fn},
    hash::{BuildHasher, BuildHasherDefault},
    pin::pin,
    task::Poll,
};

use http::{StatusCode, header};
use tidegate_application::{
    admission::Caller,
    domain::{
        inference::{LlmClient, RequestId},
        name::NameHasher,
    },
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
use crate::server::{Head, Outgoing, RequestBody};

impl<C: LlmClient> DataPlane<C> {
    /// Answers a request for an operation, unless the gateway ends first.
    pub(super) async fn complete(
        &self,
        request: (Asked<'_>, &Fields, RequestBody),
        id: &RequestId,
    ) -> Result<Outgoing<ResponseBody<C::Stream>>, Refusal> {
        let mut attempt = pin!(self.attempt(request, id));
        poll_fn(|context| match attempt.as_mut().poll(context) {
            // The connection whose task this is has it polled when the gateway ends.
            Poll::Pending if self.lifecycle.is_ending() => Poll::Ready(Err(Refusal::shutting_down())),
            answered => answered,
        })
        .await
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
        let mut lines = attribution(&head);
        let body = match answer {
            Answer::Whole(whole) => {
                match &whole.media_type {
                    Some(media_type) => lines.add_foreign(header::CONTENT_TYPE.as_str(), media_type.as_bytes()),
                    None => lines.add(header::CONTENT_TYPE.as_str(), b"application/json"),
                }
                ResponseBody::from(whole.body)
            }
            Answer::Stream(stream) => {
                let events = EventBody::new(stream, &self.lifecycle, operation);
                lines.add_foreign(header::CONTENT_TYPE.as_str(), events.media_type().as_bytes());
                lines.add(header::CACHE_CONTROL.as_str(), b"no-cache");
                // Keeps nginx from collecting the events.
                lines.add("x-accel-buffering", b"no");
                ResponseBody::Events(events)
            }
        };
        Ok(Outgoing { head: Head::new(StatusCode::OK, lines), body })
    }
}

/// Callers are told apart by the credential that they send, in a header or, as Google's may, in the query; of which nothing but
/// a digest is kept. Whoever has the digest of another takes turns with it, and to aim at that is to know its credential.
fn caller_of(fields: &Fields, key: Option<&str>) -> Caller {
    let credential = ["authorization", "x-api-key", "x-goog-api-key"].into_iter().find_map(|name| fields.get(name));
    let credential = credential.or(key.map(str::as_bytes));
    Caller(BuildHasherDefault::<NameHasher>::default().hash_one(credential))
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
