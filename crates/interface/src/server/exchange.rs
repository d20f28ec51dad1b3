//! One request and its response over a connection.

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Method, Version};
use http_body::Body;
use tidegate_http1::{Body as Framed, HeadError, Progress, RequestHead, write_chunk_size};

use super::{
    Lifecycle, RequestBody,
    request_body::Desk,
    response_head::{Framing, Head, Lines, carries_body, write_head},
    service::{HttpService, Incoming, Outgoing},
    socket::Socket,
};

/// The largest body that is gathered before it is handed over, so that it comes in one piece and is never copied.
const MAX_GATHERED: u64 = 1024 * 1024;

/// What follows an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The next request.
    Listen,
    /// Nothing.
    Close,
    /// Nothing, but the caller may still be sending.
    CloseSlowly,
    /// Nothing, and nobody listens.
    Drop,
}

/// Answers one request. No `async fn`, which would keep the head twice: as it came, and as its body has it.
pub(super) fn answer<S: HttpService>(
    socket: &mut Socket,
    head: RequestHead,
    service: &S,
    lifecycle: &Lifecycle,
) -> impl Future<Output = io::Result<Next>> {
    let RequestHead { method, target, version, fields, body: mut framed, persistent, expects_continue } = head;
    async move {
        let Ok((body, desk)) = RequestBody::begin(&mut framed, &mut socket.buffer) else {
            refuse(socket, HeadError::Length);
            return Ok(Next::CloseSlowly);
        };
        let mut intake = Intake { framed, desk, expects_continue };
        let incoming = Incoming { method: method.clone(), target, fields, body };
        let outgoing = {
            let mut answering = pin!(service.answer(incoming));
            poll_fn(|context| {
                loop {
                    if let Poll::Ready(outgoing) = answering.as_mut().poll(context) {
                        return Poll::Ready(Some(outgoing));
                    }
                    match ready!(intake.poll_supply(socket, context)) {
                        Supply::HandedOver => {}
                        Supply::Gone => return Poll::Ready(None),
                    }
                }
            })
            .await
        };
        let Some(outgoing) = outgoing else { return Ok(Next::Drop) };
        let is_unread = !intake.framed.is_over();
        let goes_on = persistent && !is_unread && lifecycle.is_serving();
        let is_kept = write(socket, outgoing, Caller { method, version, goes_on }).await?;
        Ok(match (is_kept && lifecycle.is_serving(), is_unread) {
            (_, true) => Next::CloseSlowly,
            (true, false) => Next::Listen,
            (false, false) => Next::Close,
        })
    }
}

/// Refuses what is no request that can be answered.
pub(super) fn refuse(socket: &mut Socket, error: HeadError) {
    let body = format!(
        r#"{{"error":{{"message":"{error}","type":"invalid_request_error","param":null,"code":"malformed_request"}}}}"#
    );
    let mut lines = Lines::default();
    lines.add("content-type", b"application/json");
    let head = Head::new(error.status(), lines);
    write_head(socket.out(), &head, (Framing::Length(body.len() as u64), Some("close")));
    socket.push(Bytes::from(body));
}

/// The body of a request on its way in.
struct Intake {
    framed: Framed,
    /// Where it is handed over; `None` if it was whole from the start.
    desk: Option<Arc<Desk>>,
    expects_continue: bool,
}

enum Supply {
    HandedOver,
    Gone,
}

impl Intake {
    /// Reads what is asked for; while nothing is, listens whether the caller leaves.
    fn poll_supply(&mut self, socket: &mut Socket, context: &mut Context<'_>) -> Poll<Supply> {
        let Some(desk) = self.desk.as_ref().filter(|desk| desk.is_wanted()) else {
            return socket.poll_gone(context).map(|()| Supply::Gone);
        };
        loop {
            let left = self.framed.left();
            // A gap: what is there is less than what is still to come and worth waiting for.
            let gathers = left > socket.buffer.len() as u64 && left <= MAX_GATHERED;
            let progress = if gathers { Ok(Progress::Starved) } else { self.framed.take(&mut socket.buffer) };
            match progress {
                Ok(Progress::Data(piece)) => desk.hand_over(piece),
                Ok(Progress::Over) => desk.finish(),
                Err(_) => desk.give_up(),
                Ok(Progress::Starved) => {
                    if std::mem::take(&mut self.expects_continue) {
                        socket.out().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    }
                    if ready!(socket.poll_flush(context)).is_ok()
                        && matches!(ready!(socket.poll_fill(context, left)), Ok(read) if read > 0)
                    {
                        continue;
                    }
                    desk.give_up();
                }
            }
            return Poll::Ready(Supply::HandedOver);
        }
    }
}

/// Whom a response is written to.
struct Caller {
    method: Method,
    version: Version,
    /// Whether it may ask again.
    goes_on: bool,
}

/// Writes a response; whether the connection can go on.
async fn write<B>(socket: &mut Socket, outgoing: Outgoing<B>, caller: Caller) -> io::Result<bool>
where
    B: Body<Data = Bytes>,
{
    let Outgoing { head, body } = outgoing;
    let mut body = pin!(body);
    let framing = Framing::of(head.status, body.size_hint().exact(), caller.version);
    let goes_on = caller.goes_on && !head.asks_to_close() && framing != Framing::UntilClose;
    let connection = match (goes_on, caller.version) {
        (false, _) => Some("close"),
        (true, Version::HTTP_10) => Some("keep-alive"),
        (true, _) => None,
    };
    write_head(socket.out(), &head, (framing, connection));
    if !carries_body(&caller.method, framing) {
        poll_fn(|context| socket.poll_flush(context)).await?;
        return Ok(goes_on);
    }
    let mut writer = BodyWriter { framing, end: None, owes_newline: false };
    let is_whole = poll_fn(|context| writer.poll(socket, body.as_mut(), context)).await?;
    Ok(goes_on && is_whole)
}

/// A body on its way out.
struct BodyWriter {
    framing: Framing,
    /// Whether it came whole, once it is over.
    end: Option<bool>,
    /// Whether a chunk that goes out by itself lacks its end.
    owes_newline: bool,
}

impl BodyWriter {
    /// Writes what is there together, and lets nothing wait for what is not. Whether the body went out whole.
    fn poll<B: Body<Data = Bytes>>(
        &mut self,
        socket: &mut Socket,
        mut body: Pin<&mut B>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        loop {
            if self.collect(socket, body.as_mut(), context).is_pending() && socket.is_flushed() {
                ready!(socket.poll_gone(context));
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            ready!(socket.poll_flush(context))?;
            if std::mem::take(&mut self.owes_newline) {
                socket.out().extend_from_slice(b"\r\n");
            } else if let Some(is_whole) = self.end {
                return Poll::Ready(Ok(is_whole));
            }
        }
    }

    /// Collects what is there, as far as there is room for it; pending if more is yet to come.
    fn collect<B: Body<Data = Bytes>>(
        &mut self,
        socket: &mut Socket,
        mut body: Pin<&mut B>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        while self.end.is_none() && socket.has_room() {
            match ready!(body.as_mut().poll_frame(context)) {
                Some(Ok(frame)) => self.push(socket, frame.into_data().unwrap_or_default()),
                Some(Err(_)) => self.end = Some(false),
                None => {
                    self.end = Some(true);
                    if self.framing == Framing::Chunked {
                        socket.out().extend_from_slice(b"0\r\n\r\n");
                    }
                }
            }
        }
        Poll::Ready(())
    }

    fn push(&mut self, socket: &mut Socket, piece: Bytes) {
        // An empty chunk would be the last one.
        if piece.is_empty() {
            return;
        }
        if self.framing != Framing::Chunked {
            return socket.push(piece);
        }
        write_chunk_size(socket.out(), piece.len());
        socket.push(piece);
        if socket.has_large() {
            self.owes_newline = true;
        } else {
            socket.out().extend_from_slice(b"\r\n");
        }
    }
}
