//! The accept loop of one listener.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use super::{
    Lifecycle,
    connection::{self, ConnectionLimits},
    service::HttpService,
    spread::Spread,
};

/// How long to wait after the system could not give a connection, say for want of file descriptors: trying again at once
/// would spin until one is closed.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Accepts connections and serves each in a task of its own.
pub(super) struct Acceptor {
    listener: TcpListener,
    slots: Arc<Semaphore>,
    limits: ConnectionLimits,
    spread: Spread,
    connections: JoinSet<()>,
}

impl Acceptor {
    /// Accepts up to `max_connections` at once, and has them served where `spread` says.
    pub(super) fn new(listener: TcpListener, max_connections: usize, limits: ConnectionLimits, spread: Spread) -> Self {
        let slots = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
        Self { listener, slots, limits, spread, connections: JoinSet::new() }
    }

    /// Accepts until it is dropped.
    pub(super) async fn accept<S: HttpService>(&mut self, service: S, lifecycle: &Lifecycle) -> Infallible {
        loop {
            tokio::select! {
                (stream, slot) = next(&self.listener, &self.slots) => {
                    let (service, limits, lifecycle) = (service.clone(), self.limits, lifecycle.clone());
                    let serve = move |stream| connection::serve(stream, service, limits, lifecycle);
                    self.hand_on(stream, slot, serve);
                }
                Some(finished) = self.connections.join_next() => note(finished),
            }
        }
    }

    /// Has a connection served. It is registered where it is served, or each of its events would wake two threads.
    fn hand_on<F>(
        &mut self,
        stream: TcpStream,
        slot: OwnedSemaphorePermit,
        serve: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some((handle, seat)) = self.spread.next() else {
            self.connections.spawn(async move {
                serve(stream).await;
                drop(slot);
            });
            return;
        };
        let Ok(stream) = stream.into_std() else { return };
        self.connections.spawn_on(
            async move {
                match TcpStream::from_std(stream) {
                    Ok(stream) => serve(stream).await,
                    Err(error) => tracing::warn!(%error, "a connection cannot be served"),
                }
                drop((slot, seat));
            },
            handle,
        );
    }

    /// Stops listening and hands over the connections that are open.
    pub(super) fn close(self) -> JoinSet<()> {
        self.connections
    }
}

/// Resolves once every connection is closed.
pub(super) async fn finished(connections: &mut JoinSet<()>) {
    while let Some(finished) = connections.join_next().await {
        note(finished);
    }
}

fn note(finished: Result<(), tokio::task::JoinError>) {
    if let Err(error) = finished {
        tracing::error!(%error, "a connection's task failed");
    }
}

async fn next(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        // The semaphore is never closed; were it, no connection would be the safe answer.
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else { return std::future::pending().await };
        match listener.accept().await {
            Ok((stream, _peer)) => return (stream, slot),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection; trying again shortly");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Whether the connection went away before it was accepted; the next one may be fine.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
