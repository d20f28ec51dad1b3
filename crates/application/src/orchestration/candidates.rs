//! Who is asked next: the candidates of the route as far as the walk reaches, without those who were asked, who failed for good, or
//! whom the request does not fit.

use std::sync::Arc;

use tidegate_domain::{
    fault::{FallbackAdvice, Fault},
    inference::{Dropped, InferenceRequest, LlmClient, Unfit},
    routing::Reach,
    task_group::{CustomFallback, Exclusion},
};
use tokio::time::Instant;

use super::attempt::Attempts;
use crate::{
    live::{LiveInstance, Occasion, Permit},
    wrappers::{Asking, Leg, Order, Resort, choose},
};

/// A candidate that may be asked.
pub(super) struct Candidate<C> {
    pub(super) leg: Arc<Leg<C>>,
    pub(super) instance: Arc<LiveInstance<C>>,
    pub(super) permit: Box<Permit>,
    /// What of the request its provider is not sent.
    pub(super) dropped: Dropped,
}

impl<C> Candidate<C> {
    fn new(leg: Arc<Leg<C>>, (instance, permit): (Arc<LiveInstance<C>>, Box<Permit>)) -> Self {
        Self { leg, instance, permit, dropped: Dropped::default() }
    }
}

impl<C: LlmClient> Attempts<C> {
    /// The next candidate in reach that the request fits, with its permit.
    pub(super) fn next_candidate(&mut self, request: &InferenceRequest) -> Option<Candidate<C>> {
        loop {
            let candidate = self.next_in_reach()?;
            if let Some(candidate) = self.fitting(candidate, request) {
                return Some(candidate);
            }
        }
    }

    /// The next candidate of the leg that the walk has come to, if the request fits it.
    pub(super) fn candidate_of_leg(&mut self, request: &InferenceRequest) -> Option<Candidate<C>> {
        self.candidate_of(self.leg, Resort::First, request)
    }

    /// The next candidate of a leg, if the request fits it.
    pub(super) fn candidate_of(
        &mut self,
        leg: usize,
        resort: Resort,
        request: &InferenceRequest,
    ) -> Option<Candidate<C>> {
        let candidate = self.next_of(leg, resort, self.ledger.now())?;
        self.fitting(candidate, request)
    }

    /// The candidate, if the request fits it; one that it does not fit is left out for good.
    fn fitting(&mut self, candidate: Candidate<C>, request: &InferenceRequest) -> Option<Candidate<C>> {
        match candidate.instance.client.fits(request, candidate.instance.spec.model.model()) {
            Ok(dropped) => Some(Candidate { dropped, ..candidate }),
            Err(unfit) => {
                self.pass_over(candidate.instance, unfit);
                None
            }
        }
    }

    /// Leaves out a candidate that no waiting makes fit for this request.
    fn pass_over(&mut self, instance: Arc<LiveInstance<C>>, unfit: Unfit) {
        self.ledger.trace().exclude(&instance.label, Exclusion::Unfit);
        self.confines.ruled_out.push(instance);
        self.unfit.get_or_insert(unfit);
    }

    /// Leaves out a candidate that cannot go on where another one broke off.
    pub(super) fn pass_over_for_rest(&mut self, instance: &Arc<LiveInstance<C>>) {
        self.ledger.trace().exclude(&instance.label, Exclusion::CannotGoOn);
        if !instance.is_among(&self.confines.ruled_out) {
            self.confines.ruled_out.push(Arc::clone(instance));
        }
    }

    /// The next candidate in reach, with its permit, fit or not.
    fn next_in_reach(&mut self) -> Option<Candidate<C>> {
        let now = self.ledger.now();
        if self.walk.reach() == Reach::Instance
            && let Some((instance, _)) = &self.last
        {
            let instance = (!instance.is_among(&self.tried)).then(|| Arc::clone(instance))?;
            let permit = Permit::acquire(&instance, Occasion { now, tokens: self.tokens })
                .map_err(|reason| self.ledger.trace().exclude(&instance.label, reason))
                .ok()?;
            return Some(Candidate::new(Arc::clone(&self.route.legs[self.leg]), (instance, permit)));
        }
        if self.walk.attempts() > 0
            && let Order::Custom(policy) = &self.route.order
        {
            let policy = policy.clone();
            return self.chosen_candidate(&*policy.0);
        }
        loop {
            if let Some(candidate) = self.next_of(self.leg, Resort::First, now) {
                return Some(candidate);
            }
            let is_last = self.leg + 1 >= self.confines.legs(&self.route).len();
            if !is_last && self.walk.reach() == Reach::Route {
                self.leg += 1;
            } else if self.confines.relent() {
                self.leg = 0;
            } else {
                return None;
            }
        }
    }

    /// The next candidate of a leg, fit or not.
    fn next_of(&mut self, leg: usize, resort: Resort, now: std::time::Instant) -> Option<Candidate<C>> {
        let legs = self.confines.legs(&self.route);
        let leg = legs.get(leg)?;
        let reach = if self.walk.reach() == Reach::Route { legs } else { std::slice::from_ref(leg) };
        let asking = self.confines.asking((&self.route, &self.tried), (self.tokens, &self.wishes), now);
        let asking = Asking { reach, resort, ..asking };
        let picked = leg.pick(&asking, self.ledger.trace())?;
        Some(Candidate::new(Arc::clone(leg), picked))
    }

    /// The candidate that a policy of the embedding program names.
    fn chosen_candidate(&mut self, policy: &dyn CustomFallback) -> Option<Candidate<C>> {
        let legs = self.confines.legs(&self.route);
        let asking = self.confines.asking((&self.route, &self.tried), (self.tokens, &self.wishes), self.ledger.now());
        let (at, instance, permit) = choose(policy, legs, &asking, self.ledger.trace())?;
        self.leg = at;
        Some(Candidate::new(Arc::clone(&legs[at]), (instance, permit)))
    }

    /// Narrows whom the request may be sent to by a fault. If this is false, nobody is left.
    pub(super) fn narrow(&mut self, instance: &Arc<LiveInstance<C>>, fault: &Fault) -> bool {
        let others = self.confines.narrow(&self.route, instance, fault);
        if fault.kind.fallback() == FallbackAdvice::WhereNamed {
            self.leg = 0;
        }
        others
    }

    /// Does not ask `instance` again this round.
    pub(super) fn leave_out(&mut self, instance: &Arc<LiveInstance<C>>) {
        if !instance.is_among(&self.tried) {
            self.tried.push(Arc::clone(instance));
        }
    }

    /// Does not ask `instance` again.
    pub(super) fn bar(&mut self, instance: &Arc<LiveInstance<C>>) {
        if !instance.is_among(&self.barred) {
            self.barred.push(Arc::clone(instance));
        }
    }

    /// When an attempt must have begun to answer: half of the request's remaining time is kept for whoever else could be
    /// asked, so that one silent upstream cannot use up all of it.
    pub(super) fn share(&self, now: Instant, asked: &Arc<LiveInstance<C>>) -> Instant {
        let legs = self.confines.legs(&self.route).get(self.leg..).unwrap_or_default();
        let in_reach = match self.walk.reach() {
            Reach::Nowhere | Reach::Instance => return self.deadline,
            Reach::Leg => legs.get(..1).unwrap_or_default(),
            Reach::Route => legs,
        };
        let moment = now.into_std();
        let mut others = in_reach.iter().flat_map(|leg| leg.instances());
        let is_left = |other: &Arc<LiveInstance<C>>| {
            let is_out = other.is_among(&self.tried) || other.is_among(&self.confines.ruled_out);
            !Arc::ptr_eq(other, asked) && !is_out && other.exclusion(moment).is_none()
        };
        if self.walk.may_go_on() && others.any(is_left) { now + (self.deadline - now) / 2 } else { self.deadline }
    }
}
