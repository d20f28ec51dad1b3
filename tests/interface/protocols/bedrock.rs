//! Callers of every protocol before Amazon Bedrock, which nobody asks in its own words.

use std::net::SocketAddr;

use layered_tests::{
    frames,
    upstream::{Behaviour, FaultyUpstream, Step},
};
use serde_json::{Value, json};
use tidegate::infrastructure::provider::{AwsCredentials, Protocol, ProviderSettings};

use super::{CHAT, MESSAGES, asked, data, gateway, pool, provider, says};
use crate::wire::{Answer, exchange, post};

const RESPONSES: &str = "/v1/responses";

/// A gateway before Bedrock, asked with signatures as `aws` and with an API key as `key`, and before somebody of OpenAI's
/// protocol who steps in for it in the pool `both`.
struct Border {
    bedrock: FaultyUpstream,
    address: SocketAddr,
    _stand_in: FaultyUpstream,
}

impl Border {
    async fn start() -> Self {
        let (bedrock, stand_in) = (FaultyUpstream::start("bedrock").await, FaultyUpstream::start("stand-in").await);
        let key = ProviderSettings {
            region: Some("eu-west-1".to_owned()),
            ..provider("key", Protocol::Bedrock, format!("http://{}", bedrock.address()))
        };
        let credentials = AwsCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned().into(),
            secret_access_key: "secret-canary".to_owned().into(),
            session_token: Some("session".to_owned().into()),
        };
        let aws = ProviderSettings {
            aws_credentials: Some(credentials),
            api_key: None,
            name: "aws".parse().unwrap(),
            ..key.clone()
        };
        let pools = vec![pool("aws", &["aws"]), pool("key", &["key"]), pool("both", &["aws", "openai"])];
        let stranger = provider("openai", Protocol::OpenAi, stand_in.base_url());
        let address = gateway([aws, key, stranger], pools).await;
        Self { bedrock, address, _stand_in: stand_in }
    }

    async fn ask(&self, path: &str, body: &Value) -> Answer {
        exchange(self.address, &post(path, body.to_string().as_bytes(), "")).await
    }
}

fn converse_answer() -> String {
    json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": "Hello" }] } }, "stopReason": "end_turn",
        "usage": { "inputTokens": 3, "cacheReadInputTokens": 4, "outputTokens": 5, "totalTokens": 12 },
    })
    .to_string()
}

fn start() -> Vec<u8> {
    let delta = r#"{"contentBlockIndex":0,"delta":{"text":"Hello"}}"#;
    [frames::event("messageStart", r#"{"role":"assistant"}"#), frames::event("contentBlockDelta", delta)].concat()
}

fn end() -> Vec<u8> {
    let usage = r#"{"usage":{"inputTokens":3,"outputTokens":5,"totalTokens":8}}"#;
    [frames::event("messageStop", r#"{"stopReason":"end_turn"}"#), frames::event("metadata", usage)].concat()
}

/// A streamed answer of these bytes, cut where frames are not.
fn streams(bytes: &[u8]) -> Behaviour {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    let pieces = bytes.chunks(7).map(|piece| Step::Write(piece.to_vec()));
    Behaviour::Script([Step::Write(head.into_bytes())].into_iter().chain(pieces).collect())
}

fn responses(model: &str, stream: bool) -> Value {
    json!({ "model": model, "input": "Hi", "max_output_tokens": 100, "stream": stream })
}

#[tokio::test]
async fn every_caller_is_answered_in_its_own_grammar() {
    let border = Border::start().await;
    border.bedrock.always(says("application/json", &converse_answer()));
    let chat = border.ask(CHAT, &asked("aws", false)).await.json();
    assert_eq!(chat["choices"][0]["message"]["content"], "Hello");
    assert_eq!((&chat["model"], &chat["usage"]["prompt_tokens"]), (&json!("model"), &json!(7)));
    let message = border.ask(MESSAGES, &asked("aws", false)).await.json();
    assert_eq!((&message["type"], &message["content"][0]["text"]), (&json!("message"), &json!("Hello")));
    let response = border.ask(RESPONSES, &responses("aws", false)).await.json();
    assert_eq!(response["output"][0]["content"][0]["text"], "Hello");
    let expected = json!({
        "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }], "inferenceConfig": { "maxTokens": 100 },
    });
    for sent in border.bedrock.requests() {
        assert_eq!((sent.path.as_str(), sent.json()), ("/model/model/converse", expected.clone()));
    }
}

#[tokio::test]
async fn every_caller_gets_a_stream_in_its_own_grammar() {
    let border = Border::start().await;
    border.bedrock.always(streams(&[start(), end()].concat()));
    let chunks = data(&border.ask(CHAT, &asked("aws", true)).await);
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), chunks.last().unwrap()), ("Hello", &json!("[DONE]")));
    let events = data(&border.ask(MESSAGES, &asked("aws", true)).await);
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    assert_eq!(events[events.len() - 2]["usage"]["output_tokens"], 5);
    let events = data(&border.ask(RESPONSES, &responses("aws", true)).await);
    assert_eq!(events.last().unwrap()["type"], "response.completed");
    for sent in border.bedrock.requests() {
        assert_eq!(sent.path, "/model/model/converse-stream");
        assert_eq!(sent.header("accept"), Some("application/vnd.amazon.eventstream"));
    }
}

#[tokio::test]
async fn a_request_is_signed_or_carries_a_key() {
    let border = Border::start().await;
    border.bedrock.always(says("application/json", &converse_answer()));
    border.ask(CHAT, &asked("aws", false)).await;
    border.ask(CHAT, &asked("key", false)).await;
    let requests = border.bedrock.requests();
    let authorization = requests[0].header("authorization").unwrap();
    assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{authorization}");
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=";
    assert!(authorization.contains(&format!("/eu-west-1/bedrock/aws4_request, {signed}")), "{authorization}");
    let day = &requests[0].header("x-amz-date").unwrap()[..8];
    assert!(authorization.contains(&format!("/{day}/")) && !authorization.contains("canary"), "{authorization}");
    assert_eq!(requests[0].header("x-amz-security-token"), Some("session"));
    assert_eq!(requests[1].header("authorization"), Some("Bearer sk-upstream"));
    assert_eq!(requests[1].header("x-amz-date"), None);
}

#[tokio::test]
async fn an_exception_before_content_is_failed_over() {
    let border = Border::start().await;
    border.bedrock.always(streams(&frames::exception("throttlingException", "Slow down")));
    let chunks = data(&border.ask(CHAT, &asked("both", true)).await);
    assert_eq!(chunks.last().unwrap(), "[DONE]");
    assert_eq!(border.bedrock.request_count(), 1);
}

#[tokio::test]
async fn an_exception_amid_an_answer_ends_with_an_error_in_the_callers_grammar() {
    let border = Border::start().await;
    border.bedrock.always(streams(&[start(), frames::exception("modelStreamErrorException", "m")].concat()));
    let last = data(&border.ask(CHAT, &asked("aws", true)).await).pop().unwrap();
    assert_eq!(last["error"]["code"], "upstream_stream_error");
    let last = data(&border.ask(MESSAGES, &asked("aws", true)).await).pop().unwrap();
    assert_eq!(last["type"], "error");
}

#[tokio::test]
async fn a_frame_that_is_corrupt_is_never_passed_off_as_an_answer() {
    let border = Border::start().await;
    let mut bytes = [start(), end()].concat();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    border.bedrock.always(streams(&bytes));
    let chunks = data(&border.ask(CHAT, &asked("aws", true)).await);
    // The reason to stop came before the damage, which is in the report of the cost.
    assert_eq!(chunks.last().unwrap()["error"]["code"], "upstream_stream_error");
    border.bedrock.always(streams(&start()[..40]));
    assert_eq!(border.ask(CHAT, &asked("aws", true)).await.status, 502);
}

#[tokio::test]
async fn bedrocks_objection_is_reworded_for_the_caller() {
    let border = Border::start().await;
    let objection = Behaviour::status(400).with_body(r#"{"message":"too odd"}"#);
    border.bedrock.always(objection.with_header("x-amzn-errortype", "ValidationException"));
    let answer = border.ask(CHAT, &asked("aws", false)).await;
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!("too odd")));
    let answer = border.ask(MESSAGES, &asked("aws", false)).await;
    assert_eq!((answer.status, &answer.json()["error"]["message"]), (400, &json!("too odd")));
}
