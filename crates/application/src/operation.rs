//! What an operator can do to an instance that serves.

use std::time::Instant;

use tidegate_domain::{
    name::{InstanceId, PoolName},
    observe::{Event, Observer},
    pool::Duty,
    resilience::BreakerOverride,
};

use crate::live::LiveInstance;

/// What an operator does to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceOperation {
    /// Takes it out, or lets it serve again: back from maintenance it is on trial.
    PutOn(Duty),
    /// Makes it healthy, closes its circuit, ends its cooldowns and forgets what it has been through. Its duty stays.
    Reset,
    /// Holds its circuit open or closed; with `None`, leaves it to itself again.
    HoldBreaker(Option<BreakerOverride>),
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperateError {
    /// There is no such pool.
    #[error("there is no pool '{0}'")]
    NoSuchPool(PoolName),
    /// The pool has no such instance.
    #[error("pool '{pool}' has no instance '{instance}'; it has {known}")]
    NoSuchInstance {
        /// The pool.
        pool: PoolName,
        /// What was asked for.
        instance: InstanceId,
        /// What there is.
        known: String,
    },
}

impl<C> LiveInstance<C> {
    /// Does what an operator says, and tells `observer` what changed.
    pub(crate) fn operate(&self, operation: InstanceOperation, now: Instant, observer: &dyn Observer) {
        let (health, breaker) = match operation {
            InstanceOperation::PutOn(duty) => (self.state.put_on(duty, now), None),
            InstanceOperation::Reset => self.state.reset(now),
            InstanceOperation::HoldBreaker(word) => (None, self.state.hold_breaker(word, now)),
        };
        if let Some(room) = &self.room {
            room.ring();
        }
        if let Some(transition) = health {
            observer.observe(&Event::Health { instance: &self.label, transition });
        }
        if let Some(transition) = breaker {
            observer.observe(&Event::Breaker { instance: &self.label, transition });
        }
    }
}
