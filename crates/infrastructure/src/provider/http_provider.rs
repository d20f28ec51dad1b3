//! A provider that is asked over HTTP, and the clients of its instances.

use std::{borrow::Cow, sync::Arc};

use http::{HeaderMap, HeaderName};
use tidegate_domain::{
    inference::{BuildClientError, Operation, Prefill},
    name::KeyName,
    pool::InstanceSpec,
};

use super::{
    HttpClient, Protocol, ProviderSettings, anthropic,
    bedrock::Signer,
    endpoint::{Endpoint, InvalidBaseUrl, InvalidHeader, KeyHeader, credentials},
    gemini,
    http_client::Wire,
    openai,
    reach::is_host_off_limits,
    transport::Transport,
    vertex::{self, GoogleCloud, Tokens},
};

/// The header in which Azure takes a key.
const AZURE_KEY: HeaderName = HeaderName::from_static("api-key");

const OFF_LIMITS: &str = "it is a link-local or metadata address; its provider may say allow_link_local = true";

/// A provider that is asked over HTTP.
#[derive(Debug, Clone)]
pub(super) struct HttpProvider {
    wire: Wire,
    layout: Layout,
    base_url: String,
    headers: HeaderMap,
    /// The same with each of the named keys.
    headers_by_key: Vec<(KeyName, HeaderMap)>,
    signer: Option<Signer>,
    tokens: Option<Tokens>,
    operations: Vec<Operation>,
    prefill: Option<Prefill>,
    allow_link_local: bool,
}

/// Where the paths of a provider are, seen from its base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Layout {
    /// Below it.
    Plain,
    /// In Azure's way: below `/openai/v1`, or, with a version, below a path of each deployment.
    Azure { api_version: Option<String> },
    /// In Vertex AI's way: below the path of a project and a location.
    Vertex(GoogleCloud),
}

impl HttpProvider {
    /// What `settings` come to; `None` if they are of a provider without HTTP.
    pub(super) fn new(settings: &ProviderSettings) -> Result<Option<Self>, InvalidHeader> {
        let (wire, layout, key_header) = match settings.protocol {
            Protocol::Simulated => return Ok(None),
            Protocol::OpenAi => (Wire::OpenAi, Layout::Plain, KeyHeader::Bearer),
            Protocol::Anthropic => (Wire::Anthropic, Layout::Plain, anthropic::key_header()),
            Protocol::Cohere => (Wire::Cohere, Layout::Plain, KeyHeader::Bearer),
            Protocol::Gemini => (Wire::Gemini, Layout::Plain, gemini::key_header()),
            Protocol::Bedrock => (Wire::Bedrock, Layout::Plain, KeyHeader::Bearer),
            Protocol::Vertex => {
                let cloud = settings.google_cloud.clone();
                (Wire::Vertex, cloud.map_or(Layout::Plain, Layout::Vertex), KeyHeader::Bearer)
            }
            Protocol::Azure => {
                let layout = Layout::Azure { api_version: settings.api_version.clone() };
                (Wire::OpenAi, layout, KeyHeader::Named(AZURE_KEY))
            }
        };
        let base_url = settings.base_url.clone().or_else(|| settings.home()).unwrap_or_default();
        let operations = match &settings.operations {
            Some(operations) => operations.clone(),
            None if base_url == openai::BASE_URL || settings.protocol == Protocol::Azure => {
                let others = [Operation::Rerank, Operation::Embed];
                Operation::ALL.into_iter().filter(|operation| !others.contains(operation)).collect()
            }
            None => wire.everywhere().to_vec(),
        };
        let headers = credentials((&key_header, settings.api_key.as_ref()), &settings.headers)?;
        let named = settings.keys.iter();
        let headers_by_key = named
            .map(|(name, key)| Ok((name.clone(), credentials((&key_header, Some(key)), &settings.headers)?)))
            .collect::<Result<_, _>>()?;
        let region = settings.region.as_deref().unwrap_or_default();
        Ok(Some(Self {
            wire,
            layout,
            base_url,
            headers,
            headers_by_key,
            signer: settings.aws_credentials.clone().map(|credentials| Signer::new(region, credentials)),
            tokens: None,
            operations,
            prefill: settings.prefill,
            allow_link_local: settings.allow_link_local,
        }))
    }

    /// The same, whose requests carry one of `tokens`.
    pub(super) fn with_tokens(self, tokens: Option<Tokens>) -> Self {
        Self { tokens, ..self }
    }

    /// Where the token comes from that each request carries.
    pub(super) fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    /// The client of an instance.
    pub(super) fn client(
        &self,
        instance: &InstanceSpec,
        transport: &Transport,
    ) -> Result<HttpClient, BuildClientError> {
        let url = instance.base_url.as_deref().unwrap_or(&self.base_url);
        let invalid = |problem: &str| BuildClientError::BaseUrl { url: url.to_owned(), problem: problem.to_owned() };
        let headers = self.headers(instance)?;
        let endpoint =
            self.endpoint(url, instance.model.model(), headers).map_err(|InvalidBaseUrl(problem)| invalid(problem))?;
        if !self.allow_link_local && endpoint.host().is_some_and(is_host_off_limits) {
            return Err(invalid(OFF_LIMITS));
        }
        Ok(HttpClient::new(self.wire, transport.clone(), Arc::new(endpoint)).going_on(self.prefill))
    }

    /// What every request to an instance carries.
    fn headers(&self, instance: &InstanceSpec) -> Result<&HeaderMap, BuildClientError> {
        let Some(key) = &instance.key else { return Ok(&self.headers) };
        let named = self.headers_by_key.iter().find(|(name, _)| name == key);
        named.map(|(_, headers)| headers).ok_or_else(|| unknown_key(instance, key, &self.headers_by_key))
    }

    fn endpoint(&self, url: &str, model: &str, headers: &HeaderMap) -> Result<Endpoint, InvalidBaseUrl> {
        let base = self.layout.base(url);
        let deployment = self.layout.deployment(model)?;
        let paths = |operation: &Operation| {
            let mut paths = self.wire.paths(*operation, model)?;
            paths.whole.insert_str(0, &deployment);
            Some((*operation, paths))
        };
        let endpoint = Endpoint::new(&base, headers.clone(), self.operations.iter().filter_map(paths))?;
        let endpoint = match self.layout {
            Layout::Vertex(_) => endpoint.checked_at(vertex::MODELS, &base)?,
            Layout::Plain | Layout::Azure { .. } => endpoint,
        };
        Ok(endpoint.signed_by(self.signer.clone()).with_tokens(self.tokens.clone()))
    }
}

/// The key that `instance` names is none of these.
pub(super) fn unknown_key<T>(instance: &InstanceSpec, key: &KeyName, known: &[(KeyName, T)]) -> BuildClientError {
    let known: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
    BuildClientError::UnknownKey { model: instance.model.clone(), key: key.clone(), known: known.join(", ") }
}

impl Layout {
    /// What every path is appended to.
    fn base<'a>(&self, url: &'a str) -> Cow<'a, str> {
        let api_version = match self {
            Self::Plain => return Cow::Borrowed(url),
            Self::Vertex(cloud) => return Cow::Owned(format!("{}{}", url.trim_end_matches('/'), cloud.path())),
            Self::Azure { api_version } => api_version,
        };
        let resource = url.trim_end_matches('/').trim_end_matches("/v1").trim_end_matches("/openai");
        match api_version {
            None => Cow::Owned(format!("{resource}/openai/v1")),
            Some(version) => Cow::Owned(format!("{resource}/openai?api-version={version}")),
        }
    }

    /// What stands before the path of an operation: Azure calls a model by the name of its deployment.
    fn deployment(&self, model: &str) -> Result<String, InvalidBaseUrl> {
        let Self::Azure { api_version: Some(_) } = self else { return Ok(String::new()) };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !model.bytes().all(is_plain) {
            return Err(InvalidBaseUrl("the deployment's name may hold letters, digits, '-', '_' and '.' only"));
        }
        Ok(format!("/deployments/{model}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_domain::{inference::Dialect, name::ProviderName};

    use super::*;

    const CHAT: Operation = Operation::Converse(Dialect::Chat);

    fn provider(protocol: Protocol, base_url: Option<&str>, api_version: Option<&str>) -> HttpProvider {
        let settings = ProviderSettings {
            base_url: base_url.map(str::to_owned),
            api_version: api_version.map(str::to_owned),
            ..ProviderSettings::new(ProviderName::new("x").unwrap(), protocol)
        };
        assert_eq!(settings.connect_timeout, Duration::from_secs(5));
        HttpProvider::new(&settings).unwrap().unwrap()
    }

    #[test]
    fn google_is_asked_by_the_methods_of_a_model() {
        let gemini = provider(Protocol::Gemini, None, None);
        let endpoint = gemini.endpoint(&gemini.base_url, "gemini-2.5-pro", &gemini.headers).unwrap();
        let route = |streams| endpoint.route(Operation::Converse(Dialect::Gemini)).unwrap().uri(streams).to_string();
        let model = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro";
        assert_eq!(route(false), format!("{model}:generateContent"));
        assert_eq!(route(true), format!("{model}:streamGenerateContent?alt=sse"));
        assert!(!endpoint.offers(CHAT));
        let queried = gemini.endpoint("http://h/v1?x=y", "m", &gemini.headers).unwrap();
        let uri = queried.route(Operation::Converse(Dialect::Gemini)).unwrap().uri(true).to_string();
        assert_eq!(uri, "http://h/v1/models/m:streamGenerateContent?alt=sse&x=y");
    }

    fn route(provider: &HttpProvider, operation: Operation) -> Option<String> {
        let endpoint = provider.endpoint(&provider.base_url, "my-gpt.4o", &provider.headers).unwrap();
        endpoint.route(operation).map(|route| route.uri(false)).map(ToString::to_string)
    }

    #[test]
    fn openai_itself_offers_all_of_its_protocol_and_others_what_is_said_of_them() {
        let openai = provider(Protocol::OpenAi, None, None);
        assert_eq!(route(&openai, Operation::Embeddings).unwrap(), "https://api.openai.com/v1/embeddings");
        assert_eq!(route(&openai, Operation::Rerank), None);
        let other = provider(Protocol::OpenAi, Some("https://other.example/v1"), None);
        assert_eq!(route(&other, CHAT).unwrap(), "https://other.example/v1/chat/completions");
        assert_eq!(route(&other, Operation::Embeddings), None);
    }

    #[test]
    fn azure_is_asked_by_deployment_where_a_version_is_named() {
        let url = Some("https://res.openai.azure.com");
        let versioned = provider(Protocol::Azure, url, Some("2024-10-21"));
        assert_eq!(
            route(&versioned, CHAT).unwrap(),
            "https://res.openai.azure.com/openai/deployments/my-gpt.4o/chat/completions?api-version=2024-10-21"
        );
        assert!(versioned.endpoint(&versioned.base_url, "a/b?c", &versioned.headers).is_err());
        let current = provider(Protocol::Azure, Some("https://res.openai.azure.com/openai/v1/"), None);
        assert_eq!(route(&current, CHAT).unwrap(), "https://res.openai.azure.com/openai/v1/chat/completions");
    }
}
