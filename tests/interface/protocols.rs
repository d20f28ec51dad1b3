//! Callers and providers of different protocols, end to end: each caller gets its own grammar, whoever answers.

mod bedrock;
mod beside;
mod cohere;
mod gemini;
mod identity;
mod media;
mod responses;
mod thinking;
mod vertex;

use std::{net::SocketAddr, sync::Arc};

use layered_tests::{
    served::serve,
    upstream::{Behaviour, FaultyUpstream},
};
use serde_json::{Value, json};
use tidegate::{
    Gateway,
    domain::{
        config::{Configuration, Declared},
        inference::{Dialect, Operation},
        name::{InstanceId, PoolName, ProviderName},
        pool::{InstanceSpec, Pool, PoolMember, PoolPolicy},
    },
    infrastructure::provider::{Protocol, ProviderSettings},
};

use crate::wire::{Answer, exchange, post};

const CHAT: &str = "/v1/chat/completions";
const MESSAGES: &str = "/v1/messages";

/// A gateway before one provider that speaks OpenAI's protocol, two that speak no more of it than its chat or its Responses, and one
/// each that speaks Anthropic's, Google's and Cohere's. Each has a pool of its name; `both` and `mixed` hold OpenAI's, and Anthropic's or
/// Google's.
struct Border {
    openai: FaultyUpstream,
    chat: FaultyUpstream,
    responses: FaultyUpstream,
    anthropic: FaultyUpstream,
    gemini: FaultyUpstream,
    cohere: FaultyUpstream,
    address: SocketAddr,
}

impl Border {
    async fn start() -> Self {
        let (openai, anthropic) = (FaultyUpstream::start("openai").await, FaultyUpstream::start("anthropic").await);
        let (chat, responses) = (FaultyUpstream::start("chat").await, FaultyUpstream::start("responses").await);
        let (gemini, cohere) = (FaultyUpstream::start("gemini").await, FaultyUpstream::start("cohere").await);
        let only = |dialect: Dialect, upstream: &FaultyUpstream| {
            let operation = Operation::Converse(dialect);
            let name = if dialect == Dialect::Chat { "chat" } else { "responses" };
            ProviderSettings {
                operations: Some(vec![operation]),
                ..provider(name, Protocol::OpenAi, upstream.base_url())
            }
        };
        let providers = [
            only(Dialect::Chat, &chat),
            only(Dialect::Responses, &responses),
            provider("openai", Protocol::OpenAi, openai.base_url()),
            provider("anthropic", Protocol::Anthropic, anthropic.base_url()),
            provider("gemini", Protocol::Gemini, gemini.base_url()),
            provider("cohere", Protocol::Cohere, cohere.base_url()),
        ];
        let address = gateway(providers, pools()).await;
        Self { openai, chat, responses, anthropic, gemini, cohere, address }
    }

    async fn ask(&self, path: &str, body: &Value) -> Answer {
        exchange(self.address, &post(path, body.to_string().as_bytes(), "anthropic-version: 2023-06-01\r\n")).await
    }
}

fn provider(name: &str, protocol: Protocol, base_url: String) -> ProviderSettings {
    ProviderSettings {
        base_url: Some(base_url),
        // What the protocol does not have is left out of it.
        operations: Some(Operation::ALL.to_vec()),
        api_key: Some("sk-upstream".to_owned().into()),
        ..ProviderSettings::new(ProviderName::new(name).unwrap(), protocol)
    }
}

/// A pool with one instance of each provider.
fn pool(name: &str, providers: &[&str]) -> Declared<Pool> {
    let models: Vec<String> = providers.iter().map(|provider| format!("{provider}:model")).collect();
    pool_of(name, providers.iter().copied().zip(models.iter().map(String::as_str)))
}

/// A pool of instances, each with an id and a model.
fn pool_of<'a>(name: &str, instances: impl IntoIterator<Item = (&'a str, &'a str)>) -> Declared<Pool> {
    let member = |(id, model): (&str, &str)| {
        PoolMember::Instance(InstanceSpec::new(InstanceId::new(id).unwrap(), model.parse().unwrap()))
    };
    let members = instances.into_iter().map(member).collect();
    let pool = Pool::new(PoolName::new(name).unwrap(), members, PoolPolicy::default()).unwrap();
    Declared { value: pool, file: "tidegate.toml".into() }
}

fn pools() -> Vec<Declared<Pool>> {
    vec![
        pool("openai", &["openai"]),
        pool("chat", &["chat"]),
        pool("responses", &["responses"]),
        pool("anthropic", &["anthropic"]),
        pool("gemini", &["gemini"]),
        pool("cohere", &["cohere"]),
        pool("both", &["anthropic", "openai"]),
        pool("mixed", &["gemini", "openai"]),
        pool_of("claudes", [("older", "anthropic:claude-sonnet-4-5"), ("newer", "anthropic:claude-opus-5")]),
    ]
}

/// Where a gateway serves that has these providers and pools.
async fn gateway(providers: impl Into<Vec<ProviderSettings>>, pools: Vec<Declared<Pool>>) -> SocketAddr {
    let configuration = Configuration { pools, ..Configuration::default() };
    let gateway = Gateway::builder().providers(providers.into()).configuration(configuration).build().await.unwrap();
    serve(&gateway, Arc::new(String::new)).unwrap().address
}

fn says(media_type: &str, body: &str) -> Behaviour {
    let headers = vec![("content-type".to_owned(), media_type.to_owned())];
    Behaviour::Status { status: 200, headers, body: body.to_owned() }
}

fn events(events: &[Value]) -> Behaviour {
    let event = |event: &Value| {
        let name = event["type"].as_str().unwrap();
        format!("event: {name}\ndata: {event}\n\n")
    };
    says("text/event-stream", &events.iter().map(event).collect::<String>())
}

fn message() -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude",
        "content": [{ "type": "text", "text": "Hello" }], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": { "input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5 },
    })
}

fn message_events() -> Vec<Value> {
    vec![
        json!({ "type": "message_start", "message": { "id": "msg_1", "model": "claude", "usage": { "input_tokens": 3 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "ping" }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Hel" } }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "lo" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn" }, "usage": { "output_tokens": 5 } }),
        json!({ "type": "message_stop" }),
    ]
}

fn asked(model: &str, stream: bool) -> Value {
    json!({ "model": model, "max_tokens": 100, "stream": stream, "messages": [{ "role": "user", "content": "Hi" }] })
}

/// The data of the events of a stream, and the names of those that have one.
#[track_caller]
fn data(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")), "{}", answer.head);
    let body = std::str::from_utf8(&answer.body).unwrap();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| json!(data))).collect()
}

#[tokio::test]
async fn a_caller_of_anthropics_gets_its_grammar_from_openais() {
    let border = Border::start().await;
    let answer = border.ask(MESSAGES, &asked("openai", false)).await.json();
    assert_eq!(
        (&answer["type"], &answer["content"][0]["text"]),
        (&json!("message"), &json!("openai-0 openai-1 openai-2 "))
    );
    assert_eq!((&answer["stop_reason"], &answer["usage"]["output_tokens"]), (&json!("end_turn"), &json!(3)));
    let sent = &border.openai.requests()[0];
    assert_eq!(
        (sent.path.as_str(), sent.header("authorization")),
        ("/v1/chat/completions", Some("Bearer sk-upstream"))
    );
    assert_eq!(sent.header("anthropic-version"), None);
    assert_eq!(sent.json()["max_completion_tokens"], 100);

    let events = data(&border.ask(MESSAGES, &asked("openai", true)).await);
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let delta = "content_block_delta";
    let expected = [
        "message_start",
        "content_block_start",
        delta,
        delta,
        delta,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events[6]["usage"]["output_tokens"], 3);
}

#[tokio::test]
async fn a_caller_of_openais_gets_its_grammar_from_anthropics() {
    let border = Border::start().await;
    border.anthropic.enqueue(says("application/json", &message().to_string()));
    let answer = border.ask(CHAT, &asked("anthropic", false)).await.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "Hello");
    assert_eq!((&answer["usage"]["prompt_tokens"], &answer["usage"]["total_tokens"]), (&json!(7), &json!(12)));
    let sent = &border.anthropic.requests()[0];
    assert_eq!((sent.path.as_str(), sent.header("x-api-key")), ("/v1/messages", Some("sk-upstream")));
    assert_eq!((sent.header("authorization"), sent.header("anthropic-version")), (None, Some("2023-06-01")));

    border.anthropic.enqueue(events(&message_events()));
    let chunks = data(&border.ask(CHAT, &asked("anthropic", true)).await);
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), chunks.last().unwrap()), ("Hello", &json!("[DONE]")));
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn within_anthropics_every_byte_is_the_upstreams() {
    let border = Border::start().await;
    let body = message().to_string().replace("\"Hello\"", "\"Hello\",\"unknown\":1e400");
    border.anthropic.enqueue(says("application/json", &body));
    assert_eq!(border.ask(MESSAGES, &asked("anthropic", false)).await.body, body.as_bytes());
    border.anthropic.enqueue(events(&message_events()));
    let Behaviour::Status { body, .. } = events(&message_events()) else { unreachable!() };
    assert_eq!(border.ask(MESSAGES, &asked("anthropic", true)).await.body, body.as_bytes());
    border.anthropic.enqueue(says("application/json", r#"{"input_tokens":14}"#));
    let counted = border.ask("/v1/messages/count_tokens", &asked("anthropic", false)).await;
    assert_eq!(counted.json(), json!({ "input_tokens": 14 }));
    assert_eq!(border.anthropic.requests()[2].path, "/v1/messages/count_tokens");
}

#[tokio::test]
async fn a_message_that_was_cut_ends_with_an_error_in_the_callers_grammar() {
    let border = Border::start().await;
    let cut = &message_events()[..5];
    border.anthropic.enqueue(events(cut));
    let last = data(&border.ask(CHAT, &asked("anthropic", true)).await).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream_stream_error");
    border.anthropic.enqueue(events(cut));
    let last = data(&border.ask(MESSAGES, &asked("anthropic", true)).await).pop().unwrap();
    assert_eq!((&last["type"], &last["error"]["type"]), (&json!("error"), &json!("api_error")));
}

#[tokio::test]
async fn a_message_that_stops_before_it_has_finished_is_never_passed_off_as_whole() {
    let border = Border::start().await;
    let mut stopped = message_events();
    stopped.remove(6);
    border.anthropic.enqueue(events(&stopped));
    let last = data(&border.ask(MESSAGES, &asked("anthropic", true)).await).pop().unwrap();
    assert_eq!(last["type"], "error");
}

#[tokio::test]
async fn an_overloaded_upstream_is_failed_over_across_protocols() {
    let border = Border::start().await;
    let overloaded = json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } });
    border.anthropic.always(Behaviour::status(529).with_body(&overloaded.to_string()));
    let answer = border.ask(MESSAGES, &asked("both", false)).await;
    assert_eq!((answer.status, answer.header("x-tidegate-instance")), (200, Some("both/openai")));
    assert_eq!(answer.json()["type"], "message");
}

#[tokio::test]
async fn an_upstreams_objection_is_reworded_for_the_caller() {
    let border = Border::start().await;
    let objection = json!({ "type": "error", "error": { "type": "invalid_request_error", "message": "too odd" } });
    border.anthropic.always(Behaviour::status(400).with_body(&objection.to_string()));
    let answer = border.ask(CHAT, &asked("anthropic", false)).await;
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!("too odd")));
    assert_eq!(answer.json()["type"], Value::Null);
    let answer = border.ask(MESSAGES, &asked("anthropic", false)).await;
    assert_eq!(answer.json(), objection);
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_before_anybody_is_asked() {
    let border = Border::start().await;
    let mut body = asked("anthropic", false);
    body["n"] = json!(2);
    let answer = border.ask(CHAT, &body).await;
    assert_eq!(
        (answer.status, answer.code().as_str(), &answer.json()["error"]["param"]),
        (400, "unsupported_value", &json!("n"))
    );
    assert_eq!((border.anthropic.request_count(), answer.header("x-tidegate-attempts")), (0, None));
}

#[tokio::test]
async fn whoever_can_be_said_it_is_asked_in_place_of_whoever_cannot() {
    let border = Border::start().await;
    let mut body = asked("both", false);
    body["n"] = json!(2);
    for _ in 0..4 {
        let answer = border.ask(CHAT, &body).await;
        assert_eq!((answer.status, answer.header("x-tidegate-instance")), (200, Some("both/openai")));
        assert_eq!(answer.header("x-tidegate-attempts"), Some("1"));
    }
    assert_eq!(border.anthropic.request_count(), 0);
}

#[tokio::test]
async fn an_operation_without_a_conversation_is_passed_on_as_it_came() {
    let border = Border::start().await;
    let vectors =
        r#"{"object":"list","data":[{"embedding":[1.10,1e400]}],"usage":{"prompt_tokens":4,"total_tokens":4}}"#;
    border.openai.enqueue(says("application/json", vectors));
    let answer = border.ask("/v1/embeddings", &json!({ "model": "both", "input": "text" })).await;
    assert_eq!((answer.status, &answer.body[..]), (200, vectors.as_bytes()));
    assert_eq!(answer.header("x-tidegate-instance"), Some("both/openai"));
    let sent = &border.openai.requests()[0];
    assert_eq!((sent.path.as_str(), sent.json()), ("/v1/embeddings", json!({ "model": "model", "input": "text" })));
}

#[tokio::test]
async fn an_operation_without_a_conversation_fails_over_too() {
    let border = Border::start().await;
    border.openai.enqueue(Behaviour::status(503));
    border.openai.enqueue(says("application/json", r#"{"results":[]}"#));
    let answer = border.ask("/v1/rerank", &json!({ "model": "openai", "query": "q", "documents": [] })).await;
    assert_eq!((answer.status, answer.header("x-tidegate-attempts")), (200, Some("2")));
}

#[tokio::test]
async fn a_stream_of_what_does_not_stream_is_refused_before_anybody_is_asked() {
    let border = Border::start().await;
    let answer = border.ask("/v1/embeddings", &json!({ "model": "openai", "input": "p", "stream": true })).await;
    assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!("stream")));
    assert_eq!(border.openai.request_count(), 0);
}

#[tokio::test]
async fn an_operation_that_nobody_offers_is_refused() {
    let border = Border::start().await;
    let answer = border.ask("/v1/rerank", &json!({ "model": "anthropic", "query": "q", "documents": [] })).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "unsupported_operation"));
}

#[tokio::test]
async fn what_is_left_out_is_named_in_a_header() {
    let border = Border::start().await;
    border.anthropic.enqueue(says("application/json", &message().to_string()));
    let mut body = asked("anthropic", false);
    body["seed"] = json!(7);
    body["messages"][0]["name"] = json!("ada");
    let answer = border.ask(CHAT, &body).await;
    assert_eq!((answer.status, answer.header("x-tidegate-dropped")), (200, Some("messages[0].name, seed")));
}

#[tokio::test]
async fn errors_of_the_gateways_own_are_worded_as_the_callers_protocol_words_them() {
    let border = Border::start().await;
    let answer = border.ask(MESSAGES, &asked("nobody", false)).await;
    let error = answer.json();
    assert_eq!(
        (answer.status, &error["type"], &error["error"]["type"]),
        (404, &json!("error"), &json!("not_found_error"))
    );
}

#[tokio::test]
async fn the_models_are_listed_in_the_shape_of_the_callers_protocol() {
    let border = Border::start().await;
    let get = async |path: &str, headers: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
        exchange(border.address, request.as_bytes()).await
    };
    let anthropics = "anthropic-version: 2023-06-01\r\n";
    let listed = get("/v1/models", anthropics).await.json();
    assert_eq!((&listed["has_more"], &listed["data"][0]["type"]), (&json!(false), &json!("model")));
    assert_eq!((&listed["first_id"], &listed["object"]), (&listed["data"][0]["id"], &Value::Null));
    assert_eq!(get("/v1/models/both", anthropics).await.json()["display_name"], "both");
    let unknown = get("/v1/models/nobody", anthropics).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["type"]), (404, &json!("not_found_error")));
    assert_eq!(get("/v1/models/both", "").await.json()["object"], "model");
}
