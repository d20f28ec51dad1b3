//! The trace: what was decided for a request, from what, what was tried, and who was passed over and why.
//!
//! Whoever makes a decision makes it through the trace, which notes what went in and what came out. That is what lets
//! [`Trace::replay`](super::Divergence) make every decision a second time. A trace holds no content and no secret.

use std::time::Duration;

use super::{Exclusions, Step, Walk, WalkPolicy, decision::Decision, tape::Asked};
use crate::{
    fault::{Fault, FaultKind},
    inference::{RequestId, Usage},
    model::Cost,
    name::{InstanceId, ModelRef, Target, WrapperName},
    pool::{Members, Random, Rotation},
    task_group::Exclusion,
};

/// The attempts of most requests.
const ORDINARY_ATTEMPTS: usize = 1;
/// The decisions of most requests: which leg, who of its pool, and that it is asked.
const ORDINARY_DECISIONS: usize = 3;

/// The room that is kept for what another trace notes of a kind.
const KEPT: usize = 16;

/// The most members whose pick is noted with all that went into it. Beyond, only who was picked: what a trace costs must not
/// grow with the size of a pool.
pub(super) const MAX_TAPED_MEMBERS: usize = 32;

/// Why an attempt was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AttemptRole {
    /// It was the request's turn, or an attempt before it had failed.
    #[default]
    Ordinary,
    /// An attempt beside it was slow to begin.
    Hedge,
    /// A stream had broken amid its answer, and this one was to go on with it.
    Continuation,
    /// A stream had broken amid its answer, and this one was to answer afresh.
    Restart,
}

impl AttemptRole {
    /// The word for wire, logs and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Hedge => "hedge",
            Self::Continuation => "continuation",
            Self::Restart => "restart",
        }
    }
}

/// One attempt, over or under way.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptRecord {
    /// The instance that was asked.
    pub instance: InstanceId,
    /// The model that was asked for.
    pub model: ModelRef,
    /// The leg of the route, from 0.
    pub leg: usize,
    /// Why it was made.
    pub role: AttemptRole,
    /// From the start of the request to the start of the attempt.
    pub started: Duration,
    /// How long it took; for a stream, to its first content.
    pub took: Duration,
    /// How long it took to the end of its answer, whole or broken off; `None` if it never answered.
    pub ended: Option<Duration>,
    /// What failed it, before or amid its answer; `cancelled` if it was given up for another one beside it. `None` if it
    /// answered, or was given up when the caller went away.
    pub fault: Option<FaultKind>,
    /// What it cost, if the upstream said so.
    pub usage: Option<Usage>,
    /// What it cost; `None` if its model has no price, or nobody knows what it used.
    pub cost: Option<Cost>,
}

/// What was decided for one request.
#[derive(Debug, Clone)]
pub struct Trace {
    /// The request.
    pub request_id: RequestId,
    /// Where it was sent.
    pub target: Target,
    /// The wrapper by whose name it came, if it did.
    pub wrapper: Option<WrapperName>,
    /// The revision of the routing table that decided.
    pub revision: u64,
    /// Feeds what is left to chance for this request alone: the jitter of its waits.
    pub seed: u64,
    /// The bounds of its walk; `None` if it never set out.
    pub policy: Option<WalkPolicy>,
    /// The attempts, in order.
    pub attempts: Vec<AttemptRecord>,
    /// Who was passed over.
    pub exclusions: Exclusions,
    /// From the start of the request to the moment from which its caller saw the answer.
    pub committed: Option<Duration>,
    /// The decisions, in order.
    pub(super) decisions: Vec<Decision>,
    /// What the picks among the decisions asked of the members, in order.
    pub(super) asked: Vec<Asked>,
}

impl Trace {
    /// An empty trace; `seed` feeds what is left to chance.
    pub fn new(request_id: RequestId, target: Target, (revision, seed): (u64, u64)) -> Self {
        Self {
            request_id,
            target,
            wrapper: None,
            revision,
            seed,
            policy: None,
            attempts: Vec::new(),
            exclusions: Exclusions::default(),
            committed: None,
            decisions: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// An empty trace of another request in the room that this one has taken, unless that is unusually large.
    #[must_use]
    pub fn reused(self, request_id: RequestId, target: Target, (revision, seed): (u64, u64)) -> Self {
        Self {
            attempts: emptied(self.attempts),
            decisions: emptied(self.decisions),
            asked: emptied(self.asked),
            ..Self::new(request_id, target, (revision, seed))
        }
    }

    /// What all attempts cost together; `None` if it is known of none.
    pub fn cost(&self) -> Option<Cost> {
        let mut costs = self.attempts.iter().filter_map(|attempt| attempt.cost);
        let first = costs.next()?;
        Some(costs.fold(first, |mut sum, cost| {
            sum += cost;
            sum
        }))
    }

    /// Notes that a candidate was passed over.
    pub fn exclude(&mut self, instance: &InstanceId, reason: Exclusion) {
        self.exclusions.add(instance, reason);
    }

    /// Picks a member, as [`Rotation::pick`] does.
    pub fn pick(&mut self, rotation: &mut Rotation, members: &impl Members, random: &mut Random) -> Option<usize> {
        let count = members.count();
        if count > MAX_TAPED_MEMBERS {
            let picked = rotation.pick(members, random);
            self.decide(Decision::Untaped { members: count, picked });
            return picked;
        }
        let (before, seed, from) = (rotation.clone(), random.get_seed(), self.asked.len());
        let picked = super::tape::record(&mut self.asked, members, |members| rotation.pick(members, random));
        let asked = from..self.asked.len();
        self.decide(Decision::Pick { rotation: before, members: count, seed, asked, picked });
        picked
    }

    /// Sets out on a walk.
    pub fn set_out(&mut self, policy: WalkPolicy) -> Walk {
        self.policy = Some(policy);
        Walk::new(policy)
    }

    /// Counts an attempt that is about to be made.
    pub fn attempting(&mut self, walk: &mut Walk, role: AttemptRole) {
        walk.attempting();
        self.decide(Decision::Attempt(role));
    }

    /// A policy of the embedding program chose one of so many candidates, or gave up.
    pub fn chosen(&mut self, candidates: usize, chosen: Option<usize>) {
        self.decide(Decision::Chosen { candidates, chosen });
    }

    /// An attempt failed in a way that only some may be asked after, and none of them is there.
    pub fn nobody_may(&mut self, kind: FaultKind) {
        self.decide(Decision::NobodyMay { kind });
    }

    /// A stream broke amid its answer; whether others are asked to go on.
    pub fn broke(&mut self, kind: FaultKind, goes_on: bool) {
        self.decide(Decision::Broke { kind, goes_on });
    }

    /// An attempt, counted from 0, was given up for one beside it that had begun to answer.
    pub fn gave_up(&mut self, attempt: usize) {
        self.decide(Decision::GaveUp { attempt });
    }

    /// Who was to go on with a stream that had broken did not.
    pub fn did_not_go_on(&mut self, kind: FaultKind) {
        self.decide(Decision::DidNotGoOn { kind });
    }

    /// Says what follows a failed attempt, as [`Walk::failed`] does.
    pub fn failed(&mut self, walk: &mut Walk, fault: &Fault) -> Step {
        let seed = self.seed.wrapping_add(walk.attempts().into());
        let step = walk.failed(fault, &mut Random::with_seed(seed));
        let (kind, work, retry_after) = (fault.kind, fault.work, fault.retry_after);
        self.decide(Decision::Failed { kind, work, retry_after, seed, step });
        step
    }

    /// Says what follows when nobody is left, as [`Walk::exhausted`] does.
    pub fn exhausted(&mut self, walk: &mut Walk, remaining: Duration) -> Step {
        let step = walk.exhausted(remaining);
        self.decide(Decision::Exhausted { remaining, step });
        step
    }

    /// The budget was asked to pay for an attempt.
    pub fn paid(&mut self, is_paid: bool) -> bool {
        self.decide(Decision::Paid(is_paid));
        is_paid
    }

    /// Notes an attempt that has begun.
    pub fn attempted(&mut self, attempt: AttemptRecord) {
        note(&mut self.attempts, attempt, ORDINARY_ATTEMPTS);
    }

    fn decide(&mut self, decision: Decision) {
        note(&mut self.decisions, decision, ORDINARY_DECISIONS);
    }

    /// The decisions, in order.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }
}

/// Notes something. The first time there is made room for as many as there are of most requests, and no more: many traces are kept.
fn note<T>(notes: &mut Vec<T>, note: T, ordinary: usize) {
    if notes.capacity() == 0 {
        notes.reserve_exact(ordinary);
    }
    notes.push(note);
}

fn emptied<T>(mut notes: Vec<T>) -> Vec<T> {
    notes.clear();
    notes.shrink_to(KEPT);
    notes
}
