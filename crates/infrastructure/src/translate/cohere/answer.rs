//! Reads and writes a whole answer.

use serde::Deserialize;
use tidegate_domain::inference::Usage;

use crate::provider::usage::CohereUsageWire;
use crate::translate::{
    answer::{Answer, Stop, Tokens},
    chat::{call_of, write_call, write_text},
    conversation::{Content, Part, ToolCall},
    json::{List, Object, body, object},
};

#[derive(Deserialize)]
struct AnswerWire {
    id: Option<String>,
    finish_reason: String,
    message: MessageWire,
    #[serde(default)]
    usage: Option<CohereUsageWire>,
}

#[derive(Deserialize)]
struct MessageWire {
    tool_plan: Option<String>,
    content: Option<Vec<ContentWire>>,
    tool_calls: Option<Vec<CallWire>>,
}

/// A part; the key that is there says of what kind.
#[derive(Deserialize)]
struct ContentWire {
    text: Option<String>,
    thinking: Option<String>,
}

#[derive(Deserialize)]
struct CallWire {
    id: Option<String>,
    function: FunctionWire,
}

#[derive(Deserialize)]
struct FunctionWire {
    name: String,
    arguments: Option<String>,
}

/// Reads an answer, which does not name its model.
pub(in crate::translate) fn read_answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let AnswerWire { id, finish_reason, message, usage } = serde_json::from_slice(body)?;
    Ok(Answer {
        id: id.unwrap_or_default(),
        parts: parts_of(message),
        stop: Some(stop_of(&finish_reason)),
        tokens: usage.map(Tokens::from).unwrap_or_default(),
        ..Answer::default()
    })
}

fn parts_of(message: MessageWire) -> Vec<Part> {
    let MessageWire { tool_plan, content, tool_calls } = message;
    let thought = |text: String| Content::Reasoning { text, signature: None };
    let plan = tool_plan.filter(|plan| !plan.is_empty()).map(thought);
    let said = content.unwrap_or_default().into_iter().filter_map(|ContentWire { text, thinking }| {
        thinking.filter(|text| !text.is_empty()).map(thought).or(text.map(Content::Text))
    });
    let calls = tool_calls.unwrap_or_default().into_iter().enumerate().map(|(at, call)| {
        let CallWire { id, function: FunctionWire { name, arguments } } = call;
        let id = id.unwrap_or_else(|| format!("call_{at}"));
        Content::ToolCall(ToolCall { id, name, arguments: arguments.unwrap_or_default() })
    });
    plan.into_iter().chain(said).chain(calls).map(Part::from).collect()
}

/// Why the model stopped; an unknown word means that it was done.
pub(super) fn stop_of(reason: &str) -> Stop {
    match reason {
        "MAX_TOKENS" => Stop::Length,
        "TOOL_CALL" => Stop::ToolCalls,
        "STOP_SEQUENCE" => Stop::Sequence(None),
        _ => Stop::Done,
    }
}

/// The word for why the model stopped. There is none for an answer that was blocked; whoever reads any other but this one takes it for whole.
pub(super) fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::Done => "COMPLETE",
        Stop::Refused => "ERROR",
        Stop::Sequence(_) => "STOP_SEQUENCE",
        Stop::Length => "MAX_TOKENS",
        Stop::ToolCalls => "TOOL_CALL",
    }
}

/// Writes an answer.
pub(in crate::translate) fn write_answer(answer: &Answer) -> Vec<u8> {
    let mut out = body();
    object(&mut out, |root| {
        root.put("id", &answer.id);
        root.put_word("finish_reason", finish_reason(answer.stop.as_ref().unwrap_or(&Stop::Done)));
        root.object("message", |message| write_message(message, &answer.parts));
        root.object("usage", |usage| write_usage(usage, answer.tokens));
    });
    out
}

fn write_message(message: &mut Object<'_>, parts: &[Part]) {
    message.put_word("role", "assistant");
    let calls = || parts.iter().filter_map(call_of);
    if calls().next().is_some() {
        message.list("tool_calls", |list| calls().for_each(|call| write_call(list, call)));
    }
    if parts.iter().all(|part| call_of(part).is_some()) && !parts.is_empty() {
        return;
    }
    message.list("content", |list| parts.iter().for_each(|part| write_part(list, &part.content)));
}

fn write_part(list: &mut List<'_>, content: &Content) {
    match content {
        Content::Text(text) | Content::Refusal(text) => write_text(list, text),
        Content::Reasoning { text, .. } if !text.is_empty() => list.object(|part| {
            part.put_word("type", "thinking");
            part.put("thinking", text);
        }),
        // Calls stand beside; what is sealed has no place; no reader of an answer makes the others.
        _ => {}
    }
}

/// Writes the fields of a usage.
pub(super) fn write_usage(usage: &mut Object<'_>, tokens: Tokens) {
    let Usage { input_tokens, output_tokens, cached_tokens, .. } = tokens.usage;
    for key in ["billed_units", "tokens"] {
        usage.object(key, |counts| {
            counts.put("input_tokens", &input_tokens);
            counts.put("output_tokens", &output_tokens);
        });
    }
    usage.put("cached_tokens", &cached_tokens);
}
