//! Requests that are over, with everything that was decided for them: the latest in memory, a sample of them in a store.
//!
//! The path of a request ends in a slot of memory and, for some, a place in a bounded queue; neither waits. What is worth
//! knowing about a request is known when it is over, so the sample is taken then: whatever was out of the ordinary is kept,
//! and a share of the rest. Which ones follows from the request alone, so that it can be repeated.

mod ring;
mod writer;

use std::{
    cell::RefCell,
    cmp::Reverse,
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ring::{Held, Ring};
use tidegate_domain::{
    inference::RequestId,
    name::Target,
    observe::{Event, NotStored, Observer},
    repository::RepositoryError,
    routing::{RequestQuery, RequestRecord, RequestRepository, RequestSummary, Trace},
    time::Clock,
};
use tokio::sync::mpsc;
pub use writer::RequestWriter;

thread_local! {
    /// The latest records that were overwritten, for their room.
    #[expect(clippy::vec_box, reason = "they are handed on in their boxes, and never moved")]
    static SPARES: RefCell<Vec<Box<RequestRecord>>> = const { RefCell::new(Vec::new()) };
}

/// How many of those are kept. Requests come, and end, in bursts of as many as there was news of at once.
const MAX_SPARES: usize = 32;

/// How many requests wait for the store at most.
const QUEUE: usize = 1024;

/// How many requests are kept, and which, and how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RequestLogPolicy {
    /// The most requests in memory.
    pub memory: usize,
    /// The share of ordinary requests that go to the store, from 0 to 1. All others go there anyway.
    pub sample: f64,
    /// How long the store keeps them.
    pub retention: Duration,
    /// The most requests in the store.
    pub max_stored: u64,
}

impl Default for RequestLogPolicy {
    fn default() -> Self {
        Self { memory: 256, sample: 0.01, retention: Duration::from_hours(7 * 24), max_stored: 100_000 }
    }
}

/// Keeps requests that are over, and finds them again.
pub struct RequestLog {
    ring: Ring,
    sample: f64,
    store: Option<Store>,
}

struct Store {
    queue: mpsc::Sender<Arc<RequestRecord>>,
    repository: Arc<dyn RequestRepository>,
    observer: Arc<dyn Observer>,
}

/// What storing requests takes.
pub struct RequestStore {
    /// Where they are kept.
    pub repository: Arc<dyn RequestRepository>,
    /// Who is told of requests that could not be stored.
    pub observer: Arc<dyn Observer>,
    /// Tells how old they are.
    pub clock: Arc<dyn Clock>,
}

impl RequestLog {
    /// A log in memory alone.
    pub fn in_memory(policy: RequestLogPolicy) -> Self {
        Self { ring: Ring::new(policy.memory), sample: policy.sample, store: None }
    }

    /// A log in memory and in a store, and what writes to the store while it runs.
    pub fn stored(policy: RequestLogPolicy, store: RequestStore) -> (Self, RequestWriter) {
        let (queue, arrivals) = mpsc::channel(QUEUE);
        let RequestStore { repository, observer, clock } = store;
        let parts = Store { queue, repository: Arc::clone(&repository), observer: Arc::clone(&observer) };
        let writer = RequestWriter::new(policy, RequestStore { repository, observer, clock }, arrivals);
        (Self { store: Some(parts), ..Self::in_memory(policy) }, writer)
    }

    /// Keeps a request that is over. It neither waits nor fails.
    pub(crate) fn note(&self, record: Box<RequestRecord>) {
        let held = match self.store.as_ref().filter(|_| self.is_sampled(&record)) {
            None => Held::Own(record),
            Some(store) => {
                let record = Arc::from(record);
                if store.queue.try_send(Arc::clone(&record)).is_err() {
                    store.observer.observe(&Event::RequestsNotStored { count: 1, reason: NotStored::QueueFull });
                }
                Held::Shared(record)
            }
        };
        if let Some(overwritten) = self.ring.push(held) {
            keep(overwritten);
        }
    }

    /// The record of a request that has just come in. Where there is one, it is in the room of another that was overwritten on this thread: that was
    /// just looked at, while what the allocator would give was not for as many requests as are kept.
    pub(crate) fn open(
        request_id: RequestId,
        target: Target,
        decided_by: (u64, u64),
        came: (SystemTime, Instant),
    ) -> Box<RequestRecord> {
        let Some(mut record) = SPARES.with_borrow_mut(Vec::pop) else {
            return Box::new(RequestRecord::new(Trace::new(request_id, target, decided_by), came));
        };
        *record = RequestRecord::new(record.trace.reused(request_id, target, decided_by), came);
        record
    }

    /// Finds a request: its document, from memory or from the store.
    ///
    /// # Errors
    /// [`RepositoryError`] if it is not in memory and the store does not answer.
    pub async fn document(&self, id: &RequestId) -> Result<Option<String>, RepositoryError> {
        if let Some(record) = self.record(id) {
            return Ok(Some(record.document()));
        }
        let Some(store) = &self.store else { return Ok(None) };
        Ok(store.repository.find(id).await?.map(|stored| stored.document))
    }

    /// Finds a request that is still in memory.
    pub fn record(&self, id: &RequestId) -> Option<Arc<RequestRecord>> {
        self.ring.find(id)
    }

    /// The requests in memory, the latest first.
    pub fn recent(&self) -> Vec<Arc<RequestRecord>> {
        self.ring.records()
    }

    /// The latest requests that `query` asks for, in memory or in the store, the latest first.
    ///
    /// # Errors
    /// [`RepositoryError`] if there is a store and it does not answer.
    pub async fn list(&self, query: &RequestQuery) -> Result<Vec<RequestSummary>, RepositoryError> {
        let recent = self.ring.records();
        let mut found: Vec<_> = recent.iter().map(|record| record.summary()).filter(|it| query.matches(it)).collect();
        if let Some(store) = &self.store {
            let stored = store.repository.list(query).await?;
            let is_new = |summary: &RequestSummary| recent.iter().all(|it| it.trace.request_id != summary.id);
            found.extend(stored.into_iter().filter(is_new));
        }
        found.sort_by_key(|summary| Reverse(summary.received_ms));
        found.truncate(query.limit as usize);
        Ok(found)
    }

    /// The seed is a hash of the request's id: as good as a draw, and the same whenever it is asked.
    #[expect(clippy::cast_precision_loss, reason = "the upper 53 bits fit a double exactly")]
    fn is_sampled(&self, record: &RequestRecord) -> bool {
        let draw = (record.trace.seed >> 11) as f64 / (1_u64 << 53) as f64;
        !record.is_ordinary() || draw < self.sample
    }
}

fn keep(spare: Box<RequestRecord>) {
    SPARES.with_borrow_mut(|spares| {
        if spares.len() < MAX_SPARES {
            spares.push(spare);
        }
    });
}

impl Default for RequestLog {
    fn default() -> Self {
        Self::in_memory(RequestLogPolicy::default())
    }
}

impl fmt::Debug for RequestLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestLog").field("is_stored", &self.store.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RequestStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RequestStore").finish_non_exhaustive()
    }
}
