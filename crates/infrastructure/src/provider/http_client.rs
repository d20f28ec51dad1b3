//! The client of a provider over HTTP, whichever protocol it speaks.
//!
//! The caller's body goes out as it came but for the model and the defaults; of the caller's headers only those go along that are
//! part of the request. What comes back is checked as far as the gateway must vouch for it: a whole answer is one, a stream
//! has its terminal event.

mod answers;
mod wire;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{
        Call, Dialect, InferenceRequest, Operation, Part, Partial, Prefill, Reply, StreamChunk, Succession, Usage,
    },
    time::Clock,
};

use self::answers::{is_json, is_stream, malformed, media_type, no_stream, refusal, whole_answer};
pub(super) use self::wire::Wire;
use super::{
    anthropic::{self, MessagesWatch},
    bedrock::{ConverseWatch, FramedReader},
    cohere::CohereWatch,
    endpoint::{Endpoint, Route},
    gemini::GeminiWatch,
    network_stream::NetworkStream,
    openai::{ChatWatch, MediaWatch, ResponsesWatch},
    raw_stream::RawStream,
    retry_after::quota,
    transport::{Answer, AnswerBody, Message, Transport, drain},
    vertex::{self, Token, Tokens},
    watched::{Watch, WatchedReader},
};
use crate::clock::TokioClock;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const EVENT_STREAM: &str = "text/event-stream";

/// Asks one provider. Clones share its connections.
#[derive(Debug, Clone)]
pub struct HttpClient {
    wire: Wire,
    transport: Transport,
    endpoint: Arc<Endpoint>,
    /// How the provider is told to go on where another broke off, if it can.
    prefill: Option<Prefill>,
}

/// The stream of an answer off the network. Boxed: the way of every answer would have to make room for it.
#[derive(Debug)]
pub struct HttpStream(Box<Events>);

/// The stream, by its dialect.
#[derive(Debug)]
enum Events {
    Chat(Watched<ChatWatch>),
    Messages(Watched<MessagesWatch>),
    Responses(Watched<ResponsesWatch>),
    Cohere(Watched<CohereWatch>),
    Gemini(Watched<GeminiWatch>),
    Bedrock(NetworkStream<FramedReader<ConverseWatch>>),
    Media(Watched<MediaWatch>),
    Raw(RawStream),
}

type Watched<W> = NetworkStream<WatchedReader<W>>;

fn watched<W: Watch>(body: AnswerBody, watch: W) -> Watched<W> {
    NetworkStream::new(body, WatchedReader::new(watch))
}

impl HttpClient {
    pub(super) fn new(wire: Wire, transport: Transport, endpoint: Arc<Endpoint>) -> Self {
        Self { wire, transport, endpoint, prefill: None }
    }

    /// The same, which is told so to go on where another broke off.
    pub(super) fn going_on(self, prefill: Option<Prefill>) -> Self {
        Self { prefill, ..self }
    }

    /// Whether it can be told to go on with the answer to a request that it gets as it came.
    pub(super) fn can_go_on(&self) -> bool {
        self.prefill.is_some()
    }

    fn body(&self, call: &Call<'_>) -> Bytes {
        let body = match (call.part, self.prefill) {
            (Part::Rest(partial), Some(prefill)) => {
                call.request.body_after(partial, prefill, (call.model, call.defaults))
            }
            (Part::Rest(_), None) | (Part::Whole | Part::Kept, _) => call.request.body_for(call.model, call.defaults),
        };
        match (self.wire, call.request.operation()) {
            (Wire::Vertex, Operation::CountContents) => vertex::plain_count(body),
            (Wire::Vertex, Operation::Converse(Dialect::Messages)) => vertex::versioned(body),
            _ => body,
        }
    }

    fn chat_watch(&self, call: &Call<'_>) -> ChatWatch {
        let watch = ChatWatch::new(call.request.envelope().include_usage(), call.request.choices());
        match (call.part, self.prefill) {
            (Part::Rest(partial), Some(prefill)) => watch.going_on(partial, prefill),
            (Part::Kept, _) => watch.keeping(),
            (Part::Rest(_), None) | (Part::Whole, _) => watch,
        }
    }

    /// Whether the provider has `operation` itself.
    pub(super) fn offers(&self, operation: Operation) -> bool {
        self.endpoint.offers(operation)
    }

    /// Where `request` is asked for.
    fn route(&self, request: &InferenceRequest) -> Result<&Route, Fault> {
        let operation = request.operation();
        self.endpoint.route(operation).ok_or_else(|| {
            let detail = format!("the provider does not offer {operation}");
            Fault::new(FaultKind::Client, Work::NotSent, detail)
        })
    }

    fn message<'a>(&'a self, call: &Call<'a>) -> Result<Message<'a>, Fault> {
        let (route, streams) = (self.route(call.request)?, call.request.envelope().stream());
        if self.endpoint.is_signed() || call.request.headers().next().is_some() {
            return self.transport.message(self.request(call, route.uri(streams)));
        }
        let common = if let Some(known) = route.common(streams).get() {
            known
        } else {
            let takes_id = !self.endpoint.headers.contains_key(REQUEST_ID);
            let made = self.transport.common(self.request(call, route.uri(streams)), takes_id)?;
            route.common(streams).get_or_init(|| made)
        };
        Ok(common.message(call.request_id.as_str(), self.body(call)))
    }

    fn request(&self, call: &Call<'_>, uri: &Uri) -> Request<Bytes> {
        let mut request = Request::new(self.body(call));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri.clone();
        // What was configured stands, whatever else would be said.
        let headers = request.headers_mut();
        headers.clone_from(&self.endpoint.headers);
        for (name, value) in call.request.headers() {
            // At Vertex AI the version of the protocol stands in the body.
            if self.wire == Wire::Vertex && name == anthropic::VERSION_HEADER {
                continue;
            }
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.entry(name).or_insert(value);
            }
        }
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static(self.accepted(call.request)));
        // An id that is no header value is the caller's oddity, and no reason to fail.
        if let Ok(id) = HeaderValue::from_str(call.request_id.as_str()) {
            headers.entry(REQUEST_ID).or_insert(id);
        }
        self.finish(&mut request);
        request
    }

    /// Adds what depends on the protocol, and on everything else in the request.
    fn finish(&self, request: &mut Request<Bytes>) {
        let headers = request.headers_mut();
        match self.wire {
            Wire::OpenAi | Wire::Gemini | Wire::Vertex | Wire::Cohere | Wire::Bedrock => {}
            Wire::Anthropic => anthropic::add_version(headers),
        }
        self.endpoint.sign(request, || TokioClock.wall());
    }

    /// What the answer may be.
    fn accepted(&self, request: &InferenceRequest) -> &'static str {
        match request.operation() {
            _ if request.envelope().stream() => self.wire.event_stream(),
            Operation::Speech | Operation::Transcriptions | Operation::Translations => "*/*",
            _ => "application/json",
        }
    }

    /// Sends a request that carries one of `tokens`. One that the provider does not take is replaced, once: it may have been withdrawn.
    async fn send_with(&self, tokens: &Tokens, request: Request<Bytes>) -> Result<Answer, Fault> {
        let carrying = |token: &Token, mut request: Request<Bytes>| {
            request.headers_mut().insert(header::AUTHORIZATION, token.header.clone());
            self.transport.message(request)
        };
        let token = tokens.token().await?;
        let answer = self.transport.send(carrying(&token, request.clone())?).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let Some(other) = tokens.instead_of(&token).await? else { return Ok(answer) };
        drain(answer.body);
        self.transport.send(carrying(&other, request)?).await
    }

    /// Sends one request that the provider has itself.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Reply<HttpStream>, Fault> {
        let answer = match self.endpoint.tokens() {
            None => self.transport.send(self.message(call)?).await?,
            Some(tokens) => {
                let uri = self.route(call.request)?.uri(call.request.envelope().stream());
                Box::pin(self.send_with(tokens, self.request(call, uri))).await?
            }
        };
        call.note_quota(quota(&answer.fields));
        if !answer.status.is_success() {
            return Err(Box::pin(refusal(answer)).await);
        }
        if answer.fields.get("content-encoding").is_some_and(|encoding| encoding != b"identity") {
            return Err(malformed("the answer is compressed, which it was not asked to be"));
        }
        let operation = call.request.operation();
        if operation == Operation::Speech && !is_json(&answer) {
            return Ok(Reply::Stream(HttpStream(Box::new(spoken(answer, call.request)))));
        }
        if !call.request.envelope().stream() {
            return whole_answer(answer, call.request).await.map(Reply::Whole);
        }
        if !is_stream(&answer, self.wire.event_stream()) {
            // Not every model that transcribes does so as it listens; those that do not answer all the same.
            if operation == Operation::Transcriptions {
                return whole_answer(answer, call.request).await.map(Reply::Whole);
            }
            return Err(Box::pin(no_stream(answer)).await);
        }
        let events = self.events(answer.body, call)?;
        Ok(Reply::Stream(HttpStream(Box::new(events))))
    }

    /// The stream of what was asked for.
    fn events(&self, body: AnswerBody, call: &Call<'_>) -> Result<Events, Fault> {
        match call.request.operation() {
            Operation::Converse(Dialect::Chat) | Operation::Completions => {
                Ok(Events::Chat(watched(body, self.chat_watch(call))))
            }
            Operation::Converse(Dialect::Messages) => Ok(Events::Messages(watched(body, MessagesWatch::default()))),
            Operation::Converse(Dialect::Responses) => Ok(Events::Responses(watched(body, ResponsesWatch::default()))),
            Operation::Converse(Dialect::Cohere) => Ok(Events::Cohere(watched(body, CohereWatch::default()))),
            Operation::Converse(Dialect::Gemini) => {
                Ok(Events::Gemini(watched(body, GeminiWatch::new(call.request.choices()))))
            }
            Operation::Converse(Dialect::Bedrock) => {
                Ok(Events::Bedrock(NetworkStream::new(body, FramedReader::new(ConverseWatch::default()))))
            }
            Operation::Images | Operation::ImageEdits | Operation::Transcriptions => {
                Ok(Events::Media(watched(body, MediaWatch::new(call.request.choices()))))
            }
            Operation::CountTokens
            | Operation::CountContents
            | Operation::Embeddings
            | Operation::Embed
            | Operation::EmbedContents
            | Operation::Moderations
            | Operation::Rerank
            | Operation::ImageVariations
            | Operation::Speech
            | Operation::Translations => {
                Err(Fault::new(FaultKind::Client, Work::Ambiguous, "this operation is not answered by a stream"))
            }
        }
    }

    /// Mostly lists the models, which costs nothing. Not every provider offers the list: one that says so has answered.
    pub(super) async fn check(&self) -> Result<(), Fault> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = self.endpoint.models.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.endpoint.headers);
        headers.entry(header::ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        self.finish(&mut request);
        let answer = match self.endpoint.tokens() {
            None => self.transport.send(self.transport.message(request)?).await?,
            Some(tokens) => self.send_with(tokens, request).await?,
        };
        if !answer.status.is_success() && !matches!(answer.status.as_u16(), 404 | 405) {
            return Err(refusal(answer).await);
        }
        drain(answer.body);
        Ok(())
    }

    /// Connects, with TLS where the provider speaks it, and hangs up.
    pub(super) async fn connect(&self) -> Result<(), Fault> {
        self.transport.connect(&self.endpoint.models).await
    }

    /// Headers count as the credential: some providers take their key in one.
    pub(super) fn succession(&self, predecessor: &Self) -> Succession {
        let (own, other) = (&self.endpoint, &predecessor.endpoint);
        if self.wire != predecessor.wire || !own.is_place_of(other) {
            return Succession::OtherUpstream;
        }
        if own.has_credentials_of(other) { Succession::Same } else { Succession::OtherCredential }
    }
}

impl HttpStream {
    pub(super) fn take_partial(&mut self) -> Option<Partial> {
        match &mut *self.0 {
            Events::Chat(stream) => stream.take_partial(),
            Events::Messages(stream) => stream.take_partial(),
            Events::Responses(stream) => stream.take_partial(),
            Events::Cohere(stream) => stream.take_partial(),
            Events::Gemini(stream) => stream.take_partial(),
            Events::Bedrock(stream) => stream.take_partial(),
            Events::Media(_) | Events::Raw(_) => None,
        }
    }

    /// What its bytes are, where they are no events.
    pub(super) fn media_type(&self) -> Option<&str> {
        match &*self.0 {
            Events::Raw(stream) => Some(stream.media_type()),
            Events::Chat(_)
            | Events::Messages(_)
            | Events::Responses(_)
            | Events::Cohere(_)
            | Events::Gemini(_)
            | Events::Bedrock(_)
            | Events::Media(_) => None,
        }
    }
}

impl Stream for HttpStream {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut *self.get_mut().0 {
            Events::Chat(stream) => Pin::new(stream).poll_next(context),
            Events::Messages(stream) => Pin::new(stream).poll_next(context),
            Events::Responses(stream) => Pin::new(stream).poll_next(context),
            Events::Cohere(stream) => Pin::new(stream).poll_next(context),
            Events::Gemini(stream) => Pin::new(stream).poll_next(context),
            Events::Bedrock(stream) => Pin::new(stream).poll_next(context),
            Events::Media(stream) => Pin::new(stream).poll_next(context),
            Events::Raw(stream) => Pin::new(stream).poll_next(context),
        }
    }
}

/// What is spoken: sound as it comes, or events of it.
fn spoken(answer: Answer, request: &InferenceRequest) -> Events {
    let Some(media_type) = media_type(&answer).filter(|_| !is_stream(&answer, EVENT_STREAM)).map(Box::from) else {
        return Events::Media(watched(answer.body, MediaWatch::new(1)));
    };
    let usage = Usage::estimated(request.prompt_tokens().into(), 0);
    Events::Raw(RawStream::new(answer.body, media_type, usage))
}
