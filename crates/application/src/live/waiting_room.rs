//! Where requests wait for an instance of a pool.
//!
//! They stand in a line: only its head looks for an instance, and whoever arrives while somebody stands there joins the end. The
//! head is woken when an instance gives a place back, and by the clock when one comes back by itself; nobody polls. Leaving
//! the line, at whatever point, is dropping what one holds.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// The line before a pool.
#[derive(Debug)]
pub(crate) struct WaitingRoom {
    /// Whose turn it is to look; fair, so that those who wait for it do so in the order of their arrival.
    head: Semaphore,
    waiting: AtomicU32,
    bell: Notify,
}

/// A place in the line.
#[derive(Debug)]
pub(crate) struct InLine<'a>(&'a WaitingRoom);

/// Tells the line that something has changed, at the latest when it is dropped.
#[derive(Debug)]
pub(crate) struct Bell(pub(crate) Arc<WaitingRoom>);

impl Default for WaitingRoom {
    fn default() -> Self {
        Self { head: Semaphore::new(1), waiting: AtomicU32::new(0), bell: Notify::new() }
    }
}

impl WaitingRoom {
    /// Whether nobody stands in the line.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.load(Relaxed) == 0
    }

    /// Joins the line; `None` if `size` stand there already.
    pub(crate) fn join(&self, size: u32) -> Option<InLine<'_>> {
        let room = |waiting: u32| (waiting < size).then(|| waiting + 1);
        self.waiting.fetch_update(Relaxed, Relaxed, room).ok().map(|_| InLine(self))
    }

    /// Wakes the head, if there is one.
    pub(crate) fn ring(&self) {
        if !self.is_empty() {
            // Kept for a head that is looking just now.
            self.bell.notify_one();
        }
    }
}

impl InLine<'_> {
    /// Waits until one is the head of the line, which one is until the answer is dropped.
    pub(crate) async fn head(&self) -> Option<SemaphorePermit<'_>> {
        self.0.head.acquire().await.ok()
    }

    /// Waits until something changes. Only the head listens.
    pub(crate) async fn rung(&self) {
        self.0.bell.notified().await;
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.0.ring();
    }
}
