//! A stream that is translated into the caller's dialect while it arrives.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tidegate_domain::{
    fault::Fault,
    inference::{Family, StreamChunk},
};

use crate::translate::{self, StreamTranslator};

/// A stream in the caller's dialect, from one in the provider's.
#[derive(Debug)]
pub struct TranslatedStream<S> {
    /// Gone after a fault: what cannot be read any more is not wanted any more.
    inner: Option<S>,
    /// Boxed, so that a stream that needs none is not as large.
    translator: Box<StreamTranslator>,
    /// Whose words the caller reads errors in.
    family: Family,
}

impl<S> TranslatedStream<S> {
    pub(super) fn new(inner: S, translator: StreamTranslator, family: Family) -> Self {
        Self { inner: Some(inner), translator: Box::new(translator), family }
    }
}

impl<S: Stream<Item = Result<StreamChunk, Fault>> + Unpin> Stream for TranslatedStream<S> {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        Pin::new(inner).poll_next(context).map(|item| {
            let item = item?.and_then(|chunk| this.translator.push(&chunk));
            if item.is_err() {
                this.inner = None;
            }
            Some(item.map_err(|fault| translate::fault(fault, this.family)))
        })
    }
}
