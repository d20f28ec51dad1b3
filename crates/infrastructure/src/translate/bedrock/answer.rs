//! Reads a whole answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::usage::ConverseUsageWire;
use crate::translate::{
    answer::{Answer, Stop},
    conversation::{Content, Part, ToolCall},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerWire<'a> {
    #[serde(borrow)]
    output: OutputWire<'a>,
    stop_reason: String,
    #[serde(default)]
    usage: ConverseUsageWire,
}

#[derive(Deserialize)]
struct OutputWire<'a> {
    #[serde(borrow)]
    message: MessageWire<'a>,
}

#[derive(Deserialize)]
struct MessageWire<'a> {
    #[serde(borrow)]
    content: Vec<BlockWire<'a>>,
}

/// A block; the key that is there says of what kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockWire<'a> {
    text: Option<String>,
    #[serde(borrow)]
    tool_use: Option<CallWire<'a>>,
    reasoning_content: Option<ReasoningWire>,
    citations_content: Option<CitationsWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallWire<'a> {
    tool_use_id: String,
    name: String,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningWire {
    reasoning_text: Option<ThoughtWire>,
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
struct ThoughtWire {
    text: String,
    signature: Option<String>,
}

/// A text that points into documents.
#[derive(Deserialize)]
struct CitationsWire {
    #[serde(default)]
    content: Vec<CitedWire>,
}

#[derive(Deserialize)]
struct CitedWire {
    text: Option<String>,
}

/// Reads an answer, which names neither itself nor its model.
pub(in crate::translate) fn read_answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let AnswerWire { output, stop_reason, usage } = serde_json::from_slice(body)?;
    let parts = output.message.content.into_iter().filter_map(part_of).map(Part::from);
    let stop = Some(stop_of(&stop_reason));
    Ok(Answer { parts: parts.collect(), stop, tokens: usage.into(), ..Answer::default() })
}

/// What a block says; none for what runs at the provider, which nobody can ask for.
fn part_of(block: BlockWire<'_>) -> Option<Content> {
    let BlockWire { text, tool_use, reasoning_content, citations_content } = block;
    if let Some(CallWire { tool_use_id, name, input }) = tool_use {
        let arguments = input.map_or("{}", RawValue::get).to_owned();
        return Some(Content::ToolCall(ToolCall { id: tool_use_id, name, arguments }));
    }
    if let Some(ReasoningWire { reasoning_text, redacted_content }) = reasoning_content {
        let thought = reasoning_text.map(|ThoughtWire { text, signature }| Content::Reasoning { text, signature });
        return thought.or(redacted_content.map(Content::SealedReasoning));
    }
    let cited = citations_content.map(|cited| cited.content.into_iter().filter_map(|cited| cited.text).collect());
    text.or(cited).map(Content::Text)
}

/// Why the model stopped; an unknown word means that it was done.
pub(super) fn stop_of(reason: &str) -> Stop {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::ToolCalls,
        "stop_sequence" => Stop::Sequence(None),
        "guardrail_intervened" | "content_filtered" => Stop::Refused,
        _ => Stop::Done,
    }
}
