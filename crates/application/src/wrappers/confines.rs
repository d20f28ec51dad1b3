//! Whom one request may be sent to: what its needs rule out before the first attempt, and what its faults rule out later.

use std::{sync::Arc, time::Instant};

use tidegate_domain::{
    fault::{FallbackAdvice, Fault},
    inference::InferenceRequest,
    model::Shortfall,
    name::ProviderName,
    routing::Trace,
    task_group::Exclusion,
};

use super::{Asking, Leg, Order, Resort, Route, Wishes};
use crate::live::LiveInstance;

/// Whom one request may be sent to.
#[derive(Debug)]
pub(crate) struct Confines<C> {
    /// Who cannot serve it.
    pub(crate) ruled_out: Vec<Arc<LiveInstance<C>>>,
    /// Whose models are left for last: they have failed.
    pub(crate) shunned: Vec<ProviderName>,
    /// Whether a provider refused its content, so that only those named for that are left.
    is_refused: bool,
}

impl<C> Default for Confines<C> {
    fn default() -> Self {
        Self { ruled_out: Vec::new(), shunned: Vec::new(), is_refused: false }
    }
}

impl<C> Confines<C> {
    /// The confines of `request` on `route`; who cannot serve it is noted in `trace`.
    ///
    /// # Errors
    /// What the nearest candidate lacks, if nobody can serve it.
    pub(crate) fn of(route: &Route<C>, request: &InferenceRequest, trace: &mut Trace) -> Result<Self, Shortfall> {
        let (confines, nearest) = Self::ruling_out(route, request, trace);
        match nearest {
            Some(shortfall) if !route.legs.iter().any(|leg| confines.leaves_some(leg)) => Err(shortfall),
            _ => Ok(confines),
        }
    }

    /// The confines of `request` on `route`, and what the nearest of those lacks who are ruled out.
    pub(crate) fn ruling_out(
        route: &Route<C>,
        request: &InferenceRequest,
        trace: &mut Trace,
    ) -> (Self, Option<Shortfall>) {
        let mut confines = Self::default();
        if route.doubts.is_empty() {
            return (confines, None);
        }
        let needs = request.needs(&route.doubts);
        if route.doubts.are_dispelled_by(&needs) {
            return (confines, None);
        }
        let mut nearest: Option<Shortfall> = None;
        for instance in route.instances() {
            let Some(shortfall) = instance.card.as_ref().and_then(|card| card.shortfall_for(&needs)) else { continue };
            trace.exclude(&instance.label, Exclusion::FallsShort(shortfall));
            nearest = Some(nearest.map_or(shortfall, |nearer| nearer.or_nearer(shortfall)));
            confines.ruled_out.push(Arc::clone(instance));
        }
        (confines, nearest)
    }

    /// The legs of `route` that are still in reach.
    pub(crate) fn legs<'a>(&self, route: &'a Route<C>) -> &'a [Arc<Leg<C>>] {
        if self.is_refused { &route.content_filter } else { &route.legs }
    }

    /// What is asked of a leg of `route` where these have been tried.
    pub(crate) fn asking<'a>(
        &'a self,
        (route, tried): (&'a Route<C>, &'a [Arc<LiveInstance<C>>]),
        (tokens, wishes): (u32, &'a Wishes),
        now: Instant,
    ) -> Asking<'a, C> {
        let Self { ruled_out, shunned, .. } = self;
        let (passed, reach) = (&route.levels, self.legs(route));
        Asking { tried, ruled_out, shunned, passed, tokens, wishes, reach, resort: Resort::First, now }
    }

    /// Narrows the confines by a fault of `instance`. If this is false, nobody is left whom the fault lets be asked.
    pub(crate) fn narrow(&mut self, route: &Route<C>, instance: &Arc<LiveInstance<C>>, fault: &Fault) -> bool {
        match fault.kind.fallback() {
            FallbackAdvice::Anywhere => {
                let provider = instance.spec.model.provider();
                if matches!(route.order, Order::OtherProvidersFirst) && !self.shunned.contains(provider) {
                    self.shunned.push(provider.clone());
                }
                return true;
            }
            FallbackAdvice::LargerWindow => self.rule_out_no_larger(route, instance),
            FallbackAdvice::WhereNamed if self.is_refused => return true,
            FallbackAdvice::WhereNamed => self.is_refused = true,
            FallbackAdvice::Nowhere => return true,
        }
        self.legs(route).iter().any(|leg| self.leaves_some(leg))
    }

    /// Lets those be asked who were left for last; `false` if there are none.
    pub(crate) fn relent(&mut self) -> bool {
        let had_some = !self.shunned.is_empty();
        self.shunned.clear();
        had_some
    }

    /// Of whom it is not known that they take more than `instance`, nobody can serve the request.
    fn rule_out_no_larger(&mut self, route: &Route<C>, instance: &Arc<LiveInstance<C>>) {
        let window = |of: &LiveInstance<C>| of.card.as_ref().and_then(|card| card.context_window);
        let takes_more =
            |other: &LiveInstance<C>| matches!((window(other), window(instance)), (Some(a), Some(b)) if a > b);
        let others = route.instances().filter(|other| !takes_more(other) && !other.is_among(&self.ruled_out));
        let others: Vec<_> = others.cloned().collect();
        self.ruled_out.extend(others);
    }

    fn leaves_some(&self, leg: &Leg<C>) -> bool {
        leg.instances().any(|instance| !instance.is_among(&self.ruled_out))
    }
}
