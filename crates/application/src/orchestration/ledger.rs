//! The account of one request: its trace, its usage and its one outcome.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_domain::{
    fault::{Fault, FaultKind},
    inference::{RequestId, Usage},
    name::Target,
    observe::{Event, Observer, Outcome},
    routing::{AttemptRecord, Trace},
    time::Clock,
};

use crate::{
    live::{LiveInstance, Permit},
    orchestration::CompletionHead,
};

/// The account of one request. Closing it reports the outcome; an account that is dropped open was abandoned.
pub(crate) struct Ledger {
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    opened: Instant,
    pub(super) trace: Trace,
    usage: Option<Usage>,
    outcome: Outcome,
}

/// An attempt under way: the permit that it holds, and when it began.
#[derive(Debug)]
pub(crate) struct OpenAttempt {
    permit: Permit,
    began: Instant,
}

impl Ledger {
    pub(super) fn open(
        (request_id, target, revision): (RequestId, Target, u64),
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let opened = clock.now();
        let trace = Trace::new(request_id, target, revision);
        Self { clock, observer, opened, trace, usage: None, outcome: Outcome::Abandoned }
    }

    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Notes an attempt that is about to be made.
    pub(super) fn begin<C>(&mut self, instance: &LiveInstance<C>, leg: usize, permit: Permit) -> OpenAttempt {
        let began = self.clock.now();
        self.trace.attempts.push(AttemptRecord {
            instance: instance.label.clone(),
            model: instance.spec.model.clone(),
            leg,
            started: began - self.opened,
            took: Duration::ZERO,
            fault: None,
        });
        OpenAttempt { permit, began }
    }

    /// The attempt has begun to answer: with the whole of it or its first content.
    pub(super) fn answered(&mut self, attempt: &mut OpenAttempt) {
        let now = self.clock.now();
        attempt.permit.answered(now, now - attempt.began, &*self.observer);
        self.finish_attempt(now - attempt.began, None);
    }

    /// The attempt failed before it answered.
    pub(super) fn failed(&mut self, attempt: OpenAttempt, fault: &Fault) {
        let now = self.clock.now();
        attempt.permit.failed(now, fault, &*self.observer);
        self.finish_attempt(now - attempt.began, Some(fault.kind));
    }

    /// The answer is complete: closes the account.
    pub(super) fn complete(mut self, attempt: OpenAttempt, usage: Option<Usage>) {
        attempt.permit.completed(self.clock.now(), usage, &*self.observer);
        self.usage = usage;
        self.outcome = Outcome::Completed;
    }

    /// The answer broke off after the caller had seen a part: closes the account.
    pub(super) fn broken_off(mut self, attempt: OpenAttempt, fault: &Fault, usage: Option<Usage>) {
        attempt.permit.failed(self.clock.now(), fault, &*self.observer);
        if let Some(record) = self.trace.attempts.last_mut() {
            record.fault = Some(fault.kind);
        }
        self.usage = usage;
        self.outcome = Outcome::BrokenOff(fault.kind);
    }

    /// The caller went away amid the answer: closes the account, which says nothing about the instance.
    pub(super) fn abandoned(mut self, attempt: OpenAttempt, usage: Option<Usage>) {
        drop(attempt);
        self.usage = usage;
    }

    /// There is no answer: closes the account.
    pub(super) fn close(mut self, last: Option<FaultKind>) {
        self.outcome = last.map_or(Outcome::NoneAvailable, Outcome::Failed);
    }

    /// Who answered, once somebody did.
    pub(super) fn head<C>(&self, instance: &LiveInstance<C>) -> CompletionHead {
        CompletionHead {
            request_id: self.trace.request_id.clone(),
            instance: instance.label.clone(),
            attempts: u32::try_from(self.trace.attempts.len()).unwrap_or(u32::MAX),
            revision: self.trace.revision,
        }
    }

    fn finish_attempt(&mut self, took: Duration, fault: Option<FaultKind>) {
        let Some(record) = self.trace.attempts.last_mut() else { return };
        record.took = took;
        record.fault = fault;
        self.observer.observe(&Event::AttemptFinished {
            instance: &record.instance,
            model: &record.model,
            fault,
            took,
        });
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.observer.observe(&Event::RequestFinished {
            target: &self.trace.target,
            outcome: self.outcome,
            took: self.clock.now() - self.opened,
            usage: self.usage,
            trace: &self.trace,
        });
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ledger")
            .field("trace", &self.trace)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
