//! Asking a fallback policy of the embedding program who is next.

use std::sync::Arc;

use tidegate_domain::{
    routing::Trace,
    task_group::{CustomFallback, FallbackCandidate},
};

use super::{Asking, Leg, LegMember};
use crate::live::{LiveInstance, Permit};

/// Whom a policy chose: the place of the leg, the instance, and its permit.
pub(crate) type Chosen<C> = (usize, Arc<LiveInstance<C>>, Box<Permit>);

/// Somebody who is left: the place of the leg, the member, and the instance.
type Left<'a, C> = (usize, &'a LegMember<C>, &'a Arc<LiveInstance<C>>);

/// Asks `policy` until somebody whom it names can be asked, or it gives up.
pub(crate) fn choose<C>(
    policy: &dyn CustomFallback,
    legs: &[Arc<Leg<C>>],
    asking: &Asking<'_, C>,
    trace: &mut Trace,
) -> Option<Chosen<C>> {
    let mut left: Vec<Left<'_, C>> = Vec::new();
    for (at, leg) in legs.iter().enumerate() {
        for member in leg.members.iter().filter(|member| member.has_more(asking)) {
            let known = left.len();
            for instance in member.instances().iter().filter(|instance| !asking.leaves_out(instance)) {
                if !left[..known].iter().any(|(_, _, other)| Arc::ptr_eq(other, instance)) {
                    left.push((at, member, instance));
                }
            }
        }
    }
    while !left.is_empty() {
        let candidates: Vec<_> = left.iter().map(|(at, _, instance)| candidate(&legs[*at], instance, asking)).collect();
        let attempts = trace.attempts.iter().filter_map(|attempt| Some((&attempt.instance, attempt.fault?)));
        let chosen = policy.next(&attempts.collect::<Vec<_>>(), &candidates).filter(|chosen| *chosen < left.len());
        trace.chosen(left.len(), chosen);
        let chosen = chosen?;
        let (at, member, instance) = left.remove(chosen);
        match take(&legs[at], (member, instance), asking) {
            Ok(permit) => return Some((at, Arc::clone(instance), permit)),
            Err(reason) => trace.exclude(&instance.label, reason),
        }
    }
    None
}

fn candidate<'a, C>(leg: &'a Leg<C>, instance: &'a LiveInstance<C>, asking: &Asking<'_, C>) -> FallbackCandidate<'a> {
    FallbackCandidate {
        instance: &instance.label,
        model: &instance.spec.model,
        tier: leg.tier.as_ref(),
        exclusion: instance.exclusion(asking.occasion()),
    }
}

/// A permit of one instance, with the places that an attempt at it takes.
fn take<C>(
    leg: &Leg<C>,
    (member, instance): (&LegMember<C>, &LiveInstance<C>),
    asking: &Asking<'_, C>,
) -> Result<Box<Permit>, tidegate_domain::task_group::Exclusion> {
    let places = leg.enter(asking)?;
    let of_pool = match member {
        LegMember::Instance(_) | LegMember::Pool(_, None) => None,
        LegMember::Pool(_, Some(level)) => Some(level.try_enter(asking.tokens, asking.now)?),
    };
    let mut permit = Permit::acquire(instance, asking.occasion())?;
    permit.places.join(places);
    if let Some(place) = of_pool {
        permit.places.hold(place);
    }
    Ok(permit)
}
