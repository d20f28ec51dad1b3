//! The latest requests, in as many slots as may be kept.
//!
//! A writer draws a ticket and puts its record into that ticket's slot: two writers meet at one lock only when one of them
//! has been overtaken by a whole turn of the ring.

use std::sync::{Arc, PoisonError, atomic::Ordering::Relaxed};

use tidegate_domain::{inference::RequestId, routing::RequestRecord};

use crate::sync::{AtomicUsize, Mutex, MutexGuard};

/// What a slot holds, and the ticket it was put in under.
type Kept = (usize, Held);
type Slot = Mutex<Option<Kept>>;

/// A record in the ring.
#[derive(Debug)]
pub(super) enum Held {
    /// Nobody has looked at it: its room can be given back.
    Own(Box<RequestRecord>),
    /// Somebody else has it too, or had.
    Shared(Arc<RequestRecord>),
}

/// The latest requests.
#[derive(Debug)]
pub(super) struct Ring {
    slots: Box<[Slot]>,
    tickets: AtomicUsize,
}

impl Held {
    fn record(&self) -> &RequestRecord {
        match self {
            Self::Own(record) => record,
            Self::Shared(record) => record,
        }
    }

    /// The record, for somebody else too.
    fn share(self) -> Arc<RequestRecord> {
        match self {
            Self::Own(record) => Arc::from(record),
            Self::Shared(record) => record,
        }
    }

    fn into_own(self) -> Option<Box<RequestRecord>> {
        match self {
            Self::Own(record) => Some(record),
            Self::Shared(_) => None,
        }
    }
}

impl Ring {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots: (0..slots).map(|_| Slot::default()).collect(), tickets: AtomicUsize::new(0) }
    }

    /// Puts a record in the place of the oldest one, which is given back unless somebody has looked at it.
    pub(super) fn push(&self, record: Held) -> Option<Box<RequestRecord>> {
        let (ticket, mut slot) = self.next()?;
        // One that was overtaken by a whole turn is older than what stands there.
        if slot.as_ref().is_some_and(|(other, _)| *other > ticket) {
            return record.into_own();
        }
        slot.replace((ticket, record)).and_then(|(_, oldest)| oldest.into_own())
    }

    /// The next ticket, and its slot; `None` if there is no room for anything.
    fn next(&self) -> Option<(usize, MutexGuard<'_, Option<Kept>>)> {
        if self.slots.is_empty() {
            return None;
        }
        let ticket = self.tickets.fetch_add(1, Relaxed);
        Some((ticket, lock(&self.slots[ticket % self.slots.len()])))
    }

    /// The record of that request, if it is still there.
    pub(super) fn find(&self, id: &RequestId) -> Option<Arc<RequestRecord>> {
        let is_asked = |(_, held): &mut Kept| held.record().trace.request_id == *id;
        self.slots.iter().find_map(|slot| {
            let mut slot = lock(slot);
            let asked = slot.take_if(is_asked)?;
            Some(shared(&mut slot, asked).1)
        })
    }

    /// All of them, the latest first.
    pub(super) fn records(&self) -> Vec<Arc<RequestRecord>> {
        let held = |slot: &Slot| {
            let mut slot = lock(slot);
            let kept = slot.take()?;
            Some(shared(&mut slot, kept))
        };
        let mut records: Vec<_> = self.slots.iter().filter_map(held).collect();
        records.sort_by(|(one, _), (other, _)| other.cmp(one));
        records.into_iter().map(|(_, record)| record).collect()
    }
}

/// Puts back what was taken out of a slot, shared with whoever took it.
fn shared(slot: &mut Option<Kept>, (ticket, held): Kept) -> (usize, Arc<RequestRecord>) {
    let record = held.share();
    *slot = Some((ticket, Held::Shared(Arc::clone(&record))));
    (ticket, record)
}

fn lock(slot: &Slot) -> MutexGuard<'_, Option<Kept>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Instant, SystemTime};

    use tidegate_domain::routing::Trace;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
    fn record(id: &str) -> Box<RequestRecord> {
        let trace = Trace::new(RequestId::new(id), "pool:p".parse().unwrap(), (1, 7));
        Box::new(RequestRecord::new(trace, (SystemTime::UNIX_EPOCH, Instant::now())))
    }

    fn own(id: &str) -> Held {
        Held::Own(record(id))
    }

    fn ids(records: &[Arc<RequestRecord>]) -> Vec<&str> {
        records.iter().map(|record| record.trace.request_id.as_str()).collect()
    }

    #[test]
    fn the_oldest_is_given_back_unless_somebody_has_looked_at_it() {
        let ring = Ring::new(2);
        assert!(ring.push(own("a")).is_none() && ring.push(own("b")).is_none());
        assert_eq!(ring.push(own("c")).unwrap().trace.request_id.as_str(), "a");
        let read = ring.records();
        assert!(ring.push(own("d")).is_none(), "b is being read");
        let kept: Arc<RequestRecord> = Arc::from(record("e"));
        assert!(ring.push(Held::Shared(Arc::clone(&kept))).is_none(), "c was read");
        assert_eq!((ids(&read), ids(&ring.records())), (vec!["c", "b"], vec!["e", "d"]));
        assert!(ring.push(own("f")).is_none() && ring.push(own("g")).is_none(), "e is somebody else's too");
        assert_eq!(kept.trace.request_id.as_str(), "e");
        assert!(ring.push(own("h")).is_some());
    }

    #[test]
    fn only_the_one_that_is_looked_for_is_shared() {
        let ring = Ring::new(3);
        for id in ["a", "b", "c"] {
            ring.push(own(id));
        }
        let found = ring.find(&RequestId::new("b")).unwrap();
        assert_eq!((found.trace.request_id.as_str(), ring.find(&RequestId::new("d")).is_none()), ("b", true));
        let given_back = ["d", "e", "f"].map(|id| ring.push(own(id)).is_some());
        assert_eq!(given_back, [true, false, true]);
    }

    #[test]
    fn a_ring_without_slots_keeps_nothing() {
        let ring = Ring::new(0);
        assert!(ring.push(own("a")).is_none());
        assert!(ring.push(Held::Shared(Arc::from(record("b")))).is_none());
        assert!(ring.records().is_empty());
    }
}
