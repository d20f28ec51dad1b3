//! Reads and writes a whole answer.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::provider::usage::MessagesUsageWire;
use crate::translate::{
    answer::{Answer, Stop, Tokens},
    conversation::{Content, Part, ToolCall},
    foreign::MARK,
    json::{List, Object, body, object, object_or_empty},
};

#[derive(Deserialize)]
struct AnswerWire<'a> {
    id: String,
    model: String,
    #[serde(borrow)]
    content: Vec<BlockWire<'a>>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    #[serde(default)]
    usage: MessagesUsageWire,
}

#[derive(Deserialize)]
struct BlockWire<'a> {
    r#type: String,
    text: Option<String>,
    id: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
}

/// Reads an answer.
pub(in crate::translate) fn read_answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let AnswerWire { id, model, content, stop_reason, stop_sequence, usage } = serde_json::from_slice(body)?;
    Ok(Answer {
        id,
        model,
        created: None,
        parts: content.into_iter().filter_map(part_of).map(Part::from).collect(),
        stop: stop_reason.as_deref().map(|reason| stop_of(reason, stop_sequence)),
        tokens: usage.into(),
    })
}

/// What a block says; none for the blocks of tools that run at the provider, which only a same-protocol caller can ask for.
fn part_of(block: BlockWire<'_>) -> Option<Content> {
    let BlockWire { r#type, text, id, name, input, thinking, signature, data } = block;
    match &*r#type {
        "text" => Some(Content::Text(text?)),
        "thinking" => Some(Content::Reasoning { text: thinking?, signature }),
        "redacted_thinking" => Some(Content::SealedReasoning(data?)),
        "tool_use" => {
            let arguments = input.map_or("{}", RawValue::get).to_owned();
            Some(Content::ToolCall(ToolCall { id: id?, name: name?, arguments }))
        }
        _ => None,
    }
}

/// Why the model stopped; an unknown word means that it was done.
pub(super) fn stop_of(reason: &str, sequence: Option<String>) -> Stop {
    match reason {
        "max_tokens" | "model_context_window_exceeded" => Stop::Length,
        "tool_use" => Stop::ToolCalls,
        "stop_sequence" => Stop::Sequence(sequence),
        "refusal" => Stop::Refused,
        _ => Stop::Done,
    }
}

/// Writes why the model stopped. A sequence that is not known counts as an ordinary end.
pub(super) fn write_stop(object: &mut Object<'_>, stop: &Stop) {
    let (reason, sequence) = match stop {
        Stop::Done | Stop::Sequence(None) => ("end_turn", None),
        Stop::Sequence(Some(sequence)) => ("stop_sequence", Some(sequence)),
        Stop::Length => ("max_tokens", None),
        Stop::ToolCalls => ("tool_use", None),
        Stop::Refused => ("refusal", None),
    };
    object.put_word("stop_reason", reason);
    object.put("stop_sequence", &sequence);
}

/// Why the model stopped, where what it said is a refusal: elsewhere that is the ordinary end of one.
pub(super) fn stop_with(stop: Option<&Stop>, has_refused: bool) -> &Stop {
    match stop {
        None | Some(Stop::Done) if has_refused => &Stop::Refused,
        stop => stop.unwrap_or(&Stop::Done),
    }
}

/// Writes an answer.
pub(in crate::translate) fn write_answer(answer: &Answer) -> Vec<u8> {
    let mut out = body();
    object(&mut out, |root| {
        root.put("id", &answer.id);
        root.put_word("type", "message");
        root.put_word("role", "assistant");
        root.put("model", &answer.model);
        root.list("content", |list| answer.parts.iter().for_each(|part| write_part(list, &part.content)));
        let has_refused = answer.parts.iter().any(|part| matches!(part.content, Content::Refusal(_)));
        write_stop(root, stop_with(answer.stop.as_ref(), has_refused));
        root.object("usage", |usage| write_usage(usage, answer.tokens));
    });
    out
}

fn write_part(list: &mut List<'_>, content: &Content) {
    match content {
        Content::Text(text) | Content::Refusal(text) => list.object(|block| {
            block.put_word("type", "text");
            block.put("text", text);
        }),
        Content::Reasoning { text, signature } => list.object(|block| {
            block.put_word("type", "thinking");
            block.put("thinking", text);
            // Whoever speaks these words must see that it is none of its own, also without a proof.
            block.put("signature", signature.as_deref().filter(|proof| !proof.is_empty()).unwrap_or(MARK));
        }),
        Content::SealedReasoning(data) => list.object(|block| {
            block.put_word("type", "redacted_thinking");
            block.put("data", data);
        }),
        Content::ToolCall(ToolCall { id, name, arguments }) => list.object(|block| {
            block.put_word("type", "tool_use");
            block.put("id", id);
            block.put("name", name);
            block.put_json("input", object_or_empty(arguments));
        }),
        // No reader of an answer makes them.
        Content::Image { .. } | Content::Document { .. } | Content::Audio { .. } | Content::ToolResult(_) => {}
    }
}

/// Writes the fields of a usage.
pub(super) fn write_usage(object: &mut Object<'_>, tokens: Tokens) {
    let Tokens { usage, cache_written } = tokens;
    let through_cache = usage.cached_tokens.saturating_add(cache_written);
    object.put("input_tokens", &usage.input_tokens.saturating_sub(through_cache));
    object.put("cache_creation_input_tokens", &cache_written);
    object.put("cache_read_input_tokens", &usage.cached_tokens);
    object.put("output_tokens", &usage.output_tokens);
    if usage.reasoning_tokens > 0 {
        object.object("output_tokens_details", |details| details.put("thinking_tokens", &usage.reasoning_tokens));
    }
}
