//! Reads and writes a whole answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::inference::Usage;

use super::{
    request_writer::{call_of, write_call_fields},
    wire::{AnswerWire, ChoiceWire, FunctionWire, MessageWire, UsageWire},
};
use crate::translate::{
    answer::{Answer, Stop, Tokens},
    conversation::{Content, Part, ToolCall},
    gemini::googles,
    json::{List, Object, body, object},
    logprobs::{TokenLogprob, read_tokens, write_tokens},
};

/// How likely the tokens of an answer were.
#[derive(Deserialize)]
struct LogprobsWire<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// Reads the first choice of an answer; whoever asked in another dialect asked for one.
pub(in crate::translate) fn read_answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let AnswerWire { id, model, created, choices, usage } = AnswerWire::read(body).map_err(serde::de::Error::custom)?;
    let mut answer = Answer {
        id: id.unwrap_or_default().into_owned(),
        model: model.unwrap_or_default().into_owned(),
        created,
        tokens: usage.map(UsageWire::tokens).unwrap_or_default(),
        ..Answer::default()
    };
    let missing = <serde_json::Error as serde::de::Error>::missing_field;
    let first = choices.ok_or_else(|| missing("choices"))?.into_iter().next();
    let Some(ChoiceWire { message, finish_reason, logprobs, .. }) = first else { return Ok(answer) };
    answer.stop = finish_reason.as_deref().and_then(stop_of);
    answer.parts = parts_of(message.ok_or_else(|| missing("message"))?)?;
    if let Some(text) = answer.parts.iter_mut().find(|part| matches!(part.content, Content::Text(_))) {
        text.logprobs = logprobs.map(logprobs_of).unwrap_or_default();
    }
    Ok(answer)
}

/// How likely the tokens of a text were.
pub(super) fn logprobs_of(logprobs: &str) -> Vec<TokenLogprob> {
    let wire: Option<LogprobsWire<'_>> = serde_json::from_str(logprobs).ok();
    wire.and_then(|wire| wire.content).map(read_tokens).unwrap_or_default()
}

fn parts_of(message: MessageWire<'_>) -> Result<Vec<Part>, serde_json::Error> {
    let MessageWire { content, refusal, reasoning_content, reasoning, tool_calls, .. } = message;
    let filled = |text: Option<Cow<'_, str>>| text.filter(|text| !text.is_empty()).map(Cow::into_owned);
    let thought = filled(reasoning_content).or(filled(reasoning));
    let thought = thought.map(|text| Content::Reasoning { text, signature: None });
    let said = [thought, filled(content).map(Content::Text), filled(refusal).map(Content::Refusal)];
    let mut parts: Vec<Part> = said.into_iter().flatten().map(Part::from).collect();
    for (at, call) in tool_calls.into_iter().enumerate() {
        if let Some(proof) = call.proof() {
            parts.push(Content::Reasoning { text: String::new(), signature: Some(proof) }.into());
        }
        let FunctionWire { name, arguments } = call.function.unwrap_or_default();
        let call = ToolCall {
            id: call.id.map_or_else(|| format!("call_{at}"), Cow::into_owned),
            name: name.ok_or_else(|| serde::de::Error::missing_field("name"))?.into_owned(),
            arguments: arguments.unwrap_or_default().into_owned(),
        };
        parts.push(Content::ToolCall(call).into());
    }
    Ok(parts)
}

/// Why the model stopped; an unknown word means that it was done.
pub(super) fn stop_of(finish_reason: &str) -> Option<Stop> {
    match finish_reason {
        "" => None,
        "length" => Some(Stop::Length),
        "tool_calls" | "function_call" => Some(Stop::ToolCalls),
        "content_filter" => Some(Stop::Refused),
        _ => Some(Stop::Done),
    }
}

/// The word for why the model stopped.
pub(super) fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::Done | Stop::Sequence(_) => "stop",
        Stop::Length => "length",
        Stop::ToolCalls => "tool_calls",
        Stop::Refused => "content_filter",
    }
}

/// Writes an answer.
pub(in crate::translate) fn write_answer(answer: &Answer) -> Vec<u8> {
    let mut out = body();
    object(&mut out, |root| {
        root.put("id", &answer.id);
        root.put_word("object", "chat.completion");
        root.put("created", &answer.created.unwrap_or(0));
        root.put("model", &answer.model);
        root.list("choices", |choices| {
            choices.object(|choice| {
                choice.put("index", &0);
                choice.object("message", |message| write_message(message, &answer.parts));
                write_logprobs(choice, answer.parts.iter().flat_map(|part| &part.logprobs));
                choice.put_word("finish_reason", finish_reason(answer.stop.as_ref().unwrap_or(&Stop::Done)));
            });
        });
        root.object("usage", |usage| write_usage(usage, answer.tokens));
    });
    out
}

/// Writes how likely the tokens of a choice were, if that is told.
pub(super) fn write_logprobs<'a>(choice: &mut Object<'_>, tokens: impl Iterator<Item = &'a TokenLogprob>) {
    let mut tokens = tokens.peekable();
    if tokens.peek().is_none() {
        return choice.put("logprobs", &None::<()>);
    }
    choice.object("logprobs", |logprobs| {
        logprobs.list("content", |list| write_tokens(list, tokens));
        logprobs.put("refusal", &None::<()>);
    });
}

fn write_message(message: &mut Object<'_>, parts: &[Part]) {
    let texts = |pick: fn(&Content) -> Option<&str>| {
        let found: Vec<&str> = parts.iter().filter_map(|part| pick(&part.content)).collect();
        (!found.is_empty()).then(|| found.concat())
    };
    let content = texts(|content| match content {
        Content::Text(text) => Some(text),
        _ => None,
    });
    let refusal = texts(|content| match content {
        Content::Refusal(text) => Some(text),
        _ => None,
    });
    let reasoning = texts(|content| match content {
        Content::Reasoning { text, .. } if !text.is_empty() => Some(text),
        _ => None,
    });
    message.put_word("role", "assistant");
    message.put("content", &content);
    message.put("refusal", &refusal);
    message.put_some("reasoning_content", reasoning);
    if parts.iter().any(|part| call_of(part).is_some()) {
        message.list("tool_calls", |list| write_calls(list, parts));
    }
}

/// Writes the calls, each with the proof of the thought that it came of.
fn write_calls(list: &mut List<'_>, parts: &[Part]) {
    let mut proof = None;
    for part in parts {
        match &part.content {
            Content::Reasoning { signature, .. } => proof = signature.as_deref().or(proof),
            Content::ToolCall(call) => list.object(|object| {
                write_call_fields(object, call);
                write_proof(object, proof.take());
            }),
            _ => proof = None,
        }
    }
}

/// Writes a proof of Google's beside a call, where Google's own endpoint for this dialect has it. Others have no place here.
pub(super) fn write_proof(call: &mut Object<'_>, proof: Option<&str>) {
    if let Some(proof) = proof.and_then(googles) {
        call.object("extra_content", |extra| {
            extra.object("google", |google| google.put("thought_signature", proof));
        });
    }
}

/// Writes the fields of a usage.
pub(super) fn write_usage(usage: &mut Object<'_>, tokens: Tokens) {
    let Tokens {
        usage: Usage { input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated: _ },
        cache_written,
    } = tokens;
    usage.put("prompt_tokens", &input_tokens);
    usage.put("completion_tokens", &output_tokens);
    usage.put("total_tokens", &input_tokens.saturating_add(output_tokens));
    usage.object("prompt_tokens_details", |details| {
        details.put("cached_tokens", &cached_tokens);
        details.put_some("cache_write_tokens", (cache_written > 0).then_some(cache_written));
    });
    usage.object("completion_tokens_details", |details| details.put("reasoning_tokens", &reasoning_tokens));
}
