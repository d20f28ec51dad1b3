//! A streamed answer as it comes off the network.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, Work},
    inference::{Partial, StreamChunk},
};

use super::transport::{AnswerBody, BodyError, body_fault, drain};

/// Reads a streamed answer: bytes in, classified chunks out. Pure.
pub(super) trait ReadAnswer: Unpin {
    /// Takes the next bytes; `next` has been drained before.
    fn push(&mut self, read: Bytes) -> Result<(), Fault>;

    /// The next chunk that the bytes so far complete.
    fn next(&mut self) -> Option<Result<StreamChunk, Fault>>;

    /// The end of the stream: the last event may lack its blank line, and one that is complete may lack its terminal event.
    fn end_of_stream(&mut self) -> Option<Result<StreamChunk, Fault>>;

    /// Ends the stream from outside: nothing follows.
    fn give_up(&mut self);

    /// Whether the last item is out.
    fn is_over(&self) -> bool;

    /// Whether nothing of the answer is missing, whatever comes next.
    fn is_complete(&self) -> bool;

    /// What a broken stream means for the work done: a part was delivered, or nobody can tell.
    fn work(&self) -> Work;

    /// What was delivered, if it was kept and somebody can go on from there.
    fn take_partial(&mut self) -> Option<Partial> {
        None
    }
}

/// The stream of one answer. Dropping it closes the upstream's connection, unless the answer is complete.
#[derive(Debug)]
pub(super) struct NetworkStream<R> {
    /// Gone once the answer is over.
    body: Option<AnswerBody>,
    reader: R,
}

impl<R: ReadAnswer> NetworkStream<R> {
    pub(super) fn new(body: AnswerBody, reader: R) -> Self {
        Self { body: Some(body), reader }
    }

    /// What was delivered, if somebody can go on from there.
    pub(super) fn take_partial(&mut self) -> Option<Partial> {
        self.reader.take_partial()
    }

    /// Reads what the network delivered, or the end of it.
    fn take(&mut self, read: Option<Result<Bytes, BodyError>>) -> Option<Result<StreamChunk, Fault>> {
        match read {
            Some(Ok(data)) => self.reader.push(data).err().map(Err),
            Some(Err(error)) if !self.reader.is_complete() => {
                let fault = body_fault(&error, self.reader.work());
                self.reader.give_up();
                Some(Err(fault))
            }
            // Nothing of a complete answer is missing, however its connection ended.
            Some(Err(_)) | None => {
                self.body = None;
                self.reader.end_of_stream()
            }
        }
    }

    /// Lets the body go once the last item is out: a complete answer gives its connection back, a broken one closes it.
    fn settle(&mut self, item: Result<StreamChunk, Fault>) -> Poll<Option<Result<StreamChunk, Fault>>> {
        if self.reader.is_over()
            && let Some(body) = self.body.take()
            && item.is_ok()
        {
            drain(body);
        }
        Poll::Ready(Some(item))
    }
}

impl<R: ReadAnswer> Stream for NetworkStream<R> {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while !this.reader.is_over() {
            if let Some(item) = this.reader.next() {
                return this.settle(item);
            }
            let read = match &mut this.body {
                Some(body) => ready!(body.poll_data(context)),
                None => None,
            };
            if let Some(item) = this.take(read) {
                return this.settle(item);
            }
        }
        Poll::Ready(None)
    }
}

/// All that a reader makes of a stream that arrives in `pieces`.
#[cfg(any(test, fuzzing))]
pub(super) fn read_all(
    mut reader: impl ReadAnswer,
    pieces: impl Iterator<Item = Bytes>,
) -> Vec<Result<StreamChunk, Fault>> {
    let mut items = Vec::new();
    for piece in pieces {
        items.extend(reader.push(piece).err().map(Err));
        while !reader.is_over()
            && let Some(item) = reader.next()
        {
            items.push(item);
        }
        if reader.is_over() {
            return items;
        }
    }
    while !reader.is_over()
        && let Some(item) = reader.end_of_stream()
    {
        items.push(item);
    }
    items
}
