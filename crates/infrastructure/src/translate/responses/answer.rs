//! Writes a whole answer.

use tidegate_domain::inference::Usage;

use super::{Echo, SEALED, SIGNED};
use crate::translate::{
    answer::{Answer, Stop},
    conversation::{Content, Part, ToolCall},
    foreign::MARK,
    json::{Object, body, object},
    logprobs::{TokenLogprob, write_tokens},
};

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    /// With the reason.
    Incomplete(&'static str),
}

impl Status {
    /// The status of an answer that is over.
    pub(super) fn of(stop: Option<&Stop>) -> Self {
        match stop {
            Some(Stop::Length) => Self::Incomplete("max_output_tokens"),
            Some(Stop::Refused) => Self::Incomplete("content_filter"),
            Some(Stop::Done | Stop::Sequence(_) | Stop::ToolCalls) | None => Self::Completed,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete(_) => "incomplete",
        }
    }
}

/// Writes an answer to a request, which it repeats in part.
pub(in crate::translate) fn write_answer(answer: &Answer, echo: &Echo) -> Vec<u8> {
    let mut out = body();
    object(&mut out, |root| write_response(root, (answer, echo), Status::of(answer.stop.as_ref())));
    out
}

/// Writes the fields of a response.
pub(super) fn write_response(root: &mut Object<'_>, (answer, echo): (&Answer, &Echo), status: Status) {
    root.put("id", &answer.id);
    root.put_word("object", "response");
    root.put("created_at", &answer.created.unwrap_or(0));
    root.put("status", status.word());
    root.put("error", &None::<()>);
    match status {
        Status::Incomplete(reason) => root.object("incomplete_details", |details| details.put_word("reason", reason)),
        Status::InProgress | Status::Completed => root.put("incomplete_details", &None::<()>),
    }
    root.put("model", &answer.model);
    root.list("output", |list| {
        for (at, part) in answer.parts.iter().enumerate() {
            // What was cut was cut in its last item.
            let status = if at + 1 == answer.parts.len() { status } else { Status::Completed };
            let id = item_id(&answer.id, at, &part.content);
            list.object(|item| write_item(item, (&id, status), part));
        }
    });
    root.put("store", &false);
    echo.write(root);
    if status == Status::InProgress {
        return root.put("usage", &None::<()>);
    }
    let Usage { input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated: _ } = answer.tokens.usage;
    root.object("usage", |usage| {
        usage.put("input_tokens", &input_tokens);
        usage.object("input_tokens_details", |details| {
            details.put("cached_tokens", &cached_tokens);
            details.put("cache_write_tokens", &answer.tokens.cache_written);
        });
        usage.put("output_tokens", &output_tokens);
        usage.object("output_tokens_details", |details| details.put("reasoning_tokens", &reasoning_tokens));
        usage.put("total_tokens", &input_tokens.saturating_add(output_tokens));
    });
}

/// The id of the item at a place of the output: no two answers have one in common.
pub(super) fn item_id(response: &str, at: usize, content: &Content) -> String {
    let prefix = match content {
        Content::ToolCall(_) => "fc",
        Content::Reasoning { .. } | Content::SealedReasoning(_) => "rs",
        _ => "msg",
    };
    format!("{prefix}_{response}_{at}")
}

/// Writes the fields of an item that is over.
pub(super) fn write_item(item: &mut Object<'_>, (id, status): (&str, Status), part: &Part) {
    item.put("id", id);
    match &part.content {
        Content::ToolCall(call) => write_call(item, call, status.word(), arguments_of(call)),
        Content::Reasoning { text, signature } => {
            write_thought(item, text, signature.as_deref().map(|proof| (SIGNED, proof)));
        }
        Content::SealedReasoning(data) => write_thought(item, "", Some((SEALED, data))),
        content => {
            item.put_word("type", "message");
            item.put("status", status.word());
            item.put_word("role", "assistant");
            item.list("content", |list| list.object(|object| write_part(object, content, &part.logprobs)));
        }
    }
}

/// The arguments of a call that is over, as they were spelt; a call without any has an empty object.
pub(super) fn arguments_of(call: &ToolCall) -> &str {
    if call.arguments.is_empty() { "{}" } else { &call.arguments }
}

/// Writes the fields of a call.
pub(super) fn write_call(item: &mut Object<'_>, call: &ToolCall, status: &str, arguments: &str) {
    item.put_word("type", "function_call");
    item.put("status", status);
    item.put("call_id", &call.id);
    item.put("name", &call.name);
    item.put("arguments", arguments);
}

/// Writes the fields of a thought, with its proof behind a mark, or the mark alone: whoever speaks these words must see whose it is not.
pub(super) fn write_thought(item: &mut Object<'_>, text: &str, proof: Option<(&str, &str)>) {
    item.put_word("type", "reasoning");
    item.list("summary", |list| {
        if !text.is_empty() {
            list.object(|part| {
                part.put_word("type", "summary_text");
                part.put("text", text);
            });
        }
    });
    let (mark, proof) = proof.unwrap_or((MARK, ""));
    item.put("encrypted_content", &format!("{mark}{proof}"));
}

/// Writes the fields of the part of a message, with how likely its tokens were.
pub(super) fn write_part(part: &mut Object<'_>, content: &Content, logprobs: &[TokenLogprob]) {
    match content {
        Content::Refusal(text) => {
            part.put_word("type", "refusal");
            part.put("refusal", text);
        }
        Content::Text(text) => {
            part.put_word("type", "output_text");
            part.put("text", text);
            part.list("annotations", |_| {});
            part.list("logprobs", |list| write_tokens(list, logprobs));
        }
        // No reader of an answer makes them, and those that are items are written as such.
        Content::Image { .. }
        | Content::Document { .. }
        | Content::Audio { .. }
        | Content::ToolCall(_)
        | Content::ToolResult(_)
        | Content::Reasoning { .. }
        | Content::SealedReasoning(_) => {}
    }
}
