//! Writes requests to the store behind the back of those who make them.
//!
//! Requests are gathered for a moment and written many at a time. A store that fails is tried again a few times while the
//! queue fills; what then finds no room is dropped and counted. On the way out what waits is written, but only so long.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tidegate_domain::{
    observe::{Event, NotStored},
    routing::{RequestRecord, StoredRequest},
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{RequestLogPolicy, RequestStore};

/// The most requests that are written at once.
const BATCH: usize = 64;
/// How long the first of a batch waits for others,
const LINGER: Duration = Duration::from_millis(500);
/// and how often it looks whether there are enough: to wait for each would wake this task as often as one is sampled.
const LOOKS: u32 = 10;
/// How long the store may take over a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a batch is tried, and how long apart.
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// How often the store is rid of what is too old or too much.
const PRUNE_INTERVAL: Duration = Duration::from_mins(1);
/// How long may be written on the way out.
const LAST_PATIENCE: Duration = Duration::from_secs(5);

/// Writes requests to the store while it runs.
#[must_use = "nothing is stored unless it runs"]
pub struct RequestWriter {
    policy: RequestLogPolicy,
    store: RequestStore,
    arrivals: mpsc::Receiver<Arc<RequestRecord>>,
    batch: Vec<Arc<RequestRecord>>,
}

impl RequestWriter {
    pub(super) fn new(
        policy: RequestLogPolicy,
        store: RequestStore,
        arrivals: mpsc::Receiver<Arc<RequestRecord>>,
    ) -> Self {
        Self { policy, store, arrivals, batch: Vec::new() }
    }

    /// Writes until `stop` is over or the log is gone, and then what still waits.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            biased;
            () = stop => {}
            () = self.write() => {}
        }
        self.arrivals.close();
        if timeout(LAST_PATIENCE, self.drain()).await.is_err() {
            tracing::warn!("the store was too slow to take the last requests");
        }
        self.give_up_on(self.batch.len() + self.arrivals.len());
    }

    async fn write(&mut self) {
        let mut next_prune = Instant::now();
        while self.gather(next_prune).await {
            self.store().await;
            if Instant::now() >= next_prune {
                self.prune().await;
                next_prune = Instant::now() + PRUNE_INTERVAL;
            }
        }
    }

    /// Waits for a batch, but not beyond `until` if nothing comes; false if nothing will ever come.
    async fn gather(&mut self, until: Instant) -> bool {
        match timeout_at(until, self.arrivals.recv_many(&mut self.batch, BATCH)).await {
            Ok(0) => return false,
            Ok(_) => {}
            Err(_) => return true,
        }
        for _ in 0..LOOKS {
            if self.batch.len() + self.arrivals.len() >= BATCH || self.arrivals.is_closed() {
                break;
            }
            sleep(LINGER / LOOKS).await;
        }
        while self.batch.len() < BATCH
            && let Ok(record) = self.arrivals.try_recv()
        {
            self.batch.push(record);
        }
        true
    }

    /// Writes the batch. It may be dropped on the way and begun again: the store takes no request twice.
    async fn store(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let requests: Vec<StoredRequest> = self.batch.iter().map(|record| record.stored()).collect();
        for left in (0..TRIES).rev() {
            match timeout(PATIENCE, self.store.repository.append(&requests)).await {
                Ok(Ok(())) => return self.batch.clear(),
                Ok(Err(error)) => tracing::warn!(%error, "requests could not be stored"),
                Err(_) => tracing::warn!("requests could not be stored: the store does not answer"),
            }
            if left > 0 {
                sleep(BETWEEN_TRIES).await;
            }
        }
        self.give_up_on(self.batch.len());
        self.batch.clear();
    }

    async fn drain(&mut self) {
        loop {
            self.store().await;
            if self.arrivals.recv_many(&mut self.batch, BATCH).await == 0 {
                return;
            }
        }
    }

    async fn prune(&self) {
        let now = self.store.clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let before = u64::try_from(now.saturating_sub(self.policy.retention).as_millis()).unwrap_or(u64::MAX);
        match timeout(PATIENCE, self.store.repository.prune(before, self.policy.max_stored)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(gone)) => tracing::debug!(gone, "old requests removed"),
            Ok(Err(error)) => tracing::warn!(%error, "old requests could not be removed"),
            Err(_) => tracing::warn!("old requests could not be removed: the store does not answer"),
        }
    }

    fn give_up_on(&self, requests: usize) {
        if requests > 0 {
            let count = u64::try_from(requests).unwrap_or(u64::MAX);
            self.store.observer.observe(&Event::RequestsNotStored { count, reason: NotStored::StoreFailed });
        }
    }
}

impl fmt::Debug for RequestWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestWriter").field("policy", &self.policy).finish_non_exhaustive()
    }
}
