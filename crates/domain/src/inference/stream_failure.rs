//! How a stream ends that cannot go on: with an event in place of its terminal one, which makes the SDKs of the caller's protocol
//! raise where a clean end would pass for a whole answer.
//!
//! A stream of Responses ends with the response itself, as one that failed. What it said of itself when it began, and how far its
//! events are numbered, is looked up only then: until then the chunks are kept that say so, which are shared, not copied.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{json, value::RawValue};

use super::{Complaint, Dialect, Family, Operation};

/// How one stream ends if it fails.
#[derive(Debug)]
pub enum StreamFailure {
    /// By being cut: there is no event in what is no text.
    Cut,
    /// With an error of that family.
    Error(Family),
    /// With the response as a failed one, told from the first chunk and the last one so far.
    Response {
        /// The first chunk with an event.
        first: Bytes,
        /// The last one.
        last: Bytes,
    },
}

impl StreamFailure {
    /// How a stream of events that answers `operation` ends if it fails.
    pub fn of(operation: Operation) -> Self {
        match operation {
            Operation::Converse(Dialect::Responses) => Self::Response { first: Bytes::new(), last: Bytes::new() },
            other => Self::Error(other.family()),
        }
    }

    /// Takes note of a chunk that the caller gets: whole events.
    pub fn note(&mut self, chunk: &Bytes) {
        let Self::Response { first, last } = self else { return };
        if chunk.starts_with(b":") {
            return;
        }
        if first.is_empty() {
            first.clone_from(chunk);
        }
        last.clone_from(chunk);
    }

    /// The last event; `None` if there is none.
    pub fn event(&self, complaint: &Complaint<'_>) -> Option<Vec<u8>> {
        match self {
            Self::Cut => None,
            Self::Error(family) => Some(family.error_event(complaint)),
            Self::Response { first, last } => Some(failed_response((first, last), complaint)),
        }
    }
}

/// `response.failed`. The error stands beside the response too: there the SDKs look for what to raise.
fn failed_response((first, last): (&Bytes, &Bytes), complaint: &Complaint<'_>) -> Vec<u8> {
    let Complaint { status: _, kind, message, param, code } = *complaint;
    let mut response = events(first).find_map(|event| event.response).unwrap_or_default();
    for (key, value) in [
        ("object", json!("response")),
        ("status", json!("failed")),
        ("error", json!({ "code": "server_error", "message": message })),
    ] {
        if let Ok(value) = RawValue::from_string(value.to_string()) {
            response.insert(key.to_owned(), value);
        }
    }
    let number = events(last).filter_map(|event| event.sequence_number).max().map_or(0, |number| number + 1);
    let event = FailedWire {
        r#type: "response.failed",
        sequence_number: number,
        response,
        error: json!({ "message": message, "type": kind, "param": param, "code": code }),
    };
    // Keys are strings and values are JSON already: writing them into memory does not fail.
    let data = serde_json::to_vec(&event).unwrap_or_default();
    [b"event: response.failed\ndata: ", &data[..], b"\n\n"].concat()
}

#[derive(serde::Serialize)]
struct FailedWire {
    r#type: &'static str,
    sequence_number: u64,
    response: BTreeMap<String, Box<RawValue>>,
    error: serde_json::Value,
}

/// What of an event tells how to end the stream.
#[derive(serde::Deserialize)]
struct EventWire {
    response: Option<BTreeMap<String, Box<RawValue>>>,
    sequence_number: Option<u64>,
}

fn events(chunk: &[u8]) -> impl Iterator<Item = EventWire> {
    let lines = chunk.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter_map(|line| serde_json::from_slice(line.strip_prefix(b"data:")?).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const COMPLAINT: Complaint<'static> =
        Complaint { status: 502, kind: "server_error", message: "it broke", param: None, code: Some("c") };

    fn failed(chunks: &[&'static str]) -> Value {
        let mut failure = StreamFailure::of(Operation::Converse(Dialect::Responses));
        for chunk in chunks {
            failure.note(&Bytes::from_static(chunk.as_bytes()));
        }
        let event = String::from_utf8(failure.event(&COMPLAINT).unwrap()).unwrap();
        let data = event.strip_prefix("event: response.failed\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        serde_json::from_str(data).unwrap()
    }

    #[test]
    fn a_response_that_breaks_is_told_once_more_as_a_failed_one() {
        let created = concat!(
            "event: response.created\n",
            r#"data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"in_progress","error":null,"output":[]}}"#,
            "\n\n",
        );
        let delta = concat!(r#"data: {"type":"response.output_text.delta","sequence_number":7,"delta":"a"}"#, "\n\n");
        let failed = failed(&[": keep-alive\n\n", created, delta, ": keep-alive\n\n"]);
        assert_eq!((&failed["type"], &failed["sequence_number"]), (&json!("response.failed"), &json!(8)));
        let error = json!({ "code": "server_error", "message": "it broke" });
        let response =
            json!({ "object": "response", "id": "resp_1", "status": "failed", "error": error, "output": [] });
        assert_eq!(failed["response"], response);
        assert_eq!(failed["error"]["code"], "c");
    }

    #[test]
    fn a_response_that_said_nothing_of_itself_still_fails() {
        assert_eq!(failed(&["data: {}\n\n"])["response"]["status"], "failed");
    }

    #[test]
    fn every_other_stream_ends_with_an_error_of_its_family() {
        let failure = StreamFailure::of(Operation::Converse(Dialect::Messages));
        assert_eq!(failure.event(&COMPLAINT), Some(Family::Anthropic.error_event(&COMPLAINT)));
        assert_eq!(StreamFailure::Cut.event(&COMPLAINT), None);
    }
}
