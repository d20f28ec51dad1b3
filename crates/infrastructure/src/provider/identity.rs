//! Within one protocol an answer is passed on byte for byte, whatever it holds: random answers and streams, cut anywhere.

use bytes::Bytes;
use tidegate_domain::inference::{Dialect, Operation};

use super::{anthropic, cohere, gemini, openai, recorded};

#[expect(unreachable_pub, reason = "the tests of the other layers share it")]
#[path = "../../../../tests/support/random_json.rs"]
mod random_json;

use random_json::OddJson;

/// The protocols whose bytes are passed on.
const DIALECTS: [Dialect; 5] = [Dialect::Chat, Dialect::Responses, Dialect::Messages, Dialect::Gemini, Dialect::Cohere];
const ANSWERS: u64 = 100_000;

/// What an answer of the dialect must have to be one.
fn answer(odd: &mut OddJson, dialect: Dialect) -> String {
    let text = odd.text();
    match dialect {
        Dialect::Chat => {
            let message = odd.object_with(&[("role", "\"assistant\""), ("content", &format!("\"{text}\""))]);
            let choice = odd.object_with(&[("index", "0"), ("message", &message), ("finish_reason", "\"stop\"")]);
            odd.object_with(&[
                ("choices", &format!("[{choice}]")),
                ("usage", r#"{"prompt_tokens":1,"completion_tokens":1}"#),
            ])
        }
        Dialect::Responses => {
            let item = odd.object_with(&[("type", "\"message\"")]);
            odd.object_with(&[
                ("object", "\"response\""),
                ("status", "\"completed\""),
                ("output", &format!("[{item}]")),
            ])
        }
        Dialect::Gemini => {
            let candidate = candidate(odd, &text, "\"STOP\"");
            let usage = odd.object_with(&[("promptTokenCount", "1")]);
            odd.object_with(&[("candidates", &format!("[{candidate}]")), ("usageMetadata", &usage)])
        }
        Dialect::Cohere => {
            let message = odd.object_with(&[("role", "\"assistant\""), ("content", &format!("\"{text}\""))]);
            odd.object_with(&[("finish_reason", "\"COMPLETE\""), ("message", &message), ("usage", "{}")])
        }
        Dialect::Messages | Dialect::Bedrock => {
            let block = odd.object_with(&[("type", "\"text\""), ("text", &format!("\"{text}\""))]);
            odd.object_with(&[("type", "\"message\""), ("content", &format!("[{block}]")), ("usage", "{}")])
        }
    }
}

/// A candidate of Google's that says a text.
fn candidate(odd: &mut OddJson, text: &str, reason: &str) -> String {
    let part = odd.object_with(&[("text", &format!("\"{text}\""))]);
    let content = odd.object_with(&[("parts", &format!("[{part}]")), ("role", "\"model\"")]);
    odd.object_with(&[("content", &content), ("finishReason", reason), ("index", "0")])
}

#[test]
fn whole_answers_of_one_protocol_are_passed_on_byte_for_byte() {
    for seed in 0..ANSWERS {
        let mut odd = OddJson::seeded(seed);
        let dialect = DIALECTS[odd.below(DIALECTS.len())];
        let body = Bytes::from(answer(&mut odd, dialect));
        let operation = Operation::Converse(dialect);
        let passed = match dialect {
            Dialect::Chat | Dialect::Responses => openai::whole(body.clone(), operation),
            Dialect::Gemini => gemini::whole(body.clone(), operation),
            Dialect::Cohere => cohere::whole(body.clone()),
            Dialect::Messages | Dialect::Bedrock => anthropic::whole(body.clone(), operation),
        };
        assert_eq!(passed.expect("it is an answer").body, body, "seed {seed}");
    }
}

/// The events of a whole stream, each on a line of its own.
fn events(odd: &mut OddJson, dialect: Dialect) -> Vec<String> {
    let text = format!("\"{} \"", odd.text());
    match dialect {
        Dialect::Chat => {
            let delta = odd.object_with(&[("content", &text)]);
            let said = odd.object_with(&[("index", "0"), ("delta", &delta), ("finish_reason", "null")]);
            let over = odd.object_with(&[("delta", "{}"), ("finish_reason", "\"stop\"")]);
            let chunk = |odd: &mut OddJson, choice: &str| odd.object_with(&[("choices", &format!("[{choice}]"))]);
            vec![chunk(odd, &said), chunk(odd, &over), "[DONE]".to_owned()]
        }
        Dialect::Responses => {
            let begun =
                odd.object_with(&[("type", "\"response.created\""), ("response", r#"{"status":"in_progress"}"#)]);
            let said = odd.object_with(&[("type", "\"response.output_text.delta\""), ("delta", &text)]);
            let response = odd.object_with(&[("status", "\"completed\""), ("error", "null")]);
            vec![begun, said, odd.object_with(&[("type", "\"response.completed\""), ("response", &response)])]
        }
        Dialect::Gemini => {
            let event = |odd: &mut OddJson, text: &str, reason: &str| {
                let candidate = candidate(odd, text, reason);
                odd.object_with(&[("candidates", &format!("[{candidate}]"))])
            };
            let said = format!("{} ", odd.text());
            vec![event(odd, &said, "null"), event(odd, "", "\"STOP\"")]
        }
        Dialect::Cohere => {
            let begun = odd.object_with(&[("type", "\"message-start\""), ("id", "\"i\"")]);
            let content = odd.object_with(&[("text", &text)]);
            let message = odd.object_with(&[("content", &content)]);
            let delta = odd.object_with(&[("message", &message)]);
            let said = odd.object_with(&[("type", "\"content-delta\""), ("delta", &delta)]);
            let delta = odd.object_with(&[("finish_reason", "\"COMPLETE\"")]);
            vec![begun, said, odd.object_with(&[("type", "\"message-end\""), ("delta", &delta)])]
        }
        Dialect::Messages | Dialect::Bedrock => {
            let begun =
                odd.object_with(&[("type", "\"message_start\""), ("message", r#"{"usage":{"input_tokens":1}}"#)]);
            let delta = odd.object_with(&[("type", "\"text_delta\""), ("text", &text)]);
            let said = odd.object_with(&[("type", "\"content_block_delta\""), ("index", "0"), ("delta", &delta)]);
            let over = odd.object_with(&[("type", "\"message_delta\""), ("delta", r#"{"stop_reason":"end_turn"}"#)]);
            vec![begun, said, over, odd.object_with(&[("type", "\"message_stop\"")])]
        }
    }
}

#[test]
fn streams_of_one_protocol_are_passed_on_byte_for_byte_however_they_are_cut() {
    for seed in 0..ANSWERS / 4 {
        let mut odd = OddJson::seeded(seed);
        let dialect = DIALECTS[odd.below(DIALECTS.len())];
        let ending = ["\n", "\r\n"][odd.below(2)];
        let mut stream = String::new();
        for event in events(&mut odd, dialect) {
            // An event of several lines has several of data.
            let data = event.replace("\r\n", " ").replace('\n', &format!("{ending}data: "));
            stream.extend(["data: ", &data, ending, ending]);
            stream += [": ping\n\n", ""][odd.below(2)];
        }
        let stream = stream.trim_end_matches(": ping\n\n").as_bytes();
        let mut rest = stream;
        let pieces = std::iter::from_fn(|| {
            let (piece, behind) = rest.split_at(rest.len().min(1 + odd.below(200)));
            rest = behind;
            (!piece.is_empty()).then(|| Bytes::copy_from_slice(piece))
        });
        let passed: Vec<u8> =
            recorded(dialect, pieces).into_iter().flat_map(|chunk| chunk.expect("it is whole").bytes).collect();
        assert_eq!(passed, stream, "seed {seed}: {}", String::from_utf8_lossy(stream));
    }
}
