//! What of a request bears on who is picked for it.

use tidegate_domain::{
    inference::{InferenceRequest, Usage},
    model::ModelCard,
    pool::AffinityHints,
};

/// What of a request bears on who is picked for it.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// What it could be kept together with others by.
    pub(crate) affinity: AffinityHints,
    /// What it is likely to use.
    usage: Usage,
}

impl Wishes {
    /// The wishes of `request`, whose caller wants its requests kept together by what has that digest.
    pub(crate) fn of(request: &InferenceRequest, affinity: Option<u64>) -> Self {
        let prompt = request.prompt_tokens();
        let answer = request.estimated_tokens().saturating_sub(prompt);
        Self { affinity: AffinityHints::of(request, affinity), usage: Usage::estimated(prompt.into(), answer.into()) }
    }

    /// What the request is likely to cost at the model of `card`, in micro-dollars; `None` if its prices are not known.
    pub(crate) fn cost_at(&self, card: Option<&ModelCard>) -> Option<u64> {
        card?.prices.map(|prices| prices.cost_of(&self.usage).micro_dollars)
    }
}
