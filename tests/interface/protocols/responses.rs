//! Callers of OpenAI's Responses, whoever answers.

use layered_tests::upstream::Behaviour;
use serde_json::json;

use super::{Border, CHAT, MESSAGES, asked, data, events, message, message_events, says};

const RESPONSES: &str = "/v1/responses";

#[tokio::test]
async fn within_responses_every_byte_is_the_upstreams() {
    let border = Border::start().await;
    let response = |status: &str| json!({ "object": "response", "status": status, "error": null, "output": [] });
    let whole = response("completed").to_string();
    border.openai.enqueue(says("application/json", &whole));
    let answer = border.ask(RESPONSES, &json!({ "model": "openai", "input": "Hi" })).await;
    assert_eq!((answer.status, &answer.body[..]), (200, whole.as_bytes()));

    let stream = [
        json!({ "type": "response.created", "response": response("in_progress") }),
        json!({ "type": "response.output_text.delta", "delta": "Hi" }),
        json!({ "type": "response.completed", "response": response("completed") }),
    ];
    border.openai.enqueue(events(&stream));
    let asked = json!({ "model": "openai", "input": "Hi", "stream": true });
    assert_eq!(data(&border.ask(RESPONSES, &asked).await), stream);
    assert_eq!(border.openai.requests()[1].json(), json!({ "model": "model", "input": "Hi", "stream": true }));

    border.openai.enqueue(events(&stream[..2]));
    let last = data(&border.ask(RESPONSES, &asked).await).pop().unwrap();
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("response.failed"), &json!("upstream_stream_error")));
    assert_eq!((&last["response"]["status"], &last["response"]["output"]), (&json!("failed"), &json!([])));
}

#[tokio::test]
async fn a_caller_of_responses_gets_its_grammar_from_either() {
    let border = Border::start().await;
    border.anthropic.enqueue(says("application/json", &message().to_string()));
    for (model, text) in [("anthropic", "Hello"), ("chat", "chat-0 chat-1 chat-2 ")] {
        let asked = json!({ "model": model, "instructions": "Be brief.", "input": "Hi", "max_output_tokens": 100 });
        let answer = border.ask(RESPONSES, &asked).await.json();
        assert_eq!((&answer["object"], &answer["status"]), (&json!("response"), &json!("completed")));
        assert_eq!(answer["output"][0]["content"][0]["text"], text);
        assert!(answer["usage"]["output_tokens"].as_u64() > Some(0));
    }
    let sent = border.anthropic.requests()[0].json();
    assert_eq!((&sent["system"][0]["text"], &sent["max_tokens"]), (&json!("Be brief."), &json!(100)));
    let sent = &border.chat.requests()[0];
    assert_eq!((sent.path.as_str(), &sent.json()["messages"][0]["role"]), (CHAT, &json!("system")));
}

#[tokio::test]
async fn a_stream_of_responses_has_its_whole_grammar() {
    let border = Border::start().await;
    border.anthropic.enqueue(events(&message_events()));
    let delta = "response.output_text.delta";
    for (model, deltas, text) in [("anthropic", 2, "Hello"), ("chat", 3, "chat-0 chat-1 chat-2 ")] {
        let asked = json!({ "model": model, "input": "Hi", "stream": true });
        let events = data(&border.ask(RESPONSES, &asked).await);
        let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
        let begin = ["created", "in_progress", "output_item.added", "content_part.added"];
        let end = ["output_text.done", "content_part.done", "output_item.done", "completed"];
        let named = |names: [&str; 4]| names.map(|name| format!("response.{name}"));
        let expected = [&named(begin)[..], &vec![delta.to_owned(); deltas], &named(end)].concat();
        assert_eq!(kinds, expected);
        assert!(events.iter().enumerate().all(|(at, event)| event["sequence_number"] == at));
        assert_eq!(events.last().unwrap()["response"]["output"][0]["content"][0]["text"], text);
    }
}

#[tokio::test]
async fn a_stream_of_responses_that_was_cut_or_never_began_is_never_completed() {
    let border = Border::start().await;
    let asked = json!({ "model": "anthropic", "input": "Hi", "stream": true });
    border.anthropic.enqueue(events(&message_events()[..5]));
    let events = data(&border.ask(RESPONSES, &asked).await);
    let last = events.last().unwrap();
    assert_eq!((&last["type"], &last["error"]["code"]), (&json!("response.failed"), &json!("upstream_stream_error")));
    assert_eq!(last["response"]["id"], "msg_1");
    assert!(events.iter().enumerate().all(|(at, event)| event["sequence_number"] == at));
    assert!(events.iter().all(|event| event["type"] != "response.completed"));

    let objection = json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "too odd" } });
    border.anthropic.always(Behaviour::status(400).with_body(&objection.to_string()));
    let answer = border.ask(RESPONSES, &asked).await;
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!("too odd")));
}

#[tokio::test]
async fn what_openai_keeps_is_refused_by_its_field_and_left_to_openai_where_a_pool_has_it() {
    let border = Border::start().await;
    let asked = |model: &str| json!({ "model": model, "input": "Hi", "previous_response_id": "resp_1" });
    let answer = border.ask(RESPONSES, &asked("anthropic")).await;
    assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!("previous_response_id")));
    let whole = json!({ "object": "response", "status": "completed", "error": null, "output": [] }).to_string();
    border.openai.enqueue(says("application/json", &whole));
    let answer = border.ask(RESPONSES, &asked("both")).await;
    assert_eq!((answer.status, answer.header("x-tidegate-instance")), (200, Some("both/openai")));
    assert_eq!(border.anthropic.request_count(), 0);
}

fn response() -> serde_json::Value {
    json!({
        "id": "resp_1", "object": "response", "created_at": 7, "status": "completed", "model": "gpt",
        "output": [{ "type": "message", "content": [{ "type": "output_text", "text": "Hello" }] }],
        "usage": { "input_tokens": 3, "output_tokens": 5 },
    })
}

fn response_events() -> Vec<serde_json::Value> {
    vec![
        json!({ "type": "response.created", "response": { "id": "resp_1", "created_at": 7, "status": "in_progress", "model": "gpt" } }),
        json!({ "type": "response.output_item.added", "output_index": 0, "item": { "type": "message" } }),
        json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "Hel" }),
        json!({ "type": "response.output_text.delta", "output_index": 0, "delta": "lo" }),
        json!({ "type": "response.completed", "response": response() }),
    ]
}

#[tokio::test]
async fn a_model_that_knows_responses_alone_answers_callers_of_every_protocol() {
    let border = Border::start().await;
    border.responses.enqueue(says("application/json", &response().to_string()));
    let answer = border.ask(CHAT, &asked("responses", false)).await.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "Hello");
    assert_eq!((&answer["created"], &answer["usage"]["total_tokens"]), (&json!(7), &json!(8)));
    let sent = &border.responses.requests()[0];
    let expected = json!({
        "model": "model", "input": [{ "role": "user", "content": "Hi" }], "store": false, "max_output_tokens": 100,
    });
    assert_eq!((sent.path.as_str(), sent.json()), (RESPONSES, expected));

    border.responses.enqueue(events(&response_events()));
    let events = data(&border.ask(MESSAGES, &asked("responses", true)).await);
    let text: String = events.iter().filter_map(|event| event["delta"]["text"].as_str()).collect();
    assert_eq!((text.as_str(), &events.last().unwrap()["type"]), ("Hello", &json!("message_stop")));
    assert_eq!(events[events.len() - 2]["usage"]["output_tokens"], 5);
}
