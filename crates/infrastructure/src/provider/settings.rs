//! What is configured about a provider. Plain data: the configuration fills it, the clients are built from it.

use std::time::Duration;

use secrecy::SecretString;
use tidegate_domain::name::ProviderName;

/// A configured provider.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// Its name, the part before the colon of `provider:model`.
    pub name: ProviderName,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Where it is; absent for a simulated one.
    pub base_url: Option<String>,
    /// The credential; local servers often need none.
    pub api_key: Option<SecretString>,
    /// Headers that every request to it carries.
    pub headers: Vec<(String, SecretString)>,
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How it behaves, if it is simulated.
    pub simulated: Option<SimulatedSettings>,
}

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// The chat completions API of OpenAI, which many others speak too.
    OpenAi,
    /// No network at all: answers are made up here.
    Simulated,
}

/// The behaviour of a simulated provider.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedSettings {
    /// Until the first token.
    pub latency: Duration,
    /// Between two tokens.
    pub token_interval: Duration,
    /// How many tokens an answer has.
    pub tokens: u32,
    /// The share of requests that fail, from 0 to 1.
    pub failure_rate: f64,
    /// How they fail.
    pub failure: SimulatedFailure,
    /// Makes the failures repeatable.
    pub seed: u64,
    /// The text of every answer; made up if absent.
    pub reply: Option<String>,
}

impl Default for SimulatedSettings {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(100),
            token_interval: Duration::from_millis(20),
            tokens: 32,
            failure_rate: 0.0,
            failure: SimulatedFailure::Status(500),
            seed: 0,
            reply: None,
        }
    }
}

/// How a simulated request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SimulatedFailure {
    /// With this HTTP status.
    Status(u16),
    /// It never answers.
    Hang,
    /// It breaks off in the middle of the answer.
    Cut,
}
