//! HTTP/1.1 to one provider: a pool of connections, and what a broken connection means.
//!
//! The only module that knows how HTTP is spoken to a provider. Whoever asks writes to the connection and reads from it himself: no task and no channel
//! stands between (ADR 0018). It keeps one deadline, for connecting; it follows
//! no redirect, and a proxy sees a tunnel only, so a credential goes to the configured host or nowhere. HTTP/2 is left out on purpose: one
//! connection per host queues past its stream limit and fails as a whole.

mod body;
mod connection;
mod connector;
mod message;
mod pool;
mod resolver;
mod tunnel;
mod wire;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Uri, uri::Authority};
use tidegate_domain::{
    fault::{Fault, FaultKind, TransportFault, Work},
    name::NamedMap,
};
use tower::Service;

pub use self::connector::TlsError;
pub(super) use self::{
    body::{Answer, AnswerBody, BodyError, ReadBodyError, body_fault, drain, read_body},
    connector::TlsRoots,
    message::{Common, Message},
};
use self::{
    connection::{Cause, Connection, Unanswered},
    connector::{ConnectError, Connector},
    pool::Host,
};
use super::connecting::{Authorities, Proxy};

/// The connections to one provider. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    connector: Connector,
    hosts: Arc<RwLock<Hosts>>,
    way: Way,
}

/// How a provider is connected to. Connections that were opened in one way serve no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Way {
    /// How long a connection may take to stand.
    pub(super) connect_timeout: Duration,
    /// Whether it may be at a link-local or metadata address.
    pub(super) allow_link_local: bool,
    /// Whom to trust in place of the public authorities.
    pub(super) authorities: Option<Authorities>,
    /// What to go through.
    pub(super) proxy: Option<Proxy>,
}

/// The hosts of each authority: what two requests have in common that can go over one connection is that and the scheme.
type Hosts = NamedMap<Authority, Vec<Arc<Host>>>;

impl Transport {
    /// Makes the pool; nothing is connected yet.
    pub(super) fn new(way: Way, roots: &TlsRoots) -> Self {
        Self { connector: Connector::new(&way, roots), hosts: Arc::default(), way }
    }

    /// How it connects.
    pub(super) fn way(&self) -> &Way {
        &self.way
    }

    /// Gets `request` ready.
    ///
    /// # Errors
    /// If it names no host.
    pub(super) fn message(&self, request: Request<Bytes>) -> Result<Message<'static>, Fault> {
        Ok(Message::new(self.host(request.uri())?, request))
    }

    /// What every request has in common with `request`; the id is left open if `takes_id`.
    ///
    /// # Errors
    /// If it names no host.
    pub(super) fn common(&self, request: Request<Bytes>, takes_id: bool) -> Result<Common, Fault> {
        Ok(Common::of(self.host(request.uri())?, request, takes_id))
    }

    /// Sends a request; resolves with the head of the answer. Dropping the future, or the body, closes the connection.
    ///
    /// A pooled connection that turns out closed before a byte of the request was written is replaced unseen.
    pub(super) async fn send(&self, message: Message<'_>) -> Result<Answer, Fault> {
        let host = &message.host;
        while let Some(mut connection) = host.take() {
            match connection.ask(&message).await {
                Ok(head) => return Ok(body::answer(head, connection, message.host)),
                Err(Unanswered { is_sent: false, .. }) => {}
                Err(unanswered) => return Err(unanswered.into()),
            }
        }
        let mut connection = self.open(host).await?;
        let head = connection.ask(&message).await?;
        Ok(body::answer(head, connection, message.host))
    }

    /// In a box: it is handed on from here to its answer, from there to where it rests, and from there to the next request.
    async fn open(&self, host: &Host) -> Result<Box<Connection>, Fault> {
        let connected = self.connector.clone().call(host.uri.clone()).await;
        Ok(Box::new(Connection::new(connected.map_err(|error| connect_fault(&error))?.into())))
    }

    /// Opens a connection to the host of `uri`, and closes it.
    pub(super) async fn connect(&self, uri: &Uri) -> Result<(), Fault> {
        self.connector.clone().call(uri.clone()).await.map(drop).map_err(|error| connect_fault(&error))
    }

    fn host(&self, uri: &Uri) -> Result<Arc<Host>, Fault> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(Fault::new(
                FaultKind::Transport(TransportFault::Connect),
                Work::NotSent,
                "the URL names no host",
            ));
        };
        let known = |hosts: &[Arc<Host>]| hosts.iter().find(|host| host.uri.scheme() == Some(scheme)).cloned();
        if let Some(host) =
            self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(authority).and_then(|of| known(of))
        {
            return Ok(host);
        }
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        let of_authority = hosts.entry(authority.clone()).or_default();
        Ok(known(of_authority).unwrap_or_else(|| {
            let host = Arc::new(Host::new(uri.clone()));
            of_authority.push(Arc::clone(&host));
            host
        }))
    }
}

fn connect_fault(ConnectError { fault, detail }: &ConnectError) -> Fault {
    Fault::new(FaultKind::Transport(*fault), Work::NotSent, *detail)
}

impl From<Unanswered> for Fault {
    fn from(Unanswered { is_sent, cause }: Unanswered) -> Self {
        // Only what was never written is known not to have arrived.
        let work = if is_sent { Work::Ambiguous } else { Work::NotSent };
        match cause {
            Cause::Malformed => Self::new(FaultKind::Malformed, work, "the answer is not HTTP"),
            Cause::Broken => {
                let kind = FaultKind::Transport(TransportFault::Reset);
                Self::new(kind, work, "the connection broke before the answer")
            }
        }
    }
}
