//! Reads and writes a whole answer.

use std::borrow::Cow;

use serde::{Deserialize, de::Error};
use serde_json::value::RawValue;
use tidegate_domain::inference::Usage;

use super::{
    logprobs::{Mean, read_result, write_result},
    part_writer::write_call,
    proof::{UNPROVEN_IN_BASE64, marked, sealed, signed},
};
use crate::provider::usage::GeminiUsageWire;
use crate::translate::{
    answer::{Answer, Stop, Tokens},
    conversation::{Content, Part, ToolCall},
    json::{List, Object, body, object},
    logprobs::TokenLogprob,
};

/// An answer, or a piece of a streamed one: both have the same shape.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerWire<'a> {
    #[serde(borrow, default)]
    pub(super) response_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) model_version: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) candidates: Vec<CandidateWire<'a>>,
    #[serde(borrow, default)]
    prompt_feedback: Option<FeedbackWire<'a>>,
    pub(super) usage_metadata: Option<GeminiUsageWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CandidateWire<'a> {
    #[serde(borrow, default)]
    content: Option<ContentWire<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    logprobs_result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ContentWire<'a> {
    #[serde(borrow, default)]
    parts: Vec<PartWire<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PartWire<'a> {
    #[serde(borrow, default)]
    pub(super) text: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) thought: bool,
    #[serde(borrow, default)]
    pub(super) thought_signature: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(super) function_call: Option<CallWire<'a>>,
}

#[derive(Deserialize)]
pub(super) struct CallWire<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeedbackWire<'a> {
    #[serde(borrow, default)]
    block_reason: Option<Cow<'a, str>>,
}

impl<'a> AnswerWire<'a> {
    /// Why the model stopped, if it did, `has_calls` being whether it called tools.
    pub(super) fn stop(&self, has_calls: bool) -> Option<Stop> {
        let reason = self.candidates.first().and_then(|candidate| candidate.finish_reason.as_deref());
        match reason {
            Some("MAX_TOKENS") => Some(Stop::Length),
            Some(
                "SAFETY"
                | "RECITATION"
                | "LANGUAGE"
                | "BLOCKLIST"
                | "PROHIBITED_CONTENT"
                | "SPII"
                | "IMAGE_SAFETY"
                | "IMAGE_PROHIBITED_CONTENT"
                | "IMAGE_RECITATION"
                | "MODEL_ARMOR",
            ) => Some(Stop::Refused),
            None | Some("" | "FINISH_REASON_UNSPECIFIED") => {
                let feedback = self.prompt_feedback.as_ref();
                feedback.is_some_and(|feedback| feedback.block_reason.is_some()).then_some(Stop::Refused)
            }
            Some(_) if has_calls => Some(Stop::ToolCalls),
            Some(_) => Some(Stop::Done),
        }
    }

    /// How likely the tokens of the first candidate were, if that is told.
    pub(super) fn logprobs(&self) -> Vec<TokenLogprob> {
        let result = self.candidates.first().and_then(|candidate| candidate.logprobs_result);
        result.map(read_result).unwrap_or_default()
    }

    /// What the first candidate says; whoever asked in another dialect asked for one.
    pub(super) fn parts(&self) -> &[PartWire<'a>] {
        let content = self.candidates.first().and_then(|candidate| candidate.content.as_ref());
        content.map_or(&[], |content| content.parts.as_slice())
    }
}

impl CallWire<'_> {
    /// The id of the call, which is made up where there is none: unlike those of all other answers.
    pub(super) fn id(&self, answer: &str, at: usize) -> String {
        match self.id.as_deref() {
            Some(id) if !id.is_empty() => id.to_owned(),
            _ if answer.is_empty() => format!("call_{at}"),
            _ => format!("call_{answer}_{at}"),
        }
    }

    pub(super) fn arguments(&self) -> &str {
        self.args.map_or("{}", RawValue::get)
    }
}

/// Reads the first candidate of an answer.
pub(in crate::translate) fn read_answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let wire: AnswerWire<'_> = serde_json::from_slice(body)?;
    let id = wire.response_id.as_deref().unwrap_or_default();
    let mut parts = Vec::new();
    let mut calls = 0;
    for part in wire.parts() {
        read_part(part, (id, &mut calls), &mut parts);
    }
    if let Some(text) = parts.iter_mut().find(|part| matches!(part.content, Content::Text(_))) {
        text.logprobs = wire.logprobs();
    }
    let Some(stop) = wire.stop(calls > 0) else {
        return Err(serde_json::Error::custom("no candidate that has finished"));
    };
    Ok(Answer {
        id: id.to_owned(),
        model: wire.model_version.as_deref().unwrap_or_default().to_owned(),
        created: None,
        parts,
        stop: Some(stop),
        tokens: wire.usage_metadata.map(Tokens::from).unwrap_or_default(),
    })
}

/// A proof stands on the part that came of the thought, elsewhere with the thought: it is put there, or before the part.
fn read_part(part: &PartWire<'_>, (answer, calls): (&str, &mut usize), parts: &mut Vec<Part>) {
    let text = part.text.as_deref().unwrap_or_default();
    let proof = part.thought_signature.as_deref().filter(|proof| !proof.is_empty()).map(marked);
    if part.thought {
        parts.push(Content::Reasoning { text: text.to_owned(), signature: proof }.into());
        return;
    }
    if let Some(proof) = proof {
        match parts.last_mut() {
            Some(Part { content: Content::Reasoning { signature: signature @ None, .. }, .. }) => {
                *signature = Some(proof);
            }
            _ => parts.push(Content::Reasoning { text: String::new(), signature: Some(proof) }.into()),
        }
    }
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part { content: Content::Text(said), .. }) => said.push_str(text),
        _ => parts.push(Content::Text(text.to_owned()).into()),
    }
    if let Some(call) = &part.function_call {
        let (id, name) = (call.id(answer, *calls), call.name.clone().into_owned());
        *calls += 1;
        parts.push(Content::ToolCall(ToolCall { id, name, arguments: call.arguments().to_owned() }).into());
    }
}

/// Writes an answer.
pub(in crate::translate) fn write_answer(answer: &Answer) -> Vec<u8> {
    let mut out = body();
    object(&mut out, |root| {
        let stop = answer.stop.as_ref().unwrap_or(&Stop::Done);
        let tokens: Vec<TokenLogprob> = answer.parts.iter().flat_map(|part| &part.logprobs).cloned().collect();
        let mut mean = Mean::default();
        mean.add(&tokens);
        let mut unproven = Some(UNPROVEN_IN_BASE64);
        let fill =
            |list: &mut List<'_>| answer.parts.iter().for_each(|part| write_part(list, &part.content, &mut unproven));
        write_candidate(root, (Some(stop), &tokens, &mean), fill);
        write_usage(root, answer.tokens);
        write_identity(root, (&answer.id, &answer.model));
    });
    out
}

/// Writes the one candidate, of an answer or of a piece of it, with its tokens and, where it stops, the mean of all.
pub(super) fn write_candidate(
    root: &mut Object<'_>,
    (stop, tokens, mean): (Option<&Stop>, &[TokenLogprob], &Mean),
    fill: impl FnOnce(&mut List<'_>),
) {
    root.list("candidates", |candidates| {
        candidates.object(|candidate| {
            candidate.object("content", |content| {
                content.list("parts", fill);
                content.put_word("role", "model");
            });
            candidate.put_some("finishReason", stop.map(finish_reason));
            if stop.is_some() {
                mean.write(candidate);
            }
            write_result(candidate, tokens);
            candidate.put("index", &0);
        });
    });
}

/// The word for why the model stopped. Calls and sequences are no reasons of their own here.
fn finish_reason(stop: &Stop) -> &'static str {
    match stop {
        Stop::Done | Stop::Sequence(_) | Stop::ToolCalls => "STOP",
        Stop::Length => "MAX_TOKENS",
        Stop::Refused => "SAFETY",
    }
}

fn write_part(list: &mut List<'_>, content: &Content, unproven: &mut Option<&str>) {
    match content {
        Content::Text(text) | Content::Refusal(text) => write_text(list, text),
        Content::Reasoning { text, signature } => {
            let proof = signature.as_deref().filter(|proof| !proof.is_empty()).map(signed);
            if proof.is_some() || !text.is_empty() {
                write_thought(list, text, proof.as_deref());
            }
        }
        Content::SealedReasoning(data) => write_thought(list, "", Some(&sealed(data))),
        Content::ToolCall(call) => write_call_part(list, call, unproven.take()),
        // No reader of an answer makes them.
        Content::Image { .. } | Content::Document { .. } | Content::Audio { .. } | Content::ToolResult(_) => {}
    }
}

/// Writes a part that is a text.
pub(super) fn write_text(list: &mut List<'_>, text: &str) {
    list.object(|part| part.put("text", text));
}

/// Writes a part that is a call, whole. The first of an answer has what stands in for a proof, so that Google too takes it back.
pub(super) fn write_call_part(list: &mut List<'_>, call: &ToolCall, unproven: Option<&str>) {
    list.object(|part| {
        part.object("functionCall", |object| {
            object.put("id", &call.id);
            write_call(object, call);
        });
        part.put_some("thoughtSignature", unproven);
    });
}

/// Writes a part that is a thought, or the proof of one.
pub(super) fn write_thought(list: &mut List<'_>, text: &str, proof: Option<&str>) {
    list.object(|part| {
        part.put("text", text);
        part.put("thought", &true);
        part.put_some("thoughtSignature", proof);
    });
}

/// Writes what an answer cost.
pub(super) fn write_usage(root: &mut Object<'_>, tokens: Tokens) {
    let Usage { input_tokens, output_tokens, cached_tokens, reasoning_tokens, estimated: _ } = tokens.usage;
    root.object("usageMetadata", |usage| {
        usage.put("promptTokenCount", &input_tokens);
        usage.put_some("cachedContentTokenCount", (cached_tokens > 0).then_some(cached_tokens));
        usage.put("candidatesTokenCount", &output_tokens.saturating_sub(reasoning_tokens));
        usage.put_some("thoughtsTokenCount", (reasoning_tokens > 0).then_some(reasoning_tokens));
        usage.put("totalTokenCount", &input_tokens.saturating_add(output_tokens));
    });
}

/// Writes how an answer introduces itself.
pub(super) fn write_identity(root: &mut Object<'_>, (id, model): (&str, &str)) {
    root.put("modelVersion", model);
    root.put("responseId", id);
}
