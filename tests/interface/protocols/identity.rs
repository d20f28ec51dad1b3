//! Within one protocol a request reaches the upstream byte for byte but for the model, and the answer comes back byte for byte,
//! whatever they hold: random bodies, first within the process and then, fewer of them, over sockets.

use bytes::Bytes;
use layered_tests::random_json::OddJson;
use tidegate::domain::inference::{Address, Dialect, InferenceRequest, InvalidEnvelope, Operation, ParameterDefaults};

use super::{Border, says};
use crate::wire::{exchange, post};

/// The protocols that callers speak.
const DIALECTS: [Dialect; 5] = [Dialect::Chat, Dialect::Responses, Dialect::Messages, Dialect::Gemini, Dialect::Cohere];
const BODIES: u64 = 100_000;
const OVER_SOCKETS: u64 = 200;

/// A request for the model that is spelt `model`, where its body says which.
fn request(odd: &mut OddJson, dialect: Dialect, model: &str) -> String {
    let said = odd.text();
    if dialect == Dialect::Gemini {
        let part = odd.object_with(&[("text", &format!("\"{said}\""))]);
        let content = odd.object_with(&[("role", "\"user\""), ("parts", &format!("[{part}]"))]);
        let limit = ["null", "7", "1.0e1"][odd.below(3)];
        let settings = odd.object_with(&[("maxOutputTokens", limit)]);
        let settings = ("generationConfig", settings.as_str());
        return odd.object_with(&[("contents", &format!("[{content}]")), settings, ("model", "7"), ("stream", "null")]);
    }
    let message = odd.object_with(&[("role", "\"user\""), ("content", &format!("\"{said}\""))]);
    let conversation = format!("[{message}]");
    let key = if dialect == Dialect::Responses { "input" } else { "messages" };
    let limit = ["null", "7", "1.0e1"][odd.below(3)];
    odd.object_with(&[("model", model), (key, &conversation), ("max_tokens", limit), ("stream", "false")])
}

/// The same request twice, from the same seed: as it is sent, and as it must arrive.
fn requests(seed: u64, (sent, arrived): (&str, &str)) -> (Dialect, String, String) {
    let write = |model: &str| {
        let mut odd = OddJson::seeded(seed);
        let dialect = DIALECTS[odd.below(DIALECTS.len())];
        (dialect, request(&mut odd, dialect, model))
    };
    let ((dialect, sent), (_, arrived)) = (write(sent), write(arrived));
    (dialect, sent, arrived)
}

fn read(dialect: Dialect, body: String) -> Result<InferenceRequest, InvalidEnvelope> {
    let (operation, body) = (Operation::Converse(dialect), body.into());
    match dialect {
        Dialect::Gemini => {
            InferenceRequest::addressed(operation, body, Address { model: "pool".into(), stream: false })
        }
        _ => InferenceRequest::read(operation, body),
    }
}

#[test]
fn a_request_of_one_protocol_keeps_every_byte_but_the_models() {
    for seed in 0..BODIES {
        let (dialect, sent, arrived) = requests(seed, (r#""p\u006fol""#, r#""gpt-4o""#));
        let request = read(dialect, sent).unwrap();
        let body = request.body_for("gpt-4o", &ParameterDefaults::default());
        assert_eq!(body, Bytes::from(arrived), "seed {seed}");
    }
}

#[tokio::test]
async fn over_sockets_too_every_byte_arrives_in_both_directions() {
    let border = Border::start().await;
    for seed in 0..OVER_SOCKETS {
        let mut odd = OddJson::seeded(seed);
        let dialect = DIALECTS[odd.below(DIALECTS.len())];
        let stopped = ("candidates", r#"[{"finishReason":"STOP"}]"#);
        let ((path, asked), known, model, upstream) = match dialect {
            Dialect::Chat => {
                let known = vec![("choices", r#"[{"finish_reason":"stop"}]"#)];
                (("/v1/chat/completions", "/v1/chat/completions"), known, "\"openai\"", &border.openai)
            }
            Dialect::Responses => {
                (("/v1/responses", "/v1/responses"), vec![("object", "\"response\"")], "\"openai\"", &border.openai)
            }
            Dialect::Gemini => {
                let paths = ("/v1beta/models/gemini:generateContent", "/v1/models/model:generateContent");
                (paths, vec![stopped], "", &border.gemini)
            }
            Dialect::Cohere => {
                let known = vec![("finish_reason", "\"COMPLETE\""), ("message", r#"{"role":"assistant"}"#)];
                (("/v2/chat", "/v1/chat"), known, "\"cohere\"", &border.cohere)
            }
            Dialect::Messages | Dialect::Bedrock => {
                (("/v1/messages", "/v1/messages"), vec![("type", "\"message\"")], "\"anthropic\"", &border.anthropic)
            }
        };
        let answer = odd.object_with(&known);
        upstream.enqueue(says("application/json", &answer));
        let (_, sent, arrived) = requests(seed, (model, "\"model\""));
        let answered = exchange(border.address, &post(path, sent.as_bytes(), "")).await;
        assert_eq!((answered.status, answered.body), (200, answer.into_bytes()), "seed {seed}");
        let got = upstream.requests().pop().unwrap();
        assert_eq!((got.path.as_str(), String::from_utf8(got.body).unwrap()), (asked, arrived), "seed {seed}");
    }
}
