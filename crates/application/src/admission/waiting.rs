//! A request that waits before a gate.

use std::{
    mem,
    sync::{Arc, PoisonError},
    time::Instant,
};

use tidegate_domain::admission::{Measure, Ticket};
use tokio::{sync::Notify, time::sleep_until};

use super::{AdmissionError, Gate, Place, RefusalReason, gate::now, place::Taken};
use crate::sync::{Mutex, MutexGuard};

/// Where a request sits while it waits, and what it is told there.
#[derive(Debug)]
pub(super) struct Seat {
    tokens: u32,
    told: Mutex<Told>,
    bell: Notify,
}

#[derive(Debug)]
enum Told {
    /// To wait; to come back at a moment, if only time makes room.
    Wait(Option<Instant>),
    /// To come in.
    ComeIn(Taken),
    /// To go away: a limit has been lowered below what it costs.
    GoAway(Measure),
}

impl Seat {
    pub(super) fn new(tokens: u32) -> Self {
        Self { tokens, told: Mutex::new(Told::Wait(None)), bell: Notify::new() }
    }

    pub(super) fn tokens(&self) -> u32 {
        self.tokens
    }

    pub(super) fn call(&self, taken: Taken) {
        self.tell(Told::ComeIn(taken));
    }

    pub(super) fn send_away(&self, measure: Measure) {
        self.tell(Told::GoAway(measure));
    }

    pub(super) fn come_back(&self, at: Instant) {
        self.tell(Told::Wait(Some(at)));
    }

    fn tell(&self, told: Told) {
        *self.lock() = told;
        // Kept for whoever is not listening yet.
        self.bell.notify_one();
    }

    fn hear(&self) -> Told {
        mem::replace(&mut *self.lock(), Told::Wait(None))
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in the queue of a gate. Dropping it takes it out, or gives back what it was called in with.
#[derive(Debug)]
pub(super) struct Waiting {
    gate: Arc<Gate>,
    ticket: Ticket,
    seat: Arc<Seat>,
    end: Instant,
}

impl Waiting {
    pub(super) fn new(gate: Arc<Gate>, ticket: Ticket, seat: Arc<Seat>, end: Instant) -> Self {
        Self { gate, ticket, seat, end }
    }

    /// Waits for its turn.
    pub(super) async fn turn(self) -> Result<Place, AdmissionError> {
        let mut moment = None;
        loop {
            match self.seat.hear() {
                Told::ComeIn(taken) => return Ok(Place::new(Arc::clone(&self.gate), taken)),
                Told::GoAway(measure) => return Err(self.gate.refusal(measure, RefusalReason::Exceeded)),
                Told::Wait(at) => moment = at.or(moment),
            }
            let wake = moment.map_or(self.end, |at| at.min(self.end));
            tokio::select! {
                biased;
                () = self.seat.bell.notified() => continue,
                () = sleep_until(wake.into()) => {}
            }
            if now() < self.end {
                moment = None;
                self.gate.call_in();
            } else if self.gate.forget(self.ticket) {
                return Err(self.gate.wait_over());
            }
            // Otherwise its turn came at the last moment.
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.gate.forget(self.ticket)
            && let Told::ComeIn(taken) = self.seat.hear()
        {
            self.gate.leave(taken, 0, 0);
        }
    }
}
