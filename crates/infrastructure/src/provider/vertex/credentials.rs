//! What a token is fetched with: the JSON that Google hands out for a service account or a user, or a machine's metadata server.
//!
//! Nothing is looked for anywhere: not in the environment, not where Google's tools keep their files. Deliberately absent: other kinds of
//! such JSON (`external_account`, `impersonated_service_account`), each of which is an exchange of its own.

use std::{fmt, sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Uri, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::assertion::SigningKey;
use crate::provider::{endpoint::percent_encoded, reach::is_host_off_limits, transport};

/// Where tokens come from where the JSON does not say so.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// Where a metadata server has the token of the machine's own account.
const METADATA_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/token";
const ASSERTED: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What a token is fetched with. Clones share it.
#[derive(Clone)]
pub struct GoogleCredentials {
    /// What tells these from others.
    source: SecretString,
    uri: Uri,
    way: Arc<Way>,
}

enum Way {
    Account {
        email: String,
        key: SigningKey,
        audience: String,
    },
    /// The form that is sent, which never changes.
    User {
        form: SecretString,
    },
    Machine,
}

/// Why a text holds no credentials. It never repeats what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCredentials {
    /// It is no JSON object.
    #[error("is no JSON object as Google hands out for a service account")]
    NotJson,
    /// It is JSON for something else.
    #[error("is of a 'type' that is not known here; 'service_account' and 'authorized_user' are")]
    Type,
    /// A field is not there, or is no text.
    #[error("lacks '{0}'")]
    Missing(&'static str),
    /// The private key cannot be read.
    #[error("has a 'private_key' that is no RSA key in PEM")]
    Key,
    /// The place of tokens cannot be asked.
    #[error("has a 'token_uri' that is no plain URL, or one of a link-local or metadata address")]
    TokenUri,
    /// A metadata server cannot be asked there.
    #[error("must be http:// with a host, without a path")]
    Metadata,
}

#[derive(Deserialize)]
struct CredentialsWire {
    #[serde(rename = "type")]
    kind: Option<String>,
    client_email: Option<String>,
    private_key: Option<String>,
    private_key_id: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    refresh_token: Option<String>,
    token_uri: Option<String>,
}

impl GoogleCredentials {
    /// Those in a JSON of Google's, for a service account or an authorized user.
    ///
    /// # Errors
    /// [`InvalidCredentials`] names what is wrong with it.
    pub fn from_json(json: &SecretString) -> Result<Self, InvalidCredentials> {
        let CredentialsWire {
            kind,
            client_email,
            private_key,
            private_key_id,
            client_id,
            client_secret,
            refresh_token,
            token_uri,
        } = serde_json::from_str(json.expose_secret()).map_err(|_| InvalidCredentials::NotJson)?;
        let required = |value: Option<String>, name| {
            value.filter(|value| !value.trim().is_empty()).ok_or(InvalidCredentials::Missing(name))
        };
        let audience = token_uri.unwrap_or_else(|| TOKEN_URI.to_owned());
        let uri = token_endpoint(&audience).ok_or(InvalidCredentials::TokenUri)?;
        let way = match &*required(kind, "type")? {
            "service_account" => {
                let email = required(client_email, "client_email")?;
                let key = required(private_key, "private_key")?;
                let key = SigningKey::from_pem(&key, private_key_id).ok_or(InvalidCredentials::Key)?;
                Way::Account { email, key, audience }
            }
            "authorized_user" => {
                let form = form(&[
                    ("grant_type", "refresh_token"),
                    ("client_id", &required(client_id, "client_id")?),
                    ("client_secret", &required(client_secret, "client_secret")?),
                    ("refresh_token", &required(refresh_token, "refresh_token")?),
                ]);
                Way::User { form: form.into() }
            }
            _ => return Err(InvalidCredentials::Type),
        };
        Ok(Self { source: json.clone(), uri, way: Arc::new(way) })
    }

    /// Those of the machine, from the metadata server at `url`.
    ///
    /// # Errors
    /// [`InvalidCredentials::Metadata`] if nobody can be asked there.
    pub fn from_metadata_server(url: &str) -> Result<Self, InvalidCredentials> {
        let uri: Uri = url.parse().map_err(|_| InvalidCredentials::Metadata)?;
        let is_plain = uri.scheme_str() == Some("http")
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && matches!(uri.path(), "" | "/")
            && uri.query().is_none();
        let uri = format!("{}{METADATA_PATH}", url.trim_end_matches('/')).parse();
        let uri = uri.ok().filter(|_| is_plain).ok_or(InvalidCredentials::Metadata)?;
        Ok(Self { source: url.into(), uri, way: Arc::new(Way::Machine) })
    }

    /// How the place of tokens is connected to: as the provider, but for a metadata server, which is at an address where no provider is
    /// and behind no proxy.
    pub(in crate::provider) fn way(&self, of_provider: &transport::Way) -> transport::Way {
        match *self.way {
            Way::Account { .. } | Way::User { .. } => of_provider.clone(),
            Way::Machine => {
                transport::Way { allow_link_local: true, authorities: None, proxy: None, ..of_provider.clone() }
            }
        }
    }

    /// Asks for a token; `None` if the assertion could not be signed.
    pub(super) fn request(&self, now: SystemTime) -> Option<Request<Bytes>> {
        let body = match &*self.way {
            Way::Account { email, key, audience } => {
                let assertion = key.assertion((email, audience), now)?;
                form(&[("grant_type", ASSERTED), ("assertion", &assertion)])
            }
            Way::User { form } => form.expose_secret().to_owned(),
            Way::Machine => String::new(),
        };
        let mut request = Request::new(Bytes::from(body));
        *request.uri_mut() = self.uri.clone();
        if matches!(*self.way, Way::Machine) {
            request.headers_mut().insert("metadata-flavor", HeaderValue::from_static("Google"));
        } else {
            *request.method_mut() = Method::POST;
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(header::CONTENT_TYPE, form);
        }
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Some(request)
    }
}

impl PartialEq for GoogleCredentials {
    fn eq(&self, other: &Self) -> bool {
        self.uri == other.uri && self.source.expose_secret() == other.source.expose_secret()
    }
}

impl fmt::Debug for GoogleCredentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GoogleCredentials").field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// The place of tokens, if it is one that is asked.
fn token_endpoint(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let is_plain = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
        && uri.host().is_some_and(|host| !host.is_empty() && !is_host_off_limits(host))
        && !url.contains('#');
    is_plain.then_some(uri)
}

/// A form (`application/x-www-form-urlencoded`) of these fields.
fn form(fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value, |_| false)));
    fields.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::assertion::tests::fresh_key, *};

    fn read(json: &serde_json::Value) -> Result<GoogleCredentials, InvalidCredentials> {
        GoogleCredentials::from_json(&json.to_string().into())
    }

    fn user() -> serde_json::Value {
        json!({"type": "authorized_user", "client_id": "i&d", "client_secret": "canary", "refresh_token": "canary/1"})
    }

    fn account() -> serde_json::Value {
        json!({"type": "service_account", "client_email": "me@p", "private_key": fresh_key().0, "token_uri": "https://t/x"})
    }

    #[test]
    fn a_user_sends_the_token_that_renews() {
        let request = read(&user()).unwrap().request(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!((request.method(), request.uri().to_string()), (&Method::POST, TOKEN_URI.to_owned()));
        let form = "grant_type=refresh_token&client_id=i%26d&client_secret=canary&refresh_token=canary%2F1";
        assert_eq!(request.body(), form);
    }

    #[test]
    fn an_account_sends_an_assertion_made_at_the_moment() {
        let request = read(&account()).unwrap().request(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(request.uri(), "https://t/x");
        let start = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey";
        assert!(request.body().starts_with(start.as_bytes()));
    }

    #[test]
    fn a_machine_asks_its_metadata_server() {
        let machine = GoogleCredentials::from_metadata_server("http://metadata.google.internal/").unwrap();
        let request = machine.request(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(request.headers()["metadata-flavor"], "Google");
        let uri = format!("http://metadata.google.internal{METADATA_PATH}");
        assert_eq!((request.method(), request.uri().to_string()), (&Method::GET, uri));
        for url in ["", "metadata", "https://metadata.google.internal", "http://a@b", "http://h/path", "http://h?q"] {
            assert_eq!(GoogleCredentials::from_metadata_server(url), Err(InvalidCredentials::Metadata), "{url}");
        }
    }

    #[track_caller]
    fn check_refused(mut json: serde_json::Value, (field, value): (&str, &str), expected: InvalidCredentials) {
        json[field] = value.into();
        assert_eq!(read(&json), Err(expected));
    }

    #[test]
    fn what_is_wrong_is_named() {
        check_refused(user(), ("refresh_token", ""), InvalidCredentials::Missing("refresh_token"));
        check_refused(account(), ("client_email", " "), InvalidCredentials::Missing("client_email"));
        check_refused(account(), ("private_key", "canary"), InvalidCredentials::Key);
        check_refused(user(), ("type", "external_account"), InvalidCredentials::Type);
        for url in ["metadata", "ftp://t/x", "https://u:p@t/x", "http://169.254.169.254/x", "https://t/x#y"] {
            check_refused(user(), ("token_uri", url), InvalidCredentials::TokenUri);
        }
        assert_eq!(read(&json!({})), Err(InvalidCredentials::Missing("type")));
        assert_eq!(GoogleCredentials::from_json(&"canary".into()), Err(InvalidCredentials::NotJson));
    }

    #[test]
    fn credentials_are_told_apart_and_never_printed() {
        let (one, same) = (read(&user()).unwrap(), read(&user()).unwrap());
        let mut json = user();
        json["refresh_token"] = "canary/2".into();
        assert!(one == same && one != read(&json).unwrap());
        assert!(!format!("{one:?}").contains("canary"));
    }
}
