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
use hyper_util::{
    client::legacy::connect::{
        HttpConnector,
        dns::{GaiAddrs, GaiFuture, GaiResolver, Name},
    },
    rt::TokioIo,
};
use rustls::{ClientConfig, crypto::aws_lc_rs};
use tidegate_domain::fault::TransportFault;
use tokio::net::TcpStream;
use tower::Service;

const KEEPALIVE: Duration = Duration::from_mins(1);

/// A connection that did not come to stand.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub(super) struct ConnectError {
    pub(super) fault: TransportFault,
    pub(super) detail: &'static str,
}

/// The cryptography offers none of the protocol versions that are asked of it.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up")]
pub struct TlsError(#[from] rustls::Error);

/// Whom TLS trusts: the public certificate authorities. Made once, shared by all providers.
#[derive(Debug, Clone)]
pub(crate) struct TlsRoots(Arc<ClientConfig>);

impl TlsRoots {
    /// Reads the compiled-in authorities.
    pub(crate) fn public() -> Result<Self, TlsError> {
        // The cryptography is named rather than taken from the process: two crates with two defaults panic at run time.
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_webpki_roots()
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

/// Opens connections for the pool.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector<Resolver>>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(timeout: Duration, TlsRoots(tls): &TlsRoots) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_connect_timeout(Some(timeout));
        Self { inner: HttpsConnector::from((tcp, Arc::clone(tls))), timeout }
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

/// TLS alone reports a bare I/O error; whatever TCP reports is wrapped by its connector.
fn connect_error(error: &(dyn Error + Send + Sync + 'static)) -> ConnectError {
    if source::<ResolveError>(error).is_some() {
        return ConnectError { fault: TransportFault::Dns, detail: "the host name was not resolved" };
    }
    if error.is::<io::Error>() {
        return ConnectError { fault: TransportFault::Tls, detail: "the TLS handshake failed" };
    }
    ConnectError { fault: TransportFault::Connect, detail: "nobody accepted the connection" }
}

/// The system's resolver, with an error of its own to tell it by.
#[derive(Debug, Clone)]
struct Resolver(GaiResolver);

#[derive(Debug, thiserror::Error)]
#[error("the host name was not resolved")]
struct ResolveError(#[source] io::Error);

impl Service<Name> for Resolver {
    type Response = GaiAddrs;
    type Error = ResolveError;
    type Future = Resolving;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        self.0.poll_ready(context).map_err(ResolveError)
    }

    fn call(&mut self, name: Name) -> Resolving {
        Resolving(self.0.call(name))
    }
}

struct Resolving(GaiFuture);

impl Future for Resolving {
    type Output = Result<GaiAddrs, ResolveError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(ResolveError)
    }
}

/// The first error of type `E` below `error`.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}
