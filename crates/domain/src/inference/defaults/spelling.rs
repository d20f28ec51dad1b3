//! How each operation spells a default.

use std::borrow::Cow;

use super::{ParameterDefaults, ReasoningEffort, ToolChoice};
use crate::inference::{Dialect, InferenceRequest, Operation, Parameter};

/// The fewest tokens that Messages takes as a budget to think.
const LEAST_BUDGET: u32 = 1024;

/// The field of `request` that says the default `value` of `parameter`; `None` if it cannot be said there.
pub(in crate::inference) fn spelt<'a>(
    (request, defaults): (&InferenceRequest, &ParameterDefaults),
    (parameter, value): (Parameter, &'a str),
) -> Option<(&'static str, Cow<'a, str>)> {
    let as_it_is = Some((parameter.key(), Cow::Borrowed(value)));
    let is_shared = matches!(parameter, Parameter::Temperature | Parameter::MaxTokens | Parameter::TopP);
    match request.operation() {
        // Chat knows an effort, and Messages a budget.
        Operation::Converse(Dialect::Chat) => as_it_is.filter(|_| parameter != Parameter::Thinking),
        Operation::Converse(Dialect::Responses) => in_responses(parameter, value),
        Operation::Converse(Dialect::Messages) => match parameter {
            Parameter::ToolChoice => Some((parameter.key(), choice_in_messages(value).into())),
            Parameter::ReasoningEffort => Some(("thinking", thinking_for_effort(request, defaults)?.into())),
            Parameter::Thinking => as_it_is,
            _ => as_it_is.filter(|_| is_shared),
        },
        Operation::Completions => as_it_is.filter(|_| is_shared),
        Operation::Converse(Dialect::Cohere) => in_cohere((request, defaults), (parameter, value)),
        // They have them in objects of their own.
        Operation::Converse(Dialect::Gemini) if parameter == Parameter::ToolChoice => {
            Some(("toolConfig", choice_in_gemini(value).into()))
        }
        Operation::Converse(Dialect::Bedrock | Dialect::Gemini) => None,
        Operation::CountTokens
        | Operation::CountContents
        | Operation::Embed
        | Operation::Embeddings
        | Operation::Moderations
        | Operation::Rerank
        | Operation::Images
        | Operation::ImageEdits
        | Operation::ImageVariations
        | Operation::Speech
        | Operation::Transcriptions
        | Operation::Translations => None,
    }
}

fn in_responses(parameter: Parameter, value: &str) -> Option<(&'static str, Cow<'_, str>)> {
    let (key, value) = match parameter {
        Parameter::Temperature | Parameter::TopP | Parameter::ToolChoice => (parameter.key(), Cow::Borrowed(value)),
        Parameter::MaxTokens => (Parameter::MaxOutputTokens.key(), Cow::Borrowed(value)),
        Parameter::ReasoningEffort => (Parameter::Reasoning.key(), format!(r#"{{"effort":{value}}}"#).into()),
        Parameter::ResponseFormat => (Parameter::Text.key(), format!(r#"{{"format":{value}}}"#).into()),
        _ => return None,
    };
    Some((key, value))
}

/// A caller's `p` stands for `top_p`, and its thinking for an effort; a choice that is left open is said by silence.
fn in_cohere<'a>(
    (request, defaults): (&InferenceRequest, &ParameterDefaults),
    (parameter, value): (Parameter, &'a str),
) -> Option<(&'static str, Cow<'a, str>)> {
    let is_silent = |parameter| request.value(parameter).is_none();
    let thinking = |value: &str| value.replace("budget_tokens", "token_budget");
    match parameter {
        Parameter::Temperature | Parameter::MaxTokens | Parameter::ResponseFormat => {
            Some((parameter.key(), value.into()))
        }
        Parameter::TopP if is_silent(Parameter::P) => Some((Parameter::P.key(), value.into())),
        Parameter::ToolChoice if value != r#""auto""# => Some((parameter.key(), value.to_uppercase().into())),
        Parameter::Thinking => Some((parameter.key(), thinking(value).into())),
        Parameter::ReasoningEffort if is_silent(Parameter::Thinking) && defaults.values().thinking_budget.is_none() => {
            let budget = budget_of(defaults.values().reasoning_effort?);
            Some((Parameter::Thinking.key(), thinking(&super::thinking(budget)).into()))
        }
        _ => None,
    }
}

/// The budget that an effort amounts to.
fn budget_of(effort: ReasoningEffort) -> u32 {
    match effort {
        ReasoningEffort::None => 0,
        ReasoningEffort::Minimal => LEAST_BUDGET,
        ReasoningEffort::Low => 2048,
        ReasoningEffort::Medium => 8192,
        ReasoningEffort::High => 16_384,
    }
}

fn choice_in_messages(value: &str) -> String {
    let kind = if value == r#""required""# { r#""any""# } else { value };
    format!(r#"{{"type":{kind}}}"#)
}

fn choice_in_gemini(value: &str) -> String {
    let mode = match value {
        r#""required""# => "ANY",
        r#""none""# => "NONE",
        _ => "AUTO",
    };
    format!(r#"{{"functionCallingConfig":{{"mode":"{mode}"}}}}"#)
}

/// An effort is a budget there, which is part of the answer and takes at most half of it. A budget of its own outweighs it, and a
/// call that is forced leaves no thought before it.
fn thinking_for_effort(request: &InferenceRequest, defaults: &ParameterDefaults) -> Option<String> {
    let values = defaults.values();
    let wanted = budget_of(values.reasoning_effort.filter(|_| values.thinking_budget.is_none())?);
    if wanted == 0 {
        return Some(super::thinking(0));
    }
    let forced = match request.value(Parameter::ToolChoice) {
        Some(choice) => [r#""any""#, r#""tool""#].into_iter().any(|kind| choice.contains(kind)),
        None => values.tool_choice == Some(ToolChoice::Required) && request.value(Parameter::Tools).is_some(),
    };
    let most = request.asked_answer().or(values.max_tokens)?;
    let budget = wanted.min(most / 2);
    (!forced && budget >= LEAST_BUDGET).then(|| super::thinking(budget))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{DefaultValues, ResponseFormat};

    #[track_caller]
    fn check(dialect: Dialect, fields: &str, expected: &str) {
        let defaults = ParameterDefaults::new(DefaultValues {
            temperature: Some(0.0),
            max_tokens: Some(9000),
            response_format: Some(ResponseFormat::JsonObject),
            tool_choice: Some(ToolChoice::Auto),
            reasoning_effort: Some(ReasoningEffort::High),
            ..DefaultValues::default()
        });
        let body = format!(r#"{{"model":"f"{fields}}}"#);
        let request = InferenceRequest::read(Operation::Converse(dialect), body.into()).unwrap();
        let sent = request.body_for("m", &defaults);
        assert_eq!(std::str::from_utf8(&sent).unwrap(), format!(r#"{{{expected}"model":"m"{fields}}}"#));
    }

    #[test]
    fn responses_spells_every_default_in_its_own_words() {
        let format = r#""text":{"format":{"type":"json_object"}},"#;
        check(
            Dialect::Responses,
            r#","tools":[1]"#,
            &format!(
                r#""temperature":0.0,"max_output_tokens":9000,{format}"tool_choice":"auto","reasoning":{{"effort":"high"}},"#
            ),
        );
        check(
            Dialect::Responses,
            r#","text":{"verbosity":"low"},"reasoning":{},"max_output_tokens":1"#,
            r#""temperature":0.0,"#,
        );
    }

    #[test]
    fn cohere_spells_every_default_in_its_own_words() {
        check(
            Dialect::Cohere,
            r#","tools":[1]"#,
            concat!(
                r#""temperature":0.0,"max_tokens":9000,"response_format":{"type":"json_object"},"#,
                r#""thinking":{"type":"enabled","token_budget":16384},"#,
            ),
        );
        let given = r#","temperature":null,"max_tokens":7,"response_format":null,"thinking":{"type":"disabled"}"#;
        check(Dialect::Cohere, given, "");
        let defaults = DefaultValues {
            top_p: Some(0.5),
            tool_choice: Some(ToolChoice::Required),
            thinking_budget: Some(100),
            ..DefaultValues::default()
        };
        let sent = |body: &'static str| {
            let request = InferenceRequest::read(Operation::Converse(Dialect::Cohere), body.into()).unwrap();
            request.body_for("m", &ParameterDefaults::new(defaults))
        };
        let thinking = r#""thinking":{"type":"enabled","token_budget":100}"#;
        let expected = format!(r#"{{"p":0.5,"tool_choice":"REQUIRED",{thinking},"model":"m","tools":[1]}}"#);
        assert_eq!(sent(r#"{"model":"f","tools":[1]}"#), expected);
        assert_eq!(sent(r#"{"model":"f","p":1e400}"#), format!(r#"{{{thinking},"model":"m","p":1e400}}"#));
    }

    #[test]
    fn messages_spells_what_it_can_in_its_own_words() {
        check(
            Dialect::Messages,
            r#","tools":[1],"temperature":1"#,
            r#""max_tokens":9000,"tool_choice":{"type":"auto"},"thinking":{"type":"enabled","budget_tokens":4500},"#,
        );
        check(Dialect::Messages, r#","max_tokens":2000,"temperature":1"#, "");
        check(Dialect::Messages, r#","max_tokens":9000,"temperature":1,"thinking":{"type":"disabled"}"#, "");
        check(Dialect::Messages, r#","max_tokens":9000,"temperature":1,"tool_choice":{"type":"any"}"#, "");
    }

    #[test]
    fn a_choice_is_spelt_as_messages_spells_it() {
        assert_eq!(choice_in_messages(r#""required""#), r#"{"type":"any"}"#);
        assert_eq!(choice_in_messages(r#""none""#), r#"{"type":"none"}"#);
    }
}
