//! A streamed answer as it comes off the network.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use hyper::body::Body as _;
use tidegate_domain::{fault::Fault, inference::StreamChunk};

use super::reader::AnswerReader;
use crate::provider::transport::{AnswerBody, body_fault, drain};

/// The stream of one answer. Dropping it closes the upstream's connection, unless the answer is complete.
#[derive(Debug)]
pub struct OpenAiStream {
    /// Gone once the answer is over.
    body: Option<AnswerBody>,
    reader: AnswerReader,
}

impl OpenAiStream {
    pub(super) fn new(body: AnswerBody, wants_usage: bool) -> Self {
        Self { body: Some(body), reader: AnswerReader::new(wants_usage) }
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

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.reader.is_over() {
                return Poll::Ready(None);
            }
            if let Some(item) = this.reader.next() {
                return this.settle(item);
            }
            let frame = match &mut this.body {
                Some(body) => ready!(Pin::new(body).poll_frame(context)),
                None => None,
            };
            let item = match frame {
                Some(Ok(frame)) => match frame.into_data().map(|data| this.reader.push(data)) {
                    Ok(Err(fault)) => Err(fault),
                    Ok(Ok(())) | Err(_) => continue,
                },
                // Nothing of a finished answer is missing, however its connection ended.
                Some(Err(error)) if !this.reader.is_finished() => {
                    let work = this.reader.work();
                    this.reader.give_up();
                    Err(body_fault(&error, work))
                }
                Some(Err(_)) | None => {
                    this.body = None;
                    match this.reader.end_of_stream() {
                        Some(item) => item,
                        None => return Poll::Ready(None),
                    }
                }
            };
            return this.settle(item);
        }
    }
}
