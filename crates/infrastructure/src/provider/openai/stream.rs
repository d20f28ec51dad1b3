//! A streamed answer as it comes off the network.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_domain::{fault::Fault, inference::StreamChunk};

use super::reader::AnswerReader;
use crate::provider::transport::{AnswerBody, BodyError, body_fault, drain};

/// The stream of one answer. Dropping it closes the upstream's connection, unless the answer is complete.
#[derive(Debug)]
pub struct OpenAiStream {
    /// Gone once the answer is over.
    body: Option<AnswerBody>,
    reader: AnswerReader,
}

impl OpenAiStream {
    pub(super) fn new(body: AnswerBody, wants_usage: bool, choices: u32) -> Self {
        Self { body: Some(body), reader: AnswerReader::new(wants_usage, choices) }
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

impl Stream for OpenAiStream {
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
