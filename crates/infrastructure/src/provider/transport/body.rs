//! The body of an answer.

use std::{
    future::poll_fn,
    io,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use tidegate_domain::fault::{Fault, FaultKind, TransportFault, Work};
use tidegate_http1::{Body, Fields, Progress, ResponseHead};

use super::{connection::Connection, pool::Host};

/// What is read past the end of an answer to keep its connection.
const MAX_DRAINED_BYTES: usize = 16 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// An answer whose head is there.
#[derive(Debug)]
pub(in crate::provider) struct Answer {
    pub(in crate::provider) status: StatusCode,
    pub(in crate::provider) fields: Fields,
    pub(in crate::provider) body: AnswerBody,
}

/// The body of an answer. Dropping it before its end closes the connection; at its end the connection goes to rest.
#[derive(Debug)]
pub(in crate::provider) struct AnswerBody(Option<Open>);

#[derive(Debug)]
struct Open {
    body: Body,
    connection: Box<Connection>,
    host: Arc<Host>,
    persistent: bool,
}

/// What broke a body off.
#[derive(Debug)]
pub(in crate::provider) enum BodyError {
    /// The connection.
    Broken(io::Error),
    /// The upstream: it closed too early, or framed wrongly.
    Malformed,
}

/// A body that could not be read whole.
#[derive(Debug)]
pub(in crate::provider) enum ReadBodyError {
    /// It is over the limit.
    TooLong,
    /// It broke off.
    Broken(BodyError),
}

/// The answer that `head` begins.
pub(super) fn answer(head: ResponseHead, connection: Box<Connection>, host: Arc<Host>) -> Answer {
    let ResponseHead { status, fields, body, persistent } = head;
    let mut answer = AnswerBody(Some(Open { body, connection, host, persistent }));
    answer.settle();
    Answer { status, fields, body: answer }
}

impl AnswerBody {
    /// The next bytes, as the network delivered them; `None` at the end.
    pub(in crate::provider) fn poll_data(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        let Some(open) = &mut self.0 else { return Poll::Ready(None) };
        match ready!(open.poll_data(context)) {
            Some(Err(error)) => {
                self.0 = None;
                Poll::Ready(Some(Err(error)))
            }
            data => {
                self.settle();
                Poll::Ready(data)
            }
        }
    }

    /// The next bytes; see [`Self::poll_data`].
    pub(in crate::provider) async fn data(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|context| self.poll_data(context)).await
    }

    /// Whether nothing is left to read.
    pub(in crate::provider) fn is_over(&self) -> bool {
        self.0.is_none()
    }

    /// Puts the connection to rest once the body is over.
    fn settle(&mut self) {
        if self.0.as_ref().is_some_and(|open| open.body.is_over())
            && let Some(Open { connection, host, persistent: true, .. }) = self.0.take()
            && connection.buffer.is_empty()
        {
            host.put(connection);
        }
    }

    /// How many bytes are left at least.
    fn left(&self) -> u64 {
        self.0.as_ref().map_or(0, |open| open.body.left())
    }
}

impl Open {
    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match self.body.take(&mut self.connection.buffer) {
                Ok(Progress::Data(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(Progress::Over) => return Poll::Ready(None),
                Ok(Progress::Starved) => {}
                Err(_) => return Poll::Ready(Some(Err(BodyError::Malformed))),
            }
            match ready!(self.connection.poll_read(context, self.body.left())) {
                Ok(0) => return Poll::Ready(self.body.close().err().map(|_| Err(BodyError::Malformed))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(BodyError::Broken(error)))),
            }
        }
    }
}

/// Reads a body of at most `limit` bytes.
pub(in crate::provider) async fn read_body(mut body: AnswerBody, limit: usize) -> Result<Bytes, ReadBodyError> {
    if body.left() > limit as u64 {
        return Err(ReadBodyError::TooLong);
    }
    let Some(first) = body.data().await.transpose().map_err(ReadBodyError::Broken)? else { return Ok(Bytes::new()) };
    if body.is_over() && first.len() <= limit {
        return Ok(first);
    }
    let mut whole = BytesMut::from(first);
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
pub(in crate::provider) fn drain(mut body: AnswerBody) {
    // Often it is there already, and no task is needed.
    let _ = body.poll_data(&mut Context::from_waker(Waker::noop()));
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
pub(in crate::provider) fn body_fault(error: &BodyError, work: Work) -> Fault {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, TimedOut};
    match error {
        BodyError::Broken(error)
            if matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | TimedOut) =>
        {
            Fault::new(FaultKind::Transport(TransportFault::Reset), work, "the connection broke within the answer")
        }
        BodyError::Broken(_) | BodyError::Malformed => Fault::new(FaultKind::Malformed, work, "the answer was cut"),
    }
}
