//! What a caller calls the fields that a writer has no place for.
//!
//! A writer knows a conversation and not in whose words it was said. It names what it refuses or leaves out in one set of words, those
//! of Chat Completions and, within messages, of Messages; here they become the caller's.

use std::collections::HashMap;

use serde_json::value::RawValue;
use tidegate_domain::inference::Dialect;

/// The field as the caller calls it. Where a dialect has several places for one thing, it is the first of them that `body`, the
/// caller's own, has.
pub(super) fn in_words_of(dialect: Dialect, field: &str, body: &[u8]) -> String {
    let (path, words) = match setting(dialect, field) {
        Some(words) => (String::new(), words),
        None => match part(dialect, field) {
            Some((path, words)) => (path.to_owned(), words),
            None => return field.to_owned(),
        },
    };
    let mut candidates = words.iter().map(|word| format!("{path}{word}"));
    let Some(first) = candidates.next() else { return field.to_owned() };
    if words.len() == 1 {
        return first;
    }
    // Nobody but whoever is told what is missing waits for this.
    let Ok(body) = serde_json::from_slice(body) else { return first };
    if has(body, &first) { first } else { candidates.find(|path| has(body, path)).unwrap_or(first) }
}

/// The fields of the whole request. `None` where the dialect calls it the same, or cannot say it.
fn setting(dialect: Dialect, field: &str) -> Option<&'static [&'static str]> {
    use Dialect::{Chat, Cohere, Gemini, Messages, Responses};
    Some(match (field, dialect) {
        ("stop", Messages | Cohere) => &["stop_sequences"],
        ("stop", Gemini) => &["generationConfig.stopSequences"],
        ("response_format", Messages) => &["output_config.format"],
        ("response_format", Responses) => &["text.format"],
        ("response_format", Gemini) => &[
            "generationConfig.responseMimeType",
            "generationConfig.responseJsonSchema",
            "generationConfig.responseSchema",
        ],
        ("response_format.type", Responses) => &["text.format.type"],
        ("response_format.type", Gemini) => &["generationConfig.responseMimeType"],
        ("parallel_tool_calls", Messages) => &["tool_choice.disable_parallel_tool_use"],
        ("tool_choice", Gemini) => &["toolConfig.functionCallingConfig.mode"],
        ("temperature", Gemini) => &["generationConfig.temperature"],
        ("top_p", Cohere) => &["p"],
        ("top_p", Gemini) => &["generationConfig.topP"],
        ("top_k", Cohere) => &["k"],
        ("top_k", Gemini) => &["generationConfig.topK"],
        ("seed", Gemini) => &["generationConfig.seed"],
        ("presence_penalty", Gemini) => &["generationConfig.presencePenalty"],
        ("frequency_penalty", Gemini) => &["generationConfig.frequencyPenalty"],
        ("user", Messages) => &["metadata.user_id"],
        ("reasoning_effort", Messages) => &["thinking", "output_config.effort"],
        ("reasoning_effort", Responses) => &["reasoning.effort"],
        ("reasoning_effort", Cohere) => &["thinking"],
        ("reasoning_effort", Gemini) => &["generationConfig.thinkingConfig"],
        ("thinking_budget", Messages) => &["thinking.budget_tokens"],
        ("thinking_budget", Cohere) => &["thinking.token_budget"],
        ("thinking_budget", Gemini) => &["generationConfig.thinkingConfig.thinkingBudget"],
        ("tools[].strict", Chat) => &["tools[].function.strict"],
        ("tools[].strict", Cohere) => &["strict_tools"],
        _ => return None,
    })
}

/// The fields of what is said at a path, with that path.
fn part(dialect: Dialect, field: &str) -> Option<(&str, &'static [&'static str])> {
    use Dialect::{Chat, Cohere, Gemini, Messages, Responses};
    const PARTS: [&str; 11] = [
        ".content[].type",
        ".content[].cache_control",
        ".content[].detail",
        ".content[].filename",
        ".content[].file_id",
        ".content[].tool_call_id",
        ".content[].content",
        ".content[].is_error",
        ".content[].thinking",
        ".content[].signature",
        ".content[].data",
    ];
    let (path, part) = PARTS.iter().find_map(|part| Some((field.strip_suffix(part)?, *part)))?;
    // The instructions of a request are a list, where others have a message.
    if path == "system" && part == ".content[].cache_control" {
        return Some((path, &["[].cache_control"]));
    }
    let words: &[&str] = match (part, dialect) {
        (".content[].type", Gemini) => &[".parts[]"],
        // One turn of a response may be several items, of which the first is named.
        (".content[].type", Responses) => &[".content[].type", ".output[].type", ".type"],
        (".content[].detail", Chat | Cohere) => &[".content[].image_url.detail"],
        (".content[].detail", Responses) => &[".content[].detail", ".output[].detail"],
        (".content[].filename", Chat) => &[".content[].file.filename"],
        (".content[].filename", Messages) => &[".content[].title"],
        (".content[].filename", Cohere) => &[".content[].document.id"],
        (".content[].filename", Gemini) => &[".parts[].inlineData.displayName", ".parts[].fileData.displayName"],
        (".content[].file_id", Chat) => &[".content[].file.file_id"],
        (".content[].file_id", Messages) => &[".content[].source.file_id"],
        (".content[].tool_call_id", Chat | Cohere) => &[".tool_call_id"],
        (".content[].tool_call_id", Messages) => &[".content[].tool_use_id"],
        (".content[].tool_call_id", Responses) => &[".call_id"],
        (".content[].content", Chat | Cohere) => &[".content"],
        (".content[].content", Responses) => &[".output"],
        (".content[].content", Gemini) => &[".parts[].functionResponse.parts"],
        (".content[].is_error", Gemini) => &[".parts[].functionResponse.response.error"],
        (".content[].thinking", Chat) => &[".reasoning_content"],
        (".content[].thinking", Responses) => &[".summary"],
        (".content[].thinking", Cohere) => &[".tool_plan", ".content[].thinking"],
        (".content[].thinking", Gemini) => &[".parts[].thought", ".parts[].thoughtSignature"],
        (".content[].signature", Chat) => &[".tool_calls[].extra_content"],
        (".content[].signature" | ".content[].data", Responses) => &[".encrypted_content"],
        (".content[].signature" | ".content[].data", Gemini) => &[".parts[].thoughtSignature"],
        _ => return None,
    };
    Some((path, words))
}

/// Whether there is something at `path`, in which `[]` is any element. No number is read, however large.
pub(super) fn has(value: &RawValue, path: &str) -> bool {
    let Some((step, rest)) = next_step(path) else { return true };
    match step {
        Step::Key(key) => {
            let fields: HashMap<String, &RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
            fields.get(key).is_some_and(|value| has(value, rest))
        }
        Step::Any => elements(value).into_iter().any(|element| has(element, rest)),
        Step::At(at) => elements(value).get(at).is_some_and(|element| has(element, rest)),
    }
}

fn elements(value: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(value.get()).unwrap_or_default()
}

enum Step<'a> {
    Key(&'a str),
    Any,
    At(usize),
}

/// The first step of a path, and what follows; `None` at its end.
fn next_step(path: &str) -> Option<(Step<'_>, &str)> {
    let path = path.strip_prefix('.').unwrap_or(path);
    if path.is_empty() {
        return None;
    }
    if let Some((at, rest)) = path.strip_prefix('[').and_then(|path| path.split_once(']')) {
        return Some((at.parse().map_or(Step::Any, Step::At), rest));
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (key, rest) = path.split_at(end);
    Some((Step::Key(key), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_field_or_to_nothing() {
        let value = serde_json::from_str(r#"{"a":[{"b":1e400},{"c":{"d":null}}]}"#).unwrap();
        for (path, is_there) in [("a", true), ("a[0].b", true), ("a[1].b", false), ("a[].c.d", true), ("a[].e", false)]
        {
            assert_eq!(has(value, path), is_there, "{path}");
        }
    }

    #[test]
    fn of_several_places_the_one_that_is_there_is_named() {
        let named = |body: &str| in_words_of(Dialect::Messages, "reasoning_effort", body.as_bytes());
        assert_eq!(named(r#"{"output_config":{"effort":"low"}}"#), "output_config.effort");
        assert_eq!(named(r#"{"thinking":{}}"#), "thinking");
        assert_eq!(named("{}"), "thinking");
    }
}
