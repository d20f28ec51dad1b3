//! A request in another dialect than its caller's, made once for all providers that are asked in it.

use std::sync::OnceLock;

use super::{Dialect, Dropped, InferenceRequest, Unfit, is_adaptive_claude};

/// A request in another dialect.
#[derive(Debug, Clone)]
pub struct Translation {
    /// The same request, in the other dialect.
    pub request: InferenceRequest,
    /// What the other dialect has no place for.
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
    /// The translation into `dialect`; made by `translate` the first time.
    pub(super) fn in_dialect(
        &self,
        dialect: Dialect,
        translate: impl FnOnce() -> Result<Translation, Unfit>,
    ) -> Result<&Translation, Unfit> {
        let made = self.0[dialect as usize].get_or_init(|| Box::new(translate()));
        made.as_ref().as_ref().map_err(Clone::clone)
    }
}
