//! Providers of models, behind the domain's `LlmClient` port.
//!
//! [`Providers`] makes the client of an instance. A client is an enum rather than a trait object, and so is its stream: an
//! attempt boxes nothing, a chunk is dispatched by a match. Deadlines, retries and breakers are the caller's; an adapter
//! says what happened.
//!
//! | module | concept |
//! |---|---|
//! | `client` | the client of an instance; translates where caller and provider speak different dialects |
//! | `http_client` | one attempt over HTTP, whichever protocol |
//! | `openai`, `anthropic`, `gemini`, `cohere`, `bedrock` | one protocol each: routes, key, what answers and faults mean |
//! | `vertex` | Gemini as Google Cloud serves it: routes, and tokens that end |
//! | `http_provider`, `catalogue` | what a configured provider comes to; well-known ones as data |
//! | `endpoint` | where a provider is and what every request to it carries |
//! | `network_stream`, `watched`, `sse`, `stream_reader` | a stream off the network, or from elsewhere, and what its events mean |
//! | `raw_stream` | an answer that is no text |
//! | `connecting`, `reach` | how a provider is reached, and where none is |
//! | `transport` | connections |
//! | `simulated` | a provider inside the gateway |

mod anthropic;
mod bedrock;
pub(crate) mod catalogue;
mod client;
mod cohere;
mod connecting;
mod endpoint;
#[cfg(any(test, fuzzing))]
pub mod examine;
mod gemini;
mod http_client;
mod http_provider;
#[cfg(test)]
mod identity;
mod network_stream;
mod openai;
mod raw_stream;
pub(crate) mod reach;
mod retry_after;
mod settings;
mod simulated;
pub(crate) mod sse;
mod stream_reader;
mod translated;
mod transport;
pub(crate) mod usage;
mod vertex;
mod watched;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, StatusCode};
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{BuildClientError, ClientFactory},
    name::ProviderName,
    pool::InstanceSpec,
};

pub use self::{
    bedrock::AwsCredentials,
    client::{ProviderClient, ProviderStream},
    connecting::{Authorities, InvalidAuthorities, InvalidProxy, Proxy},
    http_client::{HttpClient, HttpStream},
    settings::{Protocol, ProviderSettings, SimulatedFailure, SimulatedSettings},
    simulated::{SimulatedClient, SimulatedStream},
    stream_reader::StreamReader,
    transport::TlsError,
    vertex::{GoogleCloud, GoogleCredentials, InvalidCredentials},
};
use self::{
    endpoint::InvalidHeader,
    http_provider::{HttpProvider, unknown_key},
    simulated::Simulation,
    transport::{TlsRoots, Transport, Way, read_body},
    vertex::Tokens,
};

pub(crate) use self::simulated::status_fault;

/// The largest answer of a running gateway that is read.
const MAX_REPORT_BYTES: usize = 16 * 1024 * 1024;

/// The configured providers, each with its connections. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    by_name: BTreeMap<ProviderName, Provider>,
}

#[expect(clippy::large_enum_variant, reason = "there is one for each provider, and nearly all are over HTTP")]
#[derive(Debug, Clone)]
enum Provider {
    Http(Box<HttpProvider>, Transport),
    Simulated(Arc<Simulation>),
}

/// Why the providers cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildProvidersError {
    /// Two providers have one name.
    #[error("provider '{0}' is defined twice; rename one")]
    Duplicate(ProviderName),
    /// A header cannot be sent.
    #[error("provider '{provider}': '{header}' cannot be sent as a header; remove line breaks, or use another name")]
    Header {
        /// The provider.
        provider: ProviderName,
        /// The header's name, or `api_key`.
        header: String,
    },
    /// TLS is not available.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl Providers {
    /// Builds the providers; nothing is connected yet.
    ///
    /// # Errors
    /// [`BuildProvidersError`] names the provider and what is wrong with it.
    pub fn new(settings: Vec<ProviderSettings>) -> Result<Self, BuildProvidersError> {
        Self::default().succeeded_by(settings)
    }

    /// Builds the providers that take over from these. One that connects as its predecessor did goes on with its
    /// connections, whatever else changed; a simulated one that did not change goes on where it stood.
    ///
    /// # Errors
    /// As [`Providers::new`]; these stay as they are either way.
    pub fn succeeded_by(&self, settings: Vec<ProviderSettings>) -> Result<Self, BuildProvidersError> {
        let mut roots = None;
        let mut by_name = BTreeMap::new();
        for settings in settings {
            let name = settings.name.clone();
            let provider = Provider::new(settings, self.by_name.get(&name), &mut roots)?;
            if by_name.insert(name.clone(), provider).is_some() {
                return Err(BuildProvidersError::Duplicate(name));
            }
        }
        Ok(Self { by_name })
    }
}

impl Provider {
    /// `roots` are read for the first provider that needs them.
    fn new(
        settings: ProviderSettings,
        predecessor: Option<&Self>,
        roots: &mut Option<TlsRoots>,
    ) -> Result<Self, BuildProvidersError> {
        let way = Way {
            connect_timeout: settings.connect_timeout,
            allow_link_local: settings.allow_link_local,
            authorities: settings.authorities.clone(),
            proxy: settings.proxy.clone(),
        };
        let http = HttpProvider::new(&settings);
        let http = http
            .map_err(|InvalidHeader(header)| BuildProvidersError::Header { provider: settings.name.clone(), header })?;
        let Some(http) = http else {
            let settings = settings.simulated.unwrap_or_default();
            return Ok(match predecessor {
                Some(Self::Simulated(known)) if *known.settings() == settings => Self::Simulated(Arc::clone(known)),
                _ => Self::Simulated(Arc::new(Simulation::new(settings))),
            });
        };
        let mut connect = |way: Way| -> Result<Transport, TlsError> {
            let roots = match (&way.authorities, &mut *roots) {
                (Some(authorities), _) => &TlsRoots::of(authorities)?,
                (None, Some(roots)) => roots,
                (None, roots) => roots.insert(TlsRoots::public()?),
            };
            Ok(Transport::new(way, roots))
        };
        let (known, transport) = match predecessor {
            Some(Self::Http(known, transport)) if *transport.way() == way => (known.tokens(), transport.clone()),
            Some(Self::Http(..) | Self::Simulated(_)) | None => (None, connect(way)?),
        };
        let tokens = settings.google_credentials.map(|credentials| match known {
            Some(known) if *known.credentials() == credentials => Ok(known.clone()),
            _ => {
                let way = credentials.way(transport.way());
                let transport = if way == *transport.way() { transport.clone() } else { connect(way)? };
                Ok::<_, TlsError>(Tokens::new(credentials, transport))
            }
        });
        Ok(Self::Http(Box::new(http.with_tokens(tokens.transpose()?)), transport))
    }
}

impl ClientFactory for Providers {
    type Client = ProviderClient;

    fn client(&self, instance: &InstanceSpec) -> Result<ProviderClient, BuildClientError> {
        let Some(provider) = self.by_name.get(instance.model.provider()) else {
            let known: Vec<_> = self.by_name.keys().map(ProviderName::as_str).collect();
            return Err(BuildClientError::UnknownProvider { model: instance.model.clone(), known: known.join(", ") });
        };
        match provider {
            Provider::Simulated(simulation) => {
                if let Some(key) = &instance.key {
                    return Err(unknown_key::<()>(instance, key, &[]));
                }
                Ok(ProviderClient::Simulated(SimulatedClient::new(Arc::clone(simulation))))
            }
            Provider::Http(http, transport) => http.client(instance, transport).map(ProviderClient::Http),
        }
    }
}

/// Sends one request outside of any provider, over a connection of its own.
pub(crate) async fn get(
    request: Request<Bytes>,
    connect_timeout: Duration,
) -> Result<Result<(StatusCode, Bytes), Fault>, TlsError> {
    let way = Way { connect_timeout, allow_link_local: true, authorities: None, proxy: None };
    let transport = Transport::new(way, &TlsRoots::public()?);
    let answer = async {
        let response = transport.send(transport.message(request)?).await?;
        let status = response.status;
        let body = read_body(response.body, MAX_REPORT_BYTES).await;
        let body =
            body.map_err(|_| Fault::new(FaultKind::Malformed, Work::Ambiguous, "the answer is too long or was cut"))?;
        Ok((status, body))
    };
    Ok(answer.await)
}

#[cfg(feature = "shaku")]
impl<M: shaku::Module> shaku::Component<M> for Providers {
    type Interface = dyn ClientFactory<Client = ProviderClient>;
    type Parameters = Self;

    fn build(_: &mut shaku::ModuleBuildContext<M>, providers: Self) -> Box<Self::Interface> {
        Box::new(providers)
    }
}

/// The chunks of a stream in `dialect` that arrived in these pieces, as a client of that protocol delivers them.
#[cfg(any(test, fuzzing))]
pub(crate) fn recorded(
    dialect: tidegate_domain::inference::Dialect,
    pieces: impl Iterator<Item = Bytes>,
) -> Vec<Result<tidegate_domain::inference::StreamChunk, Fault>> {
    use tidegate_domain::inference::Dialect;
    match dialect {
        Dialect::Chat => network_stream::read_all(watched::WatchedReader::new(openai::ChatWatch::new(true, 1)), pieces),
        Dialect::Messages => {
            network_stream::read_all(watched::WatchedReader::new(anthropic::MessagesWatch::default()), pieces)
        }
        Dialect::Responses => {
            network_stream::read_all(watched::WatchedReader::new(openai::ResponsesWatch::default()), pieces)
        }
        Dialect::Cohere => {
            network_stream::read_all(watched::WatchedReader::new(cohere::CohereWatch::default()), pieces)
        }
        Dialect::Gemini => network_stream::read_all(watched::WatchedReader::new(gemini::GeminiWatch::new(1)), pieces),
        Dialect::Bedrock => {
            network_stream::read_all(bedrock::FramedReader::new(bedrock::ConverseWatch::default()), pieces)
        }
    }
}

/// The frame of an event, as Bedrock sends it.
#[cfg(test)]
pub(crate) fn framed(kind: &str, payload: &str) -> Vec<u8> {
    bedrock::event_frame(kind, payload)
}
