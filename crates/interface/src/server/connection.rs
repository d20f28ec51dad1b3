//! One connection: HTTP/1.1 under limits, until it is closed or the server drains.
//!
//! One task does everything: it reads a head, answers it, writes the answer, and while it waits for the one or the other it listens whether
//! the caller is still there. A caller that closes its sending side counts as gone, and its upstream call is cancelled: nothing else tells a caller
//! that hung up from one that only finished sending, and tokens nobody reads cost money.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use tidegate_http1::{HeadError, HeadLimits, HeadScan, RequestHead};
use tokio::net::TcpStream;

use super::{
    Lifecycle, PhaseReached, ServerOptions,
    exchange::{self, Next},
    patience::{Deadline, Patience},
    service::HttpService,
    socket::Socket,
};

/// What a connection puts up with.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    head: HeadLimits,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
}

impl ConnectionLimits {
    /// The part of the options that concerns a connection.
    pub(super) fn of(options: &ServerOptions) -> Self {
        Self {
            head: HeadLimits { max_bytes: options.max_header_bytes, max_headers: options.max_headers },
            header_timeout: options.header_timeout,
            idle_timeout: options.idle_timeout,
            write_timeout: options.write_timeout,
        }
    }
}

/// Serves `stream` until it is closed; once the server drains, until the request in flight is answered.
pub(super) async fn serve<S: HttpService>(
    stream: TcpStream,
    service: S,
    limits: ConnectionLimits,
    lifecycle: Lifecycle,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection was closed before it was served");
        return;
    }
    let mut connection = Connection {
        socket: Socket::new(stream, limits.write_timeout),
        limits,
        patience: Patience::default(),
        draining: lifecycle.draining(),
        lifecycle,
    };
    if let Err(error) = connection.converse(&service).await {
        tracing::debug!(%error, "connection ended early");
    }
}

struct Connection {
    socket: Socket,
    limits: ConnectionLimits,
    patience: Patience,
    lifecycle: Lifecycle,
    draining: PhaseReached,
}

impl Connection {
    async fn converse<S: HttpService>(&mut self, service: &S) -> io::Result<()> {
        // Noted once: whatever is answered within this task is polled when the phase changes.
        poll_fn(|context| Poll::Ready(Pin::new(&mut self.draining).poll(context).is_ready())).await;
        let mut rest = self.limits.header_timeout;
        loop {
            let Some(heard) = self.listen(rest).await else { return Ok(()) };
            let head = match heard.and_then(|head| RequestHead::parse(head, self.limits.head)) {
                Ok(head) => head,
                Err(error) => {
                    exchange::refuse(&mut self.socket, error);
                    return self.socket.close_slowly().await;
                }
            };
            match exchange::answer(&mut self.socket, head, service, &self.lifecycle).await? {
                Next::Listen => self.socket.rest(),
                Next::Close => return self.socket.close().await,
                Next::CloseSlowly => return self.socket.close_slowly().await,
                Next::Drop => return Ok(()),
            }
            rest = self.limits.idle_timeout.max(self.limits.header_timeout);
        }
    }

    /// Waits for the next head, which is still to be read: `rest` for its first byte, and the time for a head from there. `None` if there is none.
    async fn listen(&mut self, rest: Duration) -> Option<Result<Bytes, HeadError>> {
        let mut scan = HeadScan::default();
        let mut is_begun = !self.socket.buffer.is_empty();
        let mut deadline = Deadline::after(if is_begun { self.limits.header_timeout } else { rest });
        poll_fn(|context| {
            loop {
                match scan.take(&mut self.socket.buffer, self.limits.head) {
                    Ok(Some(head)) => return Poll::Ready(Some(Ok(head))),
                    Err(error) => return Poll::Ready(Some(Err(error))),
                    Ok(None) => {}
                }
                match self.socket.poll_fill(context, 0) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                    Poll::Ready(Ok(_)) => {
                        if !is_begun {
                            (is_begun, deadline) = (true, Deadline::after(self.limits.header_timeout));
                        }
                        continue;
                    }
                    Poll::Pending => {}
                }
                if !is_begun && Pin::new(&mut self.draining).poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                ready!(self.patience.poll_over(deadline.at(), context));
                return Poll::Ready(None);
            }
        })
        .await
    }
}
