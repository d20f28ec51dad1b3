//! Where a provider is and what every request to it carries.

use std::{fmt::Write as _, sync::OnceLock, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use secrecy::{ExposeSecret, SecretString};
use tidegate_domain::inference::Operation;

use super::{bedrock::Signer, transport::Common, vertex::Tokens};

/// Headers that the transport writes; a configured one would break the framing or the routing.
const RESERVED: [HeaderName; 5] =
    [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::ACCEPT_ENCODING];

/// How a provider takes its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyHeader {
    /// As a bearer token.
    Bearer,
    /// In a header of that name.
    Named(HeaderName),
}

/// The routes of a provider, and its headers.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// Where each operation that the provider offers is asked for.
    routes: Vec<Route>,
    /// What is asked for to see whether it answers, which costs nothing: mostly its models.
    pub(super) models: Uri,
    /// What every request carries; each marked sensitive, so that none is ever printed.
    pub(super) headers: HeaderMap,
    signer: Option<Signer>,
    /// Where the token comes from that each request carries, if it carries one that ends.
    tokens: Option<Tokens>,
}

/// Where an operation is asked for, and how.
#[derive(Debug)]
pub(super) struct Route {
    operation: Operation,
    whole: Uri,
    /// If a stream is asked for elsewhere.
    stream: Option<Uri>,
    /// What requests for a whole answer have in common, and requests for a stream, once there was one.
    common: [OnceLock<Common>; 2],
}

impl Route {
    /// Where it is asked for.
    pub(super) fn uri(&self, streams: bool) -> &Uri {
        self.stream.as_ref().filter(|_| streams).unwrap_or(&self.whole)
    }

    /// What requests for it have in common.
    pub(super) fn common(&self, streams: bool) -> &OnceLock<Common> {
        &self.common[usize::from(streams)]
    }
}

/// The paths of an operation below a base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paths {
    /// Where it is asked for.
    pub(super) whole: String,
    /// Where a stream is asked for, if elsewhere.
    pub(super) stream: Option<String>,
}

impl From<&str> for Paths {
    fn from(path: &str) -> Self {
        Self { whole: path.to_owned(), stream: None }
    }
}

/// A base URL that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct InvalidBaseUrl(pub(super) &'static str);

/// A header that cannot be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidHeader(pub(super) String);

impl Endpoint {
    /// Appends the routes to `base_url`, before its query if it has one.
    pub(super) fn new(
        base_url: &str,
        headers: HeaderMap,
        routes: impl Iterator<Item = (Operation, Paths)>,
    ) -> Result<Self, InvalidBaseUrl> {
        let uri: Uri = base_url.parse().map_err(|_| InvalidBaseUrl("it is no URL"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(InvalidBaseUrl("it starts with neither http:// nor https://"));
        }
        let authority = uri.authority().ok_or(InvalidBaseUrl("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(InvalidBaseUrl("it holds a user name; configure 'api_key' instead"));
        }
        if base_url.contains('#') {
            return Err(InvalidBaseUrl("it holds a fragment"));
        }
        let models = route(&uri, "/models")?;
        let routes = routes.map(|(operation, Paths { whole, stream })| {
            let stream = stream.map(|stream| route(&uri, &stream)).transpose()?;
            Ok(Route { operation, whole: route(&uri, &whole)?, stream, common: Default::default() })
        });
        Ok(Self { routes: routes.collect::<Result<_, _>>()?, models, headers, signer: None, tokens: None })
    }

    /// The same, whose requests are signed.
    pub(super) fn signed_by(self, signer: Option<Signer>) -> Self {
        Self { signer, ..self }
    }

    /// The same, whose requests carry one of `tokens`; none where a credential is configured already.
    pub(super) fn with_tokens(self, tokens: Option<Tokens>) -> Self {
        let has_credential = self.headers.contains_key(header::AUTHORIZATION);
        Self { tokens: tokens.filter(|_| !has_credential), ..self }
    }

    /// The same, where something else than its models is asked for to see whether it answers.
    pub(super) fn checked_at(self, path: &str, base_url: &str) -> Result<Self, InvalidBaseUrl> {
        let base = base_url.parse().map_err(|_| InvalidBaseUrl("it is no URL"))?;
        Ok(Self { models: route(&base, path)?, ..self })
    }

    /// Where the token comes from that each request carries.
    pub(super) fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    /// Whether the provider offers `operation`.
    pub(super) fn offers(&self, operation: Operation) -> bool {
        self.routes.iter().any(|route| route.operation == operation)
    }

    /// Where `operation` is asked for, if the provider offers it.
    pub(super) fn route(&self, operation: Operation) -> Option<&Route> {
        self.routes.iter().find(|route| route.operation == operation)
    }

    /// The host that everything is asked of.
    pub(super) fn host(&self) -> Option<&str> {
        self.models.host()
    }

    /// Whether it is where `other` is.
    pub(super) fn is_place_of(&self, other: &Self) -> bool {
        self.models == other.models
    }

    pub(super) fn has_credentials_of(&self, other: &Self) -> bool {
        let credentials = |endpoint: &Self| endpoint.tokens.as_ref().map(|tokens| tokens.credentials().clone());
        self.headers == other.headers && self.signer == other.signer && credentials(self) == credentials(other)
    }

    /// Whether each request is signed, so that no two have a head in common.
    pub(super) fn is_signed(&self) -> bool {
        self.signer.is_some()
    }

    /// Signs a request that has everything else, if that is how the provider is asked.
    pub(super) fn sign(&self, request: &mut Request<Bytes>, now: impl FnOnce() -> SystemTime) {
        if let Some(signer) = &self.signer {
            signer.sign(request, now());
        }
    }
}

fn route(base: &Uri, route: &str) -> Result<Uri, InvalidBaseUrl> {
    let mut path = format!("{}{route}", base.path().trim_end_matches('/'));
    if let Some(query) = base.query() {
        let joint = if route.contains('?') { '&' } else { '?' };
        path = format!("{path}{joint}{query}");
    }
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse().map_err(|_| InvalidBaseUrl("its path is no path"))?);
    Uri::from_parts(parts).map_err(|_| InvalidBaseUrl("it is no URL"))
}

/// The headers of a provider: its key, overridden by what was configured by name.
pub(super) fn credentials(
    (key_header, api_key): (&KeyHeader, Option<&SecretString>),
    configured: &[(String, SecretString)],
) -> Result<HeaderMap, InvalidHeader> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION"))));
    if let Some(key) = api_key {
        let key = key.expose_secret();
        match key_header {
            KeyHeader::Bearer => {
                headers.insert(header::AUTHORIZATION, secret_value("api_key", &format!("Bearer {key}"))?)
            }
            KeyHeader::Named(name) => headers.insert(name, secret_value("api_key", key)?),
        };
    }
    for (name, value) in configured {
        let invalid = || InvalidHeader(name.clone());
        let header: HeaderName = name.parse().map_err(|_| invalid())?;
        if RESERVED.contains(&header) {
            return Err(invalid());
        }
        headers.insert(header, secret_value(name, value.expose_secret())?);
    }
    Ok(headers)
}

fn secret_value(name: &str, value: &str) -> Result<HeaderValue, InvalidHeader> {
    let mut value = HeaderValue::from_str(value).map_err(|_| InvalidHeader(name.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// `text` with every byte encoded that is not unreserved (RFC 3986) and that `keeps` does not keep.
pub(super) fn percent_encoded(text: &str, keeps: impl Fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keeps(byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a text does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use tidegate_domain::inference::Dialect;

    use super::*;

    fn endpoint(base_url: &str) -> Result<Endpoint, InvalidBaseUrl> {
        let routes = [(CHAT, "/chat/completions"), (Operation::Embeddings, "/embeddings")];
        let routes = routes.map(|(operation, path)| (operation, Paths::from(path)));
        Endpoint::new(base_url, HeaderMap::new(), routes.into_iter())
    }

    const CHAT: Operation = Operation::Converse(Dialect::Chat);

    #[track_caller]
    fn check(base_url: &str, chat: &str) {
        assert_eq!(endpoint(base_url).unwrap().route(CHAT).map(|route| route.uri(true)).unwrap().to_string(), chat);
    }

    #[test]
    fn routes_are_appended_to_the_path() {
        check("https://api.example/v1", "https://api.example/v1/chat/completions");
        check("https://api.example/v1/", "https://api.example/v1/chat/completions");
        check("http://localhost:11434", "http://localhost:11434/chat/completions");
        check("https://e.example/d?api-version=1", "https://e.example/d/chat/completions?api-version=1");
    }

    #[test]
    fn an_operation_that_is_not_offered_has_no_route() {
        let endpoint = endpoint("https://api.example/v1").unwrap();
        assert!(endpoint.offers(Operation::Embeddings) && !endpoint.offers(Operation::Rerank));
        assert_eq!(endpoint.route(Operation::Rerank).map(|route| route.uri(false)), None);
    }

    #[test]
    fn a_stream_may_be_asked_for_elsewhere() {
        let paths = Paths { whole: "/whole".to_owned(), stream: Some("/stream".to_owned()) };
        let endpoint = Endpoint::new("https://e.example", HeaderMap::new(), [(CHAT, paths)].into_iter()).unwrap();
        assert_eq!(endpoint.route(CHAT).map(|route| route.uri(false)).unwrap().path(), "/whole");
        assert_eq!(endpoint.route(CHAT).map(|route| route.uri(true)).unwrap().path(), "/stream");
    }

    #[test]
    fn what_is_no_plain_http_url_is_refused() {
        for url in
            ["", "api.example/v1", "/v1", "ftp://api.example", "https://", "https://k:s@api.example", "http://h/#f"]
        {
            assert!(endpoint(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_key_is_a_bearer_token_that_is_never_printed() {
        let headers = credentials((&KeyHeader::Bearer, Some(&SecretString::from("sk-canary"))), &[]).unwrap();
        assert_eq!(headers[header::AUTHORIZATION], "Bearer sk-canary");
        assert!(!format!("{headers:?}").contains("canary"));
    }

    #[test]
    fn a_key_in_a_header_of_its_own_is_as_secret() {
        let header = KeyHeader::Named(HeaderName::from_static("x-api-key"));
        let headers = credentials((&header, Some(&SecretString::from("sk-canary"))), &[]).unwrap();
        assert_eq!(headers["x-api-key"], "sk-canary");
        assert!(!headers.contains_key(header::AUTHORIZATION) && !format!("{headers:?}").contains("canary"));
    }

    #[track_caller]
    fn check_refused(name: &str, value: &str) {
        let headers = [(name.to_owned(), SecretString::from(value))];
        assert_eq!(credentials((&KeyHeader::Bearer, None), &headers).unwrap_err(), InvalidHeader(name.to_owned()));
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused_by_name() {
        check_refused("x y", "1");
        check_refused("Host", "elsewhere");
        check_refused("x-key", "line\nbreak");
        assert_eq!(
            credentials((&KeyHeader::Bearer, Some(&SecretString::from("a\nb"))), &[]).unwrap_err(),
            InvalidHeader("api_key".to_owned())
        );
    }

    #[test]
    fn a_configured_header_outweighs_the_key() {
        let headers = [("Authorization".to_owned(), SecretString::from("Token t"))];
        let headers = credentials((&KeyHeader::Bearer, Some(&SecretString::from("k"))), &headers).unwrap();
        assert_eq!(headers[header::AUTHORIZATION], "Token t");
    }
}
