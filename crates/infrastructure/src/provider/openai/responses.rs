//! What a whole answer of OpenAI's Responses, and the events of a streamed one, mean.
//!
//! One pass, borrowed, without a tree: a value that only matters by being there is a raw slice.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Signals, Usage, WholeAnswer},
};

use super::{faults, tokens_of};
use crate::provider::{
    sse::Event,
    usage::{ResponsesUsageWire, Wording},
    watched::{Meaning, Watch},
};

/// The state of one streamed response.
#[derive(Debug, Default)]
pub(in crate::provider) struct ResponsesWatch {
    finished: bool,
}

#[derive(Deserialize)]
struct EventWire<'a> {
    #[serde(borrow)]
    r#type: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    response: Option<ResponseWire<'a>>,
    #[serde(borrow)]
    item: Option<ItemWire<'a>>,
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ResponseWire<'a> {
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ItemWire<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
}

impl ResponseWire<'_> {
    /// An odd usage is no reason to throw an answer away.
    fn usage(&self) -> Option<Usage> {
        serde_json::from_str::<ResponsesUsageWire>(self.usage?.get()).ok()?.usage()
    }

    /// The fault of a response that failed.
    fn fault(&self, work: Work) -> Option<Fault> {
        let error = self.error.filter(|error| error.get() != "null");
        let failed = self.status.is_some_and(|status| status.get() == "\"failed\"");
        if error.is_none() && !failed {
            return None;
        }
        let error = error.map_or("null", RawValue::get);
        Some(faults::in_band(format!(r#"{{"error":{error}}}"#).as_bytes(), work))
    }
}

/// Reads a whole answer as far as the gateway must vouch for it.
pub(in crate::provider) fn whole(body: Bytes) -> Result<WholeAnswer, Fault> {
    let malformed = |detail| Fault::new(FaultKind::Malformed, Work::Ambiguous, detail);
    let Ok(response) = serde_json::from_slice::<ResponseWire<'_>>(&body) else {
        return Err(malformed("the answer is not JSON of the protocol"));
    };
    if let Some(fault) = response.fault(Work::Ambiguous) {
        return Err(fault);
    }
    if response.object.is_none_or(|object| object.get() != "\"response\"") {
        return Err(malformed("the answer is no response"));
    }
    let usage = response.usage();
    Ok(WholeAnswer::json(body, usage))
}

impl Watch for ResponsesWatch {
    // The terminal event carries the whole response: nobody else can make one.
    const TERMINAL: &'static [u8] = b"";

    fn meaning(&mut self, event: &Event<'_>, work: Work) -> Meaning {
        let Ok(EventWire { r#type, response, item, delta }) = serde_json::from_slice(&event.data) else {
            return Meaning::malformed(work, "sent an event that is no part of a response");
        };
        let kind = r#type.as_deref().unwrap_or_default();
        let mut signals = Signals::default();
        match kind {
            "error" => return Meaning::Failed(faults::in_band(&event.data, work)),
            "response.failed" => {
                let failed = response.and_then(|response| response.fault(work));
                return Meaning::Failed(failed.unwrap_or_else(|| faults::in_band(b"{}", work)));
            }
            "response.completed" | "response.incomplete" => {
                self.finished = true;
                (signals.finished, signals.done) = (true, true);
                signals.usage = response.and_then(|response| response.usage());
            }
            // Its end only says once more what came before it.
            "response.output_item.added" => signals.content = item.is_some_and(|item| item.is_whole()),
            kind if kind.rsplit('.').next() == Some("delta") => {
                signals.tokens = tokens_of(delta.map(RawValue::get));
                signals.content = signals.tokens > 0;
            }
            _ => {}
        }
        Meaning::Forward(signals)
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

impl ItemWire<'_> {
    /// Whether the start of the item is something that a caller can use: all but the empty starts of messages and thoughts.
    fn is_whole(&self) -> bool {
        !matches!(self.r#type.map(RawValue::get), None | Some("\"message\"" | "\"reasoning\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(data: &'static str, expected: Signals) {
        let event = Event { data: data.as_bytes().into(), is_error: false };
        let Meaning::Forward(signals) = ResponsesWatch::default().meaning(&event, Work::Ambiguous) else {
            panic!("{data} is a failure");
        };
        assert_eq!(signals, expected, "{data}");
    }

    #[test]
    fn the_first_delta_is_content_and_what_comes_before_is_none() {
        let (none, content) = (Signals::default(), Signals { content: true, ..Signals::default() });
        check(r#"{"type":"response.created","response":{"status":"in_progress","error":null}}"#, none);
        check(r#"{"type":"response.output_item.added","item":{"type":"message"}}"#, none);
        check(r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}"#, content);
        check(r#"{"type":"response.output_text.delta","delta":"a"}"#, Signals { tokens: 1, ..content });
    }

    #[test]
    fn the_terminal_event_carries_the_usage() {
        let usage = r#""usage":{"input_tokens":9,"output_tokens":4,"input_tokens_details":{"cached_tokens":3}}"#;
        let usage: &'static str = Box::leak(
            format!(r#"{{"type":"response.completed","response":{{"status":"completed","error":null,{usage}}}}}"#)
                .into(),
        );
        let expected = Usage { input_tokens: 9, output_tokens: 4, cached_tokens: 3, ..Usage::default() };
        check(usage, Signals { finished: true, done: true, usage: Some(expected), ..Signals::default() });
    }

    #[test]
    fn a_response_that_failed_is_a_fault_by_its_code() {
        let failed = r#"{"object":"response","status":"failed","error":{"code":"rate_limit_exceeded","message":"m"}}"#;
        assert_eq!(whole(Bytes::from_static(failed.as_bytes())).unwrap_err().kind, FaultKind::RateLimited);
        let event = format!(r#"{{"type":"response.failed","response":{failed}}}"#);
        let event = Event { data: event.as_bytes().into(), is_error: false };
        let Meaning::Failed(fault) = ResponsesWatch::default().meaning(&event, Work::Ambiguous) else { panic!() };
        assert_eq!(fault.kind, FaultKind::RateLimited);
        assert_eq!(whole(Bytes::from_static(b"{}")).unwrap_err().kind, FaultKind::Malformed);
    }
}
