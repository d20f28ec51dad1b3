//! The answer to a request.

use tidegate_domain::{
    inference::{Dropped, RequestId, WholeAnswer},
    name::InstanceId,
};

use super::CompletionStream;

/// An answer, and who gave it.
#[derive(Debug)]
pub struct Completion<S> {
    /// Who gave it.
    pub head: CompletionHead,
    /// The answer.
    pub answer: Answer<S>,
}

/// Who gave an answer, and at which attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionHead {
    /// The request.
    pub request_id: RequestId,
    /// The instance that answered.
    pub instance: InstanceId,
    /// Attempts made, the successful one included.
    pub attempts: u32,
    /// The revision of the routing table that decided.
    pub revision: u64,
    /// What of the request the instance's provider was not sent, for want of a place.
    pub dropped: Dropped,
}

/// The answer itself.
#[derive(Debug)]
pub enum Answer<S> {
    /// It came whole.
    Whole(WholeAnswer),
    /// It streams, from its first content on. Boxed: every request would have to make room for it.
    Stream(Box<CompletionStream<S>>),
}
