//! What is asked for beside conversations, of providers that have it in other words: how many tokens one has, and vectors of texts.

use layered_tests::upstream::Behaviour;
use serde_json::{Value, json};

use super::{Border, says};

const EMBEDDINGS: &str = "/v1/embeddings";
const COUNT_TOKENS: &str = "/v1/messages/count_tokens";

fn texts(model: &str) -> Value {
    json!({ "model": model, "input": ["a", "b"], "dimensions": 2, "user": "ada" })
}

#[tokio::test]
async fn google_gives_vectors_to_callers_of_openais() {
    let border = Border::start().await;
    let vectors = r#"{"embeddings":[{"values":[0.10,1]},{"values":[2,3]}],"usageMetadata":{"promptTokenCount":7}}"#;
    border.gemini.enqueue(says("application/json", vectors));
    let answer = border.ask(EMBEDDINGS, &texts("gemini")).await;
    assert_eq!((answer.status, answer.header("x-tidegate-dropped")), (200, Some("user")));
    let told = answer.json();
    assert_eq!(told["data"][1], json!({ "object": "embedding", "index": 1, "embedding": [2, 3] }));
    assert_eq!((&told["model"], &told["usage"]["prompt_tokens"]), (&json!("model"), &json!(7)));
    let sent = &border.gemini.requests()[0];
    assert_eq!(sent.path, "/v1/models/model:batchEmbedContents");
    let one = |text: &str| json!({ "model": "models/model", "content": { "parts": [{ "text": text }] }, "outputDimensionality": 2 });
    assert_eq!(sent.json(), json!({ "requests": [one("a"), one("b")] }));
}

#[tokio::test]
async fn vectors_are_failed_over_between_openais_and_googles() {
    let border = Border::start().await;
    let exhausted = json!({ "error": { "code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED" } });
    border.gemini.always(Behaviour::status(429).with_body(&exhausted.to_string()));
    border.openai.enqueue(says("application/json", r#"{"object":"list","data":[]}"#));
    let answer = border.ask(EMBEDDINGS, &texts("mixed")).await;
    assert_eq!((answer.status, answer.header("x-tidegate-instance")), (200, Some("mixed/openai")));
}

#[tokio::test]
async fn tokens_of_texts_go_to_those_alone_who_know_them() {
    let border = Border::start().await;
    let mut tokens = texts("gemini");
    tokens["input"] = json!([[1, 2]]);
    let answer = border.ask(EMBEDDINGS, &tokens).await;
    assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!("input[0]")));
    border.openai.enqueue(says("application/json", r#"{"object":"list","data":[]}"#));
    tokens["model"] = json!("mixed");
    assert_eq!(border.ask(EMBEDDINGS, &tokens).await.header("x-tidegate-instance"), Some("mixed/openai"));
    assert_eq!(border.gemini.request_count(), 0);
}

#[tokio::test]
async fn an_objection_to_texts_is_worded_as_openais() {
    let border = Border::start().await;
    let objection = json!({ "error": { "code": 400, "message": "too many", "status": "INVALID_ARGUMENT" } });
    border.gemini.always(Behaviour::status(400).with_body(&objection.to_string()));
    let error = border.ask(EMBEDDINGS, &texts("gemini")).await.json();
    assert_eq!(
        (&error["error"]["message"], &error["error"]["type"]),
        (&json!("too many"), &json!("invalid_request_error"))
    );
}

#[tokio::test]
async fn google_counts_for_callers_of_anthropics() {
    let border = Border::start().await;
    border.gemini.enqueue(says("application/json", r#"{"totalTokens":7,"promptTokensDetails":[]}"#));
    let body = json!({ "model": "gemini", "system": "Be brief.", "messages": [{ "role": "user", "content": "Hi" }] });
    let answer = border.ask(COUNT_TOKENS, &body).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "input_tokens": 7 })));
    let sent = &border.gemini.requests()[0];
    let counted = &sent.json()["generateContentRequest"];
    assert_eq!(sent.path, "/v1/models/model:countTokens");
    assert_eq!(
        (&counted["model"], &counted["systemInstruction"]["parts"][0]["text"]),
        (&json!("models/model"), &json!("Be brief."))
    );
}

#[tokio::test]
async fn anthropic_counts_for_callers_of_googles() {
    let border = Border::start().await;
    border.anthropic.enqueue(says("application/json", r#"{"input_tokens":7}"#));
    let contents = json!({ "contents": [{ "parts": [{ "text": "Hi" }] }] });
    let answer = border.ask("/v1beta/models/anthropic:countTokens", &contents).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "totalTokens": 7 })));
    let sent = &border.anthropic.requests()[0];
    assert_eq!(sent.path, COUNT_TOKENS);
    let said = json!([{ "role": "user", "content": [{ "type": "text", "text": "Hi" }] }]);
    assert_eq!(sent.json(), json!({ "model": "model", "messages": said }));
}

#[tokio::test]
async fn the_model_of_a_request_that_google_counts_is_the_upstreams() {
    let border = Border::start().await;
    border.gemini.enqueue(says("application/json", r#"{"totalTokens":7}"#));
    let request = |model: &str| json!({ "generateContentRequest": { "model": model, "contents": [], "x": 1 } });
    let answer = border.ask("/v1beta/models/gemini:countTokens", &request("models/gemini")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "totalTokens": 7 })));
    assert_eq!(border.gemini.requests()[0].json(), request("models/model"));
}
