//! Where a request would go, and why not elsewhere: asked of the same routes and the same rotations that serve, without sending
//! anything and without taking anybody's turn.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_domain::{
    inference::{InferenceRequest, LlmClient, RequestId},
    name::{InstanceId, ModelRef, PoolName, Target, TierName},
    pool::RotationKind,
    routing::{Reach, Trace},
    task_group::Exclusion,
};

use crate::{
    live::{LiveInstance, Picker},
    orchestration::OrchestrationService,
    wrappers::{Asking, Confines, Leg, LegMember, LegMembers, Route, Wishes},
};

/// Where a request would go now.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// What the name stands for.
    pub target: Target,
    /// The revision of the routing table.
    pub revision: u64,
    /// How far a request walks after a fault.
    pub reach: Reach,
    /// The most attempts that it makes.
    pub max_attempts: u32,
    /// What it is counted as where tokens are limited.
    pub tokens: u32,
    /// Its stages, in order.
    pub legs: Vec<LegExplanation>,
}

/// One stage: a tier, a pool, or one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct LegExplanation {
    /// The tier, if it is one.
    pub tier: Option<TierName>,
    /// In which order it picks.
    pub rotation: RotationKind,
    /// Whether the tier itself lets the request in now.
    pub at_limit: Option<Excluded>,
    /// Who could be asked, in the order in which they would be, and then who could not.
    pub candidates: Vec<CandidateExplanation>,
}

/// An instance that could be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateExplanation {
    /// Its id within the whole gateway.
    pub instance: InstanceId,
    /// Its model.
    pub model: ModelRef,
    /// The pool that it is in, and the pool's rotation.
    pub pool: Option<(PoolName, RotationKind)>,
    /// Its turn, from 1, if the ones before it in this leg fail; `None` if it is not asked.
    pub turn: Option<u32>,
    /// Why it is not asked; `None` if it could be, or if enough others are asked before it.
    pub exclusion: Option<Excluded>,
    /// What a rotation may go by.
    pub scores: Scores,
}

/// Why somebody is not asked, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Excluded {
    /// Why.
    pub reason: Exclusion,
    /// Until it may pass, if a moment is known.
    pub wait: Option<Duration>,
}

impl Excluded {
    fn at(reason: Exclusion, now: Instant) -> Self {
        Self { reason, wait: reason.until().map(|until| until.saturating_duration_since(now)) }
    }
}

/// What a rotation may go by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scores {
    /// Its weight.
    pub weight: u32,
    /// Its requests now.
    pub in_flight: u32,
    /// The most of them at once, if that is limited.
    pub concurrency_limit: Option<u32>,
    /// Its latency, as rotations see it, in milliseconds.
    pub latency_ms: Option<u64>,
    /// Of a hundred attempts, those that succeed, as rotations see it.
    pub success_percent: u32,
}

impl<C: LlmClient> OrchestrationService<C> {
    /// Says where this request would go now. Nothing is sent and nobody's turn is taken, so asking twice gives the same answer.
    ///
    /// # Errors
    /// The nearest known names, if its model leads nowhere.
    pub fn explain(&self, request: &InferenceRequest) -> Result<Explanation, Vec<String>> {
        let table = self.table();
        let route = &table.resolve(request.envelope().model())?.route;
        let wishes = Wishes::of(request, None);
        let (tokens, now) = (request.estimated_tokens(), self.clock().now());
        let mut trace = Trace::new(RequestId::new("explain"), route.target.clone(), (0, 0));
        let (confines, _) = Confines::ruling_out(route, request, &mut trace);
        let asking = confines.asking((route, &[]), (tokens, &wishes), now);
        let Route { target, walk, legs, .. } = &**route;
        Ok(Explanation {
            target: target.clone(),
            revision: table.revision(),
            reach: walk.reach,
            max_attempts: walk.max_attempts.get(),
            tokens: asking.tokens,
            legs: legs.iter().map(|leg| explain_leg(leg, &asking, (request, route))).collect(),
        })
    }
}

fn explain_leg<C: LlmClient>(
    leg: &Leg<C>,
    asking: &Asking<'_, C>,
    (request, route): (&InferenceRequest, &Route<C>),
) -> LegExplanation {
    let Order { asked, ruled_out } = order(leg, asking, (request, &route.target));
    let (now, needs) = (asking.now, request.needs(&route.doubts));
    let shortfall = |instance: &LiveInstance<C>| instance.card.as_ref()?.shortfall_for(&needs);
    let mut candidates: Vec<CandidateExplanation> = Vec::new();
    for member in &leg.members {
        let at_limit = member.at_limit(asking);
        for instance in member.instances() {
            let at = asked.iter().position(|asked| Arc::ptr_eq(asked, instance));
            let turn = at.and_then(|at| u32::try_from(at + 1).ok());
            let exclusion = match turn {
                Some(_) => None,
                None if instance.is_among(asking.ruled_out) => shortfall(instance).map(Exclusion::FallsShort),
                None if instance.is_among(&ruled_out) => Some(Exclusion::Unfit),
                None => at_limit.or_else(|| instance.exclusion(asking.occasion())),
            };
            let exclusion = exclusion.map(|reason| Excluded::at(reason, now));
            candidates.push(candidate(instance, member, now).taking(turn, exclusion));
        }
    }
    candidates.sort_by_key(|candidate| candidate.turn.unwrap_or(u32::MAX));
    let at_limit = leg.level.as_ref().and_then(|level| level.exclusion(asking.tokens, now));
    LegExplanation {
        tier: leg.tier.clone(),
        rotation: leg.picker.kind(),
        at_limit: at_limit.map(|reason| Excluded::at(reason, now)),
        candidates,
    }
}

/// Who would be asked, and who would be passed over because the request does not fit it.
struct Order<C> {
    asked: Vec<Arc<LiveInstance<C>>>,
    ruled_out: Vec<Arc<LiveInstance<C>>>,
}

/// Who would be asked, one after the other, if each fails.
fn order<C: LlmClient>(
    leg: &Leg<C>,
    asking: &Asking<'_, C>,
    (request, target): (&InferenceRequest, &Target),
) -> Order<C> {
    let mut trace = Trace::new(RequestId::new("explain"), target.clone(), (0, 0));
    let picker = leg.picker.fork();
    let forks: Vec<Option<Picker>> = leg.members.iter().map(LegMember::fork).collect();
    let mut tried: Vec<Arc<LiveInstance<C>>> = Vec::new();
    let mut order = Order { asked: Vec::new(), ruled_out: asking.ruled_out.to_vec() };
    loop {
        let asking = Asking { tried: &tried, ruled_out: &order.ruled_out, ..*asking };
        let members = LegMembers { leg, asking: &asking };
        let Some(at) = picker.pick(&members, &mut trace, |at, _| Some(at)) else { return order };
        let picked = match (&leg.members[at], &forks[at]) {
            (LegMember::Pool(pool, _), Some(fork)) => pool.preview(fork, &asking, &mut trace),
            (LegMember::Instance(instance), _) => Some(Arc::clone(instance)),
            (LegMember::Pool(..), None) => None,
        };
        let Some(picked) = picked else { return order };
        tried.push(Arc::clone(&picked));
        match picked.client.fits(request, picked.spec.model.model()) {
            Ok(_) => order.asked.push(picked),
            Err(_) => order.ruled_out.push(picked),
        }
    }
}

fn candidate<C>(instance: &LiveInstance<C>, member: &LegMember<C>, now: Instant) -> CandidateExplanation {
    let pool = match member {
        LegMember::Instance(_) => None,
        LegMember::Pool(pool, _) => Some((pool.definition.name().clone(), pool.definition.policy().rotation)),
    };
    let latency = instance.state.performance().latency(now);
    CandidateExplanation {
        instance: instance.label.clone(),
        model: instance.spec.model.clone(),
        pool,
        turn: None,
        exclusion: None,
        scores: Scores {
            weight: instance.spec.weight.get(),
            in_flight: instance.state.in_flight(),
            concurrency_limit: instance.state.concurrency_limit(),
            latency_ms: latency.and_then(|latency| u64::try_from(latency.as_millis()).ok()),
            // It is kept in millionths.
            success_percent: instance.state.performance().success_rate() / 10_000,
        },
    }
}

impl CandidateExplanation {
    fn taking(self, turn: Option<u32>, exclusion: Option<Excluded>) -> Self {
        Self { turn, exclusion, ..self }
    }
}
