//! How a provider is reached: whom TLS trusts, and through which proxy.

use std::sync::Arc;

use http::{HeaderValue, Uri, uri::PathAndQuery};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use secrecy::{ExposeSecret, SecretString};

use crate::base64;

/// Certificate authorities that a provider's certificate is checked against, in place of the public ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities(Arc<[CertificateDer<'static>]>);

/// Why text is no bundle of authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthorities {
    /// A block of PEM does not hold together.
    #[error("holds a certificate that cannot be read")]
    Malformed,
    /// There is no certificate.
    #[error("holds no certificate; it must have lines like -----BEGIN CERTIFICATE-----")]
    Empty,
}

impl Authorities {
    /// The certificates of a text in PEM; whatever else stands in it is passed over.
    ///
    /// # Errors
    /// [`InvalidAuthorities`] if there are none, or one cannot be an authority.
    pub fn from_pem(pem: &str) -> Result<Self, InvalidAuthorities> {
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| InvalidAuthorities::Malformed)?;
        if certificates.is_empty() {
            return Err(InvalidAuthorities::Empty);
        }
        let authorities = Self(certificates.into());
        let readable = authorities.store().len();
        if readable == authorities.0.len() { Ok(authorities) } else { Err(InvalidAuthorities::Malformed) }
    }

    /// The authorities as TLS takes them.
    pub(super) fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(self.0.iter().cloned());
        store
    }
}

/// A proxy that opens a tunnel to a provider (`CONNECT`, RFC 9110 section 9.3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(super) uri: Uri,
    /// What it is shown of us; never printed.
    pub(super) authorization: Option<HeaderValue>,
}

/// Why a proxy cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// It is no plain URL.
    #[error("must be http:// with a host and a port, without a path")]
    Url,
    /// The URL holds a user name or a password.
    #[error("holds a user name or password; put them into 'proxy_credentials'")]
    Credentials,
}

impl Proxy {
    /// The proxy at `url`, to which `credentials`, `user:password`, are shown.
    ///
    /// # Errors
    /// [`InvalidProxy`] says what is wrong with the URL; it never repeats it.
    pub fn new(url: &str, credentials: Option<&SecretString>) -> Result<Self, InvalidProxy> {
        let uri: Uri = url.parse().map_err(|_| InvalidProxy::Url)?;
        let authority = uri.authority().ok_or(InvalidProxy::Url)?;
        if authority.as_str().contains('@') {
            return Err(InvalidProxy::Credentials);
        }
        let has_path = !matches!(uri.path_and_query().map(PathAndQuery::as_str), None | Some("/"));
        if uri.scheme_str() != Some("http") || authority.host().is_empty() || has_path || url.contains('#') {
            return Err(InvalidProxy::Url);
        }
        Ok(Self { uri, authorization: credentials.and_then(basic) })
    }
}

/// Credentials as the scheme `Basic` shows them (RFC 7617).
fn basic(credentials: &SecretString) -> Option<HeaderValue> {
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", base64::encode(credentials.expose_secret().as_bytes()))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_a_host_and_its_credentials_are_never_printed() {
        let credentials = SecretString::from("Aladdin:open sesame");
        let proxy = Proxy::new("http://proxy.example:3128", Some(&credentials)).unwrap();
        assert_eq!(proxy.authorization.as_ref().unwrap(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(!format!("{proxy:?}").contains("QWxh"));
        for url in ["https://p:1", "p:3128", "http://p/path", "http://p/#x", "socks5://p", "http://", ""] {
            assert_eq!(Proxy::new(url, None), Err(InvalidProxy::Url), "{url}");
        }
        assert_eq!(Proxy::new("http://me:canary@p:1", None), Err(InvalidProxy::Credentials));
    }

    #[test]
    fn a_bundle_without_a_readable_certificate_is_refused() {
        assert_eq!(Authorities::from_pem("hello"), Err(InvalidAuthorities::Empty));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(Authorities::from_pem(broken), Err(InvalidAuthorities::Malformed));
    }
}
