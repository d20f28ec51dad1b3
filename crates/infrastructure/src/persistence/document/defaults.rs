//! What a tier asks for where the caller is silent, as a document. Older documents lack all but the first two.

use serde::{Deserialize, Serialize};
use tidegate_domain::inference::{DefaultValues, ParameterDefaults, ReasoningEffort, ResponseFormat, ToolChoice};

use super::UnknownWord;
use crate::persistence::Cause;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DefaultsDocument {
    /// A text: the JSON reader may be off by the last bit of a number, and JSON has no infinity.
    temperature: Option<String>,
    max_tokens: Option<u32>,
    #[serde(default)]
    top_p: Option<String>,
    #[serde(default)]
    response_format: Option<String>,
    #[serde(default)]
    tool_choice: Option<String>,
    #[serde(default)]
    reasoning_effort: Option<String>,
    #[serde(default)]
    thinking_budget: Option<u32>,
}

impl From<&ParameterDefaults> for DefaultsDocument {
    fn from(defaults: &ParameterDefaults) -> Self {
        let &DefaultValues {
            temperature,
            top_p,
            max_tokens,
            response_format,
            tool_choice,
            reasoning_effort,
            thinking_budget,
        } = defaults.values();
        let text = |number: f64| format!("{number:?}");
        Self {
            temperature: temperature.map(text),
            max_tokens,
            top_p: top_p.map(text),
            response_format: response_format.map(|format| format.as_str().to_owned()),
            tool_choice: tool_choice.map(|choice| choice.as_str().to_owned()),
            reasoning_effort: reasoning_effort.map(|effort| effort.as_str().to_owned()),
            thinking_budget,
        }
    }
}

impl TryFrom<DefaultsDocument> for ParameterDefaults {
    type Error = Cause;

    fn try_from(document: DefaultsDocument) -> Result<Self, Cause> {
        let DefaultsDocument {
            temperature,
            max_tokens,
            top_p,
            response_format,
            tool_choice,
            reasoning_effort,
            thinking_budget,
        } = document;
        Ok(Self::new(DefaultValues {
            temperature: temperature.map(|number| number.parse()).transpose()?,
            top_p: top_p.map(|number| number.parse()).transpose()?,
            max_tokens,
            response_format: word(response_format, "response format", ResponseFormat::of_name)?,
            tool_choice: word(tool_choice, "tool choice", ToolChoice::of_name)?,
            reasoning_effort: word(reasoning_effort, "reasoning effort", ReasoningEffort::of_name)?,
            thinking_budget,
        }))
    }
}

fn word<T>(word: Option<String>, kind: &'static str, of: impl Fn(&str) -> Option<T>) -> Result<Option<T>, UnknownWord> {
    word.map(|word| of(&word).ok_or(UnknownWord { kind, word })).transpose()
}
