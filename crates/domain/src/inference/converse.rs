//! Defaults of a request in the words of Bedrock's Converse, which keeps its parameters in objects.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::{
    DefaultValues, InferenceRequest, Parameter, ParameterDefaults, ReasoningEffort, is_adaptive_claude,
    request::{Edit, push_field},
};
use crate::json::quoted;

/// A default: the object that it stands in, its key there, and its value as JSON.
type Slot<'a> = (Parameter, &'static str, Cow<'a, str>);

impl InferenceRequest {
    /// What fills in the defaults that the caller left open, for `model`: changes within the objects that are there, and those that are
    /// not in front.
    pub(super) fn converse_defaults(
        &self,
        defaults: &ParameterDefaults,
        model: &str,
        front: &mut String,
    ) -> Vec<Edit<'static>> {
        let slots: Vec<Slot<'_>> = if is_adaptive_claude(model) {
            defaults.rendered().filter_map(|default| adaptive_slot(default, defaults.values())).collect()
        } else {
            defaults.rendered().filter_map(slot).collect()
        };
        let objects = slots.chunk_by(|(one, ..), (next, ..)| one == next);
        objects.filter_map(|slots| self.filled(slots, front)).collect()
    }

    fn filled(&self, slots: &[Slot<'_>], front: &mut String) -> Option<Edit<'static>> {
        let &(object, ..) = slots.first()?;
        let given: BTreeMap<&str, &RawValue> = match self.value(object) {
            None => BTreeMap::new(),
            // What cannot be read is passed on as it is.
            Some(value) => serde_json::from_str(value).ok()?,
        };
        let mut fields = String::new();
        let missing = slots.iter().filter(|(_, key, _)| !given.contains_key(key));
        missing.for_each(|(_, key, value)| push_field(&mut fields, key, value));
        if fields.is_empty() {
            return None;
        }
        if given.is_empty() {
            // Nothing follows that would need the last comma.
            fields.pop();
        }
        let Some(span) = self.envelope().span(object) else {
            push_field(front, object.key(), &format!("{{{fields}}}"));
            return None;
        };
        Some((span.start + 1..span.start + 1, fields.into()))
    }
}

/// Where a default stands. There is no effort below `low`, and none at all is said by silence.
fn slot((parameter, value): (Parameter, &str)) -> Option<Slot<'_>> {
    match (parameter, value) {
        (Parameter::Temperature, _) => Some((Parameter::InferenceConfig, "temperature", value.into())),
        (Parameter::TopP, _) => Some((Parameter::InferenceConfig, "topP", value.into())),
        (Parameter::MaxTokens, _) => Some((Parameter::InferenceConfig, "maxTokens", value.into())),
        (Parameter::ReasoningEffort, r#""none""#) => None,
        (Parameter::ReasoningEffort, r#""minimal""#) => Some((Parameter::OutputConfig, "effort", r#""low""#.into())),
        (Parameter::ReasoningEffort, _) => Some((Parameter::OutputConfig, "effort", value.into())),
        (Parameter::Thinking, _) => Some((Parameter::AdditionalFields, "thinking", value.into())),
        _ => None,
    }
}

/// Where a default stands for a model that thinks as it sees fit: how tokens are drawn is not said, and a budget is an effort.
fn adaptive_slot<'a>(default: (Parameter, &'a str), values: &DefaultValues) -> Option<Slot<'a>> {
    let is_thinking = matches!(default.0, Parameter::Thinking | Parameter::ReasoningEffort);
    match (default.0, values) {
        (Parameter::Temperature | Parameter::TopP, _) => None,
        // Not every one of them can be told not to think.
        (_, DefaultValues { thinking_budget: Some(0), .. }) if is_thinking => None,
        (Parameter::Thinking, DefaultValues { reasoning_effort: Some(_), .. }) => None,
        (Parameter::Thinking, DefaultValues { thinking_budget: Some(budget), .. }) => {
            let effort = quoted(ReasoningEffort::of_budget(u64::from(*budget)).as_str());
            Some((Parameter::OutputConfig, "effort", effort.into()))
        }
        _ => slot(default),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{Address, Dialect, Operation};

    #[track_caller]
    fn check(body: &'static str, expected: &str) {
        let defaults = ParameterDefaults::new(DefaultValues {
            temperature: Some(0.5),
            max_tokens: Some(200),
            reasoning_effort: Some(ReasoningEffort::Minimal),
            ..DefaultValues::default()
        });
        let address = Address { model: "m".into(), stream: true };
        let request = InferenceRequest::addressed(Operation::Converse(Dialect::Bedrock), body.into(), address).unwrap();
        assert!(request.envelope().stream() && request.envelope().model() == "m");
        let sent = request.body_for("x", &defaults);
        assert_eq!(std::str::from_utf8(&sent).unwrap(), expected);
    }

    #[test]
    fn defaults_fill_only_what_an_object_leaves_open() {
        check(
            r#"{"messages":[]}"#,
            r#"{"inferenceConfig":{"temperature":0.5,"maxTokens":200},"outputConfig":{"effort":"low"},"messages":[]}"#,
        );
        check(
            r#"{"inferenceConfig":{},"messages":[]}"#,
            r#"{"outputConfig":{"effort":"low"},"inferenceConfig":{"temperature":0.5,"maxTokens":200},"messages":[]}"#,
        );
        check(
            r#"{"inferenceConfig":{"temperature":1e400,"topP":0.10},"outputConfig":{"effort":null}}"#,
            r#"{"inferenceConfig":{"maxTokens":200,"temperature":1e400,"topP":0.10},"outputConfig":{"effort":null}}"#,
        );
        check(
            r#"{"inferenceConfig":7,"outputConfig":{"effort":"max"}}"#,
            r#"{"inferenceConfig":7,"outputConfig":{"effort":"max"}}"#,
        );
    }

    #[test]
    fn a_budget_to_think_is_for_those_that_think_as_claude_does() {
        let thinking = DefaultValues { thinking_budget: Some(100), ..DefaultValues::default() };
        let address = Address { model: "m".into(), stream: false };
        let body = r#"{"messages":[]}"#;
        let request = InferenceRequest::addressed(Operation::Converse(Dialect::Bedrock), body.into(), address).unwrap();
        let sent = request.body_for("m", &ParameterDefaults::new(thinking));
        let expected =
            r#"{"additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":100}},"messages":[]}"#;
        assert_eq!(sent, expected);
    }

    #[test]
    fn a_claude_that_thinks_as_it_sees_fit_is_told_an_effort_and_nothing_of_how_tokens_are_drawn() {
        let sent = |values: DefaultValues| {
            let values = DefaultValues { temperature: Some(0.5), top_p: Some(0.5), max_tokens: Some(7), ..values };
            let address = Address { model: "m".into(), stream: false };
            let operation = Operation::Converse(Dialect::Bedrock);
            let request = InferenceRequest::addressed(operation, r#"{"messages":[]}"#.into(), address).unwrap();
            let sent = request.body_for("us.anthropic.claude-opus-5-v1:0", &ParameterDefaults::new(values));
            String::from_utf8(sent.to_vec()).unwrap()
        };
        let limit = r#""inferenceConfig":{"maxTokens":7}"#;
        let budget = DefaultValues { thinking_budget: Some(4096), ..DefaultValues::default() };
        assert_eq!(sent(budget), format!(r#"{{{limit},"outputConfig":{{"effort":"medium"}},"messages":[]}}"#));
        let both = DefaultValues { reasoning_effort: Some(ReasoningEffort::Low), ..budget };
        assert_eq!(sent(both), format!(r#"{{{limit},"outputConfig":{{"effort":"low"}},"messages":[]}}"#));
        let off = DefaultValues { thinking_budget: Some(0), ..DefaultValues::default() };
        assert_eq!(sent(off), format!(r#"{{{limit},"messages":[]}}"#));
    }
}
