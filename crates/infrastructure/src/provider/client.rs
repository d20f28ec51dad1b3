//! The client of an instance: one that speaks the provider's protocol, and a translator around it where the caller speaks
//! another.

use std::{
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll},
    time::UNIX_EPOCH,
};

use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{
        AnswerStream, Call, Dialect, Dropped, InferenceRequest, LlmClient, Operation, Parameter, ParameterDefaults,
        Part, Partial, Reply, StreamChunk, Succession, Translation, Unfit,
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
}

/// What has to be said in place of the defaults of a model, to which a request is translated `to` that operation.
fn defaults_for(to: Operation, request: &InferenceRequest, call: &Call<'_>) -> Option<Box<ParameterDefaults>> {
    match to {
        Operation::Converse(Dialect::Messages) if request.envelope().span(Parameter::MaxTokens).is_none() => {
            let limit = call.max_output.unwrap_or(MAX_TOKENS).get();
            Some(Box::new(call.defaults.or_max_tokens(limit)))
        }
        Operation::Converse(Dialect::Bedrock) if !bedrock::may_be_claude(call.model) => {
            Some(Box::new(call.defaults.without_budget()))
        }
        _ => None,
    }
}

/// The reply to whoever asked for something else than the operation `from`.
fn reworded(reply: Reply<PlainStream>, from: Operation, asked: Asked<'_>) -> Result<Reply<ProviderStream>, Fault> {
    match reply {
        Reply::Whole(answer) => translate::whole(&answer, from, asked).map(Reply::Whole),
        Reply::Stream(stream) => {
            let Some(translator) = StreamTranslator::of(from, asked) else {
                return Err(Fault::new(FaultKind::Client, Work::Ambiguous, "no stream is translated into that"));
            };
            let stream = TranslatedStream::new(stream, translator, asked.request.family());
            Ok(Reply::Stream(ProviderStream::Translated(Box::new(stream))))
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
        let unfit = |unfit: Unfit| Fault::new(FaultKind::Client, Work::NotSent, unfit.to_string());
        let (mut asked, mut defaults) = (call, None);
        let to = self.translation(call.request).map_err(unfit)?;
        if let Some(to) = to {
            asked.request = translated(call.request, to).map_err(unfit)?.for_model(call.model).0;
            asked.part = Part::Whole;
            defaults = defaults_for(to, asked.request, &call);
        } else if let Some(left) = without_foreign(call.request) {
            asked.request = &left.request;
        }
        if let Some(defaults) = &defaults {
            asked.defaults = defaults;
        }
        let reply = self.ask(&asked).await.map_err(|fault| translate::fault(fault, call.request.family()))?;
        let Some(to) = to else { return Ok(with_stream(reply, ProviderStream::Plain)) };
        let at = call.received.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        reworded(reply, to, Asked { request: call.request, at, id: call.request_id.as_str(), model: call.model })
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
