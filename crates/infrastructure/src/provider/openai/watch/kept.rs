//! What a stream keeps of the answer that it delivers, so that another upstream can go on from there.

use std::borrow::Cow;

use serde_json::value::RawValue;
use tidegate_domain::inference::{Identity, Partial};

use crate::provider::openai::wire::is_filled;

/// The longest text that is kept; nobody goes on after a longer one.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// The text so far, as long as it is all that was delivered.
#[derive(Debug)]
pub(super) struct Kept {
    partial: Partial,
    is_plain: bool,
}

impl Kept {
    /// Keeps what follows `partial`.
    pub(super) fn after(partial: Partial) -> Self {
        Self { partial, is_plain: true }
    }

    /// Takes note of the data of an event that is delivered.
    pub(super) fn note(&mut self, data: &[u8]) {
        if !self.is_plain {
            return;
        }
        // What cannot be read is no plain text: a list of parts, half a character.
        let Ok(ChunkWire { id, model, created, choices }) = serde_json::from_slice(data) else {
            self.is_plain = false;
            return;
        };
        let Identity { id: known_id, model: known_model, created: known_created } = &mut self.partial.identity;
        known_id.get_or_insert_with(|| id.unwrap_or_default().into_owned());
        known_model.get_or_insert_with(|| model.unwrap_or_default().into_owned());
        *known_created = known_created.or(created);
        for ChoiceWire { index, delta } in choices.unwrap_or_default() {
            let delta = delta.unwrap_or_default();
            self.partial.text.push_str(delta.content.as_deref().unwrap_or_default());
            self.is_plain &= index.unwrap_or(0) == 0 && delta.is_plain();
        }
        self.is_plain &= self.partial.text.len() <= MAX_TEXT_BYTES;
    }

    /// What was delivered, if it is text and nothing else.
    pub(super) fn take(&mut self) -> Option<Partial> {
        (self.is_plain && !self.partial.text.trim().is_empty()).then(|| std::mem::take(&mut self.partial))
    }
}

#[derive(serde::Deserialize)]
struct ChunkWire<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    model: Option<Cow<'a, str>>,
    created: Option<u64>,
    #[serde(borrow)]
    choices: Option<Vec<ChoiceWire<'a>>>,
}

#[derive(serde::Deserialize)]
struct ChoiceWire<'a> {
    index: Option<u32>,
    #[serde(borrow)]
    delta: Option<DeltaWire<'a>>,
}

#[derive(Default, serde::Deserialize)]
struct DeltaWire<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    function_call: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    audio: Option<&'a RawValue>,
}

impl DeltaWire<'_> {
    fn is_plain(&self) -> bool {
        let Self { content: _, tool_calls, function_call, reasoning_content, reasoning, refusal, audio } = self;
        let others = [tool_calls, function_call, reasoning_content, reasoning, refusal, audio];
        !others.into_iter().any(|value| is_filled(value.map(RawValue::get)))
    }
}
