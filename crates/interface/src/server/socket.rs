//! The socket of a connection: what came and is not read, what is to go out, a caller that does not read, and a close that
//! lets a refusal arrive.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Sleep, sleep, timeout},
};

/// How long a caller that is still sending may take to notice that it was refused.
const LINGER: Duration = Duration::from_secs(2);
/// Room for one read, at least and at most.
const SMALL_READ: usize = 4 * 1024;
const LARGE_READ: usize = 256 * 1024;
/// What is read ahead of its time while a request is answered.
const MAX_AHEAD: usize = 64 * 1024;
/// Buffers that grew beyond this are let go between two requests.
const MAX_KEPT: usize = 16 * 1024;
/// A piece of a body that is larger goes out by itself, without a copy.
const LARGE_PIECE: usize = 16 * 1024;
/// How much is collected, of what is there already, before it is written.
const MAX_COLLECTED: usize = 16 * 1024;

/// A TCP stream with its buffers and a limit on how long a write may be stuck.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// What came and was not read yet.
    pub(super) buffer: BytesMut,
    /// What goes out next,
    out: Vec<u8>,
    /// of which so much is out.
    sent: usize,
    /// What goes out behind it.
    large: Bytes,
    write_timeout: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// Wraps a stream.
    pub(super) fn new(stream: TcpStream, write_timeout: Duration) -> Self {
        let (buffer, out, large) = (BytesMut::new(), Vec::new(), Bytes::new());
        Self { stream, buffer, out, sent: 0, large, write_timeout, stuck: None }
    }

    /// Reads into the buffer, `expected` bytes at once if there are so many to come. How many came; 0 at the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>, expected: u64) -> Poll<io::Result<usize>> {
        let room = usize::try_from(expected).unwrap_or(usize::MAX).clamp(SMALL_READ, LARGE_READ);
        if self.buffer.capacity() - self.buffer.len() < room / 2 {
            self.buffer.reserve(room);
        }
        pin!(self.stream.read_buf(&mut self.buffer)).poll(context)
    }

    /// Resolves once the caller has hung up. What it says meanwhile is kept, up to a limit.
    pub(super) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.buffer.len() < MAX_AHEAD {
            if !matches!(ready!(self.poll_fill(context, 0)), Ok(read) if read > 0) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// What is to go out, for writing more behind it.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Puts a piece of a body behind what is to go out.
    pub(super) fn push(&mut self, piece: Bytes) {
        if piece.len() > LARGE_PIECE {
            self.large = piece;
        } else {
            self.out.extend_from_slice(&piece);
        }
    }

    /// Whether a piece goes out by itself, so that nothing may be put behind it yet.
    pub(super) fn has_large(&self) -> bool {
        !self.large.is_empty()
    }

    /// Whether more may be put behind what is to go out.
    pub(super) fn has_room(&self) -> bool {
        self.large.is_empty() && self.out.len() < MAX_COLLECTED
    }

    /// Whether nothing is left to go out.
    pub(super) fn is_flushed(&self) -> bool {
        self.out.is_empty() && self.large.is_empty()
    }

    /// Writes everything that is to go out.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.out[self.sent..]);
            self.sent += ready!(self.unless_stuck(context, written))?;
        }
        self.out.clear();
        self.sent = 0;
        while !self.large.is_empty() {
            let written = Pin::new(&mut self.stream).poll_write(context, &self.large);
            let written = ready!(self.unless_stuck(context, written))?;
            drop(self.large.split_to(written));
        }
        Poll::Ready(Ok(()))
    }

    fn unless_stuck(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = written {
            self.stuck = None;
            return Poll::Ready(
                written.and_then(|count| if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }),
            );
        }
        let patience = self.stuck.get_or_insert_with(|| Box::pin(sleep(self.write_timeout)));
        ready!(patience.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller does not read its answer")))
    }

    /// Gets ready for the next request: buffers that grew are let go.
    pub(super) fn rest(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > MAX_KEPT {
            self.buffer = BytesMut::new();
        }
        if self.out.capacity() > MAX_KEPT {
            self.out = Vec::new();
        }
    }

    /// Writes what is left and closes.
    pub(super) async fn close(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll_flush(context)).await?;
        self.stream.shutdown().await
    }

    /// Closes, and reads and forgets for a while what the caller still sends: to close with bytes unread would reset the
    /// connection, and the reset would overtake the answer.
    pub(super) async fn close_slowly(&mut self) -> io::Result<()> {
        self.close().await?;
        let mut scratch = vec![0; SMALL_READ];
        let discarded = async { while matches!(self.stream.read(&mut scratch).await, Ok(read) if read > 0) {} };
        // Either end is fine: the caller has had its time.
        let _ = timeout(LINGER, discarded).await;
        Ok(())
    }
}
