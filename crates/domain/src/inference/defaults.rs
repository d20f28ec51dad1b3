//! Values for parameters that the caller left open.

mod spelling;

pub(super) use self::spelling::spelt;
use super::{Envelope, Parameter};

/// An enum of words, each with its spelling.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of])* $word,)+
        }

        impl $name {
            /// Every one.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$word),+];

            /// The word for files and wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)+
                }
            }

            /// The one of that name.
            pub fn of_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|word| word.as_str() == name)
            }
        }
    };
}

/// Values for parameters that the caller left open. A caller's own value always stands, `0` and `null` included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParameterDefaults {
    values: DefaultValues,
    rendered: Vec<(Parameter, Box<str>)>,
}

/// The values themselves; whatever is absent stays as the provider has it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DefaultValues {
    /// Sampling temperature.
    pub temperature: Option<f64>,
    /// The share of the likeliest tokens that are sampled from.
    pub top_p: Option<f64>,
    /// The most tokens to generate; set only where the caller gave neither `max_tokens` nor `max_completion_tokens`.
    pub max_tokens: Option<u32>,
    /// The form of the answer.
    pub response_format: Option<ResponseFormat>,
    /// Whether tools are called; set only where the caller brings tools.
    pub tool_choice: Option<ToolChoice>,
    /// How hard to think.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// The most tokens to think for; 0 switches thinking off.
    pub thinking_budget: Option<u32>,
}

words! {
    /// The form of an answer.
    ResponseFormat {
        /// Anything.
        Text = "text",
        /// An object of JSON.
        JsonObject = "json_object",
    }
}

words! {
    /// Whether tools are called.
    ToolChoice {
        /// As the model sees fit.
        Auto = "auto",
        /// Never.
        None = "none",
        /// At least one.
        Required = "required",
    }
}

words! {
    /// How hard to think.
    ReasoningEffort {
        /// Not at all.
        None = "none",
        /// Hardly.
        Minimal = "minimal",
        /// A little.
        Low = "low",
        /// As usual.
        Medium = "medium",
        /// A lot.
        High = "high",
    }
}

impl ReasoningEffort {
    /// The effort that a budget of so many tokens amounts to.
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            ..=2048 => Self::Low,
            2049..=8192 => Self::Medium,
            8193.. => Self::High,
        }
    }
}

impl ParameterDefaults {
    /// Renders the values once, so that a request only copies them. JSON has no word for a number that is not finite: it counts
    /// as none.
    pub fn new(values: DefaultValues) -> Self {
        let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
        let values = DefaultValues { temperature: finite(values.temperature), top_p: finite(values.top_p), ..values };
        let DefaultValues {
            temperature,
            top_p,
            max_tokens,
            response_format,
            tool_choice,
            reasoning_effort,
            thinking_budget,
        } = values;
        let number = |number: f64| serde_json::Value::from(number).to_string();
        let quoted = |word: &str| format!("\"{word}\"");
        let rendered = [
            (Parameter::Temperature, temperature.map(number)),
            (Parameter::TopP, top_p.map(number)),
            (Parameter::MaxTokens, max_tokens.map(|tokens| tokens.to_string())),
            (Parameter::ResponseFormat, response_format.map(|form| format!(r#"{{"type":"{}"}}"#, form.as_str()))),
            (Parameter::ToolChoice, tool_choice.map(|choice| quoted(choice.as_str()))),
            (Parameter::ReasoningEffort, reasoning_effort.map(|effort| quoted(effort.as_str()))),
            (Parameter::Thinking, thinking_budget.map(thinking)),
        ];
        let given = rendered.into_iter().filter_map(|(parameter, value)| Some((parameter, value?.into())));
        Self { values, rendered: given.collect() }
    }

    /// The values.
    pub fn values(&self) -> &DefaultValues {
        &self.values
    }

    /// The same defaults, with `max_tokens` where they are silent about it.
    #[must_use]
    pub fn or_max_tokens(&self, max_tokens: u32) -> Self {
        match self.values.max_tokens {
            Some(_) => self.clone(),
            None => Self::new(DefaultValues { max_tokens: Some(max_tokens), ..self.values }),
        }
    }

    /// The same defaults, for a model that cannot reason: it refuses to be told how to.
    #[must_use]
    pub fn without_reasoning(&self) -> Self {
        Self::new(DefaultValues { reasoning_effort: None, thinking_budget: None, ..self.values })
    }

    /// The same defaults, for a model that cannot be told for how many tokens to think.
    #[must_use]
    pub fn without_budget(&self) -> Self {
        Self::new(DefaultValues { thinking_budget: None, ..self.values })
    }

    /// Whether they tell a model to think.
    pub fn ask_for_reasoning(&self) -> bool {
        let DefaultValues { reasoning_effort, thinking_budget, .. } = self.values;
        reasoning_effort.is_some_and(|effort| effort != ReasoningEffort::None)
            || thinking_budget.is_some_and(|budget| budget > 0)
    }

    /// Each default, as JSON.
    pub(super) fn rendered(&self) -> impl Iterator<Item = (Parameter, &str)> {
        self.rendered.iter().map(|(parameter, value)| (*parameter, &**value))
    }

    pub(super) fn missing_in<'a>(&'a self, envelope: &'a Envelope) -> impl Iterator<Item = (Parameter, &'a str)> {
        self.rendered().filter(|(parameter, _)| !is_given(envelope, *parameter))
    }
}

fn thinking(budget: u32) -> String {
    match budget {
        0 => r#"{"type":"disabled"}"#.to_owned(),
        budget => format!(r#"{{"type":"enabled","budget_tokens":{budget}}}"#),
    }
}

fn is_given(envelope: &Envelope, parameter: Parameter) -> bool {
    let given = |parameter| envelope.span(parameter).is_some();
    match parameter {
        Parameter::MaxTokens | Parameter::MaxCompletionTokens | Parameter::MaxOutputTokens => {
            [Parameter::MaxTokens, Parameter::MaxCompletionTokens, Parameter::MaxOutputTokens].into_iter().any(given)
        }
        Parameter::ReasoningEffort | Parameter::Thinking => {
            [Parameter::ReasoningEffort, Parameter::Thinking, Parameter::Reasoning].into_iter().any(given)
        }
        Parameter::ResponseFormat => {
            [Parameter::ResponseFormat, Parameter::Text, Parameter::MessagesOutput].into_iter().any(given)
        }
        // Without tools there is nothing to choose, and providers refuse the choice.
        Parameter::ToolChoice => given(Parameter::ToolChoice) || !given(Parameter::Tools),
        other => given(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{Dialect, InferenceRequest, Operation};

    fn everything() -> ParameterDefaults {
        ParameterDefaults::new(DefaultValues {
            temperature: Some(0.0),
            top_p: Some(0.5),
            max_tokens: Some(9),
            response_format: Some(ResponseFormat::JsonObject),
            tool_choice: Some(ToolChoice::Required),
            reasoning_effort: Some(ReasoningEffort::Low),
            thinking_budget: Some(100),
        })
    }

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let request = InferenceRequest::parse(format!(r#"{{"model":"f"{fields}}}"#).into()).unwrap();
        let sent = request.body_for("m", &everything());
        assert_eq!(std::str::from_utf8(&sent).unwrap(), format!(r#"{{{expected}"model":"m"{fields}}}"#));
    }

    #[test]
    fn every_default_fills_what_is_open() {
        check(
            r#","tools":[1]"#,
            concat!(
                r#""temperature":0.0,"top_p":0.5,"max_tokens":9,"response_format":{"type":"json_object"},"#,
                r#""tool_choice":"required","reasoning_effort":"low","#,
            ),
        );
    }

    #[test]
    fn a_budget_to_think_is_for_those_that_know_one() {
        let body = bytes::Bytes::from_static(br#"{"model":"f"}"#);
        let request = InferenceRequest::read(Operation::Converse(Dialect::Messages), body).unwrap();
        let thinking = DefaultValues { thinking_budget: Some(100), ..DefaultValues::default() };
        let sent = request.body_for("f", &ParameterDefaults::new(thinking));
        assert_eq!(sent, r#"{"thinking":{"type":"enabled","budget_tokens":100},"model":"f"}"#);
    }

    #[test]
    fn what_the_caller_says_stands_be_it_nothing() {
        check(
            concat!(
                r#","temperature":1,"top_p":0,"max_completion_tokens":1,"response_format":null,"tools":[1],"tool_choice":"none""#,
                r#","reasoning_effort":null,"thinking":null"#,
            ),
            "",
        );
    }

    #[test]
    fn a_choice_of_tools_needs_tools() {
        let defaults = DefaultValues { tool_choice: Some(ToolChoice::Auto), ..DefaultValues::default() };
        let request = InferenceRequest::parse(r#"{"model":"f"}"#.into()).unwrap();
        assert_eq!(request.body_for("f", &ParameterDefaults::new(defaults)), r#"{"model":"f"}"#);
    }

    #[test]
    fn a_budget_of_nothing_switches_thinking_off() {
        assert_eq!(thinking(0), r#"{"type":"disabled"}"#);
    }

    #[test]
    fn a_number_that_json_cannot_spell_is_none() {
        let values =
            DefaultValues { temperature: Some(f64::NAN), top_p: Some(f64::INFINITY), ..DefaultValues::default() };
        assert_eq!(ParameterDefaults::new(values), ParameterDefaults::default());
    }

    #[test]
    fn every_word_is_found_by_its_name() {
        assert_eq!(ToolChoice::of_name("required"), Some(ToolChoice::Required));
        assert_eq!(ReasoningEffort::ALL.map(ReasoningEffort::as_str), ["none", "minimal", "low", "medium", "high"]);
        assert_eq!(ResponseFormat::of_name("json"), None);
    }
}
