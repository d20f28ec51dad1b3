//! The server: two listeners, their connections, and an orderly end.
//!
//! The accept loop is our own, because the ready-made one offers neither `TCP_NODELAY` nor a header timeout, and an open
//! stream would keep it from ever ending. TLS is absent: a load balancer or a sidecar in front terminates it.

mod acceptor;
mod connection;
mod exchange;
mod lifecycle;
mod listener;
mod patience;
mod request_body;
mod response_head;
mod service;
mod socket;
mod spread;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use lifecycle::{Lifecycle, PhaseReached};
pub use listener::BindError;
pub use request_body::RequestBody;
pub(crate) use response_head::{Head, Lines};
pub(crate) use service::{Incoming, Outgoing};
use tidegate_application::domain::inference::LlmClient;
use tokio::{net::TcpListener, runtime::Handle};

use self::{acceptor::Acceptor, connection::ConnectionLimits, service::HttpService, spread::Spread};
use crate::http::{DataPlane, Gateway, Intake, operations};

/// How long connections may take to write their last words once they are cut.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How many connections the admin listener serves at once.
const ADMIN_CONNECTIONS: usize = 256;

/// Where the server listens, and what it puts up with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// The address of the data plane; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The address of the operations endpoints; port 0 picks a free one.
    pub admin_listen: SocketAddr,
    /// The most connections to the data plane at once; further ones wait in the backlog.
    pub max_connections: usize,
    /// The most connections that wait to be accepted.
    pub backlog: u32,
    /// The most bytes of a request's head.
    pub max_header_bytes: usize,
    /// The most headers of a request.
    pub max_headers: usize,
    /// The most bytes of a request's body.
    pub body_limit: usize,
    /// How long the head of a request may take, from its first byte (from the connection, for the first request).
    pub header_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// After how much silence a stream says that it is still there; never if absent.
    pub keep_alive: Option<Duration>,
    /// How long a connection may rest between two requests.
    pub idle_timeout: Duration,
    /// How long a caller may refuse to read what it asked for.
    pub write_timeout: Duration,
    /// How long requests in flight may go on once the server is asked to end.
    pub drain_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            max_connections: 16_384,
            backlog: 1024,
            max_header_bytes: 64 * 1024,
            max_headers: 100,
            body_limit: 32 * 1024 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            keep_alive: Some(Duration::from_secs(15)),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_mins(1),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every request in flight was finished.
    Drained,
    /// The drain timeout, or a second signal, cut this many connections.
    Cut(usize),
}

/// A server that has its addresses and does not serve yet.
#[derive(Debug)]
pub struct Server {
    data: TcpListener,
    admin: TcpListener,
    data_address: SocketAddr,
    admin_address: SocketAddr,
    options: ServerOptions,
    workers: Vec<Handle>,
}

impl Server {
    /// Takes both addresses. To be called within a runtime.
    ///
    /// # Errors
    /// [`BindError`] names the address that cannot be had, and what to do.
    pub fn bind(options: ServerOptions) -> Result<Self, BindError> {
        let (data, data_address) = listener::bind(options.listen, options.backlog, "listen")?;
        let (admin, admin_address) = listener::bind(options.admin_listen, options.backlog, "admin_listen")?;
        Ok(Self { data, admin, data_address, admin_address, options, workers: Vec::new() })
    }

    /// Serves the data plane's connections on these runtimes, each on the one that serves fewest. Without any, the runtime that
    /// accepts serves them itself.
    #[must_use]
    pub fn on(mut self, workers: Vec<Handle>) -> Self {
        self.workers = workers;
        self
    }

    /// The address of the data plane.
    pub fn address(&self) -> SocketAddr {
        self.data_address
    }

    /// The address of the operations endpoints.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin_address
    }

    /// Serves until `lifecycle` is drained: stops accepting, lets requests in flight go on for the drain timeout, ends
    /// the open streams with an error event, and returns. The operations endpoints answer until the very end.
    pub async fn serve<C: LlmClient>(self, gateway: Gateway<C>, lifecycle: Lifecycle) -> Ended {
        let Self { data, admin, options, workers, .. } = self;
        let admin_service = operations(&gateway, lifecycle.clone());
        let mut admin = Acceptor::new(admin, ADMIN_CONNECTIONS, ConnectionLimits::of(&options), Spread::default());
        let intake = Intake { body_limit: options.body_limit, body_timeout: options.body_timeout };
        let plane = Arc::new(DataPlane::new(&gateway, intake, lifecycle.clone()).with_keep_alive(options.keep_alive));
        let data = Acceptor::new(data, options.max_connections, ConnectionLimits::of(&options), Spread::over(workers));
        let undisturbed = Lifecycle::default();
        tokio::select! {
            biased;
            ended = serve_until_drained(data, plane, &lifecycle, options.drain_timeout) => ended,
            never = admin.accept(admin_service, &undisturbed) => match never {},
        }
    }
}

async fn serve_until_drained<S: HttpService>(
    mut acceptor: Acceptor,
    service: S,
    lifecycle: &Lifecycle,
    drain_timeout: Duration,
) -> Ended {
    tokio::select! {
        biased;
        () = lifecycle.draining() => {}
        never = acceptor.accept(service, lifecycle) => match never {},
    }
    let mut connections = acceptor.close();
    tracing::info!(open = connections.len(), "draining: no new connections");
    tokio::select! {
        biased;
        () = lifecycle.ending() => {}
        () = acceptor::finished(&mut connections) => {}
        () = tokio::time::sleep(drain_timeout) => {}
    }
    let open = connections.len();
    if open == 0 {
        return Ended::Drained;
    }
    tracing::warn!(open, "cutting the connections that are left");
    lifecycle.cut();
    let _late = tokio::time::timeout(LAST_WORDS, acceptor::finished(&mut connections)).await;
    connections.shutdown().await;
    Ended::Cut(open)
}
