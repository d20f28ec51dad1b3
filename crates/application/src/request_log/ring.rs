//! The latest requests, in as many slots as may be kept.
//!
//! A writer draws a ticket and puts its record into that ticket's slot: two writers meet at one lock only when one of them
//! has been overtaken by a whole turn of the ring.

use std::{
    mem,
    sync::{Arc, PoisonError, atomic::Ordering::Relaxed},
};

use tidegate_domain::routing::RequestRecord;

use crate::sync::{AtomicUsize, Mutex, MutexGuard};

/// A record, and the ticket it was put in under.
type Kept = (usize, Arc<RequestRecord>);
type Slot = Mutex<Option<Kept>>;

/// The latest requests.
#[derive(Debug)]
pub(super) struct Ring {
    slots: Box<[Slot]>,
    tickets: AtomicUsize,
}

impl Ring {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots: (0..slots).map(|_| Slot::default()).collect(), tickets: AtomicUsize::new(0) }
    }

    /// Puts a record in the place of the oldest one, which is given back unless somebody still reads it.
    pub(super) fn push(&self, record: RequestRecord) -> Option<RequestRecord> {
        let (ticket, mut slot) = self.next()?;
        if let Some((other, oldest)) = &mut *slot {
            // One that was overtaken by a whole turn is older than what stands there.
            if *other > ticket {
                return Some(record);
            }
            if let Some(oldest) = Arc::get_mut(oldest) {
                *other = ticket;
                return Some(mem::replace(oldest, record));
            }
        }
        *slot = Some((ticket, Arc::new(record)));
        None
    }

    /// Puts a record that others have too in the place of the oldest one.
    pub(super) fn share(&self, record: Arc<RequestRecord>) {
        if let Some((ticket, mut slot)) = self.next()
            && slot.as_ref().is_none_or(|(other, _)| *other < ticket)
        {
            *slot = Some((ticket, record));
        }
    }

    /// The next ticket, and its slot; `None` if there is no room for anything.
    fn next(&self) -> Option<(usize, MutexGuard<'_, Option<Kept>>)> {
        if self.slots.is_empty() {
            return None;
        }
        let ticket = self.tickets.fetch_add(1, Relaxed);
        let slot = self.slots[ticket % self.slots.len()].lock().unwrap_or_else(PoisonError::into_inner);
        Some((ticket, slot))
    }

    /// All of them, the latest first.
    pub(super) fn records(&self) -> Vec<Arc<RequestRecord>> {
        let held = |slot: &Slot| slot.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut records: Vec<_> = self.slots.iter().filter_map(held).collect();
        records.sort_by(|(one, _), (other, _)| other.cmp(one));
        records.into_iter().map(|(_, record)| record).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use tidegate_domain::{inference::RequestId, observe::Outcome, routing::Trace};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn record(id: &str) -> RequestRecord {
        RequestRecord {
            trace: Trace::new(RequestId::new(id), "pool:p".parse().unwrap(), (1, 7)),
            outcome: Outcome::Completed,
            usage: None,
            received: SystemTime::UNIX_EPOCH,
            opened: Instant::now(),
            took: Duration::ZERO,
        }
    }

    fn ids(records: &[Arc<RequestRecord>]) -> Vec<&str> {
        records.iter().map(|record| record.trace.request_id.as_str()).collect()
    }

    #[test]
    fn the_oldest_is_given_back_unless_somebody_reads_it() {
        let ring = Ring::new(2);
        assert!(ring.push(record("a")).is_none() && ring.push(record("b")).is_none());
        assert_eq!(ring.push(record("c")).unwrap().trace.request_id.as_str(), "a");
        let read = ring.records();
        assert!(ring.push(record("d")).is_none(), "b is being read");
        ring.share(Arc::new(record("e")));
        assert_eq!((ids(&read), ids(&ring.records())), (vec!["c", "b"], vec!["e", "d"]));
        let kept = Arc::new(record("f"));
        ring.share(Arc::clone(&kept));
        assert!(ring.push(record("g")).is_some() && ring.push(record("h")).is_none(), "f is somebody else's too");
        assert_eq!(kept.trace.request_id.as_str(), "f");
    }

    #[test]
    fn a_ring_without_slots_keeps_nothing() {
        let ring = Ring::new(0);
        assert!(ring.push(record("a")).is_none());
        ring.share(Arc::new(record("b")));
        assert!(ring.records().is_empty());
    }
}
