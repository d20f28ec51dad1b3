//! What a request brings along besides its body.

use std::time::Duration;

use bytes::Bytes;
use tidegate_domain::{admission::Priority, inference::RequestId, name::InstanceId};

use crate::admission::Caller;

/// What a request brings along besides its body.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Its id.
    pub id: RequestId,
    /// How long the caller will wait; it can only shorten the configured deadline.
    pub timeout: Option<Duration>,
    /// Whose request it is: callers take turns where requests wait.
    pub caller: Caller,
    /// How urgent it is where requests wait.
    pub priority: Priority,
    /// The digest of what the caller wants its requests kept together by; see [`digest`](tidegate_domain::pool::digest).
    pub affinity: Option<u64>,
    /// What the caller puts up with when a stream breaks amid its answer.
    pub consent: Consent,
    /// Whether work that may have been done already may be done again: beside a slow attempt, or after one of which nobody can
    /// tell. If nobody says so, everything may be but what the provider is to store.
    pub is_idempotent: Option<bool>,
    /// What the gateway itself says in a stream.
    pub marks: StreamMarks,
}

/// What a caller puts up with when a stream breaks after a part was shown. What really follows is the tier's or the pool's to
/// say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Consent {
    /// Nothing: the caller wants to be told.
    Nothing,
    /// That another instance goes on with the answer.
    #[default]
    Seam,
    /// That, and that the answer starts afresh: the caller knows to discard what came before.
    Restart,
}

/// What the gateway itself says in a stream, in the caller's protocol; never content. Whatever is absent is not said.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamMarks {
    /// Said once the stream was silent for so long, and again after as long.
    pub keep_alive: Option<(Duration, &'static str)>,
    /// Says that another instance goes on with the answer, given that instance.
    pub seam: Option<fn(&InstanceId) -> Bytes>,
    /// Says that the answer starts afresh at another instance, given that instance.
    pub restart: Option<fn(&InstanceId) -> Bytes>,
}

impl RequestContext {
    /// A request of an unnamed caller, which will wait as long as the configuration lets it.
    pub fn new(id: RequestId) -> Self {
        Self {
            id,
            timeout: None,
            caller: Caller::default(),
            priority: Priority::default(),
            affinity: None,
            consent: Consent::default(),
            is_idempotent: None,
            marks: StreamMarks::default(),
        }
    }
}
