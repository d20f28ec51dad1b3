//! The settings of a request in Google's words, which stand in an object of their own, `generationConfig`, and not beside the
//! conversation.
//!
//! Google takes each key in camel case and in snake case; both are read here.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    DefaultValues, InferenceRequest, Parameter, ParameterDefaults, ReasoningEffort, ResponseFormat,
    request::{Edit, push_field},
};

/// What of the settings bears on routing. One of the wrong type counts as none: the provider has the last word.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Settings<'a> {
    #[serde(alias = "max_output_tokens")]
    pub(super) max_output_tokens: Option<u32>,
    #[serde(alias = "candidate_count")]
    pub(super) candidate_count: Option<u32>,
    #[serde(borrow, alias = "response_schema")]
    response_schema: Option<&'a RawValue>,
    #[serde(borrow, alias = "response_json_schema", alias = "_responseJsonSchema")]
    response_json_schema: Option<&'a RawValue>,
    #[serde(alias = "thinking_config")]
    thinking_config: Option<ThinkingConfig>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ThinkingConfig {
    #[serde(alias = "thinking_budget")]
    thinking_budget: Option<i64>,
    #[serde(alias = "thinking_level")]
    thinking_level: Option<Box<str>>,
}

impl Settings<'_> {
    /// Whether the answer must keep to a schema.
    pub(super) fn has_schema(&self) -> bool {
        self.response_schema.or(self.response_json_schema).is_some()
    }

    /// Whether the model is told to think.
    pub(super) fn asks_for_reasoning(&self) -> bool {
        let thinking = self.thinking_config.as_ref();
        thinking.is_some_and(|thinking| {
            thinking.thinking_budget.is_some_and(|budget| budget != 0) || thinking.thinking_level.is_some()
        })
    }
}

impl InferenceRequest {
    /// The settings, if it is a request in Google's words that has any.
    pub(super) fn settings(&self) -> Option<Settings<'_>> {
        serde_json::from_str(self.value(Parameter::GenerationConfig)?).ok()
    }

    /// What fills in the defaults that the settings leave open: a change within them, or, where there are none, a field in front.
    pub(super) fn missing_settings(&self, defaults: &ParameterDefaults, front: &mut String) -> Option<Edit<'static>> {
        let given = self.value(Parameter::GenerationConfig);
        let keys: BTreeMap<&str, &RawValue> = match given {
            None | Some("null") => BTreeMap::new(),
            // What cannot be read is passed on as it is.
            Some(settings) => serde_json::from_str(settings).ok()?,
        };
        let is_open = |(key, snake, _): &Setting<'_>| !keys.contains_key(key) && !keys.contains_key(snake);
        let missing = defaults.rendered().filter_map(|default| setting(defaults, default)).filter(is_open);
        let missing: Vec<String> = missing.map(|(key, _, value)| format!("\"{key}\":{value}")).collect();
        if missing.is_empty() {
            return None;
        }
        let missing = missing.join(",");
        match self.envelope().span(Parameter::GenerationConfig) {
            None => {
                push_field(front, Parameter::GenerationConfig.key(), &format!("{{{missing}}}"));
                None
            }
            Some(span) if given == Some("null") => Some((span, format!("{{{missing}}}").into())),
            Some(span) => {
                let comma = if keys.is_empty() { "" } else { "," };
                Some((span.start + 1..span.start + 1, format!("{missing}{comma}").into()))
            }
        }
    }
}

/// A key in camel case and in snake case, and the value.
type Setting<'a> = (&'static str, &'static str, Cow<'a, str>);

/// A default in Google's words; `None` if it is none of the settings.
fn setting<'a>(defaults: &ParameterDefaults, (parameter, value): (Parameter, &'a str)) -> Option<Setting<'a>> {
    let DefaultValues { reasoning_effort, thinking_budget, response_format, .. } = *defaults.values();
    let budget = |tokens: u32| Cow::Owned(format!(r#"{{"thinkingBudget":{tokens}}}"#));
    let thinking = |tokens| ("thinkingConfig", "thinking_config", budget(tokens));
    match parameter {
        Parameter::Temperature => Some(("temperature", "temperature", value.into())),
        Parameter::TopP => Some(("topP", "top_p", value.into())),
        Parameter::MaxTokens => Some(("maxOutputTokens", "max_output_tokens", value.into())),
        Parameter::Thinking => thinking_budget.map(thinking),
        // A budget of its own outweighs an effort.
        Parameter::ReasoningEffort if thinking_budget.is_some() => None,
        Parameter::ReasoningEffort => reasoning_effort.map(|effort| thinking(budget_of(effort))),
        Parameter::ResponseFormat if response_format == Some(ResponseFormat::JsonObject) => {
            Some(("responseMimeType", "response_mime_type", r#""application/json""#.into()))
        }
        _ => None,
    }
}

/// The budget that Google takes an effort for.
fn budget_of(effort: ReasoningEffort) -> u32 {
    match effort {
        ReasoningEffort::None => 0,
        ReasoningEffort::Minimal | ReasoningEffort::Low => 1024,
        ReasoningEffort::Medium => 8192,
        ReasoningEffort::High => 24_576,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{Address, Dialect, Operation, ToolChoice};

    const GEMINI: Operation = Operation::Converse(Dialect::Gemini);

    fn request(body: &str) -> InferenceRequest {
        let address = Address { model: "fast".into(), stream: false };
        InferenceRequest::addressed(GEMINI, body.to_owned().into(), address).unwrap()
    }

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let defaults = ParameterDefaults::new(DefaultValues {
            temperature: Some(0.5),
            max_tokens: Some(200),
            thinking_budget: Some(100),
            ..DefaultValues::default()
        });
        let sent = request(body).body_for("gemini", &defaults);
        assert_eq!(str::from_utf8(&sent).unwrap(), expected);
    }

    #[test]
    fn defaults_go_where_google_keeps_settings() {
        let all = r#""temperature":0.5,"maxOutputTokens":200,"thinkingConfig":{"thinkingBudget":100}"#;
        check(r#"{"contents":[]}"#, &format!(r#"{{"generationConfig":{{{all}}},"contents":[]}}"#));
        check(r#"{"generationConfig":{}}"#, &format!(r#"{{"generationConfig":{{{all}}}}}"#));
        check(r#"{"generation_config":null}"#, &format!(r#"{{"generation_config":{{{all}}}}}"#));
        check("{}", &format!(r#"{{"generationConfig":{{{all}}}}}"#));
        check(
            r#"{"generationConfig":{"topK":1,"max_output_tokens":7,"thinkingConfig":{}}}"#,
            r#"{"generationConfig":{"temperature":0.5,"topK":1,"max_output_tokens":7,"thinkingConfig":{}}}"#,
        );
    }

    #[test]
    fn what_the_caller_says_stands_as_it_was_spelt() {
        let body = r#" {"model":"m","stream":1,"generationConfig":{"temperature":1e400,"maxOutputTokens":1,"thinking_config":null}}"#;
        check(body, body);
        check(r#"{"generationConfig":7}"#, r#"{"generationConfig":7}"#);
    }

    #[test]
    fn an_effort_a_form_and_a_choice_of_tools_have_their_own_words() {
        let defaults = ParameterDefaults::new(DefaultValues {
            reasoning_effort: Some(ReasoningEffort::Medium),
            response_format: Some(ResponseFormat::JsonObject),
            tool_choice: Some(ToolChoice::Required),
            ..DefaultValues::default()
        });
        let settings = r#"{"responseMimeType":"application/json","thinkingConfig":{"thinkingBudget":8192}}"#;
        let choice = r#"{"functionCallingConfig":{"mode":"ANY"}}"#;
        let sent = |body: &str| String::from_utf8(request(body).body_for("m", &defaults).to_vec()).unwrap();
        assert_eq!(
            sent(r#"{"tools":[1]}"#),
            format!(r#"{{"toolConfig":{choice},"generationConfig":{settings},"tools":[1]}}"#)
        );
        let chosen = r#"{"tools":[1],"tool_config":{}}"#;
        assert_eq!(sent(chosen), format!(r#"{{"generationConfig":{settings},"tools":[1],"tool_config":{{}}}}"#));
    }

    #[test]
    fn what_bears_on_routing_is_read_in_either_spelling() {
        let camel = request(r#"{"generationConfig":{"maxOutputTokens":7,"candidateCount":2}}"#);
        let snake = request(r#"{"generation_config":{"max_output_tokens":7,"candidate_count":2}}"#);
        for request in [camel, snake] {
            assert_eq!((request.asked_answer(), request.choices()), (Some(7), 2));
        }
        assert_eq!(request(r#"{"generationConfig":{"candidateCount":"two"}}"#).choices(), 1);
    }
}
