//! A request in other words than its caller's, made once for all providers that are asked in them.

use std::sync::OnceLock;

use super::{Dialect, Dropped, InferenceRequest, Operation, Unfit, is_adaptive_claude};

/// A request in other words.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The same request, in the other words.
    pub request: InferenceRequest,
    /// What these have no place for.
    pub dropped: Dropped,
    /// What of it only some models of the provider can be told, as it is refused for the others.
    pub particular: Option<Unfit>,
    /// How [adaptive](is_adaptive_claude) models are told it, where that differs.
    pub adaptive: Option<Box<Rewording>>,
}

/// A request in another dialect, in other words of it.
#[derive(Debug, Clone)]
pub struct Rewording {
    /// The request.
    pub request: InferenceRequest,
    /// What there is no place for in these words.
    pub dropped: Dropped,
}

impl Translation {
    /// One that is the same for every model.
    pub fn new(request: InferenceRequest, dropped: Dropped) -> Self {
        Self { request, dropped, particular: None, adaptive: None }
    }

    /// The request and what it has lost, as `model` of the provider is asked.
    pub fn for_model(&self, model: &str) -> (&InferenceRequest, &Dropped) {
        match self.adaptive.as_deref() {
            Some(Rewording { request, dropped }) if is_adaptive_claude(model) => (request, dropped),
            _ => (&self.request, &self.dropped),
        }
    }
}

/// The translations of one request so far. Empty, and without an allocation, for as long as nobody needs one.
#[derive(Debug, Clone, Default)]
pub(super) struct Translations([OnceLock<Box<Result<Translation, Unfit>>>; Dialect::ALL.len()]);

impl Translations {
    /// The translation into the words of `to`; made by `translate` the first time. What is no conversation has one other operation at most.
    pub(super) fn for_operation(
        &self,
        to: Operation,
        translate: impl FnOnce() -> Result<Translation, Unfit>,
    ) -> Result<&Translation, Unfit> {
        let place = to.dialect().map_or(0, |dialect| dialect as usize);
        let made = self.0[place].get_or_init(|| Box::new(translate()));
        made.as_ref().as_ref().map_err(Clone::clone)
    }
}
