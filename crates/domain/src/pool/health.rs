//! The health of an instance, as its requests and its checks show it, and as an operator says.
//!
//! Requests and checks are counted apart, each in a track of its own; the worse of the two is the instance's health. A track
//! turns from healthy to degraded at the first counted fault and to unhealthy at `failure_threshold` consecutive ones. An
//! unhealthy instance is left alone for the recovery time (longer with every relapse, at least as long as the upstream
//! asked), and then is recovering: it takes trial traffic, and `success_threshold` successes make it healthy, one fault
//! unhealthy again. So no check that succeeds ends what requests have shown, and a request that succeeds outweighs every
//! check: it is what the instance is for.
//!
//! An operator's word stands above both: under maintenance or draining an instance gets no traffic, whatever it is.

mod check;
mod status;
mod track;

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

pub use check::{CheckKind, CheckPolicy};
pub use status::{HealthStatus, HealthTransition};

use self::track::Track;
use crate::{fault::Fault, pool::Random};

/// When an instance leaves the rotation, and when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthPolicy {
    /// Consecutive counted faults until it is unhealthy.
    pub failure_threshold: NonZeroU32,
    /// Consecutive successes until it is healthy again.
    pub success_threshold: NonZeroU32,
    /// The longest that it is left alone the first time; doubled with every relapse.
    pub recovery_time: Duration,
    /// The longest that it is ever left alone, unless its upstream asks for more.
    pub max_recovery_time: Duration,
    /// How it is learnt.
    pub check: CheckPolicy,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self {
            failure_threshold: NonZeroU32::new(3).unwrap_or(NonZeroU32::MIN),
            success_threshold: NonZeroU32::new(2).unwrap_or(NonZeroU32::MIN),
            recovery_time: Duration::from_mins(1),
            max_recovery_time: Duration::from_mins(10),
            check: CheckPolicy::default(),
        }
    }
}

/// What an operator has said of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Duty {
    /// It serves as its health allows.
    #[default]
    Serving,
    /// It gets no traffic, and comes back on trial.
    Maintenance,
    /// It finishes what it serves, and gets nothing more.
    Draining,
}

/// Why an instance is out of the rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// Its recovery time is over then.
    Unhealthy(Instant),
    /// An operator works on it.
    Maintenance,
    /// An operator drains it.
    Draining,
}

/// The health state machine of one instance.
#[derive(Debug, Clone)]
pub struct Health {
    policy: HealthPolicy,
    duty: Duty,
    requests: Track,
    checks: Track,
}

impl Health {
    /// A healthy instance under `policy`.
    pub fn new(policy: HealthPolicy) -> Self {
        Self { policy, duty: Duty::default(), requests: Track::new(), checks: Track::new() }
    }

    /// Goes on under another policy, from the same state.
    pub fn set_policy(&mut self, policy: HealthPolicy) {
        // What nobody looks at any more cannot heal.
        if !policy.check.kind.is_active() {
            self.checks.reset();
        }
        if policy.check.kind == CheckKind::None {
            self.requests.reset();
        }
        self.policy = policy;
    }

    /// The health at `now`: an unhealthy instance whose recovery time is over counts as recovering.
    pub fn status(&self, now: Instant) -> HealthStatus {
        match self.duty {
            Duty::Serving => self.requests.status(now).max(self.checks.status(now)),
            Duty::Maintenance => HealthStatus::Maintenance,
            Duty::Draining => HealthStatus::Draining,
        }
    }

    /// What an operator has said of it.
    pub fn duty(&self) -> Duty {
        self.duty
    }

    /// Whether the instance is in the rotation at `now`.
    ///
    /// # Errors
    /// Why it is not.
    pub fn usable(&self, now: Instant) -> Result<(), Unusable> {
        match self.duty {
            Duty::Maintenance => return Err(Unusable::Maintenance),
            Duty::Draining => return Err(Unusable::Draining),
            Duty::Serving => {}
        }
        let until = self.requests.ejected_until(now).max(self.checks.ejected_until(now));
        until.map_or(Ok(()), |until| Err(Unusable::Unhealthy(until)))
    }

    /// Whether an attempt sent at `sent` is from before the last ejection: whatever comes of it says nothing about now and is
    /// not to be recorded. A slow one may outlast the recovery time, and would count as a relapse.
    pub fn outdates(&self, sent: Instant) -> bool {
        self.requests.outdates(sent)
    }

    /// Records that an attempt succeeded.
    pub fn on_success(&mut self, now: Instant) -> Option<HealthTransition> {
        self.changing(now, |health| {
            if health.policy.check.kind == CheckKind::None {
                return;
            }
            health.requests.on_success(health.policy, now);
            health.checks.reset();
        })
    }

    /// Records that an attempt failed in a way that counts.
    pub fn on_fault(&mut self, fault: &Fault, now: Instant, random: &mut Random) -> Option<HealthTransition> {
        self.changing(now, |health| {
            if health.policy.check.kind != CheckKind::None {
                health.requests.on_fault(health.policy, (fault, now), random);
            }
        })
    }

    /// Records that a check succeeded.
    pub fn on_check_success(&mut self, now: Instant) -> Option<HealthTransition> {
        self.changing(now, |health| health.checks.on_success(health.policy, now))
    }

    /// Records that a check failed in a way that counts.
    pub fn on_check_fault(&mut self, fault: &Fault, now: Instant, random: &mut Random) -> Option<HealthTransition> {
        self.changing(now, |health| health.checks.on_fault(health.policy, (fault, now), random))
    }

    /// Puts the instance on that duty: an operator's word. Back from maintenance it is on trial.
    pub fn put_on(&mut self, duty: Duty, now: Instant) -> Option<HealthTransition> {
        self.changing(now, |health| {
            if health.duty == Duty::Maintenance && duty == Duty::Serving {
                health.requests.recover();
                health.checks.reset();
            }
            health.duty = duty;
        })
    }

    /// Makes the instance healthy, whatever it was, and forgets what it has been through: an operator's word. Its duty stays.
    pub fn reset(&mut self, now: Instant) -> Option<HealthTransition> {
        self.changing(now, |health| {
            health.requests.reset();
            health.checks.reset();
        })
    }

    fn changing(&mut self, now: Instant, change: impl FnOnce(&mut Self)) -> Option<HealthTransition> {
        let from = self.status(now);
        change(self);
        let to = self.status(now);
        (from != to).then_some(HealthTransition { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{FaultKind, Work};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn it_is_back_at_the_very_moment_that_it_named() {
        let (fault, now) = (Fault::new(FaultKind::Transient, Work::Refused, "test"), Instant::now());
        let mut health = Health::new(HealthPolicy { failure_threshold: NonZeroU32::MIN, ..HealthPolicy::default() });
        health.on_fault(&fault, now, &mut Random::with_seed(1));
        let Err(Unusable::Unhealthy(until)) = health.usable(now) else { panic!("{health:?}") };
        assert_eq!(health.status(now), HealthStatus::Unhealthy);
        assert_eq!((health.usable(until), health.status(until)), (Ok(()), HealthStatus::Recovering));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn what_is_not_looked_at_any_more_is_forgotten() {
        let with =
            |kind| HealthPolicy { check: CheckPolicy { kind, ..CheckPolicy::default() }, ..HealthPolicy::default() };
        let (fault, now) = (Fault::new(FaultKind::Transient, Work::Refused, "test"), Instant::now());
        let (mut health, mut random) = (Health::new(with(CheckKind::Models)), Random::with_seed(1));
        for _ in 0..3 {
            health.on_check_fault(&fault, now, &mut random);
        }
        health.on_fault(&fault, now, &mut random);
        health.set_policy(with(CheckKind::Tcp));
        assert_eq!(health.status(now), HealthStatus::Unhealthy, "what checks have shown stands while there are checks");
        health.set_policy(with(CheckKind::Passive));
        assert_eq!(health.status(now), HealthStatus::Degraded, "the request's fault stands");
        health.set_policy(with(CheckKind::None));
        for _ in 0..10 {
            health.on_fault(&fault, now, &mut random);
        }
        assert_eq!(health.status(now), HealthStatus::Healthy);
    }
}
