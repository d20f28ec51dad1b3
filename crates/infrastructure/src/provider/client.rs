//! The client of an instance: one that speaks the provider's protocol, and a translator around it where the caller speaks
//! another.

use std::{
    borrow::Cow,
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll},
    time::UNIX_EPOCH,
};

use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{
        AnswerStream, Call, Dialect, Dropped, InferenceRequest, LlmClient, Operation, Parameter, Part, Partial, Reply,
        StreamChunk, Succession, Translation, Unfit,
    },
};

use super::{HttpClient, HttpStream, SimulatedClient, SimulatedStream, bedrock, translated::TranslatedStream};
use crate::translate::{self, Asked, StreamTranslator};

/// The most tokens of an answer, where a protocol must be told, nobody said, and it is not known how many the model can give.
const MAX_TOKENS: NonZeroU32 = NonZeroU32::new(8192).unwrap();

/// The client of an instance, for whichever protocol its provider speaks.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every client is one over HTTP; a box would cost each attempt a step"
)]
#[derive(Debug, Clone)]
pub enum ProviderClient {
    /// Over HTTP.
    Http(HttpClient),
    /// Made up inside the gateway.
    Simulated(SimulatedClient),
}

impl ProviderClient {
    /// Whether the provider has `operation` itself.
    fn offers(&self, operation: Operation) -> bool {
        match self {
            Self::Http(client) => client.offers(operation),
            Self::Simulated(_) => operation == Operation::Converse(Dialect::Chat),
        }
    }

    /// The operation that the provider is asked for in place of that of `request`; `None` if it goes as it came.
    fn translation(&self, request: &InferenceRequest) -> Result<Option<Operation>, Unfit> {
        let operation = request.operation();
        if request.envelope().stream() && !operation.streams() {
            return Err(Unfit::field("stream", "must be false: this operation is not answered by a stream"));
        }
        if self.offers(operation) {
            return Ok(None);
        }
        let mut others = translate::others(operation);
        others.find(|other| self.offers(*other)).map(Some).ok_or(Unfit::Operation(operation))
    }

    async fn ask(&self, call: &Call<'_>) -> Result<Reply<PlainStream>, Fault> {
        match self {
            Self::Http(client) => client.send(call).await.map(|reply| with_stream(reply, PlainStream::Http)),
            Self::Simulated(client) => client
                .send(*call)
                .await
                .map(|reply| with_stream(reply, |stream| PlainStream::Simulated(Box::new(stream)))),
        }
    }

    async fn ask_for(&self, to: Operation, call: Call<'_>) -> Result<Reply<ProviderStream>, Fault> {
        let translation = translated(call.request, to)
            .map_err(|unfit| Fault::new(FaultKind::Client, Work::NotSent, unfit.to_string()))?;
        let (request, _) = translation.for_model(call.model);
        let must_limit =
            to == Operation::Converse(Dialect::Messages) && request.envelope().span(Parameter::MaxTokens).is_none();
        let limit = call.max_output.unwrap_or(MAX_TOKENS).get();
        let defaults = if must_limit {
            Cow::Owned(call.defaults.or_max_tokens(limit))
        } else if to == Operation::Converse(Dialect::Bedrock) && !bedrock::may_be_claude(call.model) {
            Cow::Owned(call.defaults.without_budget())
        } else {
            Cow::Borrowed(call.defaults)
        };
        let at = call.received.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let asked = Asked { request: call.request, at, id: call.request_id.as_str(), model: call.model };
        let reply = self.ask(&Call { request, defaults: &defaults, part: Part::Whole, ..call }).await;
        let family = call.request.family();
        match reply.map_err(|fault| translate::fault(fault, family))? {
            Reply::Whole(answer) => translate::whole(&answer, to, asked).map(Reply::Whole),
            Reply::Stream(stream) => {
                let Some(translator) = StreamTranslator::of(to, asked) else {
                    return Err(Fault::new(FaultKind::Client, Work::Ambiguous, "no stream is translated into that"));
                };
                let stream = TranslatedStream::new(stream, translator, family);
                Ok(Reply::Stream(ProviderStream::Translated(Box::new(stream))))
            }
        }
    }
}

/// The request as its provider, who speaks its words, is sent it, if that is not as it came.
fn without_foreign(request: &InferenceRequest) -> Option<&Translation> {
    let to = request.operation();
    translate::may_bear_marks(request).then(|| translated(request, to).ok()).flatten()
}

/// The request as one for another operation; made once for all providers that are asked for that.
fn translated(request: &InferenceRequest, to: Operation) -> Result<&Translation, Unfit> {
    request.translated(to, || translate::for_operation(request, to))
}

impl LlmClient for ProviderClient {
    type Stream = ProviderStream;

    fn fits(&self, request: &InferenceRequest, model: &str) -> Result<Dropped, Unfit> {
        let Some(to) = self.translation(request)? else {
            return Ok(without_foreign(request).map(|left| left.dropped.clone()).unwrap_or_default());
        };
        let translation = translated(request, to)?;
        match &translation.particular {
            Some(unfit) if !bedrock::may_be_claude(model) => Err(unfit.clone()),
            _ => Ok(translation.for_model(model).1.clone()),
        }
    }

    async fn send(&self, call: Call<'_>) -> Result<Reply<ProviderStream>, Fault> {
        match self.translation(call.request) {
            Ok(None) => {
                let request = without_foreign(call.request).map_or(call.request, |left| &left.request);
                let call = Call { request, ..call };
                let reply = self.ask(&call).await.map(|reply| with_stream(reply, ProviderStream::Plain));
                reply.map_err(|fault| translate::fault(fault, call.request.family()))
            }
            Ok(Some(to)) => Box::pin(self.ask_for(to, call)).await,
            Err(unfit) => Err(Fault::new(FaultKind::Client, Work::NotSent, unfit.to_string())),
        }
    }

    /// Between two dialects nobody goes on: the beginning would have to be translated back.
    fn can_go_on(&self, request: &InferenceRequest) -> bool {
        match self {
            Self::Http(client) => client.can_go_on() && self.offers(request.operation()),
            Self::Simulated(_) => false,
        }
    }

    async fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Http(client) => client.check().await,
            Self::Simulated(client) => client.check().await,
        }
    }

    async fn connect(&self) -> Result<(), Fault> {
        match self {
            Self::Http(client) => client.connect().await,
            Self::Simulated(client) => client.connect().await,
        }
    }

    fn succession(&self, predecessor: &Self) -> Succession {
        match (self, predecessor) {
            (Self::Http(client), Self::Http(predecessor)) => client.succession(predecessor),
            (Self::Simulated(client), Self::Simulated(predecessor)) => client.succession(predecessor),
            (Self::Http(_), Self::Simulated(_)) | (Self::Simulated(_), Self::Http(_)) => Succession::OtherUpstream,
        }
    }
}

fn with_stream<S, T>(reply: Reply<S>, stream: impl FnOnce(S) -> T) -> Reply<T> {
    match reply {
        Reply::Whole(answer) => Reply::Whole(answer),
        Reply::Stream(inner) => Reply::Stream(stream(inner)),
    }
}

/// The stream of an answer in the caller's dialect. What is rare is boxed: every answer would have to make room for it.
#[derive(Debug)]
pub enum ProviderStream {
    /// As it came.
    Plain(PlainStream),
    /// From the provider's dialect.
    Translated(Box<TranslatedStream<PlainStream>>),
}

/// The stream of an answer in the provider's own dialect.
#[derive(Debug)]
pub enum PlainStream {
    /// Off the network.
    Http(HttpStream),
    /// Made up inside the gateway.
    Simulated(Box<SimulatedStream>),
}

impl AnswerStream for ProviderStream {
    fn take_partial(&mut self) -> Option<Partial> {
        match self {
            Self::Plain(PlainStream::Http(stream)) => stream.take_partial(),
            Self::Plain(PlainStream::Simulated(_)) | Self::Translated(_) => None,
        }
    }

    fn media_type(&self) -> Option<&str> {
        match self {
            Self::Plain(PlainStream::Http(stream)) => stream.media_type(),
            Self::Plain(PlainStream::Simulated(_)) | Self::Translated(_) => None,
        }
    }
}

impl Stream for ProviderStream {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_next(context),
            Self::Translated(stream) => Pin::new(stream).poll_next(context),
        }
    }
}

impl Stream for PlainStream {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.get_mut() {
            Self::Http(stream) => Pin::new(stream).poll_next(context),
            Self::Simulated(stream) => Pin::new(stream).poll_next(context),
        }
    }
}
