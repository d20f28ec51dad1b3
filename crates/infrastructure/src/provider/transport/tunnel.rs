//! TCP to a provider, straight or through a tunnel of a proxy.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{HttpConnector, dns::GaiResolver},
    rt::TokioIo,
};
use tidegate_domain::fault::TransportFault;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tower::Service;

use super::{
    connector::ConnectError,
    resolver::{ResolveError, Resolver},
};
use crate::provider::{connecting::Proxy, reach::is_host_off_limits};

const KEEPALIVE: Duration = Duration::from_mins(1);
/// What is put up with in the head of a proxy's answer.
const MAX_HEAD_BYTES: usize = 8 * 1024;

const OFF_LIMITS: ConnectError = ConnectError {
    fault: TransportFault::Connect,
    detail: "the host is at a link-local or metadata address, which only 'allow_link_local' allows",
};

/// Opens TCP connections to providers.
#[derive(Debug, Clone)]
pub(super) struct Tcp {
    direct: HttpConnector<Resolver<GaiResolver>>,
    allow_link_local: bool,
    proxy: Option<Arc<Proxy>>,
}

impl Tcp {
    pub(super) fn new(timeout: Duration, allow_link_local: bool, proxy: Option<Proxy>) -> Self {
        let mut direct = HttpConnector::new_with_resolver(Resolver { inner: GaiResolver::new(), allow_link_local });
        direct.enforce_http(false);
        direct.set_nodelay(true);
        direct.set_keepalive(Some(KEEPALIVE));
        direct.set_connect_timeout(Some(timeout));
        Self { direct, allow_link_local, proxy: proxy.map(Arc::new) }
    }

    /// A literal address is never resolved, and a proxy resolves by itself: so the host is looked at here too.
    fn is_off_limits(&self, uri: &Uri) -> bool {
        !self.allow_link_local && uri.host().is_some_and(is_host_off_limits)
    }
}

impl Service<Uri> for Tcp {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.direct.poll_ready(context).map_err(|error| tcp_error(&error))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let proxy = self.proxy.clone();
        let next = proxy.as_ref().map_or(&uri, |proxy| &proxy.uri).clone();
        if self.is_off_limits(&uri) || self.is_off_limits(&next) {
            return Box::pin(async { Err(OFF_LIMITS) });
        }
        let connecting = self.direct.call(next);
        Box::pin(async move {
            let mut connection = connecting.await.map_err(|error| tcp_error(&error))?;
            if let Some(proxy) = proxy {
                open_tunnel(connection.inner_mut(), &proxy, &uri).await?;
            }
            Ok(connection)
        })
    }
}

fn tcp_error(error: &(dyn Error + 'static)) -> ConnectError {
    match source::<ResolveError>(error) {
        Some(ResolveError::OffLimits) => OFF_LIMITS,
        Some(ResolveError::Unknown(_)) => {
            ConnectError { fault: TransportFault::Dns, detail: "the host name was not resolved" }
        }
        None => ConnectError { fault: TransportFault::Connect, detail: "nobody accepted the connection" },
    }
}

/// Asks the proxy for a tunnel to the host of `uri`. What follows on the connection is the provider's.
async fn open_tunnel(stream: &mut TcpStream, proxy: &Proxy, uri: &Uri) -> Result<(), ConnectError> {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let target = format!("{}:{port}", uri.host().unwrap_or_default());
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let broken = |_| refused("the proxy broke the connection off");
    stream.write_all(&request).await.map_err(broken)?;
    let mut head = Vec::with_capacity(256);
    loop {
        if stream.read_buf(&mut head).await.map_err(broken)? == 0 {
            return Err(refused("the proxy hung up"));
        }
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            // A provider speaks when it was spoken to: what came with the answer is nobody's.
            return if end + 4 == head.len() { opened(&head) } else { Err(refused("the proxy's answer is not HTTP")) };
        }
        if head.len() > MAX_HEAD_BYTES {
            return Err(refused("the proxy's answer is too long"));
        }
    }
}

fn opened(head: &[u8]) -> Result<(), ConnectError> {
    match head {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'2', ..] => Ok(()),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', _, b' ', b'4', b'0', b'7', ..] => {
            Err(refused("the proxy asks for other credentials"))
        }
        _ => Err(refused("the proxy opens no way to the host")),
    }
}

fn refused(detail: &'static str) -> ConnectError {
    ConnectError { fault: TransportFault::Connect, detail }
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
