//! Proofs of thinking: whatever a conversation goes through, its maker gets each of its own back to the byte, and nobody else any.

mod callers;
mod makers;

use proptest::{collection::vec, prelude::*};
use serde_json::Value;
use tidegate_domain::inference::{Signals, StreamChunk};

use self::{
    callers::{collected, said_back},
    makers::{Maker, answer_of, stream_of},
};
use super::*;

/// What Google takes in place of a proof, as it is sent to it and as it is given out.
const UNPROVEN: [&str; 2] = ["skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="];

/// Where each dialect has proofs in a request.
const PLACES: [&str; 4] = ["signature", "redactedContent", "encrypted_content", "thoughtSignature"];

/// The proofs in a request, in their order.
fn proofs(body: &Value, found: &mut Vec<String>) {
    match body {
        Value::Object(fields) => {
            // What is sealed in Messages stands under a name that images have too.
            let is_sealed = fields.get("type").is_some_and(|kind| kind == "redacted_thinking");
            for (key, value) in fields {
                match value {
                    Value::String(proof) if PLACES.contains(&key.as_str()) || (is_sealed && key == "data") => {
                        found.push(proof.clone());
                    }
                    _ => proofs(value, found),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| proofs(element, found)),
        _ => {}
    }
}

/// Whether a caller can keep a proof and send it back.
fn keeps(caller: Dialect, maker: Maker) -> bool {
    match caller {
        Dialect::Messages | Dialect::Responses | Dialect::Gemini => true,
        // Beside a call, as Google's own endpoint for that dialect has it.
        Dialect::Chat => maker == Maker::Google,
        Dialect::Cohere | Dialect::Bedrock => false,
    }
}

/// What a caller of `caller` gets of a stream that a provider of `from` sends.
fn streamed(text: &str, (from, caller): (Dialect, Dialect)) -> String {
    let request = asked(caller);
    let mut translator = StreamTranslator::new((from, caller), about(&request)).unwrap();
    let signals = Signals { done: true, finished: true, ..Signals::default() };
    let chunk = translator.push(&StreamChunk { bytes: text.to_owned().into(), signals }).unwrap();
    String::from_utf8(chunk.bytes.to_vec()).unwrap()
}

/// What every provider is sent of a conversation that a caller sends back; those included who speak its own words, where thoughts have a
/// place in them.
fn check_sent(body: &Value, (maker, caller): (Maker, Dialect), given: &[String]) -> Result<(), TestCaseError> {
    let request = read(caller, &body.to_string());
    let own = [caller].into_iter().filter(|own| !matches!(own, Dialect::Chat | Dialect::Cohere));
    for target in others(caller).chain(own) {
        let there = for_operation(&request, Operation::Converse(target)).unwrap();
        let mut sent = Vec::new();
        proofs(&serde_json::from_slice(there.request.body()).unwrap(), &mut sent);
        let context = format!("{maker:?} through {caller:?} to {target:?}: {sent:?} in {body}");
        let (is_kept, is_makers) = (keeps(caller, maker), maker.speaks(target));
        if is_kept && is_makers {
            prop_assert_eq!(&sent, given, "{}", context);
        } else if target == Dialect::Gemini {
            prop_assert_eq!(&sent, &[UNPROVEN[usize::from(caller == target)]], "{}", context);
        } else {
            prop_assert!(sent.is_empty(), "{}", context);
        }
        if is_kept && !is_makers {
            let named = there.dropped.fields().filter(|field| words::has(&raw(body), field)).count();
            prop_assert!(named > 0, "{}: {}", context, there.dropped);
        }
    }
    Ok(())
}

fn raw(body: &Value) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(body).unwrap()
}

fn check_makers(given: &[String], said: impl Fn(Maker, (Dialect, Dialect)) -> Value) -> Result<(), TestCaseError> {
    for (maker, from) in makers::ALL {
        for caller in callers(from) {
            check_sent(&said_back(caller, &said(maker, (from, caller))), (maker, caller), given)?;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_proof_comes_back_to_its_maker_alone(given in vec("([A-Za-z0-9+/]{4}){1,9}", 1..4)) {
        check_makers(&given, |maker, (from, caller)| {
            let answer = answer_of(maker, from, &given).to_string();
            serde_json::from_slice(&answered(answer.as_bytes(), (from, caller)).unwrap()).unwrap()
        })?;
    }

    #[test]
    fn a_proof_in_a_stream_comes_back_to_its_maker_alone(given in vec("([A-Za-z0-9+/]{4}){1,9}", 1..4)) {
        check_makers(&given, |maker, (from, caller)| {
            collected(caller, &streamed(&stream_of(maker, from, &given), (from, caller)))
        })?;
    }
}
