//! The trace: what was tried for a request, in order, and who was passed over and why.

use std::time::Duration;

use crate::{
    fault::FaultKind,
    inference::RequestId,
    name::{InstanceId, ModelRef, Target},
    task_group::Exclusion,
};

/// One attempt, over or under way.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRecord {
    /// The instance that was asked.
    pub instance: InstanceId,
    /// The model that was asked for.
    pub model: ModelRef,
    /// The leg of the route, from 0.
    pub leg: usize,
    /// From the start of the request to the start of the attempt.
    pub started: Duration,
    /// How long it took; for a stream, to its first content.
    pub took: Duration,
    /// What failed it; `None` if it answered.
    pub fault: Option<FaultKind>,
}

/// A candidate that was not asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ExclusionRecord {
    /// The candidate.
    pub instance: InstanceId,
    /// Why it was not asked.
    pub reason: Exclusion,
}

/// What was decided for one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The request.
    pub request_id: RequestId,
    /// Where it was sent.
    pub target: Target,
    /// The revision of the routing table that decided.
    pub revision: u64,
    /// The attempts, in order.
    pub attempts: Vec<AttemptRecord>,
    /// Who was passed over, each once.
    pub exclusions: Vec<ExclusionRecord>,
}

impl Trace {
    /// An empty trace.
    pub fn new(request_id: RequestId, target: Target, revision: u64) -> Self {
        Self { request_id, target, revision, attempts: Vec::new(), exclusions: Vec::new() }
    }

    /// Notes that a candidate was passed over; a second note of the same one is dropped.
    pub fn exclude(&mut self, instance: &InstanceId, reason: Exclusion) {
        if self.exclusions.iter().any(|record| record.instance == *instance) {
            return;
        }
        self.exclusions.push(ExclusionRecord { instance: instance.clone(), reason });
    }
}
