//! The walk of one request: after each failed attempt it says what comes next.
//!
//! A route is a list of *legs* (a tier, a pool, one instance), a leg a set of candidates. The walk tries the candidates of a
//! leg, then those of the next one, as far as its [`Reach`] allows. Moving on does not wait. Only when nobody is left does
//! it wait and go round again (a *retry*), and only after a fault that permits it. It is pure: whoever drives it makes the
//! attempts, keeps the time and asks the candidates.

use std::{num::NonZeroU32, time::Duration};

use crate::{
    fault::{FallbackAdvice, Fault, RetryAdvice, Work},
    pool::Random,
    resilience::Backoff,
};

/// How far a walk may go after a fault that permits fallback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// Nowhere: one attempt.
    Nowhere,
    /// To the same instance again.
    Instance,
    /// To the other candidates of the same leg.
    Leg,
    /// To the other candidates of the leg, and to the legs after it.
    Route,
}

impl Reach {
    /// The word for wire and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Instance => "instance",
            Self::Leg => "leg",
            Self::Route => "route",
        }
    }
}

/// The bounds of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkPolicy {
    /// How far it may go.
    pub reach: Reach,
    /// The most attempts, the first included.
    pub max_attempts: NonZeroU32,
    /// The most rounds after the first one.
    pub max_retries: u32,
    /// The most repeats after an attempt whose work may have been done and billed.
    pub max_ambiguous_repeats: u32,
    /// The waits between rounds.
    pub backoff: Backoff,
}

/// What comes after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask another candidate, at once.
    Another,
    /// Wait, and go round again.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// Give up.
    Stop(StopReason),
}

/// Why a walk ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopReason {
    /// The fault permits no other attempt: it is the caller's, or the caller is gone.
    Final,
    /// The attempts are spent.
    AttemptsSpent,
    /// The work may have been done already, and was repeated as often as it may be.
    Ambiguous,
    /// Nobody is left to ask.
    Exhausted,
    /// The wait before the next round would outlast the deadline.
    DeadlineTooNear,
}

/// The walk of one request.
#[derive(Debug, Clone)]
pub struct Walk {
    policy: WalkPolicy,
    attempts: u32,
    ambiguous: u32,
    rounds: u32,
    /// The shortest wait that a fault of this round asks for; `None` if none permits a retry.
    wait: Option<Duration>,
}

impl Walk {
    /// A walk that has not set out.
    pub fn new(policy: WalkPolicy) -> Self {
        Self { policy, attempts: 0, ambiguous: 0, rounds: 0, wait: None }
    }

    /// How far it may go.
    pub fn reach(&self) -> Reach {
        self.policy.reach
    }

    /// Attempts made so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Whether the bounds permit another attempt after the one that is being made.
    pub fn may_go_on(&self) -> bool {
        self.attempts < self.policy.max_attempts.get()
            && self.policy.reach != Reach::Nowhere
            && self.ambiguous < self.policy.max_ambiguous_repeats
    }

    /// Whether one more attempt is within the bounds, whatever became of those before.
    pub fn has_attempts_left(&self) -> bool {
        self.attempts < self.policy.max_attempts.get() && self.policy.reach != Reach::Nowhere
    }

    /// Counts an attempt that is about to be made.
    pub fn attempting(&mut self) {
        self.attempts += 1;
    }

    /// Says what follows an attempt that failed with `fault`.
    pub fn failed(&mut self, fault: &Fault, random: &mut Random) -> Step {
        self.note_wait(fault, random);
        match fault.kind.fallback() {
            FallbackAdvice::Nowhere => return Step::Stop(StopReason::Final),
            // Whoever drives the walk knows who takes more, or is named; what this one waited for does not matter any more.
            FallbackAdvice::WhereNamed => self.wait = None,
            FallbackAdvice::LargerWindow | FallbackAdvice::Anywhere => {}
        }
        if self.attempts >= self.policy.max_attempts.get() {
            return Step::Stop(StopReason::AttemptsSpent);
        }
        if matches!(fault.work, Work::Ambiguous | Work::Partial) {
            self.ambiguous += 1;
            if self.ambiguous > self.policy.max_ambiguous_repeats {
                return Step::Stop(StopReason::Ambiguous);
            }
        }
        match self.policy.reach {
            Reach::Nowhere => Step::Stop(StopReason::Exhausted),
            Reach::Instance | Reach::Leg | Reach::Route => Step::Another,
        }
    }

    /// Says what follows when no candidate is left in reach; `remaining` is the time to the deadline.
    pub fn exhausted(&mut self, remaining: Duration) -> Step {
        let Some(after) = self.wait.take() else { return Step::Stop(StopReason::Exhausted) };
        if self.rounds >= self.policy.max_retries {
            return Step::Stop(StopReason::Exhausted);
        }
        if after >= remaining {
            return Step::Stop(StopReason::DeadlineTooNear);
        }
        self.rounds += 1;
        Step::Retry { after }
    }

    fn note_wait(&mut self, fault: &Fault, random: &mut Random) {
        let backoff = self.policy.backoff.wait(self.rounds + 1, random);
        let wait = match fault.kind.permits_retry() {
            RetryAdvice::AtOnceIfUnsent if fault.work == Work::NotSent => Duration::ZERO,
            RetryAdvice::AtOnceIfUnsent | RetryAdvice::Never => return,
            RetryAdvice::AfterBackoff => fault.cooldown().unwrap_or_default().max(backoff),
            RetryAdvice::AfterWait => fault.cooldown().unwrap_or(backoff),
        };
        self.wait = Some(self.wait.map_or(wait, |shortest| shortest.min(wait)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{FaultKind, Phase, TransportFault};

    const MINUTE: Duration = Duration::from_mins(1);

    fn walk(reach: Reach, max_attempts: u32, max_retries: u32) -> Walk {
        Walk::new(WalkPolicy {
            reach,
            max_attempts: NonZeroU32::new(max_attempts).unwrap(),
            max_retries,
            max_ambiguous_repeats: 1,
            backoff: Backoff { base: Duration::from_secs(1), max: Duration::from_secs(1) },
        })
    }

    fn fail(walk: &mut Walk, kind: FaultKind, work: Work) -> Step {
        walk.attempting();
        walk.failed(&Fault::new(kind, work, "test"), &mut Random::with_seed(1))
    }

    #[test]
    fn a_client_fault_ends_the_walk_at_once() {
        let mut walk = walk(Reach::Route, 5, 5);
        assert_eq!(fail(&mut walk, FaultKind::Client, Work::Refused), Step::Stop(StopReason::Final));
    }

    #[test]
    fn a_transient_fault_moves_on_without_waiting_until_the_attempts_are_spent() {
        let mut walk = walk(Reach::Route, 3, 0);
        assert_eq!(fail(&mut walk, FaultKind::Transient, Work::Refused), Step::Another);
        assert_eq!(fail(&mut walk, FaultKind::Transient, Work::Refused), Step::Another);
        assert_eq!(fail(&mut walk, FaultKind::Transient, Work::Refused), Step::Stop(StopReason::AttemptsSpent));
    }

    #[test]
    fn work_that_may_be_billed_is_repeated_once() {
        let mut walk = walk(Reach::Route, 9, 0);
        let silent = FaultKind::Timeout(Phase::Headers);
        assert_eq!(fail(&mut walk, silent, Work::Ambiguous), Step::Another);
        assert_eq!(fail(&mut walk, silent, Work::Ambiguous), Step::Stop(StopReason::Ambiguous));
    }

    #[test]
    fn when_nobody_is_left_a_permitted_retry_waits() {
        let mut walk = walk(Reach::Route, 9, 1);
        fail(&mut walk, FaultKind::Transient, Work::Refused);
        let Step::Retry { after } = walk.exhausted(MINUTE) else { panic!("expected a retry") };
        assert!(after <= Duration::from_secs(1));
        fail(&mut walk, FaultKind::Transient, Work::Refused);
        assert_eq!(walk.exhausted(MINUTE), Step::Stop(StopReason::Exhausted));
    }

    #[test]
    fn the_wait_of_a_rate_limit_is_the_one_that_was_asked_for() {
        let mut walk = walk(Reach::Route, 9, 1);
        walk.attempting();
        let mut fault = Fault::new(FaultKind::RateLimited, Work::Refused, "slow down");
        fault.retry_after = Some(Duration::from_secs(20));
        assert_eq!(walk.failed(&fault, &mut Random::with_seed(1)), Step::Another);
        assert_eq!(walk.exhausted(MINUTE), Step::Retry { after: Duration::from_secs(20) });
    }

    #[test]
    fn a_wait_beyond_the_deadline_is_not_begun() {
        let mut walk = walk(Reach::Route, 9, 1);
        fail(&mut walk, FaultKind::RateLimited, Work::Refused);
        assert_eq!(walk.exhausted(Duration::from_secs(5)), Step::Stop(StopReason::DeadlineTooNear));
    }

    #[test]
    fn what_was_never_sent_is_tried_again_at_once() {
        let mut walk = walk(Reach::Route, 9, 1);
        fail(&mut walk, FaultKind::Transport(TransportFault::Connect), Work::NotSent);
        assert_eq!(walk.exhausted(MINUTE), Step::Retry { after: Duration::ZERO });
    }

    #[test]
    fn fail_fast_makes_one_attempt() {
        let mut walk = walk(Reach::Nowhere, 9, 9);
        assert_eq!(fail(&mut walk, FaultKind::Transient, Work::Refused), Step::Stop(StopReason::Exhausted));
    }
}
