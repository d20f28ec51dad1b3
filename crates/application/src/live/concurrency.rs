//! How many requests an instance serves at once, and how many it may: two counters that are read without a lock.

use std::{num::NonZeroU32, sync::atomic::Ordering::Relaxed};

use crate::sync::AtomicU32;

/// How many requests an instance serves at once, and may.
#[derive(Debug)]
pub(super) struct Concurrency {
    in_flight: AtomicU32,
    /// [`u32::MAX`] where nothing is limited.
    limit: AtomicU32,
}

impl Concurrency {
    pub(super) fn new(limit: Option<NonZeroU32>) -> Self {
        let concurrency = Self { in_flight: AtomicU32::new(0), limit: AtomicU32::new(u32::MAX) };
        concurrency.set_limit(limit);
        concurrency
    }

    /// Requests that are being served.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// The most that may be; `None` if that is not limited.
    pub(super) fn limit(&self) -> Option<NonZeroU32> {
        let limit = self.limit.load(Relaxed);
        NonZeroU32::new(limit).filter(|_| limit < u32::MAX)
    }

    /// Sets the limit; whoever is being served beyond it is served to the end. Returns whether there is room that was not there
    /// before.
    pub(super) fn set_limit(&self, limit: Option<NonZeroU32>) -> bool {
        let limit = limit.map_or(u32::MAX, NonZeroU32::get);
        limit > self.limit.swap(limit, Relaxed)
    }

    /// Whether one more may be served.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight() < self.limit.load(Relaxed)
    }

    /// Counts one more, and returns how many there are then; `None` if it may not be served.
    pub(super) fn enter(&self) -> Option<u32> {
        let limit = self.limit.load(Relaxed);
        let room = |serving: u32| (serving < limit).then(|| serving + 1);
        self.in_flight.fetch_update(Relaxed, Relaxed, room).ok().map(|before| before + 1)
    }

    /// Counts one less.
    pub(super) fn leave(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }
}
