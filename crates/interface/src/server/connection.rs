//! One connection: HTTP/1.1 under limits, until it is closed or the server drains.
//!
//! A caller that closes its sending side counts as gone, and its upstream call is cancelled: nothing else tells a caller
//! that hung up from one that only finished sending, and tokens nobody reads cost money.

use std::{convert::Infallible, error::Error, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::{
    body::{Body, Incoming},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{
    Lifecycle, ServerOptions,
    patience::HeadTimer,
    socket::{Activity, Socket},
};

/// hyper keeps this many headers on the stack, and allocates as soon as it is told a number.
const HEADERS_WITHOUT_ALLOCATION: usize = 100;

/// A service that answers whatever it is asked.
pub(super) trait HttpService<B>:
    Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Clone + Send + Sync + 'static
{
}

impl<B, S> HttpService<B> for S where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// A body that can be sent.
pub(super) trait ResponseBody:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static
{
}

impl<B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static> ResponseBody for B {}

/// What a connection puts up with.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionLimits {
    max_header_bytes: usize,
    max_headers: usize,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
}

impl ConnectionLimits {
    /// The part of the options that concerns a connection.
    pub(super) fn of(options: &ServerOptions) -> Self {
        Self {
            max_header_bytes: options.max_header_bytes,
            max_headers: options.max_headers,
            header_timeout: options.header_timeout,
            idle_timeout: options.idle_timeout,
            write_timeout: options.write_timeout,
        }
    }

    fn builder(&self, activity: &Arc<Activity>) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(HeadTimer::new(Arc::clone(activity), self.header_timeout))
            .header_read_timeout(self.idle_timeout.max(self.header_timeout))
            .max_header_size(self.max_header_bytes);
        if self.max_headers != HEADERS_WITHOUT_ALLOCATION {
            builder.max_headers(self.max_headers);
        }
        builder
    }
}

/// Serves `stream` until it is closed; once the server drains, until the request in flight is answered.
pub(super) async fn serve<S, B>(stream: TcpStream, service: S, limits: ConnectionLimits, lifecycle: Lifecycle)
where
    S: HttpService<B>,
    B: ResponseBody,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection was closed before it was served");
        return;
    }
    let activity = Arc::new(Activity::default());
    let socket = Socket::new(stream, Arc::clone(&activity), limits.write_timeout);
    let builder = limits.builder(&activity);
    let watched = service_fn(|request| {
        let answer = service.call(request);
        let activity = Arc::clone(&activity);
        async move { answer.await.inspect(|response| activity.linger_if(leaves_body_unread(response.status()))) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), watched));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = lifecycle.draining() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection ended early");
    }
}

fn leaves_body_unread(status: StatusCode) -> bool {
    matches!(status, StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT | StatusCode::UNSUPPORTED_MEDIA_TYPE)
}
