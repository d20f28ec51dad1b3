//! A gate, and the limits that a routing table puts it under.

use std::{sync::Arc, time::Instant};

use tidegate_domain::{admission::Limits, task_group::Exclusion};

use super::{Gate, Place, Scope};

/// A gate under the limits of one routing table. They come into force when the table does.
#[derive(Debug, Clone)]
pub(crate) struct Level {
    pub(crate) gate: Arc<Gate>,
    limits: Limits,
}

impl Level {
    /// The level that follows `previous`, with its gate; `None` where nothing is limited and nothing was.
    pub(crate) fn following(previous: Option<&Self>, scope: Scope, limits: Limits) -> Option<Self> {
        match previous {
            Some(previous) => Some(Self { gate: Arc::clone(&previous.gate), limits }),
            None => limits.is_limited().then(|| Self { gate: Arc::new(Gate::new(scope)), limits }),
        }
    }

    /// Whether it is the same level, of this routing table or another.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.gate, &other.gate)
    }

    /// Puts the limits in force.
    pub(crate) fn apply(&self) {
        self.gate.set_limits(self.limits);
    }

    /// A place, if there is room at once and nobody waits for it.
    pub(crate) fn try_enter(&self, tokens: u32, now: Instant) -> Result<Place, Exclusion> {
        self.gate.try_enter(tokens, now).map_err(Exclusion::AtLimit)
    }

    /// Why there is no room; `None` if there is.
    pub(crate) fn exclusion(&self, tokens: u32, now: Instant) -> Option<Exclusion> {
        self.gate.would_admit(tokens, now).err().map(Exclusion::AtLimit)
    }
}
