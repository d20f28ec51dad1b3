//! The gate of one level: who is in, how much was let in, and who waits.
//!
//! One short lock makes entering one step: a place at a time, the rate of requests and the rate of tokens, all or none.
//! Whoever leaves hands the place on under the same lock, so that no wake-up is lost and nobody overtakes the queue. Where
//! only time makes room, whose turn it is is told the moment and comes back then.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use tidegate_domain::{
    admission::{FairQueue, Limits, Measure, RateLimit, RateLimitPolicy, Refusal, Reservation, Ticket},
    time::after,
};

use super::{
    AdmissionError, Caller, Demand, Place, RefusalReason, Scope,
    place::Taken,
    waiting::{Seat, Waiting},
};
use crate::sync::{Mutex, MutexGuard};

/// The gate of one level.
#[derive(Debug)]
pub(crate) struct Gate {
    scope: Scope,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    limits: Limits,
    serving: u32,
    requests: Option<RateLimit>,
    tokens: Option<RateLimit>,
    queue: FairQueue<Caller, Arc<Seat>>,
    /// What kept the last one out.
    kept_out_by: Measure,
}

/// What keeps a request out: a limit, and for a rate, until when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Obstacle {
    measure: Measure,
    refusal: Option<Refusal>,
}

/// What happens to a request at the door.
pub(super) enum Door {
    Open(Place),
    Wait(Waiting),
}

impl Gate {
    /// A gate without limits.
    pub(super) fn new(scope: Scope) -> Self {
        let state = State {
            limits: Limits::default(),
            serving: 0,
            requests: None,
            tokens: None,
            queue: FairQueue::new(0),
            kept_out_by: Measure::Concurrency,
        };
        Self { scope, state: Mutex::new(state) }
    }

    /// Goes on under other limits.
    pub(super) fn set_limits(&self, limits: Limits) {
        let now = now();
        let mut state = self.lock();
        if state.limits == limits {
            return;
        }
        state.limits = limits;
        set_rate(&mut state.requests, limits.requests, now);
        set_rate(&mut state.tokens, limits.tokens, now);
        state.queue.set_capacity(limits.queue.size as usize);
        state.call_in(now);
    }

    /// Lets a request in, at once or when its turn has come, but not after `deadline`. Dropping the future leaves no trace.
    pub(crate) async fn admit(self: &Arc<Self>, demand: Demand, deadline: Instant) -> Result<Place, AdmissionError> {
        match self.knock(demand, deadline)? {
            Door::Open(place) => Ok(place),
            Door::Wait(waiting) => waiting.turn().await,
        }
    }

    /// A place, if there is room at once and nobody waits for it; otherwise when there may be, if that is known.
    pub(super) fn try_enter(self: &Arc<Self>, tokens: u32, now: Instant) -> Result<Place, Option<Instant>> {
        let mut state = self.lock();
        if !state.queue.is_empty() {
            return Err(None);
        }
        let entered = state.enter(tokens, now).map_err(Obstacle::until);
        entered.map(|taken| Place::new(Arc::clone(self), taken))
    }

    /// Whether [`Gate::try_enter`] would let a request in.
    pub(super) fn would_admit(&self, tokens: u32, now: Instant) -> Result<(), Option<Instant>> {
        let mut state = self.lock();
        if !state.queue.is_empty() {
            return Err(None);
        }
        let taken = state.take(tokens, now).map_err(Obstacle::until)?;
        state.settle(taken, (0, 0), now);
        Ok(())
    }

    pub(super) fn knock(self: &Arc<Self>, demand: Demand, deadline: Instant) -> Result<Door, AdmissionError> {
        let now = now();
        let mut state = self.lock();
        let obstacle = match state.at_the_door(demand.tokens, now) {
            Ok(taken) => return Ok(Door::Open(Place::new(Arc::clone(self), taken))),
            Err(obstacle) => obstacle,
        };
        let soonest = match obstacle.refusal {
            Some(Refusal::ExceedsLimit) => return Err(self.refusal(obstacle.measure, RefusalReason::Exceeded)),
            Some(Refusal::Until(until)) => Some(until),
            None => None,
        };
        let end = deadline.min(after(now, state.limits.queue.max_wait));
        if state.limits.queue.size == 0 || soonest.unwrap_or(now) >= end {
            let retry_after = soonest.map(|until| until.saturating_duration_since(now));
            return Err(AdmissionError { retry_after, ..self.refusal(obstacle.measure, RefusalReason::Reached) });
        }
        let seat = Arc::new(Seat::new(demand.tokens));
        let ticket = state
            .queue
            .push(Arc::clone(&seat), (demand.caller, demand.priority), now)
            .map_err(|_| self.refusal(obstacle.measure, RefusalReason::QueueFull))?;
        state.call_in(now);
        drop(state);
        Ok(Door::Wait(Waiting::new(Arc::clone(self), ticket, seat, end)))
    }

    /// Gives a place back, with what was really used of the rates.
    pub(super) fn leave(&self, taken: Taken, requests: u32, tokens: u32) {
        let now = now();
        let mut state = self.lock();
        state.serving = state.serving.saturating_sub(1);
        state.settle(taken, (requests, tokens), now);
        state.call_in(now);
    }

    /// Takes a waiter out of the queue; false if its turn has come before.
    pub(super) fn forget(&self, ticket: Ticket) -> bool {
        let mut state = self.lock();
        let waited = state.queue.remove(ticket).is_some();
        if waited {
            state.call_in(now());
        }
        waited
    }

    /// Calls in whoever has room by now.
    pub(super) fn call_in(&self) {
        self.lock().call_in(now());
    }

    pub(super) fn wait_over(&self) -> AdmissionError {
        let measure = self.lock().kept_out_by;
        self.refusal(measure, RefusalReason::WaitOver)
    }

    pub(super) fn refusal(&self, measure: Measure, reason: RefusalReason) -> AdmissionError {
        AdmissionError { scope: self.scope.clone(), measure, reason, retry_after: None }
    }

    /// A panic elsewhere leaves counters that are still worth using.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Obstacle {
    fn until(self) -> Option<Instant> {
        match self.refusal {
            Some(Refusal::Until(until)) => Some(until),
            Some(Refusal::ExceedsLimit) | None => None,
        }
    }
}

impl State {
    /// Enters, unless others wait: they come first.
    fn at_the_door(&mut self, tokens: u32, now: Instant) -> Result<Taken, Obstacle> {
        if self.limits.tokens.is_some_and(|policy| tokens > policy.capacity.get()) {
            return Err(Obstacle { measure: Measure::Tokens, refusal: Some(Refusal::ExceedsLimit) });
        }
        if self.queue.is_empty() {
            return self.enter(tokens, now);
        }
        Err(Obstacle { measure: self.kept_out_by, refusal: None })
    }

    /// Takes a place and both rates, or nothing.
    fn enter(&mut self, tokens: u32, now: Instant) -> Result<Taken, Obstacle> {
        let entered = self.take(tokens, now);
        match &entered {
            Ok(_) => self.serving += 1,
            Err(obstacle) => self.kept_out_by = obstacle.measure,
        }
        entered
    }

    fn take(&mut self, tokens: u32, now: Instant) -> Result<Taken, Obstacle> {
        if self.limits.max_concurrency.is_some_and(|max| self.serving >= max.get()) {
            return Err(Obstacle { measure: Measure::Concurrency, refusal: None });
        }
        let requests = reserve(&mut self.requests, 1, now)
            .map_err(|refusal| Obstacle { measure: Measure::Requests, refusal: Some(refusal) })?;
        match reserve(&mut self.tokens, tokens, now) {
            Ok(tokens) => Ok(Taken { requests, tokens }),
            Err(refusal) => {
                settle(&mut self.requests, requests, 0, now);
                Err(Obstacle { measure: Measure::Tokens, refusal: Some(refusal) })
            }
        }
    }

    fn settle(&mut self, taken: Taken, (requests, tokens): (u32, u32), now: Instant) {
        settle(&mut self.requests, taken.requests, requests, now);
        settle(&mut self.tokens, taken.tokens, tokens, now);
    }

    /// Calls in one after another, as long as there is room; tells the next one when only time makes some.
    fn call_in(&mut self, now: Instant) {
        while let Some((_, seat)) = self.queue.peek(now) {
            let seat = Arc::clone(seat);
            match self.enter(seat.tokens(), now) {
                Ok(taken) => {
                    self.queue.pop(now);
                    seat.call(taken);
                }
                Err(Obstacle { measure, refusal: Some(Refusal::ExceedsLimit) }) => {
                    self.queue.pop(now);
                    seat.send_away(measure);
                }
                Err(Obstacle { refusal: Some(Refusal::Until(until)), .. }) => return seat.come_back(until),
                Err(Obstacle { refusal: None, .. }) => return,
            }
        }
    }
}

fn set_rate(limit: &mut Option<RateLimit>, policy: Option<RateLimitPolicy>, now: Instant) {
    match (limit.as_mut(), policy) {
        (Some(limit), Some(policy)) => limit.set_policy(policy, now),
        (None, Some(policy)) => *limit = Some(RateLimit::new(policy, now)),
        (_, None) => *limit = None,
    }
}

type Reserved = Option<Reservation>;

fn reserve(limit: &mut Option<RateLimit>, cost: u32, now: Instant) -> Result<Reserved, Refusal> {
    limit.as_mut().map(|limit| limit.reserve(cost, now)).transpose()
}

fn settle(limit: &mut Option<RateLimit>, reserved: Reserved, used: u32, now: Instant) {
    if let (Some(limit), Some(reservation)) = (limit, reserved) {
        limit.settle(reservation, used, now);
    }
}

/// The time of the runtime: whoever waits does so by its timers.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
