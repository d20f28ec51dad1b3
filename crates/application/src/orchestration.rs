//! Stand-in: resolves a fixed list of names and makes one attempt at one client.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Phase, Work},
    inference::{
        AnswerStream, Call, InferenceRequest, LlmClient, ParameterDefaults, Reply, RequestId, StreamChunk, WholeAnswer,
    },
    name::{InstanceId, Target},
};

/// Serves requests.
#[derive(Debug)]
pub struct OrchestrationService<C> {
    client: C,
    instance: InstanceId,
    models: Vec<ModelEntry>,
}

/// A name that a caller may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelEntry {
    /// The name.
    pub name: String,
    /// What it names.
    pub kind: &'static str,
}

/// What comes with a request.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Its id.
    pub id: RequestId,
    /// The caller's own deadline.
    pub timeout: Option<Duration>,
}

/// A served request.
#[derive(Debug)]
pub struct Completion<S> {
    /// Who served it.
    pub head: CompletionHead,
    /// The answer.
    pub answer: Answer<S>,
}

/// Who served a request.
#[derive(Debug, Clone)]
pub struct CompletionHead {
    /// The request.
    pub request_id: RequestId,
    /// The instance.
    pub instance: InstanceId,
    /// How many attempts it took.
    pub attempts: u32,
    /// The revision of the configuration.
    pub revision: u64,
}

/// An answer.
#[derive(Debug)]
pub enum Answer<S> {
    /// All of it.
    Whole(WholeAnswer),
    /// Its head.
    Stream(CompletionStream<S>),
}

/// The bytes of a streamed answer.
#[derive(Debug)]
pub struct CompletionStream<S> {
    inner: Option<S>,
}

impl<S: AnswerStream> Stream for CompletionStream<S> {
    type Item = Result<Bytes, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let item = std::task::ready!(Pin::new(inner).poll_next(context));
        if !matches!(item, Some(Ok(_))) {
            self.inner = None;
        }
        Poll::Ready(item.map(|chunk| chunk.map(|StreamChunk { bytes, signals: _ }| bytes)))
    }
}

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
pub enum CompletionError {
    /// Nothing has that name.
    #[error("unknown model '{model}'")]
    UnknownModel {
        /// The name.
        model: String,
        /// What it may have meant.
        nearest: Vec<String>,
    },
    /// Nobody could be asked.
    #[error("nobody at {target} can be asked")]
    NoneAvailable {
        /// Where the request went.
        target: Target,
        /// When to come back.
        retry_after: Option<Duration>,
        /// The last fault.
        last: Option<FaultKind>,
        /// How many attempts were made.
        attempts: u32,
    },
    /// Attempts were made and failed.
    #[error("{attempts} attempts failed")]
    Upstream {
        /// The last fault.
        fault: Fault,
        /// How many attempts were made.
        attempts: u32,
    },
}

impl<C: LlmClient> OrchestrationService<C> {
    /// Makes a service over one client.
    pub fn stand_in(client: C, instance: InstanceId, models: Vec<ModelEntry>) -> Self {
        Self { client, instance, models }
    }

    /// Serves a request.
    ///
    /// # Errors
    /// [`CompletionError`] says why it could not.
    pub async fn complete(
        &self,
        request: InferenceRequest,
        context: RequestContext,
    ) -> Result<Completion<C::Stream>, CompletionError> {
        let model = request.envelope().model();
        if !self.models.iter().any(|entry| entry.name == model) {
            return Err(CompletionError::UnknownModel { model: model.to_owned(), nearest: vec!["fast".to_owned()] });
        }
        let defaults = ParameterDefaults::default();
        let call = Call { request: &request, model, defaults: &defaults, request_id: &context.id };
        let sent = tokio::time::timeout(context.timeout.unwrap_or(Duration::from_mins(10)), self.client.send(call));
        let timed_out = Fault::new(FaultKind::Timeout(Phase::Total), Work::Ambiguous, "the deadline ran out");
        let reply = sent.await.unwrap_or(Err(timed_out));
        let answer = match reply.map_err(|fault| CompletionError::Upstream { fault, attempts: 1 })? {
            Reply::Whole(whole) => Answer::Whole(whole),
            Reply::Stream(stream) => Answer::Stream(CompletionStream { inner: Some(stream) }),
        };
        let head = CompletionHead { request_id: context.id, instance: self.instance.clone(), attempts: 1, revision: 7 };
        Ok(Completion { head, answer })
    }

    /// Every name a caller may use.
    pub fn models(&self) -> Vec<ModelEntry> {
        self.models.clone()
    }
}
