//! Events, and the port to whoever watches them.

use std::time::Duration;

use crate::{
    config::{Accepted, Reason, ReloadOutcome},
    fault::FaultKind,
    inference::Usage,
    name::{InstanceId, ModelRef, Target},
    pool::HealthTransition,
    resilience::BreakerTransition,
    routing::Trace,
};

/// Something worth watching. Events carry no prompt, no answer and no secret.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// An attempt is over; for a stream, its first content is there or it failed before.
    AttemptFinished {
        /// The instance.
        instance: &'a InstanceId,
        /// Its model.
        model: &'a ModelRef,
        /// What failed it, if anything.
        fault: Option<FaultKind>,
        /// How long it took.
        took: Duration,
    },
    /// A request is over: answered, refused, broken off or abandoned.
    RequestFinished {
        /// Where it was sent.
        target: &'a Target,
        /// How it ended.
        outcome: Outcome,
        /// How long it took, streaming included.
        took: Duration,
        /// What it cost; absent if nobody answered. Estimated where no upstream counted.
        usage: Option<Usage>,
        /// What was decided for it.
        trace: &'a Trace,
    },
    /// An attempt goes past an open circuit, for want of better instances.
    Panic {
        /// The instance.
        instance: &'a InstanceId,
    },
    /// The health of an instance changed.
    Health {
        /// The instance.
        instance: &'a InstanceId,
        /// The change.
        transition: HealthTransition,
    },
    /// A circuit changed.
    Breaker {
        /// The instance.
        instance: &'a InstanceId,
        /// The change.
        transition: BreakerTransition,
    },
    /// A new routing table is in force.
    Published {
        /// Its revision.
        revision: u64,
    },
    /// The configuration was loaded again.
    Reloaded {
        /// What became of it.
        outcome: &'a ReloadOutcome,
        /// Who wanted it, and why.
        reason: &'a Reason,
    },
    /// A configuration is in force: the one of the start, or another.
    Configured {
        /// Its number in the history; absent if the history could not keep it.
        number: Option<u64>,
        /// What it is.
        accepted: &'a Accepted,
    },
    /// Requests that are over could not be kept in the store.
    RequestsNotStored {
        /// How many.
        count: u64,
        /// Why.
        reason: NotStored,
    },
}

/// Why a request is not kept in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotStored {
    /// As many wait for the store already as may.
    QueueFull,
    /// The store failed, or did not answer.
    StoreFailed,
}

impl NotStored {
    /// The word for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::StoreFailed => "store_failed",
        }
    }
}

/// How a request ended. Every request has exactly one outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Answered in full.
    Completed,
    /// Failed before anything was shown to the caller.
    Failed(FaultKind),
    /// Nobody could be asked.
    NoneAvailable,
    /// A limit of the gateway's own refused it before the first attempt.
    Refused,
    /// Broken off after a part was shown to the caller, who was told so.
    BrokenOff(FaultKind),
    /// The caller went away.
    Abandoned,
}

impl Outcome {
    /// The word for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed(_) => "failed",
            Self::NoneAvailable => "none_available",
            Self::Refused => "refused",
            Self::BrokenOff(_) => "broken_off",
            Self::Abandoned => "abandoned",
        }
    }

    /// The fault that it ended with, if any.
    pub fn fault(self) -> Option<FaultKind> {
        match self {
            Self::Failed(fault) | Self::BrokenOff(fault) => Some(fault),
            Self::Completed | Self::NoneAvailable | Self::Refused | Self::Abandoned => None,
        }
    }
}

/// Watches events. It is called on the path of a request, so it neither blocks nor fails.
pub trait Observer: Send + Sync + 'static {
    /// Takes note of an event.
    fn observe(&self, event: &Event<'_>);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _: &Event<'_>) {}
}
