//! What the gateway itself says in a stream, as server-sent events have it: comments, which every reader skips, and one event
//! that only those get who asked for it.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tidegate_application::{
    domain::{inference::Family, name::InstanceId},
    orchestration::StreamMarks,
};

/// The marks of streams, with a comment after so much silence; none if absent. Google's SDKs take every line that is no data for
/// the text of an error, so there is none in a stream of Google's.
pub(super) fn of_streams(family: Family, keep_alive: Option<Duration>) -> StreamMarks {
    if family == Family::Google {
        return StreamMarks::default();
    }
    StreamMarks {
        keep_alive: keep_alive.map(|silence| (silence, ": keep-alive\n\n")),
        seam: Some(seam),
        restart: Some(restart),
    }
}

fn seam(instance: &InstanceId) -> Bytes {
    format!(": tidegate continues at {instance}\n\n").into()
}

/// An event that says to discard what came before. It has choices, of which there are none, for readers that look there first.
fn restart(instance: &InstanceId) -> Bytes {
    let event = json!({ "type": "tidegate.restart", "choices": [], "tidegate": { "restart": { "discard": true, "instance": instance.as_str() } } });
    format!("event: tidegate.restart\ndata: {event}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_whole_events() {
        let instance: InstanceId = "pool/b".parse().unwrap();
        assert_eq!(seam(&instance), ": tidegate continues at pool/b\n\n");
        let data =
            r#"{"choices":[],"tidegate":{"restart":{"discard":true,"instance":"pool/b"}},"type":"tidegate.restart"}"#;
        assert_eq!(restart(&instance), format!("event: tidegate.restart\ndata: {data}\n\n"));
    }
}
