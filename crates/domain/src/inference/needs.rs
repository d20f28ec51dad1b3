//! What a request needs of a model, read off its body, in whatever dialect it is.
//!
//! It is read only where somebody's card could exclude a candidate for it. Whatever is not understood asks for nothing: the
//! provider has the last word.

mod contents;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Dialect, InferenceRequest, Operation, Parameter};
use crate::model::{Capabilities, Capability, Doubts, RequestNeeds};

/// Bytes of a prompt for each of its tokens: rather too many, so that nobody is passed over for a prompt that may fit.
/// English prose has 4 to 5, other text fewer.
const BYTES_PER_TOKEN: usize = 5;

/// What parts of a message say beside text, and what that needs.
const MEDIA: [(&str, Option<Capability>); 7] = [
    ("image_url", Some(Capability::Vision)),
    ("image", Some(Capability::Vision)),
    ("input_image", Some(Capability::Vision)),
    ("input_audio", Some(Capability::Audio)),
    ("file", None),
    ("input_file", None),
    ("document", None),
];

/// How deep a part may stand in a conversation: in a tool's result, in a message, in the list.
const DEEPEST_PART: usize = 3;

impl InferenceRequest {
    /// What the request needs of the model that serves it, as far as there are `doubts` that everybody has it.
    pub fn needs(&self, doubts: &Doubts) -> RequestNeeds {
        let mut capabilities: Capabilities =
            doubts.lacking.iter().filter(|capability| self.plainly_needs(*capability)).collect();
        let (conversation, beside) = self.prompt();
        let conversation = self.value(conversation).unwrap_or_default();
        let mut bytes =
            conversation.len() + beside.iter().filter_map(|part| Some(self.value(*part)?.len())).sum::<usize>();
        let is_long = doubts.window.is_some_and(|window| bytes / BYTES_PER_TOKEN > window.get() as usize / 2);
        // To look for pictures in every prompt would cost more than all the rest.
        if is_long || MEDIA.iter().any(|(_, needed)| needed.is_some_and(|needed| doubts.lacking.contains(needed))) {
            bytes -= match self.operation() {
                Operation::Converse(Dialect::Gemini) => contents::media(conversation, &mut capabilities),
                _ => media(conversation, DEEPEST_PART, &mut capabilities),
            };
        }
        let prompt_tokens = u32::try_from(bytes / BYTES_PER_TOKEN).unwrap_or(u32::MAX);
        RequestNeeds { capabilities, prompt_tokens, max_output: self.asked_answer() }
    }

    /// Where its conversation stands, and what else is part of the prompt.
    fn prompt(&self) -> (Parameter, &'static [Parameter]) {
        match self.operation() {
            Operation::Converse(Dialect::Responses) => (Parameter::Input, &[Parameter::Tools, Parameter::Instructions]),
            Operation::Converse(Dialect::Messages) | Operation::CountTokens => {
                (Parameter::Messages, &[Parameter::Tools, Parameter::System])
            }
            Operation::Converse(Dialect::Gemini) | Operation::CountContents => {
                (Parameter::Contents, &[Parameter::Tools, Parameter::SystemInstruction])
            }
            _ => (Parameter::Messages, &[Parameter::Tools]),
        }
    }

    /// Whether a field says that it needs `capability`; what only its messages tell is not looked for.
    fn plainly_needs(&self, capability: Capability) -> bool {
        match capability {
            Capability::Streaming => self.envelope().stream(),
            Capability::Tools => self.has_items(Parameter::Tools) || self.has_items(Parameter::Functions),
            Capability::JsonSchema => self.has_schema(),
            Capability::Reasoning => self.asks_for_reasoning(),
            Capability::Vision | Capability::Audio | Capability::Prefill => false,
        }
    }

    fn has_items(&self, parameter: Parameter) -> bool {
        let inner = self.value(parameter).and_then(|value| value.strip_prefix('['));
        inner.is_some_and(|inner| !inner.trim_start().starts_with(']'))
    }

    /// What of an object bears on this.
    fn options(&self, parameter: Parameter) -> Options<'_> {
        self.value(parameter).and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default()
    }

    fn has_schema(&self) -> bool {
        self.answer_form().is_some_and(|kind| kind == "json_schema")
            || self.settings().is_some_and(|settings| settings.has_schema())
    }

    /// The form that its answer must have, by name.
    fn answer_form(&self) -> Option<Cow<'_, str>> {
        let within = |options: Parameter| serde_json::from_str::<Options<'_>>(self.options(options).format?.get()).ok();
        match self.operation() {
            Operation::Converse(Dialect::Responses) => within(Parameter::Text)?.r#type,
            Operation::Converse(Dialect::Messages) => within(Parameter::MessagesOutput)?.r#type,
            Operation::Converse(Dialect::Cohere) => {
                self.options(Parameter::ResponseFormat).json_schema.map(|_| Cow::Borrowed("json_schema"))
            }
            _ => self.options(Parameter::ResponseFormat).r#type,
        }
    }

    /// Whether its caller asks the model to think.
    pub fn asks_for_reasoning(&self) -> bool {
        let thinks = || {
            let kind = self.options(Parameter::Thinking).r#type;
            kind.is_some_and(|kind| matches!(&*kind, "enabled" | "adaptive"))
        };
        match self.operation() {
            Operation::Converse(Dialect::Messages) => thinks(),
            Operation::Converse(Dialect::Gemini) => {
                self.settings().is_some_and(|settings| settings.asks_for_reasoning())
            }
            Operation::Converse(Dialect::Responses) => {
                self.options(Parameter::Reasoning).effort.is_some_and(|effort| effort != "none")
            }
            _ => {
                let effort = self.value(Parameter::ReasoningEffort);
                effort.is_some_and(|effort| !matches!(effort, "null" | "\"none\"")) || thinks()
            }
        }
    }
}

/// What of an object bears on what a request needs.
#[derive(Default, Deserialize)]
struct Options<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    effort: Option<Cow<'a, str>>,
    #[serde(borrow)]
    format: Option<&'a RawValue>,
    /// The schema of a form, in Cohere's words.
    #[serde(borrow)]
    json_schema: Option<&'a RawValue>,
}

/// A message, a part of one, or a tool's result; the last has parts again.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    r#type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    /// What a tool gave back, in the words of Responses.
    #[serde(borrow)]
    output: Option<&'a RawValue>,
}

/// The bytes of `list` that are no text, such as images, down to some depth; what they need is added to `capabilities`.
fn media(list: &str, depth: usize, capabilities: &mut Capabilities) -> usize {
    // Without one of these words there is nothing to look for, and to parse every prompt would cost more than all the rest.
    if depth == 0 || !list.starts_with('[') || !MEDIA.iter().any(|(kind, _)| list.contains(kind)) {
        return 0;
    }
    let mut bytes = 0;
    for raw in serde_json::from_str::<Vec<&RawValue>>(list).unwrap_or_default() {
        let Ok(part) = serde_json::from_str::<Part<'_>>(raw.get()) else { continue };
        if let Some((_, needed)) = MEDIA.iter().find(|(known, _)| part.r#type.as_deref() == Some(known)) {
            bytes += raw.get().len();
            if let Some(capability) = needed {
                capabilities.insert(*capability);
            }
        } else {
            let inner = part.content.into_iter().chain(part.output);
            bytes += inner.map(|inner| media(inner.get(), depth - 1, capabilities)).sum::<usize>();
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::Address;

    fn needs(body: &str) -> RequestNeeds {
        needs_in(Dialect::Chat, body)
    }

    fn needs_in(dialect: Dialect, body: &str) -> RequestNeeds {
        let doubts = Doubts { lacking: Capability::ALL.into_iter().collect(), ..Doubts::default() };
        let (operation, body) = (Operation::Converse(dialect), body.to_owned().into());
        let address = Address { model: "m".into(), stream: false };
        let request = match dialect {
            Dialect::Gemini | Dialect::Bedrock => InferenceRequest::addressed(operation, body, address),
            Dialect::Chat | Dialect::Responses | Dialect::Messages | Dialect::Cohere => {
                InferenceRequest::read(operation, body)
            }
        };
        request.unwrap().needs(&doubts)
    }

    #[track_caller]
    fn check(fields: &str, expected: &[Capability]) {
        check_in(Dialect::Chat, fields, expected);
    }

    #[track_caller]
    fn check_in(dialect: Dialect, fields: &str, expected: &[Capability]) {
        let capabilities = needs_in(dialect, &format!(r#"{{"model":"m",{fields}}}"#)).capabilities;
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
    fn messages_say_what_they_need_in_words_of_their_own() {
        let check = |fields: &str, expected: &[Capability]| check_in(Dialect::Messages, fields, expected);
        let image = r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}"#;
        check(&format!(r#""messages":[{{"role":"user","content":[{image}]}}]"#), &[Capability::Vision]);
        let result = format!(r#"{{"type":"tool_result","tool_use_id":"t","content":[{image}]}}"#);
        check(&format!(r#""messages":[{{"role":"user","content":[{result}]}}]"#), &[Capability::Vision]);
        check(r#""messages":[{"role":"user","content":[{"type":"document","source":{}}]}]"#, &[]);
        check(r#""tools":[{"name":"f","input_schema":{}}]"#, &[Capability::Tools]);
        check(r#""thinking":{"type":"enabled","budget_tokens":1024}"#, &[Capability::Reasoning]);
        check(r#""thinking":{"type":"adaptive"}"#, &[Capability::Reasoning]);
        check(r#""output_config":{"format":{"type":"json_schema","schema":{}}}"#, &[Capability::JsonSchema]);
        check(r#""output_config":{"effort":"low"}"#, &[]);
        check(r#""thinking":{"type":"disabled"}"#, &[]);
        check(r#""reasoning_effort":"high","reasoning":{"effort":"high"}"#, &[]);
    }

    #[test]
    fn cohere_says_what_it_needs_in_words_of_its_own() {
        let check = |fields: &str, expected: &[Capability]| check_in(Dialect::Cohere, fields, expected);
        let image = r#"{"type":"image_url","image_url":{"url":"https://e.example/a.png"}}"#;
        check(&format!(r#""messages":[{{"role":"user","content":[{image}]}}]"#), &[Capability::Vision]);
        check(r#""thinking":{"type":"enabled","token_budget":9}"#, &[Capability::Reasoning]);
        check(r#""response_format":{"type":"json_object"}"#, &[]);
        check(r#""response_format":{"type":"json_object","json_schema":{}}"#, &[Capability::JsonSchema]);
    }

    #[test]
    fn responses_say_what_they_need_in_words_of_their_own() {
        let check = |fields: &str, expected: &[Capability]| check_in(Dialect::Responses, fields, expected);
        let image = r#"{"type":"input_image","image_url":"data:image/png;base64,AAAA"}"#;
        check(&format!(r#""input":[{{"role":"user","content":[{image}]}}]"#), &[Capability::Vision]);
        let output = format!(r#"{{"type":"function_call_output","call_id":"c","output":[{image}]}}"#);
        check(&format!(r#""input":[{output}]"#), &[Capability::Vision]);
        check(r#""input":"a text about an input_image""#, &[]);
        check(r#""tools":[{"type":"web_search"}]"#, &[Capability::Tools]);
        check(r#""reasoning":{"effort":"low"}"#, &[Capability::Reasoning]);
        check(r#""reasoning":{"effort":"none"}"#, &[]);
        check(r#""reasoning":{"summary":"auto"}"#, &[]);
        check(r#""text":{"format":{"type":"json_schema","name":"n","schema":{}}}"#, &[Capability::JsonSchema]);
        check(r#""text":{"format":{"type":"text"},"verbosity":"low"}"#, &[]);
    }

    #[test]
    fn contents_say_what_they_need_in_words_of_their_own() {
        let check = |fields: &str, expected: &[Capability]| check_in(Dialect::Gemini, fields, expected);
        let part = |part: &str| format!(r#""contents":[{{"parts":[{{"text":"Hi"}},{part}]}}]"#);
        check(&part(r#"{"inlineData":{"mimeType":"image/png","data":"AAAA"}}"#), &[Capability::Vision]);
        check(&part(r#"{"inline_data":{"mime_type":"audio/wav","data":"AAAA"}}"#), &[Capability::Audio]);
        check(&part(r#"{"fileData":{"mimeType":"application/pdf","fileUri":"u"}}"#), &[]);
        check(r#""tools":[{"functionDeclarations":[]}]"#, &[Capability::Tools]);
        check(r#""generationConfig":{"responseSchema":{"type":"OBJECT"}}"#, &[Capability::JsonSchema]);
        check(r#""generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}"#, &[Capability::Reasoning]);
        check(r#""generationConfig":{"thinkingConfig":{"thinkingBudget":0}}"#, &[]);
    }

    #[test]
    fn each_dialect_counts_its_prompt_and_the_answer_that_it_allows() {
        let text = "x".repeat(1000);
        let file = format!(r#"{{"type":"input_file","file_data":"{}"}}"#, "A".repeat(100_000));
        let image = format!(r#"{{"inlineData":{{"mimeType":"image/png","data":"{}"}}}}"#, "A".repeat(100_000));
        let bodies = [
            (
                Dialect::Gemini,
                format!(
                    r#""systemInstruction":{{"parts":[{{"text":"{text}"}}]}},"generationConfig":{{"maxOutputTokens":7}},
                    "contents":[{{"parts":[{image},{{"text":"{text}"}}]}}]"#
                ),
            ),
            (Dialect::Messages, format!(r#""system":"{text}","max_tokens":7,"messages":[{{"content":"{text}"}}]"#)),
            (Dialect::Responses, format!(r#""instructions":"{text}","max_output_tokens":7,"input":"{text}""#)),
            (
                Dialect::Responses,
                format!(
                    r#""instructions":"{text}","max_output_tokens":7,
                    "input":[{{"content":[{file},{{"type":"input_text","text":"{text}"}}]}}]"#
                ),
            ),
        ];
        for (dialect, fields) in bodies {
            let RequestNeeds { prompt_tokens, max_output, .. } =
                needs_in(dialect, &format!(r#"{{"model":"m",{fields}}}"#));
            assert!((400..420).contains(&prompt_tokens), "{dialect:?}: {prompt_tokens}");
            assert_eq!(max_output, Some(7));
        }
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
