//! What a tier asks for where the caller is silent.

use tidegate_domain::inference::{DefaultValues, ParameterDefaults, ReasoningEffort, ResponseFormat, ToolChoice};
use validator::Validate;

use crate::config::fields::Fields;

#[derive(Validate)]
struct ParametersToml {
    #[validate(range(min = 0.0, max = 2.0))]
    temperature: Option<f64>,
    #[validate(range(min = 0.0, max = 1.0))]
    top_p: Option<f64>,
    #[validate(range(min = 1, max = 10_000_000))]
    max_tokens: Option<i64>,
    #[validate(range(min = 0, max = 10_000_000))]
    thinking_budget: Option<i64>,
}

#[derive(Validate)]
struct ThinkingToml {
    #[validate(range(min = 1, max = 10_000_000))]
    budget_tokens: Option<i64>,
}

/// Reads the defaults of a tier.
pub(super) fn read(fields: &mut Fields<'_>) -> ParameterDefaults {
    let read = ParametersToml {
        temperature: fields.number("temperature"),
        top_p: fields.number("top_p"),
        max_tokens: fields.integer("max_tokens"),
        thinking_budget: fields.integer("thinking_budget"),
    };
    fields.check(&read);
    let ParametersToml { temperature, top_p, max_tokens, thinking_budget } = read;
    let small = |number: i64| u32::try_from(number).ok();
    ParameterDefaults::new(DefaultValues {
        temperature,
        top_p,
        max_tokens: max_tokens.and_then(small),
        response_format: response_format(fields),
        tool_choice: tool_choice(fields),
        reasoning_effort: fields.choice("reasoning_effort", &names(&ReasoningEffort::ALL), ReasoningEffort::of_name),
        thinking_budget: thinking_config(fields).or(thinking_budget).and_then(small),
    })
}

fn names(efforts: &[ReasoningEffort]) -> Vec<&'static str> {
    efforts.iter().map(|effort| effort.as_str()).collect()
}

/// `json` is what older files say.
fn response_format(fields: &mut Fields<'_>) -> Option<ResponseFormat> {
    let names = ResponseFormat::ALL.map(ResponseFormat::as_str);
    fields.choice("response_format", &names, |name| match name {
        "json" => Some(ResponseFormat::JsonObject),
        name => ResponseFormat::of_name(name),
    })
}

/// `function_calling` is what older files say.
fn tool_choice(fields: &mut Fields<'_>) -> Option<ToolChoice> {
    let names = ToolChoice::ALL.map(ToolChoice::as_str);
    let choice = fields.choice("tool_choice", &names, ToolChoice::of_name);
    let older = fields.choice("function_calling", &names, ToolChoice::of_name);
    if choice.is_some() && older.is_some() {
        fields.error("function_calling", "is given twice: 'tool_choice' means the same", "remove one of them");
    }
    choice.or(older)
}

/// The older form of `thinking_budget`: a table of `enabled` and `budget_tokens`.
fn thinking_config(fields: &mut Fields<'_>) -> Option<i64> {
    let mut table = fields.table("thinking_config")?;
    let enabled = table.flag("enabled").unwrap_or(true);
    let read = ThinkingToml { budget_tokens: table.integer("budget_tokens") };
    table.check(&read);
    table.finish();
    if fields.was_given("thinking_budget") {
        fields.error("thinking_config", "is given twice: 'thinking_budget' means the same", "remove one of them");
    }
    Some(if enabled { read.budget_tokens.unwrap_or(2000) } else { 0 })
}
