//! What many threads add to, split so that they do not meet.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// How many there are: as many threads as serve on most machines. Those that no thread has are empty.
const SHARDS: usize = 16;

/// Several of something, each behind a lock of its own. A thread has one of them, mostly for itself: its lock is free, and what is behind
/// it is changed without further atomic operations, of which each costs as much as many additions.
#[derive(Debug)]
pub struct Sharded<T>(Box<[Shard<T>]>);

/// On cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard<T>(Mutex<T>);

/// Counts the threads that have asked for theirs.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = THREADS.fetch_add(1, Relaxed);
}

/// Which of so many shards is this thread's.
pub fn own_of(shards: usize) -> usize {
    THREAD.with(|thread| thread % shards)
}

/// Adds each of `counts` to its sum.
pub fn add_each(sums: &mut [u64], counts: &[u64]) {
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

impl<T: Default> Default for Sharded<T> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Shard::default()).collect())
    }
}

impl<T> Sharded<T> {
    /// The one of this thread.
    pub fn own(&self) -> MutexGuard<'_, T> {
        lock(&self.0[own_of(self.0.len())])
    }

    /// Each of them, one after the other.
    pub fn each(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.0.iter().map(lock)
    }
}

/// A panic elsewhere leaves what is still worth using.
fn lock<T>(Shard(shard): &Shard<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn nothing_is_lost_however_many_threads_add() {
        let counts = Sharded::<u64>::default();
        thread::scope(|scope| {
            for _ in 0..3 * SHARDS {
                scope.spawn(|| (0..1000).for_each(|_| *counts.own() += 1));
            }
        });
        assert_eq!(counts.each().map(|count| *count).sum::<u64>(), 3000 * SHARDS as u64);
    }

    #[test]
    fn a_thread_keeps_its_own() {
        let counts = Sharded::<u64>::default();
        (0..5).for_each(|_| *counts.own() += 1);
        assert_eq!(counts.each().map(|count| *count).max(), Some(5));
    }
}
