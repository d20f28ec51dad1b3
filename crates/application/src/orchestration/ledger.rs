//! The account of one request: its trace, its usage and its one outcome.

use std::{
    fmt,
    hash::{BuildHasher, BuildHasherDefault},
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Dropped, RequestId, Usage},
    model::Prices,
    name::{NameHasher, Target, WrapperName},
    observe::{Event, Observer, Outcome},
    routing::{AttemptRecord, AttemptRole, RequestRecord, Trace},
    time::Clock,
};

use crate::{
    RequestLog,
    admission::{Place, Places},
    live::{Answering, LiveInstance, Permit},
    orchestration::CompletionHead,
};

/// The account of one request. Closing it reports the outcome; an account that is dropped open was abandoned.
pub(crate) struct Ledger {
    watchers: Arc<Watchers>,
    /// What is kept of the request. It is there until the account is dropped, which hands it over.
    record: Option<Box<RequestRecord>>,
    /// What the prompt may have in tokens, for where no upstream counts.
    prompt_tokens: u32,
    /// When the outcome was clear, if somebody looked at the clock then.
    ended: Option<Instant>,
    /// What the request holds of the gateway and of its target, until it is over.
    places: Places,
}

/// Only the end of an account takes its record.
const HANDED_OVER: &str = "an account that is used has not ended";

/// Who tells the time of a request, and who takes note of it.
#[derive(Clone)]
pub(super) struct Watchers {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) requests: Arc<RequestLog>,
}

/// An attempt under way: the permit that it holds, and when it began.
#[derive(Debug)]
pub(crate) struct OpenAttempt {
    permit: Box<Permit>,
    began: Instant,
    /// When it began to answer, once it did.
    answered: Option<Instant>,
    /// What its model costs, if that is known.
    prices: Option<Prices>,
    /// Which of the attempts it is.
    index: usize,
}

impl OpenAttempt {
    pub(super) fn began(&self) -> Instant {
        self.began
    }
}

impl Ledger {
    pub(super) fn open(
        (request_id, target, revision): (RequestId, Target, u64),
        wrapper: Option<&WrapperName>,
        prompt_tokens: u32,
        watchers: &Arc<Watchers>,
    ) -> Self {
        let came = (watchers.clock.wall(), watchers.clock.now());
        let seed = BuildHasherDefault::<NameHasher>::default().hash_one(request_id.as_str());
        let mut record = RequestLog::open(request_id, target, (revision, seed), came);
        record.trace.wrapper = wrapper.cloned();
        Self {
            watchers: Arc::clone(watchers),
            record: Some(record),
            prompt_tokens,
            ended: None,
            places: Places::default(),
        }
    }

    /// What is known of the request so far.
    pub(super) fn record(&self) -> &RequestRecord {
        match &self.record {
            Some(record) => record,
            None => unreachable!("{HANDED_OVER}"),
        }
    }

    /// What was decided so far.
    pub(super) fn trace(&mut self) -> &mut Trace {
        &mut open(&mut self.record).trace
    }

    pub(super) fn now(&self) -> Instant {
        self.watchers.clock.now()
    }

    /// The request was let in.
    pub(super) fn admitted(&mut self, place: Place) {
        self.places.hold(place);
    }

    /// The request was not let in: closes the account.
    pub(super) fn refused(mut self) {
        open(&mut self.record).outcome = Outcome::Refused;
    }

    /// Notes an attempt that is about to be made.
    pub(super) fn begin<C>(
        &mut self,
        (instance, role): (&LiveInstance<C>, AttemptRole),
        leg: usize,
        mut permit: Box<Permit>,
    ) -> OpenAttempt {
        let began = permit.sent();
        self.places.begin();
        permit.places.begin();
        if permit.is_panic {
            self.watchers.observer.observe(&Event::Panic { instance: &instance.label });
        }
        let record = open(&mut self.record);
        let index = record.trace.attempts.len();
        record.trace.attempted(AttemptRecord {
            instance: instance.label.clone(),
            model: instance.spec.model.clone(),
            leg,
            role,
            started: began - record.opened,
            took: Duration::ZERO,
            ended: None,
            fault: None,
            usage: None,
            cost: None,
        });
        let prices = instance.card.as_ref().and_then(|card| card.prices);
        OpenAttempt { permit, began, answered: None, prices, index }
    }

    /// The attempt has begun to answer, with the whole of it or its first content: how long that took.
    pub(super) fn answered(&mut self, attempt: &mut OpenAttempt, how: Answering) -> Duration {
        let now = self.watchers.clock.now();
        let took = now - attempt.began;
        attempt.answered = Some(now);
        attempt.permit.answered(now, (took, how), &*self.watchers.observer);
        let record = open(&mut self.record);
        record.trace.committed.get_or_insert(now - record.opened);
        self.finish_attempt(attempt.index, took, None);
        took
    }

    /// The attempt failed before it answered; `fault` learns for how long its instance is left alone.
    pub(super) fn failed(&mut self, mut attempt: OpenAttempt, fault: &mut Fault) {
        let now = self.watchers.clock.now();
        self.places.fail(fault);
        attempt.permit.places.fail(fault);
        fault.retry_after = attempt.permit.failed(now, fault, &*self.watchers.observer).or(fault.retry_after);
        if matches!(fault.work, Work::Ambiguous | Work::Partial) {
            // Nobody says what an attempt used that failed at work: its prompt, at least.
            self.price((attempt.index, attempt.prices), self.cost(None, 0));
        }
        self.finish_attempt(attempt.index, now - attempt.began, Some(fault.kind));
    }

    /// The attempt was given up for another one beside it, before it answered: its prompt, at least, was read.
    pub(super) fn given_up(&mut self, mut attempt: OpenAttempt) {
        let usage = self.cost(None, 0);
        attempt.permit.given_up(usage);
        self.price((attempt.index, attempt.prices), usage);
        let took = self.watchers.clock.now() - attempt.began;
        if let Some(record) = self.trace().attempts.get_mut(attempt.index) {
            record.usage = Some(usage);
        }
        self.trace().gave_up(attempt.index);
        self.finish_attempt(attempt.index, took, Some(FaultKind::Cancelled));
    }

    /// What an answer cost: as the upstream counted it, else the prompt as estimated and the tokens that came of it.
    pub(super) fn cost(&self, counted: Option<Usage>, tokens: u32) -> Usage {
        counted.unwrap_or_else(|| Usage::estimated(self.prompt_tokens.into(), tokens.into()))
    }

    /// The answer came whole, and so was complete when it began: closes the account.
    pub(super) fn complete_at_once(self, attempt: OpenAttempt, usage: Usage) {
        let now = attempt.answered.unwrap_or_else(|| self.now());
        self.complete_at(now, attempt, usage);
    }

    /// The answer is complete: closes the account.
    pub(super) fn complete(self, attempt: OpenAttempt, usage: Usage) {
        let now = self.now();
        self.complete_at(now, attempt, usage);
    }

    fn complete_at(mut self, now: Instant, mut attempt: OpenAttempt, usage: Usage) {
        self.used((&mut attempt, now), usage);
        attempt.permit.completed(now, Some(usage), &*self.watchers.observer);
        self.ended = Some(now);
        open(&mut self.record).outcome = Outcome::Completed;
    }

    /// The answer broke off after the caller had seen a part: closes the account.
    pub(super) fn broken_off(mut self, mut attempt: OpenAttempt, fault: &Fault, usage: Usage) {
        self.used((&mut attempt, self.now()), usage);
        self.broke(attempt, fault);
        open(&mut self.record).outcome = Outcome::BrokenOff(fault.kind);
    }

    /// The answer broke off, and others are asked to go on: what it cost up to here, all its parts together.
    pub(super) fn interrupted(&mut self, mut attempt: OpenAttempt, fault: &Fault, usage: Usage) -> Usage {
        let total = self.used((&mut attempt, self.now()), usage);
        self.places.counted();
        self.broke(attempt, fault);
        total
    }

    /// Nobody went on with an answer that broke off: closes the account.
    pub(super) fn close_broken_off(mut self, fault: FaultKind) {
        open(&mut self.record).outcome = Outcome::BrokenOff(fault);
    }

    fn broke(&mut self, attempt: OpenAttempt, fault: &Fault) {
        if let Some(record) = self.trace().attempts.get_mut(attempt.index) {
            record.fault = Some(fault.kind);
        }
        attempt.permit.failed(self.watchers.clock.now(), fault, &*self.watchers.observer);
    }

    /// The caller went away amid the answer: closes the account, which says nothing about the instance.
    pub(super) fn abandoned(mut self, mut attempt: OpenAttempt, usage: Usage) {
        self.used((&mut attempt, self.now()), usage);
    }

    /// Notes what an answer cost, or a part of one, on every level that reserved for it: all parts together.
    fn used(&mut self, (attempt, now): (&mut OpenAttempt, Instant), usage: Usage) -> Usage {
        let record = open(&mut self.record);
        let total = record.usage.map_or(usage, |before| before.plus(usage));
        record.usage = Some(total);
        self.price((attempt.index, attempt.prices), usage);
        self.places.answered(total);
        attempt.permit.places.answered(usage);
        let took = now - attempt.began;
        if let Some(record) = self.trace().attempts.get_mut(attempt.index) {
            (record.ended, record.usage) = (Some(took), Some(usage));
        }
        total
    }

    /// Notes what the attempt cost, if its model has prices.
    fn price(&mut self, (index, prices): (usize, Option<Prices>), usage: Usage) {
        if let Some(record) = self.trace().attempts.get_mut(index) {
            record.cost = prices.map(|prices| prices.cost_of(&usage));
        }
    }

    /// There is no answer: closes the account.
    pub(super) fn close(mut self, last: Option<FaultKind>) {
        open(&mut self.record).outcome = last.map_or(Outcome::NoneAvailable, Outcome::Failed);
    }

    /// Who answered, once somebody did.
    pub(super) fn head<C>(&self, instance: &LiveInstance<C>) -> CompletionHead {
        let trace = &self.record().trace;
        CompletionHead {
            request_id: trace.request_id.clone(),
            instance: instance.label.clone(),
            attempts: u32::try_from(trace.attempts.len()).unwrap_or(u32::MAX),
            revision: trace.revision,
            dropped: Dropped::default(),
        }
    }

    fn finish_attempt(&mut self, index: usize, took: Duration, fault: Option<FaultKind>) {
        let Some(record) = open(&mut self.record).trace.attempts.get_mut(index) else { return };
        record.took = took;
        record.fault = fault;
        self.watchers.observer.observe(&Event::AttemptFinished {
            instance: &record.instance,
            model: &record.model,
            fault,
            took,
        });
    }
}

/// The record of an account that is not dropped yet.
fn open(record: &mut Option<Box<RequestRecord>>) -> &mut RequestRecord {
    match record {
        Some(record) => record,
        None => unreachable!("{HANDED_OVER}"),
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let ended = self.ended.unwrap_or_else(|| self.now());
        let Some(mut record) = self.record.take() else { return };
        record.took = ended - record.opened;
        self.watchers.observer.observe(&Event::RequestFinished {
            target: &record.trace.target,
            outcome: record.outcome,
            took: record.took,
            usage: record.usage,
            trace: &record.trace,
        });
        self.watchers.requests.note(record);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Ledger").field("record", &self.record).finish_non_exhaustive()
    }
}
