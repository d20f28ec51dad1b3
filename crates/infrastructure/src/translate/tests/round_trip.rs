//! There and back: what both dialects can say is lost by neither.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::*;

/// A text without the few blanks that no message is made of.
fn words() -> impl Strategy<Value = String> {
    "[a-zA-Zéß\"\\\\{}\n ]{0,11}[a-z]"
}

/// A turn of the user's and the model's answer to it, with or without a tool.
fn exchange() -> impl Strategy<Value = Vec<Value>> {
    let plain = (words(), words()).prop_map(|(asked, said)| {
        vec![json!({ "role": "user", "content": asked }), json!({ "role": "assistant", "content": said })]
    });
    let calls = (words(), vec((0..1000_u32, words()), 1..3)).prop_map(|(asked, calls)| {
        let call = |(at, (id, text)): (usize, &(u32, String))| {
            let arguments = json!({ "text": text }).to_string();
            let id = format!("call_{id}_{at}");
            json!({ "id": id, "type": "function", "function": { "name": "tool", "arguments": arguments } })
        };
        let all: Vec<Value> = calls.iter().enumerate().map(call).collect();
        let result = |call: &Value| json!({ "role": "tool", "tool_call_id": call["id"], "content": "it is done" });
        let results: Vec<Value> = all.iter().map(result).collect();
        let mut turns = vec![json!({ "role": "user", "content": asked })];
        turns.push(json!({ "role": "assistant", "content": null, "tool_calls": all }));
        turns.extend(results);
        turns.push(json!({ "role": "assistant", "content": "so" }));
        turns
    });
    prop_oneof![plain, calls]
}

fn request() -> impl Strategy<Value = Value> {
    let settings = (proptest::option::of(0..100_u32), 1..100_000_u64, any::<bool>());
    (proptest::option::of(words()), vec(exchange(), 1..4), settings).prop_map(|(system, exchanges, settings)| {
        let (temperature, max_tokens, stream) = settings;
        let system = system.map(|text| json!({ "role": "system", "content": text }));
        let messages: Vec<Value> = system.into_iter().chain(exchanges.into_iter().flatten()).collect();
        let tool = json!({ "type": "function", "function": { "name": "tool", "parameters": { "type": "object" } } });
        let mut request = json!({
            "model": "m", "messages": messages, "max_completion_tokens": max_tokens, "tools": [tool], "tool_choice": "auto",
        });
        if let Some(temperature) = temperature {
            request["temperature"] = json!(f64::from(temperature) / 100.0);
        }
        if stream {
            request["stream"] = json!(true);
            request["stream_options"] = json!({ "include_usage": true });
        }
        request
    })
}

/// The request with its calls numbered: in Google's words they have no ids, only an order.
fn numbered(mut request: Value) -> Value {
    let (mut calls, mut results) = (0, 0);
    for message in request["messages"].as_array_mut().unwrap() {
        for call in message.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten() {
            call["id"] = json!(format!("call_{calls}"));
            calls += 1;
        }
        if message["role"] == "tool" {
            message["tool_call_id"] = json!(format!("call_{results}"));
            results += 1;
        }
    }
    request
}

proptest! {
    #[test]
    fn a_request_comes_back_as_it_went(asked in request()) {
        for through in callers(Dialect::Chat) {
            let there = super::super::request(&read(Dialect::Chat, &asked.to_string()), Dialect::Chat, through).unwrap();
            prop_assert!(there.dropped.is_empty());
            let back = super::super::request(&there.request, through, Dialect::Chat).unwrap();
            prop_assert!(back.dropped.is_empty(), "{}", back.dropped);
            let back: Value = serde_json::from_slice(back.request.body()).unwrap();
            let expected = if through == Dialect::Gemini { numbered(asked.clone()) } else { asked.clone() };
            prop_assert_eq!(back, expected);
        }
    }

    #[test]
    fn no_body_brings_a_reader_down(body in "\\PC{0,200}") {
        for from in Dialect::ALL {
            for to in others(from) {
                if let Ok(request) = request_in(from, &body) {
                    let _ = super::super::request(&request, from, to);
                }
                let _ = answered(body.as_bytes(), (from, to));
            }
        }
    }
}
