//! What a request holds of a level, and how much of it stays used once it is given back.

use std::sync::Arc;

use tidegate_domain::{
    admission::Reservation,
    fault::{Fault, Work},
    inference::Usage,
};

use super::Gate;

/// What was reserved of the rates of a level.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) requests: Option<Reservation>,
    pub(super) tokens: Option<Reservation>,
}

/// One request's place at a level. Dropping it frees the place and settles what was reserved: nothing if nobody was asked;
/// the tokens that the upstream counted; the estimate where work may have been done that nobody counted.
#[derive(Debug)]
#[must_use = "the place is given back as soon as this is dropped"]
pub(crate) struct Place {
    gate: Arc<Gate>,
    taken: Taken,
    was_asked: bool,
    /// Whether an attempt is under way, or one that is over may have done work.
    may_have_worked: bool,
    /// What was so before the attempt under way.
    had_worked: bool,
    usage: Option<Usage>,
}

impl Place {
    pub(super) fn new(gate: Arc<Gate>, taken: Taken) -> Self {
        Self { gate, taken, was_asked: false, may_have_worked: false, had_worked: false, usage: None }
    }

    fn begin(&mut self) {
        self.was_asked = true;
        self.had_worked = self.may_have_worked;
        self.may_have_worked = true;
    }

    fn fail(&mut self, fault: &Fault) {
        self.may_have_worked = self.had_worked || matches!(fault.work, Work::Ambiguous | Work::Partial);
    }

    /// What it used so far is counted: no estimate stands for it any more.
    fn counted(&mut self) {
        (self.may_have_worked, self.had_worked) = (false, false);
    }

    fn tokens(&self) -> u32 {
        let reserved = self.taken.tokens.as_ref().map_or(0, Reservation::cost);
        let Some(usage) = self.usage else { return if self.may_have_worked { reserved } else { 0 } };
        let counted = u32::try_from(usage.input_tokens.saturating_add(usage.output_tokens)).unwrap_or(u32::MAX);
        // What nobody counted, of an attempt before the one that answered, stays estimated.
        counted.saturating_add(if self.had_worked { reserved } else { 0 })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let (requests, tokens) = (u32::from(self.was_asked), self.tokens());
        self.gate.leave(std::mem::take(&mut self.taken), requests, tokens);
    }
}

/// The places that a request, or an attempt, holds.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<Place>);

impl Places {
    pub(crate) fn hold(&mut self, place: Place) {
        // Mostly there is one, or none.
        self.0.reserve_exact(1);
        self.0.push(place);
    }

    /// Holds what others held.
    pub(crate) fn join(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// An attempt begins.
    pub(crate) fn begin(&mut self) {
        self.0.iter_mut().for_each(Place::begin);
    }

    /// The attempt failed before it answered.
    pub(crate) fn fail(&mut self, fault: &Fault) {
        self.0.iter_mut().for_each(|place| place.fail(fault));
    }

    /// A part of the answer is over and counted; attempts at the next one may follow.
    pub(crate) fn counted(&mut self) {
        self.0.iter_mut().for_each(Place::counted);
    }

    /// The answer is over, complete or not.
    pub(crate) fn answered(&mut self, usage: Usage) {
        self.0.iter_mut().for_each(|place| place.usage = Some(usage));
    }
}
