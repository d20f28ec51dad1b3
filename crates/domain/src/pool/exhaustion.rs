//! What a pool does for a request that none of its instances can take now.

use std::{num::NonZeroU32, time::Duration};

/// What a pool does for a request that none of its instances can take now, nor anybody else on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnExhausted {
    /// Refuses it.
    #[default]
    Reject,
    /// Asks the least bad of the instances that are out for what they showed: the one that would come back soonest.
    LeastBad,
    /// Lets it wait until an instance can be asked again.
    Queue(PoolQueue),
}

/// How requests wait for an instance of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolQueue {
    /// How long one waits at most.
    pub max_wait: Duration,
    /// How many wait at most.
    pub size: NonZeroU32,
}

impl Default for PoolQueue {
    fn default() -> Self {
        Self { max_wait: Duration::from_secs(5), size: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN) }
    }
}
