//! How each operation spells a default.

use std::borrow::Cow;

use super::{DefaultValues, ParameterDefaults, ReasoningEffort, ToolChoice};
use crate::inference::{Dialect, InferenceRequest, Operation, Parameter, is_adaptive_claude};

/// The fewest tokens that Messages takes as a budget to think.
const LEAST_BUDGET: u32 = 1024;

/// A field: its key, and its value as JSON.
type Field<'a> = (&'static str, Cow<'a, str>);

/// The fields of `request` that tell `model` the default `value` of `parameter`; none if it cannot be said there.
pub(in crate::inference) fn spelt<'a>(
    (request, defaults): (&InferenceRequest, &ParameterDefaults),
    model: &str,
    (parameter, value): (Parameter, &'a str),
) -> [Option<Field<'a>>; 2] {
    let is_messages = request.operation() == Operation::Converse(Dialect::Messages);
    match parameter {
        Parameter::Temperature | Parameter::TopP if is_messages && is_adaptive_claude(model) => [None, None],
        Parameter::ReasoningEffort | Parameter::Thinking if is_messages && is_adaptive_claude(model) => {
            adaptive((request, defaults), parameter)
        }
        _ => [spelt_alone((request, defaults), (parameter, value)), None],
    }
}

fn spelt_alone<'a>(
    (request, defaults): (&InferenceRequest, &ParameterDefaults),
    (parameter, value): (Parameter, &'a str),
) -> Option<Field<'a>> {
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
        | Operation::EmbedContents
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

fn in_responses(parameter: Parameter, value: &str) -> Option<Field<'_>> {
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
) -> Option<Field<'a>> {
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

/// How a Claude that thinks as it sees fit is told to: by an effort, beside whatever else the caller has of that, and before a call that is
/// forced by nothing but that.
fn adaptive<'a>(
    (request, defaults): (&InferenceRequest, &ParameterDefaults),
    parameter: Parameter,
) -> [Option<Field<'a>>; 2] {
    const THINKING: &str = r#"{"type":"adaptive","display":"summarized"}"#;
    let DefaultValues { reasoning_effort, thinking_budget, .. } = *defaults.values();
    let effort = match (reasoning_effort, thinking_budget) {
        // Where both are given, one of them says it.
        (_, Some(_)) if parameter == Parameter::ReasoningEffort => return [None, None],
        // Not every one of them can be told not to think.
        (_, Some(0)) | (Some(ReasoningEffort::None), None) => return [None, None],
        (None | Some(ReasoningEffort::None), Some(budget)) => ReasoningEffort::of_budget(budget.into()),
        (Some(ReasoningEffort::Minimal), _) => ReasoningEffort::Low,
        (Some(effort), _) => effort,
        (None, None) => return [None, None],
    };
    let is_open = request.value(Parameter::MessagesOutput).is_none();
    let thinking = (!is_forced(request, defaults)).then_some((Parameter::Thinking.key(), THINKING.into()));
    let output = || format!(r#"{{"effort":"{}"}}"#, effort.as_str());
    [thinking, is_open.then(|| (Parameter::MessagesOutput.key(), output().into()))]
}

/// Whether a tool must be called.
fn is_forced(request: &InferenceRequest, defaults: &ParameterDefaults) -> bool {
    match request.value(Parameter::ToolChoice) {
        Some(choice) => [r#""any""#, r#""tool""#].into_iter().any(|kind| choice.contains(kind)),
        None => {
            defaults.values().tool_choice == Some(ToolChoice::Required) && request.value(Parameter::Tools).is_some()
        }
    }
}

/// An effort is a budget there, which is part of the answer and takes at most half of it. A budget of its own outweighs it, and a
/// call that is forced leaves no thought before it.
fn thinking_for_effort(request: &InferenceRequest, defaults: &ParameterDefaults) -> Option<String> {
    let values = defaults.values();
    let wanted = budget_of(values.reasoning_effort.filter(|_| values.thinking_budget.is_none())?);
    if wanted == 0 {
        return Some(super::thinking(0));
    }
    let most = request.asked_answer().or(values.max_tokens)?;
    let budget = wanted.min(most / 2);
    (!is_forced(request, defaults) && budget >= LEAST_BUDGET).then(|| super::thinking(budget))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::ResponseFormat;

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

    #[track_caller]
    fn check_adaptive(fields: &str, values: DefaultValues, expected: &str) {
        let values = DefaultValues { temperature: Some(0.5), top_p: Some(0.5), ..values };
        let body = format!(r#"{{"model":"f"{fields}}}"#);
        let request = InferenceRequest::read(Operation::Converse(Dialect::Messages), body.into()).unwrap();
        let sent = request.body_for("claude-opus-5", &ParameterDefaults::new(values));
        assert_eq!(std::str::from_utf8(&sent).unwrap(), format!(r#"{{{expected}"model":"claude-opus-5"{fields}}}"#));
    }

    #[test]
    fn a_claude_that_thinks_as_it_sees_fit_is_told_an_effort_and_nothing_of_how_tokens_are_drawn() {
        let effort = |effort| DefaultValues { reasoning_effort: Some(effort), ..DefaultValues::default() };
        let budget = DefaultValues { thinking_budget: Some(9000), ..DefaultValues::default() };
        let thinking = r#""thinking":{"type":"adaptive","display":"summarized"},"#;
        let high = r#""output_config":{"effort":"high"},"#;
        check_adaptive("", effort(ReasoningEffort::High), &format!("{thinking}{high}"));
        check_adaptive("", budget, &format!("{thinking}{high}"));
        let both = DefaultValues { thinking_budget: Some(9000), ..effort(ReasoningEffort::Minimal) };
        check_adaptive("", both, &format!(r#"{thinking}"output_config":{{"effort":"low"}},"#));
        check_adaptive("", effort(ReasoningEffort::None), "");
        check_adaptive("", DefaultValues { thinking_budget: Some(0), ..effort(ReasoningEffort::High) }, "");
        check_adaptive(r#","output_config":{"format":{}}"#, budget, thinking);
        check_adaptive(r#","tool_choice":{"type":"any"}"#, budget, high);
        check_adaptive(r#","thinking":{"type":"enabled"}"#, effort(ReasoningEffort::High), "");
        check_adaptive("", DefaultValues::default(), "");
    }

    #[test]
    fn a_choice_is_spelt_as_messages_spells_it() {
        assert_eq!(choice_in_messages(r#""required""#), r#"{"type":"any"}"#);
        assert_eq!(choice_in_messages(r#""none""#), r#"{"type":"none"}"#);
    }
}
