//! Reads a whole answer, and what of it the events of a stream carry too.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ENCRYPTED;
use crate::provider::usage::ResponsesUsageWire;
use crate::translate::{
    answer::{Answer, Stop, Tokens},
    conversation::{Content, Part, ToolCall},
    logprobs::read_tokens,
};

/// What a response says of itself.
#[derive(Deserialize)]
pub(super) struct HeadWire<'a> {
    #[serde(borrow, default)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) model: Cow<'a, str>,
    created_at: Option<serde_json::Number>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    incomplete_details: Option<IncompleteWire<'a>>,
    usage: Option<ResponsesUsageWire>,
}

#[derive(Deserialize)]
struct IncompleteWire<'a> {
    #[serde(borrow)]
    reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct OutputWire {
    output: Vec<ItemWire>,
}

/// An item of the output.
#[derive(Deserialize)]
pub(super) struct ItemWire {
    pub(super) r#type: String,
    #[serde(default)]
    content: Option<Vec<PartWire>>,
    #[serde(default)]
    summary: Option<Vec<PartWire>>,
    pub(super) encrypted_content: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

#[derive(Deserialize)]
struct PartWire {
    text: Option<String>,
    refusal: Option<String>,
    logprobs: Option<Box<RawValue>>,
}

impl HeadWire<'_> {
    pub(super) fn created(&self) -> Option<u64> {
        self.created_at.as_ref().and_then(serde_json::Number::as_u64)
    }

    pub(super) fn tokens(&self) -> Option<Tokens> {
        self.usage.map(Tokens::from)
    }

    /// Why the model stopped. That it waits for tools is said nowhere but by their calls.
    pub(super) fn stop(&self, has_calls: bool) -> Stop {
        let reason = self.incomplete_details.as_ref().and_then(|details| details.reason.as_deref());
        match (self.status.as_deref(), reason) {
            (Some("incomplete"), Some("content_filter")) => Stop::Refused,
            (Some("incomplete"), _) => Stop::Length,
            _ if has_calls => Stop::ToolCalls,
            _ => Stop::Done,
        }
    }
}

/// Reads an answer.
pub(in crate::translate) fn read_answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let head: HeadWire<'_> = serde_json::from_slice(body)?;
    let OutputWire { output } = serde_json::from_slice(body)?;
    let parts: Vec<Part> = output.into_iter().flat_map(parts_of).collect();
    let has_calls = parts.iter().any(|part| matches!(part.content, Content::ToolCall(_)));
    Ok(Answer {
        id: head.id.as_ref().to_owned(),
        model: head.model.as_ref().to_owned(),
        created: head.created(),
        stop: Some(head.stop(has_calls)),
        tokens: head.tokens().unwrap_or_default(),
        parts,
    })
}

/// What an item says; nothing for the items of tools that run at the provider, which only a same-protocol caller can ask for.
fn parts_of(item: ItemWire) -> Vec<Part> {
    let ItemWire { r#type, content, summary, encrypted_content, call_id, name, arguments } = item;
    match (&*r#type, call_id, name) {
        ("message", ..) => content.into_iter().flatten().filter_map(said).collect(),
        ("reasoning", ..) => {
            let text = thought(summary).or_else(|| thought(content)).unwrap_or_default();
            sealed(text, encrypted_content).map(Part::from).into_iter().collect()
        }
        ("function_call", Some(id), Some(name)) => {
            vec![Content::ToolCall(ToolCall { id, name, arguments: arguments.unwrap_or_default() }).into()]
        }
        _ => Vec::new(),
    }
}

fn said(PartWire { text, refusal, logprobs }: PartWire) -> Option<Part> {
    let content = text.map(Content::Text).or(refusal.map(Content::Refusal))?;
    Some(Part { logprobs: logprobs.map(|tokens| read_tokens(&tokens)).unwrap_or_default(), ..content.into() })
}

/// What was thought, in paragraphs; none where that is not told.
fn thought(parts: Option<Vec<PartWire>>) -> Option<String> {
    let texts: Vec<String> = parts.into_iter().flatten().filter_map(|part| part.text).collect();
    (!texts.is_empty()).then(|| texts.join(PARAGRAPH))
}

/// What stands between two parts of what was thought.
pub(super) const PARAGRAPH: &str = "\n\n";

fn sealed(text: String, proof: Option<String>) -> Option<Content> {
    let proof = proof.map(|proof| format!("{ENCRYPTED}{proof}"));
    match proof {
        Some(proof) if text.is_empty() => Some(Content::SealedReasoning(proof)),
        None if text.is_empty() => None,
        signature => Some(Content::Reasoning { text, signature }),
    }
}
