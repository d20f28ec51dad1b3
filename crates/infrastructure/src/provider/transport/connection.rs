//! One connection: a request goes out, the head of its answer comes in.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
};

use bytes::BytesMut;
use tidegate_http1::{HeadError, HeadLimits, HeadScan, ResponseHead};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    runtime::{self, Handle},
};

use super::{message::Message, wire::Wire};

/// What is put up with in the head of an answer.
const HEAD_LIMITS: HeadLimits = HeadLimits { max_bytes: 64 * 1024, max_headers: 128 };
/// The most interim answers before the answer proper.
const MAX_INTERIM: usize = 8;
/// Room for one read, at first and when much is coming.
const SMALL_READ: usize = 4 * 1024;
const LARGE_READ: usize = 64 * 1024;
/// The largest body that is written together with its head.
const MAX_JOINED_BODY: usize = 16 * 1024;

/// A connection to a provider. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    runtime: runtime::Id,
    /// What was read and belongs to nobody yet.
    pub(super) buffer: BytesMut,
    next_read: usize,
}

/// No answer.
#[derive(Debug)]
pub(super) struct Unanswered {
    /// Whether the upstream has seen a part of the request.
    pub(super) is_sent: bool,
    /// Why.
    pub(super) cause: Cause,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Cause {
    /// The connection broke.
    Broken,
    /// What came is no answer in HTTP/1.1.
    Malformed,
}

/// A request on its way out.
struct Outgoing<'a> {
    message: &'a Message<'a>,
    stage: Stage,
    /// Whether a part of it is out.
    is_sent: bool,
}

/// What is left of a request to send.
enum Stage {
    All,
    /// The rest of the head, and of a body that was joined to it.
    Head(Vec<u8>),
    /// The body from there on.
    Body(usize),
    Nothing,
}

thread_local! {
    /// Where heads are written: they seldom outlive the call that sends them.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(SMALL_READ));
}

impl Connection {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, runtime: Handle::current().id(), buffer: BytesMut::new(), next_read: SMALL_READ }
    }

    /// The runtime that it lives in.
    pub(super) fn runtime(&self) -> runtime::Id {
        self.runtime
    }

    /// Whether it can serve again, as far as can be known: nothing was said out of turn, and nobody has hung up.
    pub(super) fn is_usable(&mut self) -> bool {
        self.buffer.is_empty() && self.poll_read(&mut Context::from_waker(Waker::noop()), 0).is_pending()
    }

    /// Gets ready to rest: a buffer that grew is let go.
    pub(super) fn rest(&mut self) {
        if self.next_read > SMALL_READ {
            (self.buffer, self.next_read) = (BytesMut::new(), SMALL_READ);
        }
    }

    /// Sends `message` and reads the head of its answer.
    pub(super) async fn ask(&mut self, message: &Message<'_>) -> Result<ResponseHead, Unanswered> {
        let mut outgoing = Outgoing { message, stage: Stage::All, is_sent: false };
        let sent = poll_fn(|context| self.poll_send(&mut outgoing, context)).await;
        let is_whole = sent.map_err(|_| Unanswered { is_sent: outgoing.is_sent, cause: Cause::Broken })?;
        let mut head = self.head().await.map_err(|cause| Unanswered { is_sent: true, cause })?;
        head.persistent &= is_whole;
        Ok(head)
    }

    /// Writes until everything is out, or until the upstream answers all the same; whether everything is out.
    fn poll_send(&mut self, outgoing: &mut Outgoing<'_>, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let written = outgoing.poll_write(&mut self.wire, context);
        if let Poll::Ready(Ok(())) = written {
            return Pin::new(&mut self.wire).poll_flush(context).map_ok(|()| true);
        }
        // An upstream may refuse a request before it has read all of it, and read no further.
        if outgoing.is_sent && matches!(self.poll_read(context, 0), Poll::Ready(Ok(read)) if read > 0) {
            return Poll::Ready(Ok(false));
        }
        written.map_ok(|()| true)
    }

    async fn head(&mut self) -> Result<ResponseHead, Cause> {
        let (mut scan, mut interim) = (HeadScan::default(), 0);
        loop {
            let malformed = |_: HeadError| Cause::Malformed;
            if let Some(head) = scan.take(&mut self.buffer, HEAD_LIMITS).map_err(malformed)? {
                let head = ResponseHead::parse(head, HEAD_LIMITS).map_err(malformed)?;
                if !head.is_interim() {
                    return Ok(head);
                }
                interim += 1;
                if interim > MAX_INTERIM {
                    return Err(Cause::Malformed);
                }
                continue;
            }
            match poll_fn(|context| self.poll_read(context, 0)).await {
                Ok(0)
                    if !self.buffer.is_empty() && !b"HTTP/1.".starts_with(&self.buffer[..self.buffer.len().min(7)]) =>
                {
                    return Err(Cause::Malformed);
                }
                Ok(0) | Err(_) => return Err(Cause::Broken),
                Ok(_) => {}
            }
        }
    }

    /// Reads into the buffer: `expected` bytes at once if there are so many to come. How many came; 0 at the end.
    pub(super) fn poll_read(&mut self, context: &mut Context<'_>, expected: u64) -> Poll<io::Result<usize>> {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        let room = expected.clamp(self.next_read, LARGE_READ);
        if self.buffer.capacity() - self.buffer.len() < room / 2 {
            self.buffer.reserve(room);
        }
        let room = self.buffer.capacity() - self.buffer.len();
        let read = ready!(pin!(self.wire.read_buf(&mut self.buffer)).poll(context))?;
        if read == room {
            self.next_read = (2 * self.next_read).min(LARGE_READ);
        }
        Poll::Ready(Ok(read))
    }
}

impl Outgoing<'_> {
    /// Writes what is left, as far as the socket takes it.
    fn poll_write(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let piece = match &self.stage {
                Stage::All => {
                    self.begin(wire, context)?;
                    continue;
                }
                Stage::Head(rest) => &rest[..],
                Stage::Body(from) => &self.message.body[*from..],
                Stage::Nothing => return Poll::Ready(Ok(())),
            };
            let written = if piece.is_empty() { 0 } else { ready!(Pin::new(&mut *wire).poll_write(context, piece))? };
            if written == 0 && !piece.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.is_sent |= written > 0;
            self.advance(written);
        }
    }

    fn advance(&mut self, written: usize) {
        let joins = self.joins();
        match &mut self.stage {
            Stage::Head(rest) if written < rest.len() => drop(rest.drain(..written)),
            Stage::Head(_) if !joins => self.stage = Stage::Body(0),
            Stage::Body(from) if *from + written < self.message.body.len() => *from += written,
            Stage::All | Stage::Head(_) | Stage::Body(_) | Stage::Nothing => self.stage = Stage::Nothing,
        }
    }

    /// Whether head and body go out together.
    fn joins(&self) -> bool {
        self.message.body.len() <= MAX_JOINED_BODY
    }

    /// Writes the head, and a body that is joined to it; keeps only what the socket does not take at once.
    fn begin(&mut self, wire: &mut Wire, context: &mut Context<'_>) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            self.message.write_head(scratch);
            if self.joins() {
                scratch.extend_from_slice(&self.message.body);
            }
            let written = match Pin::new(wire).poll_write(context, scratch) {
                Poll::Ready(written) => written?,
                Poll::Pending => 0,
            };
            self.is_sent = written > 0;
            self.stage = match (written == scratch.len(), self.joins()) {
                (true, true) => Stage::Nothing,
                (true, false) => Stage::Body(0),
                (false, _) => Stage::Head(scratch[written..].to_vec()),
            };
            Ok(())
        })
    }
}
