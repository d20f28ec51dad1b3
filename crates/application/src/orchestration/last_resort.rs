//! What becomes of a request that nobody on its way can take now: its pools may know what to do.

use std::{ops::Range, sync::Arc, time::Duration};

use tidegate_domain::{
    inference::{InferenceRequest, LlmClient},
    pool::{OnExhausted, PoolQueue},
    routing::Reach,
    time::after,
};
use tokio::time::{sleep_until, timeout_at};

use super::{attempt::Attempts, candidates::Candidate};
use crate::{
    live::{LivePool, Occasion},
    wrappers::{LegMember, Order, Resort},
};

/// The least time between two looks, lest a moment that has come but changes nothing is waited for again and again.
const BREATH: Duration = Duration::from_millis(1);

impl<C: LlmClient> Attempts<C> {
    /// A candidate for a request that nobody can take now: the least bad one, or one that it has waited for.
    pub(super) async fn last_resort(&mut self, request: &InferenceRequest) -> Option<Candidate<C>> {
        let is_somebody_elses_choice =
            self.walk.reach() == Reach::Instance || matches!(self.route.order, Order::Custom(_));
        if is_somebody_elses_choice && self.walk.attempts() > 0 {
            return None;
        }
        for leg in self.in_reach() {
            for pool in self.pools_of(leg) {
                let candidate = match pool.definition.policy().on_exhausted {
                    OnExhausted::Reject => None,
                    OnExhausted::LeastBad => self.candidate_of(leg, Resort::LeastBad, request),
                    OnExhausted::Queue(queue) => self.wait_for((leg, &pool), queue, request).await,
                };
                if candidate.is_some() {
                    self.leg = leg;
                    return candidate;
                }
            }
        }
        None
    }

    /// The pools of a leg that a request has not had enough of.
    fn pools_of(&self, leg: usize) -> Vec<Arc<LivePool<C>>> {
        let asking = self.confines.asking((&self.route, &self.tried), (self.tokens, &self.wishes), self.ledger.now());
        let members = self.confines.legs(&self.route).get(leg).into_iter().flat_map(|leg| &leg.members);
        let pools = members.filter(|member| member.has_more(&asking)).filter_map(|member| match member {
            LegMember::Pool(pool, _) => Some(Arc::clone(pool)),
            LegMember::Instance(_) => None,
        });
        pools.collect()
    }

    /// Waits in the line before a pool. A request waits for its first instance alone: if it were to wait for those that it has not
    /// tried, it would keep others from the ones that it has.
    async fn wait_for(
        &mut self,
        (leg, pool): (usize, &Arc<LivePool<C>>),
        queue: PoolQueue,
        request: &InferenceRequest,
    ) -> Option<Candidate<C>> {
        if self.walk.attempts() > 0 {
            return None;
        }
        let room = Arc::clone(pool.room.as_ref()?);
        let line = room.join(queue.size.get())?;
        let end = self.deadline.into_std().min(after(self.ledger.now(), queue.max_wait));
        let _head = timeout_at(end.into(), line.head()).await.ok()??;
        loop {
            if let Some(candidate) = self.candidate_of(leg, Resort::Waited, request) {
                // There may be room for the next one too.
                room.ring();
                return Some(candidate);
            }
            let now = self.ledger.now();
            if now >= end {
                return None;
            }
            let soonest = pool.soonest(Occasion { now, tokens: self.tokens });
            let back = soonest.map_or(end, |soonest| soonest.max(after(now, BREATH)));
            tokio::select! {
                () = line.rung() => {}
                () = sleep_until(back.min(end).into()) => {}
            }
        }
    }

    fn in_reach(&self) -> Range<usize> {
        let all = self.confines.legs(&self.route).len();
        match self.walk.reach() {
            Reach::Nowhere | Reach::Instance | Reach::Leg => self.leg..all.min(self.leg + 1),
            Reach::Route => 0..all,
        }
    }
}
