//! Callers of Cohere's, and Cohere as somebody to be asked.

use std::net::SocketAddr;

use layered_tests::upstream::{Behaviour, FaultyUpstream};
use serde_json::{Value, json};
use tidegate::{
    domain::inference::{Dialect, Operation},
    infrastructure::provider::{Protocol, ProviderSettings},
};

use super::{CHAT, MESSAGES, asked, data, events, gateway, message, message_events, pool, provider, says};
use crate::wire::{Answer, exchange, post};

const COHERE: &str = "/v2/chat";

/// A gateway before Cohere, and before one provider each of OpenAI's chat and of Anthropic's protocol; the pool `both` holds
/// Cohere and the chat.
struct Border {
    cohere: FaultyUpstream,
    anthropic: FaultyUpstream,
    chat: FaultyUpstream,
    address: SocketAddr,
}

impl Border {
    async fn start() -> Self {
        let (cohere, anthropic) = (FaultyUpstream::start("cohere").await, FaultyUpstream::start("anthropic").await);
        let chat = FaultyUpstream::start("chat").await;
        let only_chat = ProviderSettings {
            operations: Some(vec![Operation::Converse(Dialect::Chat)]),
            ..provider("chat", Protocol::OpenAi, chat.base_url())
        };
        let pools = ["cohere", "anthropic", "chat"].map(|name| pool(name, &[name]));
        let pools = pools.into_iter().chain([pool("both", &["cohere", "chat"])]).collect();
        let providers = [
            provider("cohere", Protocol::Cohere, format!("http://{}/v2", cohere.address())),
            provider("anthropic", Protocol::Anthropic, anthropic.base_url()),
            only_chat,
        ];
        let address = gateway(providers, pools).await;
        Self { cohere, anthropic, chat, address }
    }

    async fn ask(&self, path: &str, body: &Value) -> Answer {
        exchange(self.address, &post(path, body.to_string().as_bytes(), "")).await
    }
}

fn answer() -> Value {
    json!({
        "id": "i1", "finish_reason": "COMPLETE",
        "message": { "role": "assistant", "content": [{ "type": "text", "text": "Hello" }] },
        "usage": { "tokens": { "input_tokens": 7, "output_tokens": 5 }, "cached_tokens": 4 },
    })
}

fn answer_events() -> Vec<Value> {
    let content = |content: Value| json!({ "message": { "content": content } });
    vec![
        json!({ "type": "message-start", "id": "i1", "delta": { "message": { "role": "assistant", "content": [] } } }),
        json!({ "type": "content-start", "index": 0, "delta": content(json!({ "type": "text", "text": "" })) }),
        json!({ "type": "content-delta", "index": 0, "delta": content(json!({ "text": "Hello" })) }),
        json!({ "type": "content-end", "index": 0 }),
        json!({ "type": "message-end", "delta": {
            "finish_reason": "COMPLETE", "usage": { "tokens": { "input_tokens": 7, "output_tokens": 5 } } } }),
    ]
}

#[tokio::test]
async fn within_coheres_every_byte_is_the_upstreams() {
    let border = Border::start().await;
    let body = answer().to_string().replace("\"Hello\"", "\"Hello\",\"unknown\":1e400");
    border.cohere.enqueue(says("application/json", &body));
    assert_eq!(border.ask(COHERE, &asked("cohere", false)).await.body, body.as_bytes());
    border.cohere.enqueue(events(&answer_events()));
    let Behaviour::Status { body, .. } = events(&answer_events()) else { unreachable!() };
    assert_eq!(border.ask(COHERE, &asked("cohere", true)).await.body, body.as_bytes());
    let sent = &border.cohere.requests()[0];
    assert_eq!((sent.path.as_str(), sent.header("authorization")), (COHERE, Some("Bearer sk-upstream")));
    assert_eq!(sent.json()["model"], "model");
}

#[tokio::test]
async fn a_caller_of_coheres_gets_its_grammar_from_everybody() {
    let border = Border::start().await;
    border.anthropic.enqueue(says("application/json", &message().to_string()));
    let whole = border.ask(COHERE, &asked("anthropic", false)).await.json();
    assert_eq!(
        (&whole["finish_reason"], &whole["message"]["content"][0]["text"]),
        (&json!("COMPLETE"), &json!("Hello"))
    );
    assert_eq!(whole["usage"]["tokens"], json!({ "input_tokens": 7, "output_tokens": 5 }));
    border.anthropic.enqueue(events(&message_events()));
    for model in ["anthropic", "chat"] {
        let streamed = data(&border.ask(COHERE, &asked(model, true)).await);
        let kinds: Vec<_> = streamed.iter().map(|event| event["type"].as_str().unwrap()).collect();
        assert_eq!(kinds[..2], ["message-start", "content-start"], "{model}");
        let ends = &kinds[kinds.len() - 2..];
        assert_eq!(ends, ["content-end", "message-end"], "{model}");
        assert_eq!(streamed.last().unwrap()["delta"]["finish_reason"], "COMPLETE", "{model}");
    }
}

#[tokio::test]
async fn every_caller_gets_its_grammar_from_coheres() {
    let border = Border::start().await;
    border.cohere.enqueue(says("application/json", &answer().to_string()));
    let chat = border.ask(CHAT, &asked("cohere", false)).await.json();
    assert_eq!((&chat["id"], &chat["model"]), (&json!("i1"), &json!("model")));
    assert_eq!(chat["choices"][0]["message"]["content"], "Hello");
    assert_eq!(chat["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
    border.cohere.enqueue(says("application/json", &answer().to_string()));
    assert_eq!(border.ask(MESSAGES, &asked("cohere", false)).await.json()["content"][0]["text"], "Hello");
    border.cohere.enqueue(events(&answer_events()));
    let chunks = data(&border.ask(CHAT, &asked("cohere", true)).await);
    assert_eq!(chunks.last().unwrap(), "[DONE]");
    border.cohere.enqueue(events(&answer_events()));
    assert_eq!(data(&border.ask(MESSAGES, &asked("cohere", true)).await).pop().unwrap()["type"], "message_stop");
}

#[tokio::test]
async fn an_answer_that_was_cut_or_failed_ends_with_an_error_in_the_callers_grammar() {
    let border = Border::start().await;
    border.cohere.enqueue(events(&answer_events()[..3]));
    let last = data(&border.ask(COHERE, &asked("cohere", true)).await).pop().unwrap();
    assert_eq!((&last["type"], &last["delta"]["finish_reason"]), (&json!("message-end"), &json!("ERROR")));
    let mut failed = answer_events();
    failed[4] = json!({ "type": "message-end", "delta": { "finish_reason": "ERROR", "error": "m" } });
    border.cohere.enqueue(events(&failed));
    let last = data(&border.ask(CHAT, &asked("cohere", true)).await).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream_stream_error");
}

#[tokio::test]
async fn a_refusal_of_coheres_is_failed_over_and_an_objection_reworded() {
    let border = Border::start().await;
    border.cohere.always(Behaviour::status(429).with_body(r#"{"message":"slow down"}"#));
    let answer = border.ask(COHERE, &asked("both", false)).await;
    assert_eq!((answer.status, answer.header("x-tidegate-instance")), (200, Some("both/chat")));
    assert_eq!((border.chat.request_count(), &answer.json()["message"]["role"]), (1, &json!("assistant")));
    border.cohere.always(Behaviour::status(400).with_body(r#"{"id":"i","message":"too odd"}"#));
    let answer = border.ask(CHAT, &asked("cohere", false)).await;
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!("too odd")));
}

#[tokio::test]
async fn errors_are_worded_as_coheres() {
    let border = Border::start().await;
    let answer = border.ask(COHERE, &asked("nobody", false)).await;
    assert_eq!(answer.status, 404);
    assert!(answer.json()["message"].is_string() && answer.json()["error"].is_null(), "{}", answer.json());
    let objection = json!({ "error": { "message": "too odd", "type": "invalid_request_error" } });
    border.chat.always(Behaviour::status(400).with_body(&objection.to_string()));
    let answer = border.ask(COHERE, &asked("chat", false)).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "message": "too odd" })));
    let mut body = asked("anthropic", false);
    body["documents"] = json!(["a text"]);
    let answer = border.ask(COHERE, &body).await;
    assert!(answer.status == 400 && answer.json()["message"].as_str().unwrap().contains("documents"));
}

#[tokio::test]
async fn what_goes_wrong_with_a_rank_is_worded_as_its_path_is() {
    let border = Border::start().await;
    let rank = |model: &str| json!({ "model": model, "query": "q", "documents": ["d"] });
    for model in ["nobody", "anthropic"] {
        let (coheres, openais) =
            (border.ask("/v2/rerank", &rank(model)).await, border.ask("/v1/rerank", &rank(model)).await);
        assert_eq!(coheres.status, openais.status, "{model}");
        assert_eq!(coheres.json(), json!({ "message": openais.json()["error"]["message"] }), "{model}");
    }
    border.cohere.always(Behaviour::status(400).with_body(r#"{"id":"i","message":"too odd"}"#));
    let answer = border.ask("/v2/rerank", &rank("cohere")).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "message": "too odd" })));
    let answer = border.ask("/v1/rerank", &rank("cohere")).await;
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!("too odd")));
}

#[tokio::test]
async fn vectors_and_ranks_are_passed_on_as_they_came() {
    let border = Border::start().await;
    let vectors = r#"{"id":"i","embeddings":{"float":[[1.10,1e400]]},"meta":{"billed_units":{"input_tokens":4}}}"#;
    border.cohere.enqueue(says("application/json", vectors));
    let body = json!({ "model": "both", "texts": ["text"], "input_type": "search_query" });
    let answer = border.ask("/v2/embed", &body).await;
    assert_eq!((answer.status, &answer.body[..]), (200, vectors.as_bytes()));
    let ranks = r#"{"results":[{"index":0,"relevance_score":0.10}],"meta":{"billed_units":{"search_units":1}}}"#;
    for path in ["/v2/rerank", "/v1/rerank"] {
        border.cohere.enqueue(says("application/json", ranks));
        let answer = border.ask(path, &json!({ "model": "cohere", "query": "q", "documents": ["d"] })).await;
        assert_eq!((answer.status, &answer.body[..]), (200, ranks.as_bytes()));
    }
    let sent = border.cohere.requests();
    let paths: Vec<&str> = sent.iter().map(|sent| sent.path.as_str()).collect();
    assert_eq!(paths, ["/v2/embed", "/v2/rerank", "/v2/rerank"]);
}
