//! Reads a stream, event by event.

use std::borrow::Cow;

use super::{
    answer::{logprobs_of, stop_of},
    wire::{AnswerWire, CallWire, ChoiceWire},
};
use crate::{
    likeness::Likeness,
    translate::answer::{Event, Sink},
};

/// How far a stream is read.
#[derive(Debug, Default)]
pub(in crate::translate) struct StreamReader {
    has_begun: bool,
    /// The calls that have begun, by their index.
    calls: Vec<u32>,
    likeness: Likeness,
}

impl StreamReader {
    /// Reads the data of one event.
    pub(in crate::translate) fn read(&mut self, data: &[u8], sink: &mut impl Sink) -> Result<(), serde_json::Error> {
        if data == b"[DONE]" {
            sink.take(Event::End);
            return Ok(());
        }
        if let Some(text) = self.likeness.text_of(data) {
            sink.take(Event::Text(text));
            return Ok(());
        }
        let answer = AnswerWire::read(data).map_err(serde::de::Error::custom)?;
        if let Some(text) = answer.sole_text() {
            self.likeness.learn(data, text);
        }
        let AnswerWire { id, model, created, choices, usage } = answer;
        if !self.has_begun {
            self.has_begun = true;
            let (id, model) = (id.unwrap_or_default(), model.unwrap_or_default());
            sink.take(Event::Begin { id: &id, model: &model, created });
        }
        // Whoever asks in another dialect asks for one choice.
        let first = choices.into_iter().flatten().find(|choice| choice.index.unwrap_or(0) == 0);
        if let Some(choice) = first {
            self.read_choice(&choice, sink);
        }
        if let Some(usage) = usage {
            sink.take(Event::Tokens(usage.tokens()));
        }
        Ok(())
    }

    fn read_choice(&mut self, choice: &ChoiceWire<'_>, sink: &mut impl Sink) {
        if let Some(logprobs) = choice.logprobs {
            sink.take(Event::Logprobs(&logprobs_of(logprobs)));
        }
        if let Some(delta) = &choice.message {
            let filled = |text: &'_ Option<Cow<'_, str>>| text.as_deref().is_some_and(|text| !text.is_empty());
            let thought = if filled(&delta.reasoning_content) { &delta.reasoning_content } else { &delta.reasoning };
            if filled(thought) {
                sink.take(Event::Reasoning(thought.as_deref().unwrap_or_default()));
            }
            if filled(&delta.content) {
                sink.take(Event::Text(delta.content.as_deref().unwrap_or_default()));
            }
            if filled(&delta.refusal) {
                sink.take(Event::Refusal(delta.refusal.as_deref().unwrap_or_default()));
            }
            for (at, call) in delta.tool_calls.iter().enumerate() {
                self.read_call(at, call, sink);
            }
        }
        if let Some(stop) = choice.finish_reason.as_deref().and_then(stop_of) {
            sink.take(Event::Stop(stop));
        }
    }

    fn read_call(&mut self, at: usize, call: &CallWire<'_>, sink: &mut impl Sink) {
        let index = call.index.map_or_else(|| u32::try_from(at), u32::try_from).unwrap_or(u32::MAX);
        let function = call.function.as_ref();
        if !self.calls.contains(&index) {
            self.calls.push(index);
            if let Some(proof) = call.proof() {
                sink.take(Event::Signature(&proof));
            }
            let made_up = format!("call_{index}");
            let id = call.id.as_deref().filter(|id| !id.is_empty()).unwrap_or(&made_up);
            let name = function.and_then(|function| function.name.as_deref()).unwrap_or_default();
            sink.take(Event::ToolCall { index, id, name });
        }
        let json = function.and_then(|function| function.arguments.as_deref()).unwrap_or_default();
        if !json.is_empty() {
            sink.take(Event::Arguments { index, json });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader told, in words.
    #[derive(Default)]
    struct Told(Vec<String>);

    impl Sink for Told {
        fn take(&mut self, event: Event<'_>) {
            self.0.push(format!("{event:?}"));
        }
    }

    proptest! {
        #[test]
        fn an_event_says_the_same_whatever_came_before_it(events in prop::collection::vec(
            (
                prop::sample::select(vec![
                    r#""a""#, r#""b c""#, r#""""#, "null", r#""\n""#, r#""a","reasoning":"r""#, r#""a","content":"b""#, "\"\u{e9}\"",
                ]),
                prop::sample::select(vec!["", r#","finish_reason":null"#, r#","finish_reason":"stop""#, r#","index":1"#, r#"},{"index":0"#]),
            ),
            1..12,
        )) {
            let mut reader = StreamReader { has_begun: true, ..StreamReader::default() };
            for (text, rest) in events {
                let event = format!(r#"{{"id":"c","choices":[{{"delta":{{"content":{text}}}{rest}}}]}}"#);
                let (mut told, mut expected) = (Told::default(), Told::default());
                let read = reader.read(event.as_bytes(), &mut told);
                let afresh = StreamReader { has_begun: true, ..StreamReader::default() }.read(event.as_bytes(), &mut expected);
                prop_assert_eq!((read.is_ok(), told.0), (afresh.is_ok(), expected.0), "{}", event);
            }
        }
    }
}
