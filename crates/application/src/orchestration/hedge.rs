//! Hedging: a second attempt beside one that is slow to begin.
//!
//! It asks another instance of the same leg, once per request, paid for by the retry budget. Whoever begins to answer first has
//! the request; the other is dropped, which stops its upstream, and its cost is noted. Should one fail, the other is waited for.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use tidegate_domain::{
    fault::Fault,
    inference::{InferenceRequest, LlmClient, Part},
    routing::{AttemptRole, Reach, StopReason},
};
use tokio::time::timeout;

use super::{
    ask::{Beginning, Question},
    attempt::{Answered, Attempts, Next, UnderWay},
};

type Began<C> = Result<Beginning<<C as LlmClient>::Stream>, Fault>;

impl<C: LlmClient> Attempts<C> {
    /// After how long the attempt that begins gets a second one beside it; `None` if it gets none.
    pub(super) fn hedge_delay(&self, under_way: &UnderWay<C>) -> Option<Duration> {
        let hedge = under_way.leg.hedge.as_ref()?;
        let has_others = matches!(self.walk.reach(), Reach::Leg | Reach::Route);
        // A fault before means that an instance pushed back or failed: that is no time for more load. One hedge is enough.
        let is_first = self.walk.attempts() == 1;
        if !has_others || !is_first || !self.manners.is_idempotent {
            return None;
        }
        hedge.delay()
    }

    /// Waits for an attempt, and from `delay` on for a second one beside it.
    pub(super) async fn hedged(
        &mut self,
        (first, question): (UnderWay<C>, Question<C>),
        delay: Duration,
        (request, part): (&InferenceRequest, Part<'static>),
    ) -> Result<Answered<C>, Next> {
        let mut asking = pin!(question.ask(request, part));
        if let Ok(result) = timeout(delay, asking.as_mut()).await {
            return self.settle(first, result);
        }
        let Some((second, question)) = self.hedge(&first, request) else {
            let result = asking.await;
            return self.settle(first, result);
        };
        let mut hedging = pin!(question.ask(request, part));
        match race(asking.as_mut(), hedging.as_mut()).await {
            Raced::First(result) => self.settle_race((first, result), (second, hedging)).await,
            Raced::Second(result) => self.settle_race((second, result), (first, asking)).await,
        }
    }

    /// Begins a second attempt, if there is somebody to ask and it is paid for.
    fn hedge(&mut self, first: &UnderWay<C>, request: &InferenceRequest) -> Option<(UnderWay<C>, Question<C>)> {
        if !self.walk.has_attempts_left() || !self.has_useful_time() {
            return None;
        }
        self.leave_out(&first.instance);
        let candidate = self.candidate_of_leg(request)?;
        if !self.affords_attempt(candidate.permit.sent()) {
            return None;
        }
        Some(self.begin(candidate, AttemptRole::Hedge))
    }

    /// Accounts for the attempt that is over first: if it answered, the other one is given up; if it failed in a way that others
    /// may mend, the other one has its chance.
    async fn settle_race(
        &mut self,
        (over, result): (UnderWay<C>, Began<C>),
        (other, asking): (UnderWay<C>, Pin<&mut impl Future<Output = Began<C>>>),
    ) -> Result<Answered<C>, Next> {
        let next = match self.settle(over, result) {
            Err(next) if next != Next::Nothing(StopReason::Final) => next,
            settled => {
                self.ledger.given_up(other.attempt);
                return settled;
            }
        };
        let result = asking.await;
        match (self.settle(other, result), next) {
            (Err(_), Next::Nothing(reason)) => Err(Next::Nothing(reason)),
            (settled, _) => settled,
        }
    }
}

/// What is over first.
enum Raced<T> {
    First(T),
    Second(T),
}

async fn race<T>(
    mut first: Pin<&mut impl Future<Output = T>>,
    mut second: Pin<&mut impl Future<Output = T>>,
) -> Raced<T> {
    poll_fn(|context| {
        if let Poll::Ready(result) = first.as_mut().poll(context) {
            return Poll::Ready(Raced::First(result));
        }
        second.as_mut().poll(context).map(Raced::Second)
    })
    .await
}
