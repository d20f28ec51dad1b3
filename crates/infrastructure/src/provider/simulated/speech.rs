//! What a simulated answer says, and its bytes.

use std::fmt::Write as _;

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_domain::inference::{Call, Usage};

use crate::provider::SimulatedSettings;

const WORDS: [&str; 32] = [
    "the", "tide", "turns", "slowly", "and", "a", "gate", "opens", "where", "water", "was", "still", "then", "each",
    "boat", "finds", "its", "own", "way", "past", "stone", "rope", "light", "until", "morning", "comes", "back",
    "over", "quiet", "harbour", "under", "wind",
];

/// One simulated answer, complete before its first token is out.
#[derive(Debug)]
pub(super) struct Speech {
    id: String,
    model: String,
    tokens: Vec<String>,
    finish_reason: &'static str,
    prompt_tokens: u64,
    pub(super) wants_usage: bool,
}

#[derive(serde::Deserialize)]
struct RequestWire {
    #[serde(default)]
    messages: Vec<MessageWire>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
}

#[derive(serde::Deserialize)]
struct MessageWire {
    #[serde(default)]
    role: String,
    #[serde(default)]
    content: Value,
}

impl Speech {
    /// Composes the answer: the configured reply, or words drawn from the seed and the last user message.
    pub(super) fn compose(call: &Call<'_>, settings: &SimulatedSettings) -> Self {
        let RequestWire { messages, max_tokens, max_completion_tokens } = serde_json::from_slice(call.request.body())
            .unwrap_or(RequestWire { messages: Vec::new(), max_tokens: None, max_completion_tokens: None });
        let texts: Vec<String> = messages.iter().map(|message| text_of(&message.content)).collect();
        let last_user = messages.iter().rposition(|message| message.role == "user").map_or("", |at| texts[at].as_str());
        let mut random = fastrand::Rng::with_seed(settings.seed ^ digest(last_user.as_bytes()));
        let mut tokens: Vec<String> = match &settings.reply {
            Some(reply) => reply.split_inclusive(' ').map(str::to_owned).collect(),
            None => drawn(settings.tokens, &mut random),
        };
        let limit = max_completion_tokens.or(max_tokens).or(call.defaults.values().max_tokens);
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let finish_reason = if tokens.len() > limit { "length" } else { "stop" };
        tokens.truncate(limit);
        let prompt_tokens = texts.iter().map(|text| text.split_whitespace().count() as u64).sum();
        Self {
            id: format!("chatcmpl-simulated-{:016x}", random.u64(..)),
            model: call.model.to_owned(),
            tokens,
            finish_reason,
            prompt_tokens,
            wants_usage: call.request.envelope().include_usage(),
        }
    }

    pub(super) fn output_tokens(&self) -> u32 {
        u32::try_from(self.tokens.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn usage(&self) -> Usage {
        Usage { input_tokens: self.prompt_tokens, output_tokens: self.output_tokens().into(), ..Usage::default() }
    }

    /// The answer as one body.
    pub(super) fn whole(&self) -> Bytes {
        let message = json!({ "role": "assistant", "content": self.tokens.concat(), "refusal": null });
        let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason });
        self.envelope("chat.completion", &json!([choice]), &self.usage_json()).to_string().into()
    }

    /// The event that opens the stream: a role, no content.
    pub(super) fn opening(&self) -> String {
        self.choice_event(&json!({ "role": "assistant", "content": "" }), None)
    }

    /// The event of one token.
    pub(super) fn token(&self, at: u32) -> Option<String> {
        self.tokens.get(at as usize).map(|token| self.choice_event(&json!({ "content": token }), None))
    }

    /// The events that end the stream: the finish, the usage if the caller asked for it, and the terminal event.
    pub(super) fn ending(&self) -> String {
        let mut events = self.choice_event(&json!({}), Some(self.finish_reason));
        if self.wants_usage {
            push_event(&mut events, &self.envelope("chat.completion.chunk", &json!([]), &self.usage_json()));
        }
        events.push_str("data: [DONE]\n\n");
        events
    }

    fn choice_event(&self, delta: &Value, finish_reason: Option<&str>) -> String {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
        let mut event = String::new();
        push_event(&mut event, &self.envelope("chat.completion.chunk", &json!([choice]), &Value::Null));
        event
    }

    /// `created` is fixed: the same seed gives the same bytes.
    fn envelope(&self, object: &str, choices: &Value, usage: &Value) -> Value {
        json!({
            "id": self.id, "object": object, "created": 1_700_000_000, "model": self.model,
            "choices": choices, "usage": usage,
        })
    }

    fn usage_json(&self) -> Value {
        let Usage { input_tokens, output_tokens, .. } = self.usage();
        json!({
            "prompt_tokens": input_tokens, "completion_tokens": output_tokens,
            "total_tokens": input_tokens + output_tokens,
        })
    }
}

fn push_event(out: &mut String, json: &Value) {
    // Writing into a string does not fail.
    let _ = write!(out, "data: {json}\n\n");
}

fn drawn(count: u32, random: &mut fastrand::Rng) -> Vec<String> {
    let word = |at| {
        let word = WORDS[random.usize(..WORDS.len())];
        if at == 0 { word.to_owned() } else { format!(" {word}") }
    };
    (0..count).map(word).collect()
}

/// The text of a message: a string, or the text parts of a list.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part.get("text")?.as_str()).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

/// FNV-1a: stable across releases, which the standard library's hasher does not promise.
fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}
