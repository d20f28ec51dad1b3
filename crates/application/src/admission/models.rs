//! Every interleaving of a request that leaves a gate and one that comes, waits or goes away.

use std::{
    future::Future,
    num::NonZeroU32,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use loom::thread;
use tidegate_domain::admission::{Limits, Priority, QueuePolicy};

use super::{
    Caller, Demand, Gate, Place, Scope,
    gate::{Door, now},
};
use crate::sync::model;

const DEMAND: Demand = Demand { tokens: 1, caller: Caller(1), priority: Priority::Normal };

/// A gate with room for one, and a queue; and who is in.
fn taken() -> (Arc<Gate>, Place) {
    let gate = Arc::new(Gate::new(Scope::Gateway));
    let queue = QueuePolicy { size: 2, max_wait: Duration::from_hours(1) };
    gate.set_limits(Limits { max_concurrency: Some(NonZeroU32::MIN), queue, ..Limits::default() });
    let place = gate.try_enter(1, now()).expect("nobody is in");
    (gate, place)
}

fn knock(gate: &Arc<Gate>) -> Door {
    gate.knock(DEMAND, now() + Duration::from_hours(1)).expect("there is room to wait")
}

/// The place of whoever has been called in by now.
fn enter(door: Door) -> Place {
    let waiting = match door {
        Door::Open(place) => return place,
        Door::Wait(waiting) => waiting,
    };
    let turn = pin!(waiting.turn());
    match turn.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(place) => place.expect("its turn has come"),
        Poll::Pending => panic!("nobody called it in: the wake-up is lost"),
    }
}

/// Exactly one may enter.
fn check_free(gate: &Arc<Gate>) {
    let place = gate.try_enter(1, now());
    assert!(place.is_ok(), "the place is lost");
    assert!(gate.try_enter(1, now()).is_err(), "there is a place too many");
}

#[test]
fn whoever_comes_while_another_leaves_is_let_in() {
    model(|| {
        let (gate, place) = taken();
        let leaving = thread::spawn(move || drop(place));
        let door = knock(&gate);
        leaving.join().unwrap();
        drop(enter(door));
        check_free(&gate);
    });
}

#[test]
fn whoever_goes_away_while_it_is_called_in_gives_the_place_back() {
    model(|| {
        let (gate, place) = taken();
        let door = knock(&gate);
        let leaving = thread::spawn(move || drop(place));
        drop(door);
        leaving.join().unwrap();
        check_free(&gate);
    });
}

#[test]
fn the_place_of_one_that_goes_away_is_the_next_ones() {
    model(|| {
        let (gate, place) = taken();
        let (first, second) = (knock(&gate), knock(&gate));
        let leaving = thread::spawn(move || drop(place));
        drop(first);
        leaving.join().unwrap();
        drop(enter(second));
        check_free(&gate);
    });
}
