//! The attempt loop: one executor for streams and whole answers.
//!
//! It picks a candidate, asks it under the deadlines of its leg, and lets the [`Walk`] say what follows a fault. A stream is
//! shown to the caller from its first *content* on; until then it is held, and a fault can still be answered elsewhere
//! unseen.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use tidegate_domain::{
    fault::{FallbackAdvice, Fault, FaultKind, Phase, RetryAdvice, Work},
    inference::{AnswerStream, Call, Dropped, InferenceRequest, LlmClient, Reply, Unfit, WholeAnswer},
    model::Shortfall,
    resilience::Deadlines,
    routing::{Reach, Step, StopReason, Walk},
    task_group::{CustomFallback, Exclusion},
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Answer, Completion, CompletionError, CompletionHead, CompletionStream, Ledger,
    ledger::OpenAttempt,
    stream::{Held, StreamDeadlines, later},
};
use crate::{
    admission::Demand,
    live::{LiveInstance, Permit},
    wrappers::{Confines, Leg, Order, Route, Wishes, choose},
};

/// The most bytes of a stream that are held before its first content.
const MAX_HELD_BYTES: usize = 64 * 1024;

/// The attempts of one request.
pub(super) struct Attempts<C> {
    route: Arc<Route<C>>,
    ledger: Ledger,
    /// What the request may cost in tokens.
    tokens: u32,
    /// What of it bears on who is picked.
    wishes: Wishes,
    walk: Walk,
    /// The end of the request, with every attempt and every wait in it.
    deadline: Instant,
    leg: usize,
    /// Whom the request may be sent to.
    confines: Confines<C>,
    /// Who is not asked again this round.
    tried: Vec<Arc<LiveInstance<C>>>,
    /// Who is not asked again at all: its fault permits no retry.
    barred: Vec<Arc<LiveInstance<C>>>,
    /// The first reason why somebody cannot be sent this request.
    unfit: Option<Unfit>,
    /// The last fault, and the instance that had it.
    last: Option<(Arc<LiveInstance<C>>, Fault)>,
}

/// A candidate that may be asked.
struct Candidate<C> {
    leg: Arc<Leg<C>>,
    instance: Arc<LiveInstance<C>>,
    permit: Permit,
}

/// A candidate that has begun to answer.
struct Answered<C: LlmClient> {
    instance: Arc<LiveInstance<C>>,
    dropped: Dropped,
    attempt: OpenAttempt,
    beginning: Beginning<C::Stream>,
}

/// The beginning of an answer.
enum Beginning<S> {
    Whole(WholeAnswer),
    Stream(Held<S>, StreamDeadlines),
}

impl<C: LlmClient> Attempts<C> {
    pub(super) fn new((route, tokens): (Arc<Route<C>>, u32), mut ledger: Ledger, timeout: Option<Duration>) -> Self {
        let total = timeout.map_or(route.total, |timeout| timeout.min(route.total));
        Self {
            deadline: later(Instant::from_std(ledger.opened()), total),
            walk: ledger.trace.set_out(route.walk),
            tokens,
            wishes: Wishes::default(),
            leg: 0,
            confines: Confines::default(),
            tried: Vec::new(),
            barred: Vec::new(),
            unfit: None,
            last: None,
            route,
            ledger,
        }
    }

    /// Heeds what of the request bears on who is picked.
    pub(super) fn heeding(self, wishes: Wishes) -> Self {
        Self { wishes, ..self }
    }

    /// Rules out whoever cannot serve the request.
    pub(super) fn fit(mut self, request: &InferenceRequest) -> Result<Self, CompletionError> {
        match Confines::of(&self.route, request, &mut self.ledger.trace) {
            Ok(confines) => Ok(Self { confines, ..self }),
            Err(shortfall) => {
                let target = self.route.target.clone();
                self.ledger.close(Some(match shortfall {
                    Shortfall::ContextWindow { .. } => FaultKind::ContextLength,
                    Shortfall::AnswerTooLong { .. } | Shortfall::Lacks(_) => FaultKind::Client,
                }));
                Err(CompletionError::FallsShort { target, shortfall })
            }
        }
    }

    /// Passes every level of the route, waiting where that is allowed: all of them, or none.
    pub(super) async fn admit(mut self, demand: Demand) -> Result<Self, CompletionError> {
        let route = Arc::clone(&self.route);
        for level in &route.levels {
            match level.gate.admit(demand, self.deadline.into_std()).await {
                Ok(place) => self.ledger.admitted(place),
                Err(refusal) => {
                    self.ledger.refused();
                    return Err(refusal.into());
                }
            }
        }
        Ok(self)
    }

    /// Makes attempts until one answers or the walk is over.
    pub(super) async fn drive(mut self, request: &InferenceRequest) -> Result<Completion<C::Stream>, CompletionError> {
        loop {
            let Some(candidate) = self.next_candidate() else {
                let remaining = self.remaining();
                let Step::Retry { after } = self.ledger.trace.exhausted(&mut self.walk, remaining) else {
                    return Err(self.give_up());
                };
                self.leg = 0;
                self.tried.clone_from(&self.barred);
                sleep(after).await;
                continue;
            };
            let instance = Arc::clone(&candidate.instance);
            let dropped = match instance.client.fits(request) {
                Ok(dropped) => dropped,
                Err(unfit) => {
                    self.pass_over(instance, unfit);
                    continue;
                }
            };
            if !self.affords_attempt() {
                return Err(self.give_up());
            }
            match self.attempt(candidate, request).await {
                Ok(answered) => return Ok(self.complete(Answered { dropped, ..answered })),
                Err(fault) => {
                    let step = if self.narrow(&instance, &fault) {
                        self.ledger.trace.failed(&mut self.walk, &fault)
                    } else {
                        Step::Stop(StopReason::Final)
                    };
                    self.tried.push(Arc::clone(&instance));
                    if fault.kind.permits_retry() == RetryAdvice::Never {
                        self.barred.push(Arc::clone(&instance));
                    }
                    self.last = Some((instance, fault));
                    if matches!(step, Step::Stop(_)) || self.remaining().is_zero() {
                        return Err(self.give_up());
                    }
                }
            }
        }
    }

    /// Leaves out a candidate that no waiting makes fit for this request.
    fn pass_over(&mut self, instance: Arc<LiveInstance<C>>, unfit: Unfit) {
        self.ledger.trace.exclude(&instance.label, Exclusion::Unfit);
        self.confines.unfit.push(instance);
        self.unfit.get_or_insert(unfit);
    }

    /// Whether the next attempt is a request's first one, or is paid for: an outage must not multiply the load.
    fn affords_attempt(&mut self) -> bool {
        let now = self.ledger.now();
        if self.walk.attempts() > 0 {
            return self.ledger.trace.paid(self.route.budget.withdraw(now));
        }
        self.route.budget.deposit(now);
        true
    }

    /// The next candidate in reach, with its permit.
    fn next_candidate(&mut self) -> Option<Candidate<C>> {
        let now = self.ledger.now();
        if self.walk.reach() == Reach::Instance
            && let Some((instance, _)) = &self.last
        {
            let instance = (!instance.is_among(&self.tried)).then(|| Arc::clone(instance))?;
            let permit = Permit::acquire(&instance, now)
                .map_err(|reason| self.ledger.trace.exclude(&instance.label, reason))
                .ok()?;
            return Some(Candidate { leg: Arc::clone(&self.route.legs[self.leg]), instance, permit });
        }
        let route = Arc::clone(&self.route);
        if let (Order::Custom(policy), true) = (&route.order, self.walk.attempts() > 0) {
            return self.chosen_candidate(&*policy.0);
        }
        loop {
            if let Some(candidate) = self.candidate_of_leg() {
                return Some(candidate);
            }
            let is_last = self.leg + 1 >= self.confines.legs(&route).len();
            if !is_last && self.walk.reach() == Reach::Route {
                self.leg += 1;
            } else if self.confines.relent() {
                self.leg = 0;
            } else {
                return None;
            }
        }
    }

    /// The next candidate of the leg that the walk has come to.
    fn candidate_of_leg(&mut self) -> Option<Candidate<C>> {
        let leg = self.confines.legs(&self.route).get(self.leg)?;
        let asking = self.confines.asking((&self.route, &self.tried), (self.tokens, &self.wishes), self.ledger.now());
        let (instance, permit) = leg.pick(&asking, &mut self.ledger.trace)?;
        Some(Candidate { leg: Arc::clone(leg), instance, permit })
    }

    /// The candidate that a policy of the embedding program names.
    fn chosen_candidate(&mut self, policy: &dyn CustomFallback) -> Option<Candidate<C>> {
        let legs = self.confines.legs(&self.route);
        let asking = self.confines.asking((&self.route, &self.tried), (self.tokens, &self.wishes), self.ledger.now());
        let (at, instance, permit) = choose(policy, legs, &asking, &mut self.ledger.trace)?;
        self.leg = at;
        Some(Candidate { leg: Arc::clone(&legs[at]), instance, permit })
    }

    /// Narrows whom the request may be sent to by a fault. If this is false, nobody is left.
    fn narrow(&mut self, instance: &Arc<LiveInstance<C>>, fault: &Fault) -> bool {
        let others = self.confines.narrow(&self.route, instance, fault);
        if fault.kind.fallback() == FallbackAdvice::WhereNamed {
            self.leg = 0;
        }
        others
    }

    async fn attempt(&mut self, candidate: Candidate<C>, request: &InferenceRequest) -> Result<Answered<C>, Fault> {
        let Candidate { leg, instance, permit } = candidate;
        self.ledger.trace.attempting(&mut self.walk);
        let mut attempt = self.ledger.begin(&instance, self.leg, permit);
        match self.ask(&leg, &instance, request).await {
            Ok(beginning) => {
                self.ledger.answered(&mut attempt);
                Ok(Answered { instance, dropped: Dropped::default(), attempt, beginning })
            }
            Err(mut fault) => {
                self.ledger.failed(attempt, &mut fault);
                Err(fault)
            }
        }
    }

    async fn ask(
        &self,
        leg: &Leg<C>,
        instance: &Arc<LiveInstance<C>>,
        request: &InferenceRequest,
    ) -> Result<Beginning<C::Stream>, Fault> {
        let began = Instant::now();
        let call = Call {
            request,
            model: instance.spec.model.model(),
            defaults: &leg.defaults,
            request_id: &self.ledger.trace.request_id,
        };
        let Deadlines { headers, first_content, idle, total } = leg.deadlines;
        let end = self.deadline.min(later(began, total));
        let share = self.share(began, instance).min(end);
        // The head of a whole answer comes with its last token: only the attempt's time bounds it.
        let head = if request.envelope().stream() { share.min(later(began, headers)) } else { share };
        match within((Phase::Headers, head), end, instance.client.send(call)).await? {
            Reply::Whole(answer) => Ok(Beginning::Whole(answer)),
            Reply::Stream(stream) => {
                let first = share.min(later(began, first_content));
                let held = within((Phase::FirstContent, first), end, hold(stream)).await?;
                Ok(Beginning::Stream(held, StreamDeadlines { idle, total: end }))
            }
        }
    }

    /// When an attempt must have begun to answer: half of the request's remaining time is kept for whoever else could be
    /// asked, so that one silent upstream cannot use up all of it.
    fn share(&self, now: Instant, asked: &Arc<LiveInstance<C>>) -> Instant {
        let legs = self.confines.legs(&self.route).get(self.leg..).unwrap_or_default();
        let in_reach = match self.walk.reach() {
            Reach::Nowhere | Reach::Instance => return self.deadline,
            Reach::Leg => legs.get(..1).unwrap_or_default(),
            Reach::Route => legs,
        };
        let now_std = self.ledger.now();
        let mut others = in_reach.iter().flat_map(|leg| leg.instances());
        let is_left = |other: &Arc<LiveInstance<C>>| {
            let is_out = other.is_among(&self.tried) || other.is_among(&self.confines.unfit);
            !Arc::ptr_eq(other, asked) && !is_out && other.exclusion(now_std).is_none()
        };
        if self.walk.may_go_on() && others.any(is_left) { now + (self.deadline - now) / 2 } else { self.deadline }
    }

    fn complete(self, answered: Answered<C>) -> Completion<C::Stream> {
        let Answered { instance, dropped, attempt, beginning } = answered;
        let head = CompletionHead { dropped, ..self.ledger.head(&instance) };
        let answer = match beginning {
            Beginning::Whole(answer) => {
                // Without a count, a quarter of the bytes: the envelope around the text makes it an upper guess.
                let guess = u32::try_from(answer.body.len() / 4).unwrap_or(u32::MAX);
                let usage = self.ledger.cost(answer.usage, guess);
                self.ledger.complete(attempt, usage);
                Answer::Whole(answer)
            }
            Beginning::Stream(held, deadlines) => {
                Answer::Stream(CompletionStream::new(held, deadlines, (self.ledger, attempt)))
            }
        };
        Completion { head, answer }
    }

    fn give_up(mut self) -> CompletionError {
        let attempts = self.walk.attempts();
        let Some((_, fault)) = self.last.take() else {
            if let Some(unfit) = self.unfit.take().filter(|_| self.nobody_will_fit()) {
                self.ledger.refused();
                return CompletionError::Unfit { unfit };
            }
            let now = self.ledger.now();
            let soonest = self.ledger.trace.exclusions.iter().filter_map(|record| record.reason.until()).min();
            let error = CompletionError::NoneAvailable {
                target: self.route.target.clone(),
                retry_after: soonest.map(|until| until.saturating_duration_since(now)),
                attempts,
            };
            self.ledger.close(None);
            return error;
        };
        self.ledger.close(Some(fault.kind));
        CompletionError::Upstream { fault, attempts }
    }

    /// Whether everybody who was passed over would be passed over at any other time too.
    fn nobody_will_fit(&self) -> bool {
        self.ledger.trace.exclusions.iter().all(|record| record.reason.is_about_request())
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::from_std(self.ledger.now()))
    }
}

/// Bounds `work` by the limit of its phase and by the end of its attempt.
async fn within<T>(
    (phase, limit): (Phase, Instant),
    end: Instant,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let (until, phase) = if end <= limit { (end, Phase::Total) } else { (limit, phase) };
    timeout_at(until, work).await.unwrap_or_else(|_| Err(Fault::timed_out(phase)))
}

/// Reads a stream up to the point from which it may be shown.
async fn hold<S: AnswerStream>(mut stream: S) -> Result<Held<S>, Fault> {
    let mut held = Held::new();
    while !held.signals.commits() {
        let chunk = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await;
        let Some(chunk) = chunk else {
            return Err(Fault::new(FaultKind::Malformed, Work::Ambiguous, "the stream ended before its first content"));
        };
        held.push(chunk?);
        if !held.signals.commits() && held.bytes() > MAX_HELD_BYTES {
            return Err(Fault::new(FaultKind::Malformed, Work::Ambiguous, "64 KiB of stream held no content"));
        }
    }
    Ok(held.with(stream))
}
