//! The client of a provider that speaks OpenAI's protocol.
//!
//! The caller's body goes out as it came but for the model and the defaults; none of the caller's headers does. What comes
//! back is checked as far as the gateway must vouch for it: a whole answer has choices, a stream has its terminal event.

mod endpoint;
pub(super) mod faults;
mod reader;
mod stream;
mod wire;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Call, LlmClient, Reply, Succession, WholeAnswer},
};

pub(super) use self::endpoint::{Endpoint, InvalidHeader, credentials};
pub use self::stream::OpenAiStream;
use self::{faults::MAX_ERROR_BYTES, wire::Answer};
use super::transport::{AnswerBody, ReadBodyError, Transport, body_fault, read_body};

const EVENT_STREAM: &[u8] = b"text/event-stream";
/// The largest answer that is taken whole.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

/// Asks one OpenAI-compatible provider. Clones share its connections.
#[derive(Debug, Clone)]
pub struct OpenAiClient {
    transport: Transport,
    endpoint: Arc<Endpoint>,
}

impl OpenAiClient {
    pub(super) fn new(transport: Transport, endpoint: Arc<Endpoint>) -> Self {
        Self { transport, endpoint }
    }

    fn request(&self, call: &Call<'_>) -> Request<Bytes> {
        let accept = if call.request.envelope().stream() { "text/event-stream" } else { "application/json" };
        let mut request = Request::new(call.request.body_for(call.model, call.defaults));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.endpoint.chat.clone();
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        // An id that is no header value is the caller's oddity, and no reason to fail.
        if let Ok(id) = HeaderValue::from_str(call.request_id.as_str()) {
            headers.insert("x-request-id", id);
        }
        self.endpoint.add_headers(headers);
        request
    }
}

impl LlmClient for OpenAiClient {
    type Stream = OpenAiStream;

    async fn send(&self, call: Call<'_>) -> Result<Reply<OpenAiStream>, Fault> {
        let response = self.transport.send(self.request(&call)).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        if response.headers().get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(malformed("the answer is compressed, which it was not asked to be"));
        }
        let envelope = call.request.envelope();
        if !envelope.stream() {
            return whole_answer(response).await.map(Reply::Whole);
        }
        if !is_event_stream(&response) {
            return Err(no_stream(response).await);
        }
        Ok(Reply::Stream(OpenAiStream::new(response.into_body(), envelope.include_usage(), call.request.choices())))
    }

    /// Lists the models, which costs nothing. Not every provider offers the list: one that says so has answered.
    async fn check(&self) -> Result<(), Fault> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.endpoint.models.clone();
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.endpoint.add_headers(request.headers_mut());
        let response = self.transport.send(request).await?;
        if !response.status().is_success() && !matches!(response.status().as_u16(), 404 | 405) {
            return Err(refusal(response).await);
        }
        super::transport::drain(response.into_body());
        Ok(())
    }

    /// Headers count as the credential: some providers take their key in one.
    fn succession(&self, predecessor: &Self) -> Succession {
        let (own, other) = (&self.endpoint, &predecessor.endpoint);
        if own.chat != other.chat {
            return Succession::OtherUpstream;
        }
        if own.has_headers_of(other) { Succession::Same } else { Succession::OtherCredential }
    }
}

async fn whole_answer(response: Response<AnswerBody>) -> Result<WholeAnswer, Fault> {
    let body = read_body(response, MAX_ANSWER_BYTES).await.map_err(|error| match error {
        ReadBodyError::TooLong => malformed("the answer is longer than 32 MiB"),
        ReadBodyError::Broken(error) => body_fault(&error, Work::Ambiguous),
    })?;
    match Answer::parse(&body) {
        Ok(answer) if answer.is_error => Err(faults::in_band(&body, Work::Ambiguous)),
        Ok(answer) if answer.choices.seen == 0 => Err(malformed("the answer has no choices")),
        Ok(answer) => Ok(WholeAnswer { body, usage: answer.usage }),
        Err(_) => Err(malformed("the answer is not JSON of the protocol")),
    }
}

/// The fault of an answer with another status than 2xx. A body that cannot be read leaves the status to speak.
async fn refusal(response: Response<AnswerBody>) -> Fault {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = read_body(response, MAX_ERROR_BYTES).await.unwrap_or_default();
    faults::answered(status, &headers, &body)
}

fn is_event_stream(response: &Response<AnswerBody>) -> bool {
    let Some(media_type) = response.headers().get(header::CONTENT_TYPE) else { return true };
    media_type.as_bytes().get(..EVENT_STREAM.len()).is_some_and(|start| start.eq_ignore_ascii_case(EVENT_STREAM))
}

/// The fault of a 200 that is no stream though one was asked for: an error in disguise, or a portal's page.
async fn no_stream(response: Response<AnswerBody>) -> Fault {
    let body = read_body(response, MAX_ERROR_BYTES).await.unwrap_or_default();
    if Answer::parse(&body).is_ok_and(|answer| answer.is_error) {
        return faults::in_band(&body, Work::Ambiguous);
    }
    malformed("a stream was asked for and something else came")
}

fn malformed(detail: &'static str) -> Fault {
    Fault::new(FaultKind::Malformed, Work::Ambiguous, detail)
}
