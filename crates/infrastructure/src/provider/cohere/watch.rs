//! What the events of a streamed answer of Cohere's mean.
//!
//! One pass, borrowed, without a tree: a value that only matters by being there is a raw slice.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::{fault::Work, inference::Signals};

use crate::provider::{
    openai::{faults, tokens_of},
    sse::Event,
    usage::{CohereUsageWire, Wording},
    watched::{Meaning, Watch},
};

/// The state of one streamed answer.
#[derive(Debug, Default)]
pub(in crate::provider) struct CohereWatch {
    finished: bool,
}

#[derive(Deserialize)]
struct EventWire<'a> {
    r#type: Kind,
    #[serde(borrow)]
    delta: Option<DeltaWire<'a>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    ContentStart,
    ContentDelta,
    ToolPlanDelta,
    ToolCallStart,
    ToolCallDelta,
    MessageEnd,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct DeltaWire<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<Cow<'a, str>>,
    usage: Option<CohereUsageWire>,
}

/// More of a message.
#[derive(Deserialize)]
struct MessageWire<'a> {
    #[serde(borrow)]
    content: Option<ContentWire<'a>>,
    #[serde(borrow)]
    tool_plan: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<CallWire<'a>>,
}

#[derive(Deserialize)]
struct ContentWire<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CallWire<'a> {
    #[serde(borrow)]
    function: Option<FunctionWire<'a>>,
}

#[derive(Deserialize)]
struct FunctionWire<'a> {
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// Whether a message that stopped for this `reason` is no answer.
pub(super) fn has_failed(reason: &str) -> bool {
    matches!(reason, "ERROR" | "TIMEOUT")
}

impl Watch for CohereWatch {
    /// Nothing is missing of a stream that has its reason to stop: that is its terminal event.
    const TERMINAL: &'static [u8] = b"";

    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning {
        // Proxies end streams in OpenAI's way.
        if &*event.data == b"[DONE]" {
            return Meaning::Withhold(Signals { done: self.finished, ..Signals::default() });
        }
        let Ok(EventWire { r#type, delta }) = serde_json::from_slice::<EventWire<'_>>(&event.data) else {
            return Meaning::Failed(faults::in_band(&event.data, work));
        };
        let mut signals = Signals::default();
        let message = delta.as_ref().and_then(|delta| delta.message);
        match r#type {
            Kind::ContentStart | Kind::ContentDelta | Kind::ToolPlanDelta | Kind::ToolCallDelta => {
                let Some(tokens) = tokens(message) else {
                    return Meaning::malformed(work, "sent an event that is no part of a message");
                };
                signals.tokens = tokens;
                signals.content = tokens > 0;
            }
            Kind::ToolCallStart => signals.content = true,
            Kind::MessageEnd => {
                let reason = delta.as_ref().and_then(|delta| delta.finish_reason.as_deref());
                if reason.is_none_or(has_failed) {
                    return Meaning::Failed(faults::in_band(&event.data, work));
                }
                self.finished = true;
                signals.usage = delta.and_then(|delta| delta.usage).and_then(Wording::usage);
                (signals.finished, signals.done) = (true, true);
            }
            Kind::Other => {}
        }
        Meaning::Forward(signals)
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

/// About how many tokens a piece of a message carries; `None` if it is none.
fn tokens(message: Option<&RawValue>) -> Option<u32> {
    let Some(message) = message else { return Some(0) };
    let MessageWire { content, tool_plan, tool_calls } = serde_json::from_str(message.get()).ok()?;
    let (text, thinking) = content.map_or((None, None), |content| (content.text, content.thinking));
    let arguments = tool_calls.and_then(|call| call.function).and_then(|function| function.arguments);
    let said = [text, thinking, tool_plan, arguments];
    Some(said.into_iter().map(|text| tokens_of(text.map(RawValue::get))).sum())
}

#[cfg(test)]
mod tests {
    use tidegate_domain::{fault::FaultKind, inference::Usage};

    use super::*;

    fn meaning(data: &str) -> Meaning {
        CohereWatch::default().meaning(&Event { data: data.as_bytes().into(), is_error: false }, Work::Ambiguous)
    }

    #[track_caller]
    fn check(data: &str, content: bool) {
        let Meaning::Forward(signals) = meaning(data) else { panic!("{data} is a failure") };
        assert_eq!(signals.content, content, "{data}");
    }

    #[test]
    fn only_what_a_caller_can_use_is_content() {
        check(
            r#"{"type":"message-start","id":"i","delta":{"message":{"role":"assistant","content":[],"tool_calls":[]}}}"#,
            false,
        );
        check(r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#, false);
        check(r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"a"}}}}"#, true);
        check(r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":"a"}}}}"#, true);
        check(r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":"I"}}}"#, true);
        let call = r#"{"id":"c","type":"function","function":{"name":"f","arguments":""}}"#;
        check(
            &format!(r#"{{"type":"tool-call-start","index":0,"delta":{{"message":{{"tool_calls":{call}}}}}}}"#),
            true,
        );
        check(r#"{"type":"citation-start","index":0,"delta":{"message":{"citations":{"start":0}}}}"#, false);
        check(r#"{"type":"something-new"}"#, false);
    }

    #[test]
    fn the_end_of_a_message_carries_its_cost() {
        let usage =
            r#"{"billed_units":{"input_tokens":1,"output_tokens":2},"tokens":{"input_tokens":9,"output_tokens":4.0}}"#;
        let Meaning::Forward(signals) =
            meaning(&format!(r#"{{"type":"message-end","delta":{{"finish_reason":"COMPLETE","usage":{usage}}}}}"#))
        else {
            panic!("an end is no failure")
        };
        let usage = Usage { input_tokens: 9, output_tokens: 4, ..Usage::default() };
        assert_eq!(signals, Signals { finished: true, done: true, usage: Some(usage), ..Signals::default() });
    }

    #[test]
    fn a_message_that_failed_is_a_fault() {
        for (data, kind) in [
            (r#"{"type":"message-end","delta":{"finish_reason":"ERROR","error":"m"}}"#, FaultKind::Transient),
            (r#"{"type":"message-end","delta":{"finish_reason":"TIMEOUT"}}"#, FaultKind::Transient),
            (r#"{"type":"message-end","delta":{}}"#, FaultKind::Transient),
            (r#"{"type":"content-delta","delta":{"message":7}}"#, FaultKind::Malformed),
            (r#"{"message":"m"}"#, FaultKind::Transient),
        ] {
            let Meaning::Failed(fault) = meaning(data) else { panic!("{data} is no failure") };
            assert_eq!(fault.kind, kind, "{data}");
        }
    }
}
