//! HTTP/1.1 to one provider: a pool of connections, and what a broken connection means.
//!
//! The only module that knows which HTTP client is used. It keeps one deadline, for connecting; it follows no redirect and
//! uses no proxy, so a credential goes to the configured host or nowhere. HTTP/2 is left out on purpose: one connection per
//! host queues past its stream limit and fails as a whole.

mod connector;

use std::{
    error::Error,
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper_util::{
    client::legacy::{self, Client},
    rt::{TokioExecutor, TokioTimer},
};
use tidegate_domain::fault::{Fault, FaultKind, TransportFault, Work};

pub use self::connector::TlsError;
pub(super) use self::connector::TlsRoots;
use self::connector::{ConnectError, Connector};

/// Shorter than the keep-alive of the servers that providers run behind, so that a pooled connection is seldom stale.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_IDLE_PER_HOST: usize = 256;
/// What is read past the end of an answer to keep its connection.
const MAX_DRAINED_BYTES: usize = 16 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// The body of an answer. Dropping it before its end closes the connection.
#[derive(Debug)]
pub(super) struct AnswerBody(Incoming);

/// What broke a body off.
#[derive(Debug)]
pub(super) struct BodyError(hyper::Error);

/// The connections to one provider. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    client: Arc<Client<Connector, Full<Bytes>>>,
    connect_timeout: Duration,
}

/// A body that could not be read whole.
#[derive(Debug)]
pub(super) enum ReadBodyError {
    /// It is over the limit.
    TooLong,
    /// It broke off.
    Broken(BodyError),
}

impl Transport {
    /// Makes the pool; nothing is connected yet.
    pub(super) fn new(connect_timeout: Duration, roots: &TlsRoots) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .build(Connector::new(connect_timeout, roots));
        Self { client: Arc::new(client), connect_timeout }
    }

    /// How long a connection may take to stand.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Sends a request; resolves with the head of the answer. Dropping the future, or the body, closes the connection.
    ///
    /// A pooled connection that turns out closed before the request was written is replaced unseen.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<AnswerBody>, Fault> {
        let answered = self.client.request(request.map(Full::new)).await;
        answered.map(|response| response.map(AnswerBody)).map_err(|error| send_fault(&error))
    }
}

impl AnswerBody {
    /// The next bytes, as the network delivered them; `None` at the end.
    pub(super) fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_frame(context)) {
                // Trailers mean nothing to a gateway.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(BodyError(error)))),
                None => return Poll::Ready(None),
            }
        }
    }

    /// The next bytes; see [`Self::poll_data`].
    pub(super) async fn data(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|context| self.poll_data(context)).await
    }

    /// Whether nothing is left to read.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_end_stream()
    }
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read_body(response: Response<AnswerBody>, limit: usize) -> Result<Bytes, ReadBodyError> {
    let announced = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(ReadBodyError::TooLong);
    }
    let mut body = response.into_body();
    let Some(mut whole) = body.data().await.transpose().map_err(ReadBodyError::Broken)?.map(BytesMut::from) else {
        return Ok(Bytes::new());
    };
    while let Some(data) = body.data().await.transpose().map_err(ReadBodyError::Broken)? {
        if whole.len() + data.len() > limit {
            return Err(ReadBodyError::TooLong);
        }
        whole.extend_from_slice(&data);
    }
    if whole.len() > limit { Err(ReadBodyError::TooLong) } else { Ok(whole.freeze()) }
}

/// Reads what follows the end of an answer, so that its connection can serve again: the last, empty piece of a chunked
/// body often comes by itself. Gives up soon, since giving up costs one connection.
pub(super) fn drain(mut body: AnswerBody) {
    if body.is_over() {
        return;
    }
    tokio::spawn(async move {
        let mut read = 0;
        let drained = async {
            while let Some(Ok(data)) = body.data().await {
                read += data.len();
                if read > MAX_DRAINED_BYTES {
                    return;
                }
            }
        };
        // Either end is fine: what is not drained is closed.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, drained).await;
    });
}

/// The fault of a body that broke off. A reset is the connection's; everything else broke the protocol.
pub(super) fn body_fault(error: &BodyError, work: Work) -> Fault {
    let reset = source::<io::Error>(&error.0).is_some_and(|error| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
        matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | TimedOut)
    });
    if reset {
        return Fault::new(FaultKind::Transport(TransportFault::Reset), work, "the connection broke within the answer");
    }
    Fault::new(FaultKind::Malformed, work, "the answer was cut")
}

fn send_fault(error: &legacy::Error) -> Fault {
    if let Some(ConnectError { fault, detail }) = source::<ConnectError>(error) {
        return Fault::new(FaultKind::Transport(*fault), Work::NotSent, *detail);
    }
    let hyper = source::<hyper::Error>(error);
    if hyper.is_some_and(hyper::Error::is_parse) {
        return Fault::new(FaultKind::Malformed, Work::Ambiguous, "the answer is not HTTP");
    }
    // Only what was never written is known not to have arrived.
    let unsent = error.is_connect() || hyper.is_some_and(hyper::Error::is_canceled);
    let work = if unsent { Work::NotSent } else { Work::Ambiguous };
    Fault::new(FaultKind::Transport(TransportFault::Reset), work, "the connection broke before the answer")
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
