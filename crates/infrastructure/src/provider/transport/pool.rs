//! Connections at rest, by host.
//!
//! Each thread has a shard of its own and looks there first, so that threads that serve do not meet. A connection lives in the
//! runtime that opened it and serves nowhere else: that runtime may end before others do.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use http::Uri;
use tidegate_domain::sharded::own_of;
use tokio::{
    runtime::{self, Handle},
    time::sleep,
};

use super::connection::Connection;

/// The longest rest: shorter than the keep-alive of the servers that providers run behind, so that a pooled connection is seldom stale.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// In so many rounds connections that have rested too long are found: whatever has seen all of them.
const ROUNDS: u32 = 4;
/// The most connections at rest in one shard.
const MAX_IDLE: usize = 256;

/// The connections at rest to one host.
#[derive(Debug)]
pub(super) struct Host {
    /// Where to connect: scheme and authority matter, the rest does not.
    pub(super) uri: Uri,
    shards: Box<[Shard]>,
    is_swept: AtomicBool,
    /// Counts the rounds of whoever sweeps. It tells how long a connection has rested without a look at the clock for each.
    round: AtomicU32,
}

type Shard = Mutex<Vec<Idle>>;

#[derive(Debug)]
struct Idle {
    connection: Box<Connection>,
    /// The round in which it was put to rest.
    since: u32,
}

impl Host {
    pub(super) fn new(uri: Uri) -> Self {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let shards = (0..count).map(|_| Shard::default()).collect();
        Self { uri, shards, is_swept: AtomicBool::new(false), round: AtomicU32::new(0) }
    }

    /// A connection that can serve again, the one that rested least.
    pub(super) fn take(&self) -> Option<Box<Connection>> {
        let runtime = Handle::current().id();
        let own = self.own();
        let others = (0..self.shards.len()).filter(|shard| *shard != own);
        std::iter::once(own).chain(others).find_map(|shard| self.take_from(shard, runtime))
    }

    fn take_from(&self, shard: usize, runtime: runtime::Id) -> Option<Box<Connection>> {
        loop {
            let mut idle = {
                let mut shard = lock(&self.shards[shard]);
                let at = shard.iter().rposition(|idle| idle.connection.runtime() == runtime)?;
                shard.remove(at)
            };
            if idle.connection.is_usable() {
                return Some(idle.connection);
            }
        }
    }

    /// Puts a connection to rest.
    pub(super) fn put(self: &Arc<Self>, mut connection: Box<Connection>) {
        connection.rest();
        let idle = Idle { connection, since: self.round.load(Ordering::Relaxed) };
        let mut shard = lock(&self.shards[self.own()]);
        if shard.len() < MAX_IDLE {
            shard.push(idle);
        }
        drop(shard);
        if !self.is_swept.load(Ordering::Relaxed) && !self.is_swept.swap(true, Ordering::AcqRel) {
            tokio::spawn(sweep(Sweeping(Arc::downgrade(self))));
        }
    }

    fn own(&self) -> usize {
        own_of(self.shards.len())
    }

    /// Closes what has rested too long or was hung up on; whether any is left.
    fn evict(&self) -> bool {
        let mut is_any_left = false;
        let round = self.round.fetch_add(1, Ordering::Relaxed);
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.retain_mut(|idle| round.wrapping_sub(idle.since) + 1 < ROUNDS && idle.connection.is_usable());
            is_any_left |= !shard.is_empty();
            // A burst must not be remembered for ever.
            shard.shrink_to(0);
        }
        is_any_left
    }
}

/// A panic elsewhere leaves connections that are still worth using.
fn lock(shard: &Shard) -> MutexGuard<'_, Vec<Idle>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The duty of closing what has rested too long. Dropped with its runtime, it falls to whoever rests next.
struct Sweeping(Weak<Host>);

impl Drop for Sweeping {
    fn drop(&mut self) {
        if let Some(host) = self.0.upgrade() {
            host.is_swept.store(false, Ordering::Release);
        }
    }
}

async fn sweep(duty: Sweeping) {
    loop {
        sleep(IDLE_TIMEOUT / ROUNDS).await;
        // Nobody puts a connection to rest unnoticed: whoever does after this finds the duty free.
        if !duty.0.upgrade().is_some_and(|host| host.evict()) {
            return;
        }
    }
}
