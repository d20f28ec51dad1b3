//! The decisions in a trace, each with what it was made from; and making them again.

use std::{fmt, ops::Range, time::Duration};

use super::{AttemptRole, Step, Trace, Walk, tape};
use crate::{
    fault::{Fault, FaultKind, Work},
    pool::{Random, Rotation},
};

/// One decision, with everything that it was made from.
#[derive(Debug, Clone)]
pub enum Decision {
    /// A rotation picked a member, or found none.
    Pick {
        /// The rotation as it was before.
        rotation: Rotation,
        /// How many members it had.
        members: usize,
        /// The state of the source of randomness.
        seed: u64,
        /// What it asked of the members: a range of what the whole trace asked.
        asked: Range<usize>,
        /// The member.
        picked: Option<usize>,
    },
    /// A rotation over too many members to note what it asked of them picked one.
    Untaped {
        /// How many members it had.
        members: usize,
        /// The member.
        picked: Option<usize>,
    },
    /// The retry budget paid for an attempt, or did not.
    Paid(bool),
    /// A policy of the embedding program said who is next.
    Chosen {
        /// How many it could choose from.
        candidates: usize,
        /// The candidate; `None` if it gave up, or named nobody of them.
        chosen: Option<usize>,
    },
    /// An attempt was made, and why.
    Attempt(AttemptRole),
    /// An attempt failed, and the walk said what follows.
    Failed {
        /// What failed it.
        kind: FaultKind,
        /// Whether work can have started.
        work: Work,
        /// How long the upstream asked to be left alone.
        retry_after: Option<Duration>,
        /// What the jitter was drawn from.
        seed: u64,
        /// What follows.
        step: Step,
    },
    /// An attempt was given up, since one beside it had begun to answer: one of the two was a hedge.
    GaveUp {
        /// Which of the attempts, from 0.
        attempt: usize,
    },
    /// Who was to go on with a stream that had broken did not, and is not asked again.
    DidNotGoOn {
        /// What failed it.
        kind: FaultKind,
    },
    /// An attempt failed in a way that only some may be asked after, and none of them is there.
    NobodyMay {
        /// What failed it.
        kind: FaultKind,
    },
    /// A stream broke after its caller had seen a part of it.
    Broke {
        /// What broke it.
        kind: FaultKind,
        /// Whether others were asked to go on.
        goes_on: bool,
    },
    /// Nobody was left, and the walk said what follows.
    Exhausted {
        /// The time to the deadline.
        remaining: Duration,
        /// What follows.
        step: Step,
    },
}

/// A decision that came out otherwise when it was made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Which decision of the trace, from 0.
    pub decision: usize,
    /// What came out, and what had come out before.
    pub what: String,
}

impl fmt::Display for Divergence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "decision {}: {}", self.decision, self.what)
    }
}

impl std::error::Error for Divergence {}

impl Trace {
    /// Makes every decision again, from what it was made from, and returns how many there were. Picks over more members than
    /// a trace notes, what the budget paid for and what a program's own policy chose are taken as given: they depend on more than the
    /// trace.
    ///
    /// # Errors
    /// The first [`Divergence`]: a decision depended on something that is not in the trace, or is made otherwise by now.
    pub fn replay(&self) -> Result<usize, Divergence> {
        let mut walk = self.policy.map(Walk::new);
        for (at, decision) in self.decisions.iter().enumerate() {
            self.repeat((at, decision), walk.as_mut()).map_err(|what| Divergence { decision: at, what })?;
        }
        Ok(self.decisions.len())
    }

    fn repeat(&self, (at, decision): (usize, &Decision), walk: Option<&mut Walk>) -> Result<(), String> {
        match (decision, walk) {
            (Decision::Untaped { .. } | Decision::Paid(_), _) => Ok(()),
            (Decision::Chosen { candidates, chosen }, _) => match chosen {
                Some(chosen) if chosen >= candidates => Err(format!("the choice of {chosen} out of {candidates}")),
                _ => Ok(()),
            },
            (Decision::NobodyMay { kind }, _) if kind.permits_fallback() => {
                Err(format!("anybody may be asked after {kind}"))
            }
            (Decision::Broke { kind, goes_on: true }, _) if !kind.permits_fallback() => {
                Err(format!("nobody may go on after {kind}"))
            }
            (Decision::NobodyMay { .. } | Decision::Broke { .. }, _) => Ok(()),
            (Decision::GaveUp { attempt }, _) => {
                let is_raced = self.roles_before(at).any(|role| role == AttemptRole::Hedge);
                let is_made = self.roles_before(at).count() > *attempt;
                (is_raced && is_made).then_some(()).ok_or_else(|| format!("attempt {attempt} had no other beside it"))
            }
            (Decision::DidNotGoOn { kind }, _) => match self.roles_before(at).last() {
                Some(AttemptRole::Continuation | AttemptRole::Restart) => Ok(()),
                _ => Err(format!("nobody was to go on who could fail with {kind}")),
            },
            (Decision::Pick { rotation, members, seed, asked, picked }, _) => {
                let (mut rotation, mut random) = (rotation.clone(), Random::with_seed(*seed));
                let asked = self.asked.get(asked.clone()).unwrap_or_default();
                let again = tape::play(asked, *members, |members| rotation.pick(members, &mut random))?;
                same(again, *picked)
            }
            (_, None) => Err("a walk that never set out went on".to_owned()),
            (Decision::Attempt(role), Some(walk)) => {
                if *role != AttemptRole::Ordinary && !walk.has_attempts_left() {
                    return Err(format!("an attempt beyond the bounds of the walk: {}", role.as_str()));
                }
                walk.attempting();
                Ok(())
            }
            (Decision::Failed { kind, work, retry_after, seed, step }, Some(walk)) => {
                let fault = Fault { retry_after: *retry_after, ..Fault::new(*kind, *work, "replayed") };
                same(walk.failed(&fault, &mut Random::with_seed(*seed)), *step)
            }
            (Decision::Exhausted { remaining, step }, Some(walk)) => same(walk.exhausted(*remaining), *step),
        }
    }

    /// Why the attempts before a decision were made, in order.
    fn roles_before(&self, at: usize) -> impl Iterator<Item = AttemptRole> {
        let before = self.decisions.iter().take(at);
        before.filter_map(|decision| if let Decision::Attempt(role) = decision { Some(*role) } else { None })
    }
}

fn same<T: PartialEq + fmt::Debug + Copy>(again: T, before: T) -> Result<(), String> {
    if again == before { Ok(()) } else { Err(format!("{again:?} instead of {before:?}")) }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        inference::RequestId,
        pool::{RotationKind, rotation_tests::Fleet},
        resilience::Backoff,
        routing::{Reach, WalkPolicy},
    };

    fn trace() -> Trace {
        Trace::new(RequestId::new("req"), "pool:p".parse().unwrap(), (1, 7))
    }

    fn policy() -> WalkPolicy {
        WalkPolicy {
            reach: Reach::Route,
            max_attempts: NonZeroU32::MAX,
            max_retries: 2,
            max_ambiguous_repeats: 0,
            backoff: Backoff::default(),
        }
    }

    proptest! {
        #[test]
        fn every_pick_of_every_rotation_is_made_again(
            weights in prop::collection::vec(0_u32..5, 1..6),
            seed in any::<u64>(),
            kind in prop::sample::select(RotationKind::ALL.to_vec()),
        ) {
            let (mut trace, mut rotation, mut random) = (trace(), Rotation::new(kind), Random::with_seed(seed));
            let mut fleet = Fleet::weighing(weights.clone());
            for turn in 0..20_usize {
                let out = turn % weights.len();
                fleet.members[out].eligible = turn % 3 != 0;
                fleet.members[out].pull = turn as u64 % 4;
                fleet.members[out].readiness = 100 - 5 * u32::try_from(turn).unwrap();
                trace.pick(&mut rotation, &fleet, &mut random);
            }
            prop_assert_eq!(trace.replay(), Ok(20));
        }
    }

    #[test]
    fn a_pick_that_comes_out_otherwise_is_reported() {
        let (mut trace, mut rotation) = (trace(), Rotation::new(RotationKind::RoundRobin));
        trace.pick(&mut rotation, &Fleet::weighing([1, 1]), &mut Random::with_seed(1));
        let Some(Decision::Pick { picked, .. }) = trace.decisions.last_mut() else { panic!("no pick") };
        *picked = Some(1);
        let divergence = trace.replay().unwrap_err();
        assert_eq!(divergence.to_string(), "decision 0: Some(0) instead of Some(1)");
    }

    #[test]
    fn a_pick_that_asks_otherwise_is_reported() {
        let (mut trace, mut rotation) = (trace(), Rotation::new(RotationKind::RoundRobin));
        trace.pick(&mut rotation, &Fleet::weighing([1, 1]), &mut Random::with_seed(1));
        let Some(Decision::Pick { rotation, .. }) = trace.decisions.last_mut() else { panic!("no pick") };
        *rotation = Rotation::new(RotationKind::LeastConnections);
        assert!(trace.replay().is_err());
    }

    #[test]
    fn a_pick_over_very_many_is_noted_without_what_it_asked() {
        let (mut trace, mut rotation) = (trace(), Rotation::new(RotationKind::Weighted));
        trace.pick(&mut rotation, &Fleet::weighing(vec![1; 33]), &mut Random::with_seed(1));
        assert!(matches!(trace.decisions(), [Decision::Untaped { members: 33, picked: Some(0) }]));
        assert!(trace.asked.is_empty());
    }

    #[test]
    fn the_steps_of_a_walk_are_taken_again_and_a_changed_one_is_reported() {
        let mut trace = trace();
        let mut walk = trace.set_out(policy());
        for _ in 0..2 {
            trace.attempting(&mut walk, AttemptRole::Ordinary);
            trace.failed(&mut walk, &Fault::new(FaultKind::Transient, Work::Refused, "test"));
            trace.exhausted(&mut walk, Duration::from_mins(1));
        }
        assert_eq!(trace.replay(), Ok(6));
        let Some(Decision::Exhausted { remaining, .. }) = trace.decisions.last_mut() else { panic!("no end") };
        *remaining = Duration::ZERO;
        assert_eq!(trace.replay().unwrap_err().decision, 5);
    }

    #[test]
    fn a_hedge_beyond_the_bounds_of_its_walk_is_reported() {
        let mut trace = trace();
        let mut walk = trace.set_out(WalkPolicy { max_attempts: NonZeroU32::MIN, ..policy() });
        for role in [AttemptRole::Ordinary, AttemptRole::Hedge] {
            trace.attempting(&mut walk, role);
        }
        assert_eq!(trace.replay().unwrap_err().decision, 1);
    }

    /// Whether a trace with attempts in these roles still holds with what is noted behind them.
    fn holds(roles: &[AttemptRole], decide: impl FnOnce(&mut Trace)) -> bool {
        let mut trace = trace();
        let mut walk = trace.set_out(policy());
        for role in roles {
            trace.attempting(&mut walk, *role);
        }
        decide(&mut trace);
        trace.replay().is_ok()
    }

    #[test]
    fn only_an_attempt_with_a_hedge_beside_it_is_given_up_for_the_other() {
        use AttemptRole::{Hedge, Ordinary};
        for attempt in [0, 1] {
            assert!(holds(&[Ordinary, Hedge], |trace| trace.gave_up(attempt)));
            assert!(!holds(&[Ordinary, Ordinary], |trace| trace.gave_up(attempt)));
        }
        assert!(!holds(&[Ordinary, Hedge], |trace| trace.gave_up(2)));
    }

    #[test]
    fn only_who_was_to_go_on_can_fail_to() {
        use AttemptRole::{Continuation, Hedge, Ordinary, Restart};
        for role in [Continuation, Restart] {
            assert!(holds(&[Ordinary, role], |trace| trace.did_not_go_on(FaultKind::Transient)));
            assert!(!holds(&[role, Ordinary], |trace| trace.did_not_go_on(FaultKind::Transient)));
        }
        for roles in [&[][..], &[Hedge]] {
            assert!(!holds(roles, |trace| trace.did_not_go_on(FaultKind::Transient)));
        }
    }

    #[test]
    fn what_is_said_of_a_fault_must_be_so() {
        let of = |decide: &dyn Fn(&mut Trace)| {
            let mut trace = trace();
            decide(&mut trace);
            trace.replay().is_ok()
        };
        assert!(of(&|trace| trace.nobody_may(FaultKind::ContextLength)));
        assert!(!of(&|trace| trace.nobody_may(FaultKind::Transient)));
        assert!(of(&|trace| trace.broke(FaultKind::Malformed, true)));
        assert!(of(&|trace| trace.broke(FaultKind::ContentFilter, false)));
        assert!(!of(&|trace| trace.broke(FaultKind::ContentFilter, true)));
        assert!(of(&|trace| trace.chosen(2, Some(1))));
        assert!(!of(&|trace| trace.chosen(2, Some(2))));
    }
}
