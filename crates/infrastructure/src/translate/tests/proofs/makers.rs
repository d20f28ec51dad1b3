//! Answers of models that think before each of their calls, with a proof of it.

use serde_json::{Value, json};

use crate::translate::Dialect;

/// Who makes proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    Anthropic,
    /// What was thought is sealed.
    AnthropicSealed,
    OpenAi,
    Google,
}

impl Maker {
    /// Whether it is asked in that dialect.
    pub(super) fn speaks(self, dialect: Dialect) -> bool {
        match self {
            Self::Anthropic | Self::AnthropicSealed => matches!(dialect, Dialect::Messages | Dialect::Bedrock),
            Self::OpenAi => dialect == Dialect::Responses,
            Self::Google => dialect == Dialect::Gemini,
        }
    }
}

/// Each maker, and a dialect that it answers in.
pub(super) const ALL: [(Maker, Dialect); 6] = [
    (Maker::Anthropic, Dialect::Messages),
    (Maker::Anthropic, Dialect::Bedrock),
    (Maker::AnthropicSealed, Dialect::Messages),
    (Maker::AnthropicSealed, Dialect::Bedrock),
    (Maker::OpenAi, Dialect::Responses),
    (Maker::Google, Dialect::Gemini),
];

/// An answer with a call for each proof.
pub(super) fn answer_of(maker: Maker, dialect: Dialect, given: &[String]) -> Value {
    let steps: Vec<Value> =
        given.iter().enumerate().flat_map(|(at, proof)| step(maker, dialect, (at, proof))).collect();
    match dialect {
        Dialect::Messages => {
            json!({ "id": "i", "type": "message", "model": "m", "content": steps, "stop_reason": "tool_use" })
        }
        Dialect::Bedrock => json!({ "output": { "message": { "content": steps } }, "stopReason": "tool_use" }),
        Dialect::Responses => json!({ "id": "i", "model": "m", "status": "completed", "output": steps }),
        _ => json!({ "candidates": [{ "content": { "parts": steps }, "finishReason": "STOP" }], "responseId": "i" }),
    }
}

/// What is thought, and the call that comes of it.
fn step(maker: Maker, dialect: Dialect, (at, proof): (usize, &str)) -> [Value; 2] {
    let id = format!("call_{at}");
    match (dialect, maker) {
        (Dialect::Messages, _) => {
            let call = json!({ "type": "tool_use", "id": id, "name": "f", "input": {} });
            let thought = match maker {
                Maker::AnthropicSealed => json!({ "type": "redacted_thinking", "data": proof }),
                _ => json!({ "type": "thinking", "thinking": "so", "signature": proof }),
            };
            [thought, call]
        }
        (Dialect::Bedrock, _) => {
            let thought = match maker {
                Maker::AnthropicSealed => json!({ "redactedContent": proof }),
                _ => json!({ "reasoningText": { "text": "so", "signature": proof } }),
            };
            let call = json!({ "toolUse": { "toolUseId": id, "name": "f", "input": {} } });
            [json!({ "reasoningContent": thought }), call]
        }
        (Dialect::Responses, _) => {
            let summary = json!([{ "type": "summary_text", "text": "so" }]);
            let thought = json!({ "type": "reasoning", "summary": summary, "encrypted_content": proof });
            [thought, json!({ "type": "function_call", "call_id": id, "name": "f", "arguments": "{}" })]
        }
        _ => {
            let call = json!({ "functionCall": { "id": id, "name": "f", "args": {} }, "thoughtSignature": proof });
            [json!({ "text": "so", "thought": true }), call]
        }
    }
}

/// The same as a stream: its events as a client of the protocol delivers them.
pub(super) fn stream_of(maker: Maker, dialect: Dialect, given: &[String]) -> String {
    let answer = answer_of(maker, dialect, given);
    let events = match dialect {
        Dialect::Messages => messages_events(&answer),
        Dialect::Bedrock => bedrock_events(&answer),
        Dialect::Responses => responses_events(&answer),
        _ => gemini_events(&answer),
    };
    let events: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    events.concat()
}

fn messages_events(answer: &Value) -> Vec<Value> {
    let mut events = vec![json!({ "type": "message_start", "message": { "id": "i", "model": "m" } })];
    for (index, block) in answer["content"].as_array().unwrap().iter().enumerate() {
        let delta = |delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
        let mut start = block.clone();
        let mut deltas = Vec::new();
        if block["type"] == "thinking" {
            (start["thinking"], start["signature"]) = (json!(""), json!(""));
            deltas.push(delta(json!({ "type": "thinking_delta", "thinking": block["thinking"] })));
            deltas.push(delta(json!({ "type": "signature_delta", "signature": block["signature"] })));
        }
        events.push(json!({ "type": "content_block_start", "index": index, "content_block": start }));
        events.extend(deltas);
        events.push(json!({ "type": "content_block_stop", "index": index }));
    }
    events.push(json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" } }));
    events.push(json!({ "type": "message_stop" }));
    events
}

fn bedrock_events(answer: &Value) -> Vec<Value> {
    let mut events = vec![json!({ "messageStart": { "role": "assistant" } })];
    for (index, block) in answer["output"]["message"]["content"].as_array().unwrap().iter().enumerate() {
        let reasoning = &block["reasoningContent"];
        let delta = |delta: Value| json!({ "contentBlockDelta": { "contentBlockIndex": index, "delta": { "reasoningContent": delta } } });
        if block["toolUse"].is_object() {
            let start = json!({ "contentBlockIndex": index, "start": block });
            events.push(json!({ "contentBlockStart": start }));
        } else if reasoning["redactedContent"].is_string() {
            events.push(delta(reasoning.clone()));
        } else {
            let thought = &reasoning["reasoningText"];
            events.push(delta(json!({ "text": thought["text"] })));
            events.push(delta(json!({ "signature": thought["signature"] })));
        }
        events.push(json!({ "contentBlockStop": { "contentBlockIndex": index } }));
    }
    events.extend([json!({ "messageStop": { "stopReason": "tool_use" } }), json!({ "metadata": { "usage": {} } })]);
    events
}

fn responses_events(answer: &Value) -> Vec<Value> {
    let mut events = vec![json!({ "type": "response.created", "response": { "id": "i", "model": "m" } })];
    for (index, item) in answer["output"].as_array().unwrap().iter().enumerate() {
        let event = |kind: &str, item: &Value| json!({ "type": kind, "output_index": index, "item": item });
        events.push(event("response.output_item.added", item));
        if item["type"] == "reasoning" {
            let kind = "response.reasoning_summary_text.delta";
            events.push(json!({ "type": kind, "output_index": index, "delta": item["summary"][0]["text"] }));
        }
        events.push(event("response.output_item.done", item));
    }
    events.push(json!({ "type": "response.completed", "response": { "id": "i", "status": "completed" } }));
    events
}

fn gemini_events(answer: &Value) -> Vec<Value> {
    let parts = answer["candidates"][0]["content"]["parts"].as_array().unwrap();
    let event = |part: &Value| json!({ "candidates": [{ "content": { "parts": [part] } }], "responseId": "i" });
    let end = json!({ "candidates": [{ "finishReason": "STOP" }], "responseId": "i" });
    parts.iter().map(event).chain([end]).collect()
}
