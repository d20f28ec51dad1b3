//! Within one protocol a request reaches the upstream byte for byte but for the model, and the answer comes back byte for byte,
//! whatever they hold: random bodies, first within the process and then, fewer of them, over sockets.

use bytes::Bytes;
use layered_tests::random_json::OddJson;
use tidegate::domain::inference::{Dialect, InferenceRequest, Operation, ParameterDefaults};

use super::{Border, says};
use crate::wire::{exchange, post};

/// The protocols that callers speak and that are passed on within a body.
const DIALECTS: [Dialect; 3] = [Dialect::Chat, Dialect::Responses, Dialect::Messages];
const BODIES: u64 = 100_000;
const OVER_SOCKETS: u64 = 200;

/// A request for the model that is spelt `model`.
fn request(odd: &mut OddJson, dialect: Dialect, model: &str) -> String {
    let said = odd.text();
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

#[test]
fn a_request_of_one_protocol_keeps_every_byte_but_the_models() {
    for seed in 0..BODIES {
        let (dialect, sent, arrived) = requests(seed, (r#""p\u006fol""#, r#""gpt-4o""#));
        let request = InferenceRequest::read(Operation::Converse(dialect), sent.into()).unwrap();
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
        let (path, known, model, upstream) = match dialect {
            Dialect::Chat => {
                ("/v1/chat/completions", ("choices", r#"[{"finish_reason":"stop"}]"#), "\"openai\"", &border.openai)
            }
            Dialect::Responses => ("/v1/responses", ("object", "\"response\""), "\"openai\"", &border.openai),
            _ => ("/v1/messages", ("type", "\"message\""), "\"anthropic\"", &border.anthropic),
        };
        let answer = odd.object_with(&[known]);
        upstream.enqueue(says("application/json", &answer));
        let (_, sent, arrived) = requests(seed, (model, "\"model\""));
        let answered = exchange(border.address, &post(path, sent.as_bytes(), "")).await;
        assert_eq!((answered.status, answered.body), (200, answer.into_bytes()), "seed {seed}");
        let got = upstream.requests().pop().unwrap();
        assert_eq!((got.path.as_str(), String::from_utf8(got.body).unwrap()), (path, arrived), "seed {seed}");
    }
}
