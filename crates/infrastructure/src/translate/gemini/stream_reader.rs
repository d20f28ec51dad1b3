//! Reads a stream, event by event.
//!
//! Each event has the shape of a whole answer, and no event is the last one: a stream ends when its connection does. Some models
//! give a reason to stop with every event, so the last one counts.

use super::{
    answer::{AnswerWire, PartWire},
    proof::marked,
};
use crate::translate::answer::{Event, Sink, Stop};

/// How far a stream is read.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamReader {
    has_begun: bool,
    id: String,
    calls: usize,
    stop: Option<Stop>,
}

impl StreamReader {
    /// Reads the data of one event.
    pub(in crate::translate) fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), serde_json::Error> {
        let wire: AnswerWire<'_> = serde_json::from_slice(data)?;
        if !self.has_begun {
            self.has_begun = true;
            wire.response_id.as_deref().unwrap_or_default().clone_into(&mut self.id);
            let model = wire.model_version.as_deref().unwrap_or_default();
            sink.take(Event::Begin { id: &self.id, model, created: None });
        }
        let logprobs = wire.logprobs();
        if !logprobs.is_empty() {
            sink.take(Event::Logprobs(&logprobs));
        }
        wire.parts().iter().for_each(|part| self.read_part(part, sink));
        if let Some(usage) = wire.usage_metadata {
            sink.take(Event::Tokens(usage.into()));
        }
        self.stop = wire.stop(self.calls > 0).or(self.stop.take());
        Ok(())
    }

    /// The stream is over, and whole.
    pub(in crate::translate) fn end(&mut self, sink: &mut impl Sink) {
        if let Some(stop) = self.stop.take() {
            sink.take(Event::Stop(stop));
        }
        sink.take(Event::End);
    }

    fn read_part(&mut self, part: &PartWire<'_>, sink: &mut impl Sink) {
        let text = part.text.as_deref().filter(|text| !text.is_empty());
        if let Some(text) = text.filter(|_| part.thought) {
            sink.take(Event::Reasoning(text));
        }
        if let Some(proof) = part.thought_signature.as_deref().filter(|proof| !proof.is_empty()) {
            sink.take(Event::Signature(&marked(proof)));
        }
        if let Some(text) = text.filter(|_| !part.thought) {
            sink.take(Event::Text(text));
        }
        if let Some(call) = &part.function_call {
            let index = u32::try_from(self.calls).unwrap_or(u32::MAX);
            sink.take(Event::ToolCall { index, id: &call.id(&self.id, self.calls), name: &call.name });
            sink.take(Event::Arguments { index, json: call.arguments() });
            self.calls += 1;
        }
    }
}
