//! The body of a request, as far as whoever answers wants it.
//!
//! Mostly all of it has come with the head. Where not, nothing is read before somebody asks: a body that is refused for its
//! announced size is never let in, and a caller that waits for `100 Continue` is not told to go on for nothing.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tidegate_http1::{Body as Framed, BodyError, Progress};

/// The body of a request. It is polled within the task of its connection, which reads what is asked for.
#[derive(Debug)]
pub struct RequestBody(Source);

#[derive(Debug)]
enum Source {
    Whole(Bytes),
    Arriving { desk: Arc<Desk>, announced: u64 },
}

/// A body that broke off, or was framed wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body could not be read to its end")]
pub struct BrokenBody;

/// Where the body is handed over, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Desk(Mutex<Handover>);

#[derive(Debug, Default)]
enum Handover {
    #[default]
    Idle,
    Wanted,
    Piece(Bytes),
    Over,
    Broken,
}

impl RequestBody {
    /// The body that `framed` describes, of which `buffer` holds the beginning; and the desk where the rest is to be handed
    /// over, if there is a rest.
    pub(super) fn begin(framed: &mut Framed, buffer: &mut BytesMut) -> Result<(Self, Option<Arc<Desk>>), BodyError> {
        let announced = framed.left();
        if framed.is_over() {
            return Ok((Self(Source::Whole(Bytes::new())), None));
        }
        if announced > 0
            && announced <= buffer.len() as u64
            && let Progress::Data(whole) = framed.take(buffer)?
        {
            return Ok((Self(Source::Whole(whole)), None));
        }
        let desk = Arc::new(Desk::default());
        Ok((Self(Source::Arriving { desk: Arc::clone(&desk), announced }), Some(desk)))
    }
}

impl RequestBody {
    /// All of it, if it came with the head.
    pub(crate) fn take_whole(&mut self) -> Option<Bytes> {
        match &mut self.0 {
            Source::Whole(whole) => Some(mem::take(whole)),
            Source::Arriving { .. } => None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BrokenBody;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenBody>>> {
        let desk = match &mut self.get_mut().0 {
            Source::Whole(whole) if whole.is_empty() => return Poll::Ready(None),
            Source::Whole(whole) => return Poll::Ready(Some(Ok(Frame::data(mem::take(whole))))),
            Source::Arriving { desk, .. } => desk,
        };
        let mut handover = desk.lock();
        match mem::replace(&mut *handover, Handover::Wanted) {
            Handover::Idle | Handover::Wanted => Poll::Pending,
            Handover::Piece(piece) => {
                *handover = Handover::Idle;
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Handover::Over => {
                *handover = Handover::Over;
                Poll::Ready(None)
            }
            Handover::Broken => {
                *handover = Handover::Broken;
                Poll::Ready(Some(Err(BrokenBody)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(whole) => whole.is_empty(),
            Source::Arriving { desk, .. } => matches!(*desk.lock(), Handover::Over),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Whole(whole) => SizeHint::with_exact(whole.len() as u64),
            Source::Arriving { announced: 0, .. } => SizeHint::default(),
            Source::Arriving { announced, .. } => SizeHint::with_exact(*announced),
        }
    }
}

impl Desk {
    /// Whether somebody waits for more.
    pub(super) fn is_wanted(&self) -> bool {
        matches!(*self.lock(), Handover::Wanted)
    }

    /// Hands over a piece.
    pub(super) fn hand_over(&self, piece: Bytes) {
        *self.lock() = Handover::Piece(piece);
    }

    /// Nothing more comes.
    pub(super) fn finish(&self) {
        *self.lock() = Handover::Over;
    }

    /// What would come next never will.
    pub(super) fn give_up(&self) {
        *self.lock() = Handover::Broken;
    }

    /// A panic elsewhere leaves a state that still holds.
    fn lock(&self) -> MutexGuard<'_, Handover> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
