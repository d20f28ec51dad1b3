//! Callers and providers that speak Google's protocol: the model and the manner of the answer stand in the path.

use layered_tests::upstream::Behaviour;
use serde_json::{Value, json};

use super::{Border, CHAT, MESSAGES, asked, data, message, message_events, says};
use crate::wire::{Answer, exchange, get, post};

pub(super) fn answer() -> Value {
    json!({
        "candidates": [{ "content": { "parts": [{ "text": "Hello" }], "role": "model" }, "finishReason": "STOP", "index": 0 }],
        "usageMetadata": { "promptTokenCount": 7, "cachedContentTokenCount": 4, "candidatesTokenCount": 5, "totalTokenCount": 12 },
        "modelVersion": "gemini-2.5-flash", "responseId": "r1",
    })
}

/// The events of a stream, as Google ends its lines.
pub(super) fn stream() -> String {
    let piece = |text: &str| json!({ "candidates": [{ "content": { "parts": [{ "text": text }], "role": "model" } }], "responseId": "r1" });
    let mut last = answer();
    last["candidates"][0]["content"]["parts"][0]["text"] = json!("lo");
    let first = piece("Hel");
    format!("data: {first}\r\n\r\ndata: {last}\r\n\r\n")
}

fn streams(body: &str) -> Behaviour {
    says("text/event-stream", body)
}

pub(super) fn contents() -> Value {
    json!({ "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }], "generationConfig": { "maxOutputTokens": 100 } })
}

/// Asks for a method of a model.
async fn ask(border: &Border, method: &str, body: &Value) -> Answer {
    let path = format!("/v1beta/models/{method}");
    exchange(border.address, &post(&path, body.to_string().as_bytes(), "x-goog-api-key: caller\r\n")).await
}

#[tokio::test]
async fn within_googles_every_byte_is_the_upstreams_and_the_callers() {
    let border = Border::start().await;
    let whole = answer().to_string().replace("\"Hello\"", "\"Hello\",\"unknown\":1e400");
    border.gemini.enqueue(says("application/json", &whole));
    let body = r#" {"contents":[{"parts":[{"text":"Hi"}]}], "x":1e400,"model":"other","safetySettings":[]}"#;
    let path = "/v1beta/models/gemini:generateContent?key=caller";
    let answered = exchange(border.address, &post(path, body.as_bytes(), "")).await;
    assert_eq!((answered.status, &answered.body[..]), (200, whole.as_bytes()));
    let sent = &border.gemini.requests()[0];
    assert_eq!((sent.path.as_str(), &sent.body[..]), ("/v1/models/model:generateContent", body.as_bytes()));
    assert_eq!(sent.header("x-goog-api-key"), Some("sk-upstream"));

    border.gemini.enqueue(streams(&stream()));
    let answered = ask(&border, "gemini:streamGenerateContent?alt=sse", &contents()).await;
    assert_eq!((answered.status, &answered.body[..]), (200, stream().as_bytes()));
    assert_eq!(border.gemini.requests()[1].path, "/v1/models/model:streamGenerateContent?alt=sse");

    border.gemini.enqueue(says("application/json", r#"{"totalTokens":3}"#));
    assert_eq!(ask(&border, "gemini:countTokens", &contents()).await.json(), json!({ "totalTokens": 3 }));
    assert_eq!(border.gemini.requests()[2].path, "/v1/models/model:countTokens");
}

#[tokio::test]
async fn a_caller_of_googles_gets_its_grammar_from_everybody() {
    let border = Border::start().await;
    border.anthropic.enqueue(says("application/json", &message().to_string()));
    for (model, text) in [("anthropic", "Hello"), ("chat", "chat-0 chat-1 chat-2 ")] {
        let answer = ask(&border, &format!("{model}:generateContent"), &contents()).await.json();
        assert_eq!(answer["candidates"][0]["content"], json!({ "parts": [{ "text": text }], "role": "model" }));
        assert_eq!(answer["candidates"][0]["finishReason"], "STOP");
        assert!(answer["usageMetadata"]["totalTokenCount"].as_u64() > Some(0));
    }
    assert_eq!(border.anthropic.requests()[0].json()["max_tokens"], 100);

    border.anthropic.enqueue(super::events(&message_events()));
    for (model, text) in [("anthropic", "Hello"), ("chat", "chat-0 chat-1 chat-2 ")] {
        let events = data(&ask(&border, &format!("{model}:streamGenerateContent?alt=sse"), &contents()).await);
        let said: String =
            events.iter().filter_map(|event| event["candidates"][0]["content"]["parts"][0]["text"].as_str()).collect();
        assert_eq!(said, text);
        let last = events.last().unwrap();
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert!(last["usageMetadata"]["candidatesTokenCount"].as_u64() > Some(0));
    }
}

#[tokio::test]
async fn callers_of_others_get_their_grammar_from_googles() {
    let border = Border::start().await;
    for path in [CHAT, MESSAGES] {
        border.gemini.enqueue(says("application/json", &answer().to_string()));
        let answer = border.ask(path, &asked("gemini", false)).await.json();
        let text = answer.pointer("/choices/0/message/content").or(answer.pointer("/content/0/text"));
        assert_eq!(text, Some(&json!("Hello")), "{answer}");
    }
    let sent = &border.gemini.requests()[0];
    assert_eq!(sent.path, "/v1/models/model:generateContent");
    assert_eq!(sent.json(), contents());

    border.gemini.enqueue(streams(&stream()));
    let chunks = data(&border.ask(CHAT, &asked("gemini", true)).await);
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), chunks.last().unwrap()), ("Hello", &json!("[DONE]")));
    border.gemini.enqueue(streams(&stream()));
    let events = data(&border.ask(MESSAGES, &asked("gemini", true)).await);
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    assert_eq!(events[events.len() - 2]["usage"]["cache_read_input_tokens"], 4);
}

#[tokio::test]
async fn what_google_thought_is_not_shown_to_anthropic() {
    let border = Border::start().await;
    let mut thinking = answer();
    thinking["candidates"][0]["content"]["parts"] =
        json!([{ "text": "so", "thought": true }, { "text": "Hello", "thoughtSignature": "c2ln" }]);
    border.gemini.enqueue(says("application/json", &thinking.to_string()));
    let first = border.ask(MESSAGES, &asked("gemini", false)).await.json();
    assert_eq!((&first["content"][0]["type"], &first["content"][0]["thinking"]), (&json!("thinking"), &json!("so")));
    let mut body = asked("anthropic", false);
    let said = json!({ "role": "assistant", "content": first["content"] });
    body["messages"].as_array_mut().unwrap().extend([said, json!({ "role": "user", "content": "And?" })]);
    border.anthropic.enqueue(says("application/json", &message().to_string()));
    let answer = border.ask(MESSAGES, &body).await;
    let dropped = answer.header("x-tidegate-dropped");
    assert_eq!((answer.status, dropped), (200, Some("messages[1].content[0].signature")));
    let sent = border.anthropic.requests()[0].json();
    assert_eq!(sent["messages"][1]["content"], json!([{ "type": "text", "text": "Hello" }]));
}

#[tokio::test]
async fn a_stream_that_was_cut_ends_with_an_error_in_the_callers_grammar() {
    let border = Border::start().await;
    let cut: String = stream().split_inclusive("\r\n\r\n").take(1).collect();
    border.gemini.enqueue(streams(&cut));
    let last = data(&border.ask(CHAT, &asked("gemini", true)).await).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream_stream_error");
    border.gemini.enqueue(streams(&cut));
    let last = data(&ask(&border, "gemini:streamGenerateContent?alt=sse", &contents()).await).pop().unwrap();
    assert_eq!((&last["error"]["code"], &last["error"]["status"]), (&json!(502), &json!("UNAVAILABLE")));
}

#[tokio::test]
async fn an_exhausted_upstream_is_failed_over_across_protocols() {
    let border = Border::start().await;
    let exhausted = json!({ "error": { "code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED", "details": [
        { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s" },
    ] } });
    border.gemini.always(Behaviour::status(429).with_body(&exhausted.to_string()));
    for path in [CHAT, MESSAGES] {
        let answer = border.ask(path, &asked("mixed", false)).await;
        assert_eq!((answer.status, answer.header("x-tidegate-instance")), (200, Some("mixed/openai")));
    }
    let answer = ask(&border, "gemini:generateContent", &contents()).await;
    assert_eq!((answer.status, &answer.json()["error"]["status"]), (429, &json!("RESOURCE_EXHAUSTED")));
    // A cooldown is a little longer than was asked for, so that not everybody comes back at once.
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u64>().unwrap() >= 7));
}

#[tokio::test]
async fn an_objection_is_reworded_unless_caller_and_upstream_speak_alike() {
    let border = Border::start().await;
    let objection = json!({ "error": { "code": 400, "message": "too odd", "status": "INVALID_ARGUMENT" } });
    border.gemini.always(Behaviour::status(400).with_body(&objection.to_string()));
    assert_eq!(ask(&border, "gemini:generateContent", &contents()).await.json(), objection);
    let reworded = border.ask(CHAT, &asked("gemini", false)).await.json();
    assert_eq!(
        (&reworded["error"]["message"], &reworded["error"]["type"]),
        (&json!("too odd"), &json!("invalid_request_error"))
    );
    // Some of Google's endpoints put a list around an error.
    border.gemini.always(Behaviour::status(400).with_body(&json!([objection]).to_string()));
    let unwrapped = ask(&border, "gemini:generateContent", &contents()).await.json();
    assert_eq!((&unwrapped["error"]["code"], &unwrapped["error"]["message"]), (&json!(400), &json!("too odd")));
}

#[tokio::test]
async fn errors_of_the_gateways_own_are_worded_as_google_words_them() {
    let border = Border::start().await;
    let check = |answer: Answer, status: u16, word: &str| {
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["code"], &error["status"]), (status, &json!(status), &json!(word)));
    };
    check(ask(&border, "nobody:generateContent", &contents()).await, 404, "NOT_FOUND");
    check(ask(&border, "gemini:embedContent", &contents()).await, 404, "NOT_FOUND");
    check(ask(&border, "gemini:streamGenerateContent", &contents()).await, 400, "INVALID_ARGUMENT");
    check(ask(&border, "openai:countTokens", &contents()).await, 400, "INVALID_ARGUMENT");
    let mut cached = contents();
    cached["cachedContent"] = json!("c");
    let answer = ask(&border, "chat:generateContent", &cached).await;
    assert_eq!(answer.json()["error"]["details"][1]["fieldViolations"][0]["field"], "cachedContent");
    assert_eq!(border.gemini.request_count() + border.chat.request_count(), 0);
}

#[tokio::test]
async fn a_pool_is_a_model_in_googles_words() {
    let border = Border::start().await;
    let listed = exchange(border.address, &get("/v1beta/models")).await.json();
    let names: Vec<_> =
        listed["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"models/mixed"), "{names:?}");
    let shown = exchange(border.address, &get("/v1beta/models/mixed")).await.json();
    assert_eq!((&shown["name"], &shown["displayName"]), (&json!("models/mixed"), &json!("mixed")));
    let unknown = exchange(border.address, &get("/v1beta/models/nobody")).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["status"]), (404, &json!("NOT_FOUND")));
}
