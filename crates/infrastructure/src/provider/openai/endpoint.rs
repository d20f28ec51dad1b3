//! Where a provider is and what every request to it carries.

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use secrecy::{ExposeSecret, SecretString};

/// Headers that the transport writes; a configured one would break the framing or the routing.
const RESERVED: [HeaderName; 5] =
    [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::ACCEPT_ENCODING];

/// The two routes of a provider, and its headers.
#[derive(Debug)]
pub(in crate::provider) struct Endpoint {
    pub(super) chat: Uri,
    pub(super) models: Uri,
    /// Each marked sensitive, so that none is ever printed.
    headers: HeaderMap,
}

/// A base URL that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::provider) struct InvalidBaseUrl(pub(in crate::provider) &'static str);

/// A header that cannot be sent.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::provider) struct InvalidHeader(pub(in crate::provider) String);

impl Endpoint {
    /// Appends the routes to `base_url`, before its query if it has one.
    pub(in crate::provider) fn new(base_url: &str, headers: HeaderMap) -> Result<Self, InvalidBaseUrl> {
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
        let chat = route(&uri, "/chat/completions")?;
        let models = route(&uri, "/models")?;
        Ok(Self { chat, models, headers })
    }

    pub(super) fn has_headers_of(&self, other: &Self) -> bool {
        self.headers == other.headers
    }

    pub(super) fn add_headers(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }
}

fn route(base: &Uri, route: &str) -> Result<Uri, InvalidBaseUrl> {
    let mut path = format!("{}{route}", base.path().trim_end_matches('/'));
    if let Some(query) = base.query() {
        path = format!("{path}?{query}");
    }
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse().map_err(|_| InvalidBaseUrl("its path is no path"))?);
    Uri::from_parts(parts).map_err(|_| InvalidBaseUrl("it is no URL"))
}

/// The headers of a provider: its key as a bearer token, overridden by what was configured by name.
pub(in crate::provider) fn credentials(
    api_key: Option<&SecretString>,
    configured: &[(String, SecretString)],
) -> Result<HeaderMap, InvalidHeader> {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION"))));
    if let Some(key) = api_key {
        headers.insert(header::AUTHORIZATION, secret_value("api_key", &format!("Bearer {}", key.expose_secret()))?);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base_url: &str, chat: &str) {
        let endpoint = Endpoint::new(base_url, HeaderMap::new()).unwrap();
        assert_eq!(endpoint.chat.to_string(), chat);
    }

    #[test]
    fn routes_are_appended_to_the_path() {
        check("https://api.example/v1", "https://api.example/v1/chat/completions");
        check("https://api.example/v1/", "https://api.example/v1/chat/completions");
        check("http://localhost:11434", "http://localhost:11434/chat/completions");
        check("https://e.example/d?api-version=1", "https://e.example/d/chat/completions?api-version=1");
    }

    #[test]
    fn what_is_no_plain_http_url_is_refused() {
        for url in
            ["", "api.example/v1", "/v1", "ftp://api.example", "https://", "https://k:s@api.example", "http://h/#f"]
        {
            assert!(Endpoint::new(url, HeaderMap::new()).is_err(), "{url}");
        }
    }

    #[test]
    fn the_key_is_a_bearer_token_that_is_never_printed() {
        let headers = credentials(Some(&SecretString::from("sk-canary")), &[]).unwrap();
        assert_eq!(headers[header::AUTHORIZATION], "Bearer sk-canary");
        assert!(!format!("{headers:?}").contains("canary"));
    }

    #[track_caller]
    fn check_refused(name: &str, value: &str) {
        let headers = [(name.to_owned(), SecretString::from(value))];
        assert_eq!(credentials(None, &headers).unwrap_err(), InvalidHeader(name.to_owned()));
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused_by_name() {
        check_refused("x y", "1");
        check_refused("Host", "elsewhere");
        check_refused("x-key", "line\nbreak");
        assert_eq!(
            credentials(Some(&SecretString::from("a\nb")), &[]).unwrap_err(),
            InvalidHeader("api_key".to_owned())
        );
    }

    #[test]
    fn a_configured_header_outweighs_the_key() {
        let headers = [("Authorization".to_owned(), SecretString::from("Token t"))];
        let headers = credentials(Some(&SecretString::from("k")), &headers).unwrap();
        assert_eq!(headers[header::AUTHORIZATION], "Token t");
    }
}
