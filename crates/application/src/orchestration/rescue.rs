//! What follows when a stream breaks after the caller has seen a part of it: others are asked, where the tier or the pool says so.
//!
//! Either another instance goes on from the text so far, and the caller sees one answer; or it answers afresh, and a caller who
//! agreed to that is told to discard what came before. Who is asked, how often and for how long is bounded as ever: by the walk,
//! the budget and the deadline. A candidate that will not have the beginning of an answer is passed over. If nobody is left, the
//! caller is told of the fault that broke the stream.

use std::{future::Future, pin::Pin, sync::Arc};

use tidegate_domain::{
    fault::{Fault, FaultKind, RetryAdvice, Work},
    inference::{InferenceRequest, LlmClient, Part, Partial, Usage},
    model::Capability,
    routing::AttemptRole,
};

use super::{
    Ledger,
    ask::Beginning,
    attempt::{Attempts, UnderWay},
    ledger::OpenAttempt,
    stream::Held,
    watch::StreamDeadlines,
};
use crate::live::{Answering, LiveInstance};

/// The account of a stream, and with it what can be done should it break.
pub(super) enum Account<S> {
    /// Nothing: the caller is told.
    Plain(Ledger),
    /// Others can be asked.
    Rescuable(Box<dyn Rescue<S>>),
}

/// Asks others to go on. It is a trait object so that a stream need not know the type of its client; only a stream that may be
/// rescued has one.
pub(super) trait Rescue<S>: Send {
    /// The account, where there is nothing to rescue.
    fn into_ledger(self: Box<Self>) -> Ledger;

    /// Asks others to go on after `cut`. Without success the account is closed, and the fault is the one to tell.
    fn rescue(self: Box<Self>, cut: Cut) -> Rescuing<S>;
}

/// A rescue under way.
pub(super) type Rescuing<S> = Pin<Box<dyn Future<Output = Result<Rescued<S>, Fault>> + Send>>;

/// Where a stream broke off.
pub(super) struct Cut {
    pub(super) attempt: OpenAttempt,
    pub(super) fault: Fault,
    /// What it cost, if the upstream said so.
    pub(super) counted: Option<Usage>,
    /// About how many tokens were relayed.
    pub(super) tokens: u32,
    /// What was shown, if it can be continued.
    pub(super) partial: Option<Partial>,
}

/// A stream that goes on.
pub(super) struct Rescued<S> {
    pub(super) held: Held<S>,
    pub(super) deadlines: StreamDeadlines,
    pub(super) account: (Account<S>, OpenAttempt),
}

/// How a stream is rescued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Continue,
    Restart,
}

/// The attempts that are left to a request whose answer streams.
pub(super) struct Rescuer<C> {
    pub(super) attempts: Box<Attempts<C>>,
    pub(super) request: InferenceRequest,
    pub(super) instance: Arc<LiveInstance<C>>,
    pub(super) way: Way,
}

/// Who goes on.
struct Successor<C: LlmClient> {
    instance: Arc<LiveInstance<C>>,
    attempt: OpenAttempt,
    held: Held<C::Stream>,
    deadlines: StreamDeadlines,
}

impl<S> Account<S> {
    pub(super) fn into_ledger(self) -> Ledger {
        match self {
            Self::Plain(ledger) => ledger,
            Self::Rescuable(rescue) => rescue.into_ledger(),
        }
    }
}

impl<C: LlmClient> Rescue<C::Stream> for Rescuer<C> {
    fn into_ledger(self: Box<Self>) -> Ledger {
        self.attempts.into_ledger()
    }

    fn rescue(self: Box<Self>, cut: Cut) -> Rescuing<C::Stream> {
        Box::pin((*self).go_on(cut))
    }
}

impl<C: LlmClient> Rescuer<C> {
    async fn go_on(mut self, cut: Cut) -> Result<Rescued<C::Stream>, Fault> {
        let Cut { attempt, fault, counted, tokens, partial } = cut;
        let cost = self.attempts.ledger.cost(counted, tokens);
        let partial = match self.way {
            Way::Continue => partial,
            Way::Restart => Some(Partial::default()),
        };
        let partial = partial.filter(|_| fault.kind.permits_fallback());
        self.attempts.ledger.trace().broke(fault.kind, partial.is_some());
        let Some(mut partial) = partial else {
            self.attempts.into_ledger().broken_off(attempt, &fault, cost);
            return Err(fault);
        };
        partial.spent = self.attempts.ledger.interrupted(attempt, &fault, cost);
        self.prepare(&fault);
        let Some(successor) = self.ask_others(&partial).await else {
            self.attempts.into_ledger().close_broken_off(fault.kind);
            return Err(fault);
        };
        Ok(self.rescued(successor))
    }

    /// Sees to it that neither who broke off is asked next, nor who cannot go on at all.
    fn prepare(&mut self, fault: &Fault) {
        let broken = Arc::clone(&self.instance);
        let attempts = &mut self.attempts;
        if fault.kind.permits_retry() == RetryAdvice::Never {
            attempts.bar(&broken);
        }
        attempts.tried.clone_from(&attempts.barred);
        attempts.leave_out(&broken);
        if self.way == Way::Continue {
            let route = Arc::clone(&attempts.route);
            let can_go_on = |instance: &LiveInstance<C>| {
                let is_ruled_out = instance.card.as_ref().is_some_and(|card| card.lacks(Capability::Prefill));
                !is_ruled_out && instance.client.can_go_on(&self.request)
            };
            for instance in route.instances().filter(|instance| !can_go_on(instance)) {
                attempts.pass_over_for_rest(instance);
            }
        }
    }

    /// Asks one candidate after the other; nobody waits, since the caller is amid an answer.
    async fn ask_others(&mut self, partial: &Partial) -> Option<Successor<C>> {
        let (part, role) = match self.way {
            Way::Continue => (Part::Rest(partial), AttemptRole::Continuation),
            Way::Restart => (Part::Whole, AttemptRole::Restart),
        };
        let attempts = &mut self.attempts;
        while attempts.walk.has_attempts_left() && attempts.has_useful_time() {
            let candidate = attempts.next_candidate(&self.request)?;
            if !attempts.affords_attempt(candidate.permit.sent()) {
                return None;
            }
            let (under_way, question) = attempts.begin(candidate, role);
            let fault = match question.ask(&self.request, part).await {
                Ok(Beginning::Stream(held, deadlines)) => {
                    let idle = attempts.patience(&under_way.leg, deadlines.idle);
                    let UnderWay { leg, instance, mut attempt, .. } = under_way;
                    attempts.answered(&leg, (&mut attempt, Answering::Streaming));
                    let deadlines = StreamDeadlines { idle, ..deadlines };
                    return Some(Successor { instance, attempt, held: *held, deadlines });
                }
                Ok(Beginning::Whole(_)) => {
                    Fault::new(FaultKind::Malformed, Work::Ambiguous, "a stream was asked for and a whole answer came")
                }
                Err(fault) => fault,
            };
            attempts.failed_to_go_on(under_way, fault);
        }
        None
    }

    fn rescued(self, successor: Successor<C>) -> Rescued<C::Stream> {
        let Self { attempts, request, way, .. } = self;
        let Successor { instance, attempt, mut held, deadlines } = successor;
        let mark = match way {
            Way::Continue => attempts.manners.marks.seam,
            Way::Restart => attempts.manners.marks.restart,
        };
        if let Some(mark) = mark {
            held.chunks.push_front(mark(&instance.label));
        }
        let account = Account::Rescuable(Box::new(Self { attempts, request, instance, way }));
        Rescued { held, deadlines, account: (account, attempt) }
    }
}
