//! The port through which a provider is asked, and the port that makes one for an instance.

use std::{future::Future, num::NonZeroU32, sync::OnceLock, time::SystemTime};

use super::{AnswerStream, Dropped, InferenceRequest, ParameterDefaults, Part, Quota, Reply, RequestId, Unfit};
use crate::{
    fault::Fault,
    name::{KeyName, ModelRef},
    pool::InstanceSpec,
};

/// One attempt at one upstream.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The caller's request.
    pub request: &'a InferenceRequest,
    /// The model, as the provider spells it.
    pub model: &'a str,
    /// Values for what the caller left open.
    pub defaults: &'a ParameterDefaults,
    /// The request's id, to send along.
    pub request_id: &'a RequestId,
    /// When the request came, by the wall: a date for an answer whose provider names none.
    pub received: SystemTime,
    /// The most tokens that the model can answer, if that is known: some protocols must be told a limit.
    pub max_output: Option<NonZeroU32>,
    /// Which part of the answer is asked for.
    pub part: Part<'a>,
    /// Where what the answer says of our rate is put, be it a success or a refusal.
    pub quota: &'a OnceLock<Quota>,
}

impl Call<'_> {
    /// Notes what the answer says is left of our rate, if it says so.
    pub fn note_quota(&self, quota: Option<Quota>) {
        if let Some(quota) = quota {
            // An answer has one head, and so says it once.
            let _ = self.quota.set(quota);
        }
    }
}

/// Asks one provider.
///
/// An implementation answers in the caller's protocol, classifies every failure once, and stops the upstream's work when
/// its future or its stream is dropped. It keeps no deadline but the one for connecting: the attempt loop owns the others.
///
/// The trait is a type parameter of the services, not a trait object: an attempt costs no boxed future, and a chunk no
/// dynamic dispatch. To serve several kinds of client, implement it for an enum of them.
pub trait LlmClient: Send + Sync + 'static {
    /// The stream that a streamed answer arrives on.
    type Stream: AnswerStream;

    /// Whether the provider can be sent `request` for `model` at all, and what of it would be left out. Asked before every attempt, so
    /// that nobody is tried in vain; a client that passes every request on as it came need not say anything.
    ///
    /// # Errors
    /// [`Unfit`] names what the provider does not offer, or the field that cannot be said in its dialect.
    fn fits(&self, request: &InferenceRequest, model: &str) -> Result<Dropped, Unfit> {
        let _ = (request, model);
        Ok(Dropped::default())
    }

    /// Sends one request. Resolves with the whole answer, or as soon as a stream's head has arrived.
    ///
    /// # Errors
    /// A [`Fault`] says what happened, whether work can have started, and when to come back.
    fn send(&self, call: Call<'_>) -> impl Future<Output = Result<Reply<Self::Stream>, Fault>> + Send;

    /// Whether it can be asked for the rest of an answer to `request`, [`Part::Rest`].
    fn can_go_on(&self, request: &InferenceRequest) -> bool {
        let _ = request;
        false
    }

    /// Asks, without cost, whether the provider answers.
    ///
    /// # Errors
    /// A [`Fault`] says why it does not.
    fn check(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Connects to the provider, and no more. A client that connects to nothing need not say anything: it is checked instead.
    ///
    /// # Errors
    /// A [`Fault`] says why no connection came to stand.
    fn connect(&self) -> impl Future<Output = Result<(), Fault>> + Send {
        self.check()
    }

    /// What this client has in common with the one it takes over from, for the same instance. What is known of the
    /// instance is kept or forgotten accordingly.
    fn succession(&self, predecessor: &Self) -> Succession {
        let _ = predecessor;
        Succession::Same
    }
}

/// What a client has in common with its predecessor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Succession {
    /// It asks the same upstream as the same customer.
    Same,
    /// It asks the same upstream with another credential.
    OtherCredential,
    /// It asks another upstream.
    OtherUpstream,
}

/// Makes the client of an instance.
pub trait ClientFactory: Send + Sync + 'static {
    /// The client.
    type Client: LlmClient;

    /// Makes the client that serves `instance`. Instances of one provider share its connections.
    ///
    /// # Errors
    /// [`BuildClientError`] if the provider is not configured or the instance cannot be served by it.
    fn client(&self, instance: &InstanceSpec) -> Result<Self::Client, BuildClientError>;
}

/// Why an instance has no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildClientError {
    /// No provider of that name is configured.
    #[error("'{model}' names a provider that is not configured; known: {known}")]
    UnknownProvider {
        /// The model whose provider is missing.
        model: ModelRef,
        /// The configured providers, for the reader.
        known: String,
    },
    /// Its provider has no key of that name.
    #[error("'{model}' is asked with the key '{key}', which its provider does not have; known: {known}")]
    UnknownKey {
        /// The model.
        model: ModelRef,
        /// The name of the key.
        key: KeyName,
        /// The names of the provider's keys, for the reader.
        known: String,
    },
    /// The instance's base URL cannot be used.
    #[error("base URL '{url}' cannot be used: {problem}")]
    BaseUrl {
        /// The URL.
        url: String,
        /// Why.
        problem: String,
    },
}
