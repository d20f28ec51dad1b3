//! What a chat request needs of a model, read off its body.
//!
//! It is read only where somebody's card could exclude a candidate for it. Whatever is not understood asks for nothing: the
//! provider has the last word.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{InferenceRequest, Parameter};
use crate::model::{Capabilities, Capability, Doubts, RequestNeeds};

/// Bytes of a prompt for each of its tokens: rather too many, so that nobody is passed over for a prompt that may fit.
/// English prose has 4 to 5, other text fewer.
const BYTES_PER_TOKEN: usize = 5;

/// What parts of a message say beside text, and what that needs.
const MEDIA: [(&str, Option<Capability>); 5] = [
    ("image_url", Some(Capability::Vision)),
    ("image", Some(Capability::Vision)),
    ("input_audio", Some(Capability::Audio)),
    ("file", None),
    ("document", None),
];

impl InferenceRequest {
    /// What the request needs of the model that serves it, as far as there are `doubts` that everybody has it.
    pub fn needs(&self, doubts: &Doubts) -> RequestNeeds {
        let mut capabilities: Capabilities =
            doubts.lacking.iter().filter(|capability| self.plainly_needs(*capability)).collect();
        let messages = self.value(Parameter::Messages).unwrap_or_default();
        let tools = self.value(Parameter::Tools).unwrap_or_default();
        let mut bytes = messages.len() + tools.len();
        let is_long = doubts.window.is_some_and(|window| bytes / BYTES_PER_TOKEN > window.get() as usize / 2);
        // To look for pictures in every prompt would cost more than all the rest.
        if is_long || MEDIA.iter().any(|(_, needed)| needed.is_some_and(|needed| doubts.lacking.contains(needed))) {
            bytes -= media(messages, &mut capabilities);
        }
        let prompt_tokens = u32::try_from(bytes / BYTES_PER_TOKEN).unwrap_or(u32::MAX);
        RequestNeeds { capabilities, prompt_tokens, max_output: self.asked_answer() }
    }

    /// Whether a field says that it needs `capability`; what only its messages tell is not looked for.
    fn plainly_needs(&self, capability: Capability) -> bool {
        match capability {
            Capability::Streaming => self.envelope().stream(),
            Capability::Tools => self.has_items(Parameter::Tools) || self.has_items(Parameter::Functions),
            Capability::JsonSchema => self.word(Parameter::ResponseFormat).is_some_and(|kind| kind == "json_schema"),
            Capability::Reasoning => self.asks_for_reasoning(),
            Capability::Vision | Capability::Audio | Capability::Prefill => false,
        }
    }

    fn has_items(&self, parameter: Parameter) -> bool {
        let inner = self.value(parameter).and_then(|value| value.strip_prefix('['));
        inner.is_some_and(|inner| !inner.trim_start().starts_with(']'))
    }

    /// The `type` of an object.
    fn word(&self, parameter: Parameter) -> Option<Cow<'_, str>> {
        serde_json::from_str::<Typed<'_>>(self.value(parameter)?).ok()?.r#type
    }

    fn asks_for_reasoning(&self) -> bool {
        let effort = self.value(Parameter::ReasoningEffort);
        effort.is_some_and(|effort| !matches!(effort, "null" | "\"none\""))
            || self.word(Parameter::Thinking).is_some_and(|kind| kind == "enabled")
    }
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// The bytes of `messages` that are no text, such as images; what they need is added to `capabilities`.
fn media(messages: &str, capabilities: &mut Capabilities) -> usize {
    // Without one of these words there is nothing to look for, and to parse every prompt would cost more than all the rest.
    if !MEDIA.iter().any(|(kind, _)| messages.contains(kind)) {
        return 0;
    }
    let messages: Vec<Message<'_>> = serde_json::from_str(messages).unwrap_or_default();
    let contents = messages.iter().filter_map(|message| message.content);
    let parts = contents.flat_map(|content| serde_json::from_str::<Vec<&RawValue>>(content.get()).unwrap_or_default());
    let mut bytes = 0;
    for part in parts {
        let kind = serde_json::from_str::<Typed<'_>>(part.get()).ok().and_then(|part| part.r#type);
        let Some((_, needed)) = MEDIA.iter().find(|(known, _)| kind.as_deref() == Some(known)) else { continue };
        bytes += part.get().len();
        if let Some(capability) = needed {
            capabilities.insert(*capability);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(body: &str) -> RequestNeeds {
        let doubts = Doubts { lacking: Capability::ALL.into_iter().collect(), ..Doubts::default() };
        InferenceRequest::parse(body.to_owned().into()).unwrap().needs(&doubts)
    }

    #[track_caller]
    fn check(fields: &str, expected: &[Capability]) {
        let capabilities = needs(&format!(r#"{{"model":"m",{fields}}}"#)).capabilities;
        assert_eq!(capabilities.iter().collect::<Vec<_>>(), expected, "{fields}");
    }

    #[test]
    fn each_capability_follows_from_its_field() {
        check(r#""stream":true"#, &[Capability::Streaming]);
        check(r#""tools":[{"type":"function"}]"#, &[Capability::Tools]);
        check(r#""functions":[{}]"#, &[Capability::Tools]);
        check(r#""tools":[ ]"#, &[]);
        check(r#""tools":null"#, &[]);
        check(r#""response_format":{"type":"json_schema","json_schema":{}}"#, &[Capability::JsonSchema]);
        check(r#""response_format":{"type":"json_object"}"#, &[]);
        check(r#""reasoning_effort":"low""#, &[Capability::Reasoning]);
        check(r#""reasoning_effort":"none""#, &[]);
        check(r#""reasoning_effort":null"#, &[]);
        check(r#""thinking":{"type":"enabled","budget_tokens":1}"#, &[Capability::Reasoning]);
        check(r#""thinking":{"type":"disabled"}"#, &[]);
    }

    #[test]
    fn pictures_and_sound_are_found_in_the_parts_of_a_message() {
        let image = r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#;
        let sound = r#"{"type":"input_audio","input_audio":{"data":"AAAA"}}"#;
        check(&format!(r#""messages":[{{"role":"user","content":[{image}]}}]"#), &[Capability::Vision]);
        check(
            &format!(r#""messages":[{{"content":"x"}},{{"content":[{sound},{image}]}}]"#),
            &[Capability::Vision, Capability::Audio],
        );
    }

    #[test]
    fn a_text_about_pictures_is_none() {
        check(r#""messages":[{"role":"user","content":"image_url"}]"#, &[]);
        check(r#""messages":[{"content":[{"type":"text","text":"{\"type\":\"image_url\"}"}]}]"#, &[]);
        check(r#""messages":"image_url""#, &[]);
        check(r#""messages":[{"content":[7,{"type":7},"image_url"]}]"#, &[]);
    }

    #[test]
    fn a_prompt_counts_by_its_text_alone() {
        let image = format!(r#"{{"type":"image_url","image_url":{{"url":"{}"}}}}"#, "A".repeat(100_000));
        let text = "x".repeat(1000);
        let body = format!(r#"{{"model":"m","messages":[{{"content":[{image},{{"type":"text","text":"{text}"}}]}}]}}"#);
        let tokens = needs(&body).prompt_tokens;
        assert!((200..220).contains(&tokens), "{tokens}");
    }

    #[test]
    fn nothing_is_looked_for_that_everybody_has() {
        let image = r#"{"type":"image_url","image_url":{"url":"https://example.org/1.png"}}"#;
        let body = format!(r#"{{"model":"m","stream":true,"tools":[1],"messages":[{{"content":[{image}]}}]}}"#);
        let request = InferenceRequest::parse(body.into()).unwrap();
        assert!(request.needs(&Doubts::default()).capabilities.is_empty());
    }

    #[test]
    fn the_answer_counts_as_far_as_the_caller_asks_for_it() {
        assert_eq!(needs(r#"{"model":"m","max_tokens":7}"#).max_output, Some(7));
        assert_eq!(needs(r#"{"model":"m","max_tokens":7,"max_completion_tokens":9}"#).max_output, Some(9));
        assert_eq!(needs(r#"{"model":"m"}"#).max_output, None);
    }
}
