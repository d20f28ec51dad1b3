//! Amazon Bedrock's Converse, as a provider speaks it: routes, credentials, and what its answers mean.
//!
//! Tools that run at Bedrock, guardrails and prompts that are kept there are absent: no other dialect can ask for them.

mod event_reader;
mod frames;
mod signature;
mod watch;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Dialect, Operation, WholeAnswer},
};

#[cfg(test)]
pub(super) use self::frames::event_frame;
#[cfg(any(test, fuzzing))]
pub(super) use self::frames::{Frame, Frames, framed};
pub use self::signature::AwsCredentials;
pub(super) use self::{event_reader::FramedReader, signature::Signer, watch::ConverseWatch};
use super::{
    endpoint::{Paths, percent_encoded},
    usage::{ConverseUsageWire, Wording},
};

/// What a streamed answer arrives as.
pub(super) const EVENT_STREAM: &str = "application/vnd.amazon.eventstream";

/// What everybody who speaks the protocol offers.
pub(super) const EVERYWHERE: [Operation; 1] = [Operation::Converse(Dialect::Bedrock)];

/// Where Bedrock itself is in a region.
pub(crate) fn home(region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://bedrock-runtime.{region}.{domain}")
}

/// Whether a model may be one of Anthropic's, which alone are told for how many tokens to think. Its name says whose it is, also behind
/// that of a part of the world (`us.anthropic.claude-...`), unless it is an ARN that names nobody.
pub(super) fn may_be_claude(model: &str) -> bool {
    let name = if model.starts_with("arn:") { model.rsplit('/').next().unwrap_or(model) } else { model };
    !name.contains('.') || name.split('.').any(|word| word == "anthropic")
}

/// Where below the base URL `model` is asked for an operation. A model is named as in Bedrock's catalogue, or by an ARN, which holds slashes.
pub(super) fn paths(operation: Operation, model: &str) -> Option<Paths> {
    if operation != Operation::Converse(Dialect::Bedrock) {
        return None;
    }
    let model = percent_encoded(model, |_| false);
    let stream = Some(format!("/model/{model}/converse-stream"));
    Some(Paths { whole: format!("/model/{model}/converse"), stream })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerWire<'a> {
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    stop_reason: Option<Box<str>>,
    usage: Option<ConverseUsageWire>,
}

/// Reads a whole answer as far as the gateway must vouch for it.
pub(super) fn whole(body: Bytes) -> Result<WholeAnswer, Fault> {
    let malformed = |detail| Fault::new(FaultKind::Malformed, Work::Ambiguous, detail);
    let Ok(AnswerWire { output, stop_reason, usage }) = serde_json::from_slice(&body) else {
        return Err(malformed("the answer is not JSON of the protocol"));
    };
    match stop_reason.as_deref() {
        Some(reason) if is_botched(reason) => Err(malformed(BOTCHED)),
        Some(_) if output.is_some() => Ok(WholeAnswer::json(body, usage.and_then(Wording::usage))),
        _ => Err(malformed("the answer has no message, or none that has finished")),
    }
}

const BOTCHED: &str = "the model wrote what its provider could not read";

/// Whether an answer that stopped for this `reason` is none, although it came with 200.
fn is_botched(reason: &str) -> bool {
    matches!(reason, "malformed_model_output" | "malformed_tool_use")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(model: &str, encoded: &str) {
        let Paths { whole, stream } = paths(Operation::Converse(Dialect::Bedrock), model).unwrap();
        assert_eq!(whole, format!("/model/{encoded}/converse"));
        assert_eq!(stream.unwrap(), format!("/model/{encoded}/converse-stream"));
    }

    #[test]
    fn a_model_stands_in_the_path_whatever_its_name_holds() {
        check("anthropic.claude-v2:1", "anthropic.claude-v2%3A1");
        let arn = "arn:aws:bedrock:us-east-1:1:inference-profile/us.x";
        check(arn, "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x");
        check("../?a#b%", "..%2F%3Fa%23b%25");
    }

    #[test]
    fn a_region_has_its_host() {
        assert_eq!(home("eu-central-1"), "https://bedrock-runtime.eu-central-1.amazonaws.com");
        assert_eq!(home("cn-north-1"), "https://bedrock-runtime.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn a_name_says_whose_model_it_is() {
        for (model, expected) in [
            ("anthropic.claude-sonnet-5", true),
            ("us-gov.anthropic.claude-sonnet-5", true),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/eu.anthropic.claude-sonnet-5", true),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2", true),
            ("amazon.nova-2-lite-v1:0", false),
            ("arn:aws:bedrock:us-east-1::foundation-model/openai.gpt-oss-20b-1:0", false),
        ] {
            assert_eq!(may_be_claude(model), expected, "{model}");
        }
    }

    fn read(body: &'static str) -> Result<WholeAnswer, FaultKind> {
        whole(Bytes::from_static(body.as_bytes())).map_err(|fault| fault.kind)
    }

    #[test]
    fn a_message_that_finished_is_an_answer_and_its_usage_counts_the_cache_as_input() {
        let body = r#"{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"end_turn","usage":
            {"inputTokens":3,"outputTokens":7,"totalTokens":25,"cacheReadInputTokens":10,"cacheWriteInputTokens":5}}"#;
        let usage = read(body).unwrap().usage.unwrap();
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (18, 10, 7));
    }

    #[test]
    fn what_is_no_answer_is_a_fault() {
        for body in [
            "<html>",
            "{}",
            r#"{"message":"m"}"#,
            r#"{"stopReason":"end_turn"}"#,
            r#"{"output":{"message":{"content":[]}}}"#,
            r#"{"output":{"message":{"content":[]}},"stopReason":"malformed_tool_use"}"#,
        ] {
            assert_eq!(read(body), Err(FaultKind::Malformed), "{body}");
        }
    }
}
