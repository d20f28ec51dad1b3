//! Connects: name, TCP, TLS, all within one deadline, and says which of them failed.

use std::{
    error::Error,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, MaybeHttpsStream};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier, crypto::aws_lc_rs};
use tidegate_domain::fault::TransportFault;
use tokio::net::TcpStream;
use tower::Service;

use super::{Way, tunnel::Tcp};
use crate::provider::connecting::Authorities;

/// A connection that did not come to stand.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{detail}")]
pub(super) struct ConnectError {
    pub(super) fault: TransportFault,
    pub(super) detail: &'static str,
}

/// The cryptography offers none of the protocol versions that are asked of it.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up")]
pub struct TlsError(#[from] rustls::Error);

/// Whom TLS trusts. The public authorities are made once, shared by all providers that have none of their own.
#[derive(Debug, Clone)]
pub(crate) struct TlsRoots(Arc<ClientConfig>);

impl TlsRoots {
    /// Reads the compiled-in authorities.
    pub(crate) fn public() -> Result<Self, TlsError> {
        Ok(Self::new(builder()?.with_webpki_roots().with_no_client_auth()))
    }

    /// Trusts these and nobody else.
    pub(crate) fn of(authorities: &Authorities) -> Result<Self, TlsError> {
        Ok(Self::new(builder()?.with_root_certificates(authorities.store()).with_no_client_auth()))
    }

    fn new(mut config: ClientConfig) -> Self {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }
}

/// The cryptography is named rather than taken from the process: two crates with two defaults panic at run time.
fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?)
}

/// Opens connections for the pool.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<Tcp>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(way: &Way, TlsRoots(tls): &TlsRoots) -> Self {
        let tcp = Tcp::new(way.connect_timeout, way.allow_link_local, way.proxy.clone());
        Self { inner: HttpsConnector::from((tcp, Arc::clone(tls))), timeout: way.connect_timeout }
    }
}

/// A connection that stands.
pub(super) type Connected = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Connected;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Connected, ConnectError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(context).map_err(|error| connect_error(&*error))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = tokio::time::timeout(self.timeout, self.inner.call(uri));
        Box::pin(async move {
            match connecting.await {
                Ok(connected) => connected.map_err(|error| connect_error(&*error)),
                Err(_) => Err(ConnectError { fault: TransportFault::Connect, detail: "no connection in time" }),
            }
        })
    }
}

/// TLS alone reports a bare I/O error; TCP reports what it was itself.
fn connect_error(error: &(dyn Error + Send + Sync + 'static)) -> ConnectError {
    if let Some(error) = error.downcast_ref::<ConnectError>() {
        return *error;
    }
    if error.is::<io::Error>() {
        return ConnectError { fault: TransportFault::Tls, detail: "the TLS handshake failed" };
    }
    ConnectError { fault: TransportFault::Connect, detail: "nobody accepted the connection" }
}
