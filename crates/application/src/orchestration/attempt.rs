//! The attempt loop: one executor for streams and whole answers.
//!
//! It picks a candidate, asks it under the deadlines of its leg, and lets the [`Walk`] say what follows a fault. A stream is
//! shown to the caller from its first *content* on; until then it is held, and a fault can still be answered elsewhere
//! unseen.

use std::{sync::Arc, time::Duration};

use tidegate_domain::{
    fault::{Fault, FaultKind, RetryAdvice},
    inference::{Dropped, InferenceRequest, LlmClient, Part, Unfit},
    model::Shortfall,
    resilience::MidStream,
    routing::{AttemptRole, Step, StopReason, Walk, WalkPolicy},
};
use tokio::time::{Instant, sleep};

use super::{
    Answer, Completion, CompletionError, CompletionHead, CompletionStream, Consent, Ledger, StreamMarks,
    ask::{Beginning, Question},
    candidates::Candidate,
    ledger::OpenAttempt,
    rescue::{Account, Rescuer, Way},
    watch::{StreamDeadlines, later},
};
use crate::{
    admission::Demand,
    live::{Answering, LiveInstance},
    wrappers::{Confines, Leg, Route, Wishes},
};

/// The longest time for which it is no use to begin another attempt.
const MAX_USELESS_TIME: Duration = Duration::from_secs(2);

/// The attempts of one request.
pub(super) struct Attempts<C> {
    pub(super) route: Arc<Route<C>>,
    pub(super) ledger: Ledger,
    /// What the request may cost in tokens.
    pub(super) tokens: u32,
    /// What of it bears on who is picked.
    pub(super) wishes: Wishes,
    pub(super) walk: Walk,
    pub(super) manners: Manners,
    /// The end of the request, with every attempt and every wait in it.
    pub(super) deadline: Instant,
    /// With less time left than this, no further attempt is begun.
    useful: Duration,
    pub(super) leg: usize,
    /// Whom the request may be sent to.
    pub(super) confines: Confines<C>,
    /// Who is not asked again this round.
    pub(super) tried: Vec<Arc<LiveInstance<C>>>,
    /// Who is not asked again at all: its fault permits no retry.
    pub(super) barred: Vec<Arc<LiveInstance<C>>>,
    /// The first reason why somebody cannot be sent this request.
    pub(super) unfit: Option<Unfit>,
    /// The last fault, and the instance that had it.
    pub(super) last: Option<(Arc<LiveInstance<C>>, Fault)>,
}

/// How a request wants to be treated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    /// How long the caller will wait.
    pub(super) timeout: Option<Duration>,
    /// What the caller puts up with when a stream breaks.
    pub(super) consent: Consent,
    /// Whether work that may have been done already may be done again.
    pub(super) is_idempotent: bool,
    pub(super) marks: StreamMarks,
}

/// A candidate that is being asked.
pub(super) struct UnderWay<C> {
    pub(super) leg: Arc<Leg<C>>,
    pub(super) instance: Arc<LiveInstance<C>>,
    pub(super) attempt: OpenAttempt,
    dropped: Dropped,
}

/// A candidate that has begun to answer.
pub(super) struct Answered<C: LlmClient> {
    leg: Arc<Leg<C>>,
    instance: Arc<LiveInstance<C>>,
    dropped: Dropped,
    attempt: OpenAttempt,
    beginning: Beginning<C::Stream>,
}

/// What follows an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Another one.
    Another,
    /// Nothing.
    Nothing(StopReason),
}

impl<C: LlmClient> Attempts<C> {
    /// In a box, since they are handed on from step to step.
    pub(super) fn new(
        (route, tokens, wishes): (Arc<Route<C>>, u32, Wishes),
        mut ledger: Ledger,
        manners: Manners,
    ) -> Box<Self> {
        let total = manners.timeout.map_or(route.total, |timeout| timeout.min(route.total));
        let repeats = if manners.is_idempotent { route.walk.max_ambiguous_repeats } else { 0 };
        let policy = WalkPolicy { max_ambiguous_repeats: repeats, ..route.walk };
        Box::new(Self {
            deadline: later(Instant::from_std(ledger.record().opened), total),
            useful: (total / 10).min(MAX_USELESS_TIME),
            walk: ledger.trace().set_out(policy),
            tokens,
            wishes,
            manners,
            leg: 0,
            confines: Confines::default(),
            tried: Vec::new(),
            barred: Vec::new(),
            unfit: None,
            last: None,
            route,
            ledger,
        })
    }

    /// Rules out whoever cannot serve the request.
    pub(super) fn fit(mut self: Box<Self>, request: &InferenceRequest) -> Result<Box<Self>, CompletionError> {
        match Confines::of(&self.route, request, self.ledger.trace()) {
            Ok(confines) => {
                self.confines = confines;
                Ok(self)
            }
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

    pub(super) fn into_ledger(self: Box<Self>) -> Ledger {
        self.ledger
    }

    /// Passes every level of the route, waiting where that is allowed: all of them, or none.
    pub(super) async fn admit(mut self: Box<Self>, demand: Demand) -> Result<Box<Self>, CompletionError> {
        for at in 0..self.route.levels.len() {
            match self.route.levels[at].gate.admit(demand, self.deadline.into_std()).await {
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
    pub(super) async fn drive(
        mut self: Box<Self>,
        request: InferenceRequest,
    ) -> Result<Completion<C::Stream>, CompletionError> {
        loop {
            let candidate = match self.next_candidate(&request) {
                Some(candidate) => Some(candidate),
                // Boxed, as all that is rare: the future of a request is no larger than its usual way.
                None => Box::pin(self.last_resort(&request)).await,
            };
            let Some(candidate) = candidate else {
                let remaining = self.remaining();
                let Step::Retry { after } = self.ledger.trace().exhausted(&mut self.walk, remaining) else {
                    return Err(self.give_up());
                };
                self.leg = 0;
                self.tried.clone_from(&self.barred);
                sleep(after).await;
                continue;
            };
            if !self.affords_attempt(candidate.permit.sent()) {
                return Err(self.give_up());
            }
            match self.attempt(candidate, &request).await {
                Ok(answered) => return Ok(self.complete(answered, request)),
                Err(Next::Another) => {}
                Err(Next::Nothing(_)) => return Err(self.give_up()),
            }
        }
    }

    /// Whether the next attempt is a request's first one, or is paid for: an outage must not multiply the load.
    pub(super) fn affords_attempt(&mut self, now: std::time::Instant) -> bool {
        if self.walk.attempts() > 0 {
            return self.ledger.trace().paid(self.route.budget.withdraw(now));
        }
        self.route.budget.deposit(now);
        true
    }

    async fn attempt(&mut self, candidate: Candidate<C>, request: &InferenceRequest) -> Result<Answered<C>, Next> {
        let (under_way, question) = self.begin(candidate, AttemptRole::Ordinary);
        let part = self.part(&under_way.leg, request);
        if let Some(delay) = self.hedge_delay(&under_way) {
            return Box::pin(self.hedged((under_way, question), delay, (request, part))).await;
        }
        let result = question.ask(request, part).await;
        self.settle(under_way, result)
    }

    /// Begins to ask a candidate; the question is asked apart, so that two can be asked at once.
    pub(super) fn begin(&mut self, candidate: Candidate<C>, role: AttemptRole) -> (UnderWay<C>, Question<C>) {
        let Candidate { leg, instance, permit, dropped } = candidate;
        self.ledger.trace().attempting(&mut self.walk, role);
        let attempt = self.ledger.begin((&instance, role), self.leg, permit);
        let began = Instant::from_std(attempt.began());
        let question = Question {
            leg: Arc::clone(&leg),
            instance: Arc::clone(&instance),
            request_id: self.ledger.record().trace.request_id.clone(),
            received: self.ledger.record().received,
            began,
            share: self.share(began, &instance),
            deadline: self.deadline,
        };
        (UnderWay { leg, instance, attempt, dropped }, question)
    }

    /// Accounts for what came of asking a candidate.
    pub(super) fn settle(
        &mut self,
        under_way: UnderWay<C>,
        result: Result<Beginning<C::Stream>, Fault>,
    ) -> Result<Answered<C>, Next> {
        let mut fault = match result {
            Ok(beginning) => {
                let UnderWay { leg, instance, mut attempt, dropped } = under_way;
                self.answered(&leg, (&mut attempt, beginning.how()));
                return Ok(Answered { leg, instance, dropped, attempt, beginning });
            }
            Err(fault) => fault,
        };
        let UnderWay { instance, attempt, .. } = under_way;
        self.ledger.failed(attempt, &mut fault);
        let step = if self.narrow(&instance, &fault) {
            self.ledger.trace().failed(&mut self.walk, &fault)
        } else {
            self.ledger.trace().nobody_may(fault.kind);
            Step::Stop(StopReason::Final)
        };
        self.leave_out(&instance);
        if fault.kind.permits_retry() == RetryAdvice::Never {
            self.bar(&instance);
        }
        self.last = Some((instance, fault));
        Err(match step {
            Step::Stop(reason) => Next::Nothing(reason),
            Step::Another | Step::Retry { .. } if self.has_useful_time() => Next::Another,
            Step::Another | Step::Retry { .. } => Next::Nothing(StopReason::DeadlineTooNear),
        })
    }

    /// Accounts for a candidate of `leg` that has begun to answer.
    pub(super) fn answered(&mut self, leg: &Leg<C>, (attempt, how): (&mut OpenAttempt, Answering)) {
        let took = self.ledger.answered(attempt, how);
        if let Some(hedge) = &leg.hedge {
            hedge.observe(took);
        }
    }

    /// Accounts for a candidate that was to go on with another's answer and did not: it is not asked again.
    pub(super) fn failed_to_go_on(&mut self, under_way: UnderWay<C>, mut fault: Fault) {
        let UnderWay { instance, attempt, .. } = under_way;
        self.ledger.failed(attempt, &mut fault);
        self.ledger.trace().did_not_go_on(fault.kind);
        self.leave_out(&instance);
        self.bar(&instance);
    }

    /// Which part of the answer is asked for: all of it, and it is kept where somebody else may have to go on with it.
    pub(super) fn part(&self, leg: &Leg<C>, request: &InferenceRequest) -> Part<'static> {
        let may_be_continued = self.way(leg) == Some(Way::Continue);
        if may_be_continued && request.envelope().stream() && request.can_be_continued() {
            return Part::Kept;
        }
        Part::Whole
    }

    fn complete(self: Box<Self>, answered: Answered<C>, request: InferenceRequest) -> Completion<C::Stream> {
        let Answered { leg, instance, dropped, attempt, beginning } = answered;
        let head = CompletionHead { dropped, ..self.ledger.head(&instance) };
        let answer = match beginning {
            Beginning::Whole(answer) => {
                // Without a count, a quarter of the bytes: the envelope around the text makes it an upper guess.
                let guess = u32::try_from(answer.body.len() / 4).unwrap_or(u32::MAX);
                let usage = self.ledger.cost(answer.usage, guess);
                self.ledger.complete_at_once(attempt, usage);
                Answer::Whole(answer)
            }
            Beginning::Stream(held, deadlines) => {
                let keep_alive = self.manners.marks.keep_alive;
                let idle = self.patience(&leg, deadlines.idle);
                let account = (self.into_account(&leg, (instance, request)), attempt);
                let held = (*held, StreamDeadlines { idle, ..deadlines });
                Answer::Stream(Box::new(CompletionStream::new(held, keep_alive, account)))
            }
        };
        Completion { head, answer }
    }

    /// How long a stream may stand still that others may have to go on with: as for an attempt that has not begun, half of the
    /// remaining time is kept for them.
    pub(super) fn patience(&self, leg: &Leg<C>, idle: Duration) -> Duration {
        if self.way(leg).is_some() { idle.min(self.remaining() / 2) } else { idle }
    }

    /// How a stream of `leg` is rescued should it break; `None` if the caller is told.
    fn way(&self, leg: &Leg<C>) -> Option<Way> {
        match (leg.mid_stream, self.manners.consent) {
            (MidStream::Continue, Consent::Seam | Consent::Restart) => Some(Way::Continue),
            // Who cannot be told to discard what came before would take two answers for one.
            (MidStream::Restart, Consent::Restart) => self.manners.marks.restart.map(|_| Way::Restart),
            (MidStream::Error, _) | (_, Consent::Nothing) | (MidStream::Restart, Consent::Seam) => None,
        }
    }

    /// The account of a stream that `instance` began, and what is done should it break.
    fn into_account(
        self: Box<Self>,
        leg: &Leg<C>,
        (instance, request): (Arc<LiveInstance<C>>, InferenceRequest),
    ) -> Account<C::Stream> {
        match self.way(leg) {
            Some(way) => Account::Rescuable(Box::new(Rescuer { attempts: self, request, instance, way })),
            None => Account::Plain(self.ledger),
        }
    }

    fn give_up(mut self: Box<Self>) -> CompletionError {
        let attempts = self.walk.attempts();
        let Some((_, fault)) = self.last.take() else {
            if let Some(unfit) = self.unfit.take().filter(|_| self.nobody_will_fit()) {
                self.ledger.refused();
                return CompletionError::Unfit { unfit };
            }
            let now = self.ledger.now();
            let soonest = self.ledger.record().trace.exclusions.soonest();
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
        self.ledger.record().trace.exclusions.are_about_request()
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::from_std(self.ledger.now()))
    }

    /// Whether there is time enough for another attempt to be of use.
    pub(super) fn has_useful_time(&self) -> bool {
        self.remaining() >= self.useful && !self.remaining().is_zero()
    }
}
