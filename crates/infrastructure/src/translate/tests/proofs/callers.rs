//! What the SDKs of callers make of an answer, and how they send it back.

use serde_json::{Value, json};

use crate::translate::Dialect;

/// The request that a caller makes of an answer to one before, with what came of each call.
pub(super) fn said_back(caller: Dialect, answer: &Value) -> Value {
    let asked = json!({ "role": "user", "content": "q" });
    match caller {
        Dialect::Chat | Dialect::Cohere => {
            let message = if caller == Dialect::Chat { &answer["choices"][0]["message"] } else { &answer["message"] };
            let result = |call: &Value| json!({ "role": "tool", "tool_call_id": call["id"], "content": "5" });
            let results = message["tool_calls"].as_array().unwrap().iter().map(result);
            let messages: Vec<Value> = [asked, message.clone()].into_iter().chain(results).collect();
            json!({ "model": "m", "messages": messages })
        }
        Dialect::Messages => {
            let said = json!({ "role": "assistant", "content": answer["content"] });
            let calls = answer["content"].as_array().unwrap().iter().filter(|block| block["type"] == "tool_use");
            let result = |call: &Value| json!({ "type": "tool_result", "tool_use_id": call["id"], "content": "5" });
            let results = json!({ "role": "user", "content": calls.map(result).collect::<Vec<_>>() });
            json!({ "model": "m", "max_tokens": 9, "messages": [asked, said, results] })
        }
        Dialect::Responses => {
            let said = answer["output"].as_array().unwrap();
            let calls = said.iter().filter(|item| item["type"] == "function_call");
            let result =
                |call: &Value| json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "5" });
            let input: Vec<Value> = [asked].into_iter().chain(said.clone()).chain(calls.map(result)).collect();
            json!({ "model": "m", "input": input })
        }
        Dialect::Gemini | Dialect::Bedrock => {
            let said = &answer["candidates"][0]["content"];
            let calls = said["parts"].as_array().unwrap().iter().filter_map(|part| part.get("functionCall"));
            let result = |call: &Value| json!({ "functionResponse": { "id": call["id"], "name": call["name"], "response": { "sum": 5 } } });
            let results: Vec<Value> = calls.map(result).collect();
            json!({ "contents": [{ "parts": [{ "text": "q" }] }, said, { "parts": results }] })
        }
    }
}

/// The answer that a caller has at the end of a stream.
pub(super) fn collected(caller: Dialect, stream: &str) -> Value {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    let events: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    match caller {
        Dialect::Chat => collected_chat(&events),
        Dialect::Messages => collected_messages(&events),
        Dialect::Responses => events.last().unwrap()["response"].clone(),
        Dialect::Cohere => collected_cohere(&events),
        Dialect::Gemini | Dialect::Bedrock => {
            let parts = events.iter().flat_map(|event| event["candidates"][0]["content"]["parts"].as_array().unwrap());
            json!({ "candidates": [{ "content": { "role": "model", "parts": parts.collect::<Vec<_>>() } }] })
        }
    }
}

fn collected_chat(events: &[Value]) -> Value {
    let mut calls: Vec<Value> = Vec::new();
    let deltas = events.iter().filter_map(|event| event["choices"][0]["delta"]["tool_calls"].as_array());
    for call in deltas.flatten() {
        let at = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
        match calls.get_mut(at) {
            Some(known) => append(&mut known["function"]["arguments"], &call["function"]["arguments"]),
            None => calls.push(call.clone()),
        }
    }
    json!({ "choices": [{ "message": { "role": "assistant", "content": null, "tool_calls": calls } }] })
}

fn collected_cohere(events: &[Value]) -> Value {
    let mut calls: Vec<Value> = Vec::new();
    for event in events {
        let call = &event["delta"]["message"]["tool_calls"];
        if event["type"] == "tool-call-start" {
            calls.push(call.clone());
        } else if event["type"] == "tool-call-delta" {
            append(&mut calls.last_mut().unwrap()["function"]["arguments"], &call["function"]["arguments"]);
        }
    }
    json!({ "message": { "role": "assistant", "tool_calls": calls } })
}

fn collected_messages(events: &[Value]) -> Value {
    let mut blocks: Vec<Value> = Vec::new();
    for event in events {
        if event["type"] == "content_block_start" {
            blocks.push(event["content_block"].clone());
        }
        let (Some(block), delta) = (blocks.last_mut(), &event["delta"]) else { continue };
        for key in ["thinking", "signature"] {
            append(&mut block[key], &delta[key]);
        }
    }
    json!({ "content": blocks })
}

/// Adds a text to another, if it is one.
fn append(known: &mut Value, more: &Value) {
    if let Some(more) = more.as_str() {
        *known = format!("{}{more}", known.as_str().unwrap_or_default()).into();
    }
}
