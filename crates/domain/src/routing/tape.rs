//! What a pick asked of the members and was told: noted while it picks, and played to it again.
//!
//! A pick is a function of the rotation, of chance, and of what the members answer. Noting the answers that were really
//! given, and no others, makes the note as small as the pick was cheap, and exact although members change all the time.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use crate::pool::{Bend, Members};

/// One question to one member, and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The member.
    pub member: usize,
    /// Its answer.
    pub answer: Answer,
}

/// What a member answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Its weight.
    Weight(u32),
    /// Its requests in flight.
    InFlight(u32),
    /// Its last dispatch.
    LastDispatch(Option<Instant>),
    /// Its latency.
    Latency(Option<Duration>),
    /// The part of its recent attempts that it answered, in millionths.
    SuccessRate(u32),
    /// The most requests that it serves at once.
    Capacity(Option<u32>),
    /// What the request is likely to cost.
    Cost(Option<u64>),
    /// What bends the rotation, if anything does; the member says nothing.
    Bend(Bend),
    /// The percentage of its share that it takes.
    Readiness(u32),
    /// How strongly the request's key pulls to it.
    Pull(u64),
    /// Whether it may be picked.
    Eligible(bool),
}

/// Lets `pick` ask `members`, and notes on `tape` what they answer.
pub(super) fn record<M: Members, T>(tape: &mut Vec<Asked>, members: &M, pick: impl FnOnce(&Recorder<'_, M>) -> T) -> T {
    pick(&Recorder { members, tape: RefCell::new(tape) })
}

/// Lets `pick` ask what is on `tape`.
///
/// # Errors
/// What it asked that is not there, or what is there that it did not ask.
pub(super) fn play<T>(tape: &[Asked], count: usize, pick: impl FnOnce(&Player<'_>) -> T) -> Result<T, String> {
    let player = Player { tape, count, at: Cell::new(0), has_diverged: Cell::new(false) };
    let picked = pick(&player);
    let (at, length) = (player.at.get(), tape.len());
    if player.has_diverged.get() {
        return Err(format!("question {at} was another one"));
    }
    if at == length { Ok(picked) } else { Err(format!("{at} questions instead of {length}")) }
}

/// Members whose answers are noted.
pub(super) struct Recorder<'a, M> {
    members: &'a M,
    tape: RefCell<&'a mut Vec<Asked>>,
}

impl<M> Recorder<'_, M> {
    fn note(&self, member: usize, answer: Answer) {
        self.tape.borrow_mut().push(Asked { member, answer });
    }
}

impl<M: Members> Members for Recorder<'_, M> {
    fn count(&self) -> usize {
        self.members.count()
    }

    fn weight(&self, member: usize) -> u32 {
        let weight = self.members.weight(member);
        self.note(member, Answer::Weight(weight));
        weight
    }

    fn in_flight(&self, member: usize) -> u32 {
        let in_flight = self.members.in_flight(member);
        self.note(member, Answer::InFlight(in_flight));
        in_flight
    }

    fn last_dispatch(&self, member: usize) -> Option<Instant> {
        let last_dispatch = self.members.last_dispatch(member);
        self.note(member, Answer::LastDispatch(last_dispatch));
        last_dispatch
    }

    fn latency(&self, member: usize) -> Option<Duration> {
        let latency = self.members.latency(member);
        self.note(member, Answer::Latency(latency));
        latency
    }

    fn success_rate(&self, member: usize) -> u32 {
        let success_rate = self.members.success_rate(member);
        self.note(member, Answer::SuccessRate(success_rate));
        success_rate
    }

    fn capacity(&self, member: usize) -> Option<u32> {
        let capacity = self.members.capacity(member);
        self.note(member, Answer::Capacity(capacity));
        capacity
    }

    fn cost(&self, member: usize) -> Option<u64> {
        let cost = self.members.cost(member);
        self.note(member, Answer::Cost(cost));
        cost
    }

    /// Noted only where something bends: most rotations are straight.
    fn bend(&self) -> Bend {
        let bend = self.members.bend();
        if bend != Bend::default() {
            self.note(0, Answer::Bend(bend));
        }
        bend
    }

    fn readiness(&self, member: usize) -> u32 {
        let readiness = self.members.readiness(member);
        self.note(member, Answer::Readiness(readiness));
        readiness
    }

    fn pull(&self, member: usize) -> u64 {
        let pull = self.members.pull(member);
        self.note(member, Answer::Pull(pull));
        pull
    }

    fn is_eligible(&self, member: usize) -> bool {
        let is_eligible = self.members.is_eligible(member);
        self.note(member, Answer::Eligible(is_eligible));
        is_eligible
    }
}

/// Members that answer from a tape.
pub(super) struct Player<'a> {
    tape: &'a [Asked],
    count: usize,
    at: Cell<usize>,
    has_diverged: Cell<bool>,
}

impl Player<'_> {
    /// The next answer, if it is one of `member` and of the kind that `read` reads; otherwise nothing, from here on.
    fn next<T: Default>(&self, member: usize, read: impl FnOnce(Answer) -> Option<T>) -> T {
        let at = self.at.get();
        let answer = self.tape.get(at).filter(|asked| asked.member == member && !self.has_diverged.get());
        let Some(answer) = answer.and_then(|asked| read(asked.answer)) else {
            self.has_diverged.set(true);
            return T::default();
        };
        self.at.set(at + 1);
        answer
    }
}

/// Reads one kind of answer.
macro_rules! only {
    ($kind:ident) => {
        |answer| match answer {
            Answer::$kind(value) => Some(value),
            _ => None,
        }
    };
}

impl Members for Player<'_> {
    fn count(&self) -> usize {
        self.count
    }

    fn weight(&self, member: usize) -> u32 {
        self.next(member, only!(Weight))
    }

    fn in_flight(&self, member: usize) -> u32 {
        self.next(member, only!(InFlight))
    }

    fn last_dispatch(&self, member: usize) -> Option<Instant> {
        self.next(member, only!(LastDispatch))
    }

    fn latency(&self, member: usize) -> Option<Duration> {
        self.next(member, only!(Latency))
    }

    fn success_rate(&self, member: usize) -> u32 {
        self.next(member, only!(SuccessRate))
    }

    fn capacity(&self, member: usize) -> Option<u32> {
        self.next(member, only!(Capacity))
    }

    fn cost(&self, member: usize) -> Option<u64> {
        self.next(member, only!(Cost))
    }

    fn bend(&self) -> Bend {
        match self.tape.get(self.at.get()).map(|asked| asked.answer) {
            Some(Answer::Bend(_)) => self.next(0, only!(Bend)),
            _ => Bend::default(),
        }
    }

    fn readiness(&self, member: usize) -> u32 {
        self.next(member, only!(Readiness))
    }

    fn pull(&self, member: usize) -> u64 {
        self.next(member, only!(Pull))
    }

    fn is_eligible(&self, member: usize) -> bool {
        self.next(member, only!(Eligible))
    }
}
