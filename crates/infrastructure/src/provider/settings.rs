//! What a provider is built from: plain data, checked when the provider is built.

use std::time::Duration;

use secrecy::SecretString;
use tidegate_domain::{
    inference::{Operation, Prefill},
    name::{KeyName, ProviderName},
};

use super::{
    bedrock::{self, AwsCredentials},
    connecting::{Authorities, Proxy},
    vertex::{GoogleCloud, GoogleCredentials},
};

/// Everything that describes one provider.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its name, unique within one gateway.
    pub name: ProviderName,
    /// The protocol it speaks.
    pub protocol: Protocol,
    /// Where it is, up to but without the path of an operation (`/chat/completions`); a query in it is kept. Required by every
    /// protocol but [`Protocol::Simulated`].
    pub base_url: Option<String>,
    /// The operations that it offers. If absent: all of OpenAI's for OpenAI itself and for Azure, else conversations only.
    pub operations: Option<Vec<Operation>>,
    /// The version of Azure's protocol, for [`Protocol::Azure`]; its current one if absent.
    pub api_version: Option<String>,
    /// The region of AWS that is asked, for [`Protocol::Bedrock`]: where it is, and what requests are signed for.
    pub region: Option<String>,
    /// What requests are signed with, for [`Protocol::Bedrock`]; with an `api_key` they are not signed.
    pub aws_credentials: Option<AwsCredentials>,
    /// Whose models are asked where, for [`Protocol::Vertex`], which does not do without.
    pub google_cloud: Option<GoogleCloud>,
    /// What access tokens are fetched with, for [`Protocol::Vertex`]; an `api_key` is one that somebody else fetched.
    pub google_credentials: Option<GoogleCredentials>,
    /// The credential, sent as the protocol sends it.
    pub api_key: Option<SecretString>,
    /// Further credentials by name, for instances that are asked with one of them in its place.
    pub keys: Vec<(KeyName, SecretString)>,
    /// Headers to send along. Values are secret: some providers take their key in one.
    pub headers: Vec<(String, SecretString)>,
    /// How long a connection may take to stand, name resolution and TLS included.
    pub connect_timeout: Duration,
    /// Whether it may be at a link-local or metadata address.
    pub allow_link_local: bool,
    /// Whom its certificate is checked against; the public authorities if absent.
    pub authorities: Option<Authorities>,
    /// The proxy to reach it through; nothing is taken from the environment.
    pub proxy: Option<Proxy>,
    /// How it is told to go on where another provider's answer broke off; it cannot if absent.
    pub prefill: Option<Prefill>,
    /// How it behaves, for [`Protocol::Simulated`]; the defaults if absent.
    pub simulated: Option<SimulatedSettings>,
}

impl ProviderSettings {
    /// A provider at home: where whoever made the protocol serves it, without a credential.
    pub fn new(name: ProviderName, protocol: Protocol) -> Self {
        Self {
            name,
            protocol,
            base_url: protocol.home().map(str::to_owned),
            operations: None,
            api_version: None,
            region: None,
            aws_credentials: None,
            google_cloud: None,
            google_credentials: None,
            api_key: None,
            keys: Vec::new(),
            headers: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            allow_link_local: false,
            authorities: None,
            proxy: None,
            prefill: None,
            simulated: None,
        }
    }

    /// Where whoever made the protocol serves it.
    pub(crate) fn home(&self) -> Option<String> {
        match self.protocol {
            Protocol::Bedrock => self.region.as_deref().map(bedrock::home),
            Protocol::Vertex => self.google_cloud.as_ref().map(GoogleCloud::home),
            protocol => protocol.home().map(str::to_owned),
        }
    }
}

/// The protocol of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// OpenAI's over HTTP.
    OpenAi,
    /// Anthropic's over HTTP.
    Anthropic,
    /// Google's over HTTP, as the Gemini API speaks it.
    Gemini,
    /// Google's over HTTP, as Vertex AI speaks it: paths by project and location, tokens that end.
    Vertex,
    /// OpenAI's, in the way of Azure: paths by deployment, the key in a header of its own.
    Azure,
    /// Cohere's over HTTP, in its second version.
    Cohere,
    /// Amazon Bedrock's Converse over HTTP.
    Bedrock,
    /// None: answers are made up inside the gateway, without network and key.
    Simulated,
}

impl Protocol {
    /// Where whoever made the protocol serves it, if that is one place.
    pub(crate) fn home(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some(super::openai::BASE_URL),
            Self::Anthropic => Some(super::anthropic::BASE_URL),
            Self::Cohere => Some(super::cohere::BASE_URL),
            Self::Gemini => Some(super::gemini::BASE_URL),
            Self::Vertex | Self::Azure | Self::Bedrock | Self::Simulated => None,
        }
    }
}

/// How a simulated provider behaves.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedSettings {
    /// The time until the first token, or until a failure shows.
    pub latency: Duration,
    /// The time between two tokens.
    pub token_interval: Duration,
    /// How many tokens an answer has, unless the request allows fewer or `reply` is set.
    pub tokens: u32,
    /// The share of requests that fail, from 0 to 1.
    pub failure_rate: f64,
    /// How they fail.
    pub failure: SimulatedFailure,
    /// What the words and the failures are drawn from: the same seed gives the same run.
    pub seed: u64,
    /// What every answer says, in place of drawn words.
    pub reply: Option<String>,
}

impl Default for SimulatedSettings {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(50),
            token_interval: Duration::from_millis(10),
            tokens: 24,
            failure_rate: 0.0,
            failure: SimulatedFailure::Status(500),
            seed: 0,
            reply: None,
        }
    }
}

/// How a simulated request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimulatedFailure {
    /// An error answer with this status.
    Status(u16),
    /// No answer, ever.
    Hang,
    /// The answer is cut midway.
    Cut,
    /// The answer stops midway and the connection stays.
    Stall,
    /// The answer holds what is no JSON.
    Malformed,
}
