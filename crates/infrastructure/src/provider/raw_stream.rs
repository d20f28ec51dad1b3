//! An answer that is no text: its bytes, as they come off the network.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Signals, StreamChunk, Usage},
};

use super::transport::{AnswerBody, body_fault};

/// The bytes of one answer. Dropping it closes the upstream's connection, unless all have come.
#[derive(Debug)]
pub(super) struct RawStream {
    /// Gone once the answer is over.
    body: Option<AnswerBody>,
    media_type: Box<str>,
    /// What the answer cost: nobody reports that of what is no text.
    usage: Usage,
    delivered: bool,
}

impl RawStream {
    pub(super) fn new(body: AnswerBody, media_type: Box<str>, usage: Usage) -> Self {
        Self { body: Some(body), media_type, usage, delivered: false }
    }

    /// What the bytes are: `audio/mpeg`.
    pub(super) fn media_type(&self) -> &str {
        &self.media_type
    }

    fn end(&mut self) -> Result<StreamChunk, Fault> {
        if !self.delivered {
            return Err(Fault::new(FaultKind::Malformed, Work::Ambiguous, "the answer is empty"));
        }
        let signals = Signals { finished: true, done: true, usage: Some(self.usage), ..Signals::default() };
        Ok(StreamChunk { bytes: Bytes::new(), signals })
    }
}

impl Stream for RawStream {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let item = match ready!(body.poll_data(context)) {
            Some(Ok(bytes)) => {
                this.delivered |= !bytes.is_empty();
                let signals = Signals { content: this.delivered, ..Signals::default() };
                return Poll::Ready(Some(Ok(StreamChunk { bytes, signals })));
            }
            Some(Err(error)) => {
                let work = if this.delivered { Work::Partial } else { Work::Ambiguous };
                Err(body_fault(&error, work))
            }
            None => this.end(),
        };
        this.body = None;
        Poll::Ready(Some(item))
    }
}
