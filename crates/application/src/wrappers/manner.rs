//! How the models of a leg are asked: for how long, and what for where the caller is silent. A model that thinks takes longer
//! to begin, and one that cannot is not asked to.

use std::time::Duration;

use tidegate_domain::{
    inference::{InferenceRequest, ParameterDefaults},
    model::{Capability, ModelCard},
    resilience::Deadlines,
};

/// How the models of a leg are asked.
#[derive(Debug)]
pub(crate) struct Manner {
    deadlines: Deadlines,
    defaults: ParameterDefaults,
    /// For models that are known not to reason.
    unreasoning: ParameterDefaults,
}

impl Manner {
    /// Nothing is asked for but what the caller asks for.
    pub(crate) fn plain(deadlines: Deadlines) -> Self {
        Self::new(deadlines, ParameterDefaults::default())
    }

    pub(crate) fn new(deadlines: Deadlines, defaults: ParameterDefaults) -> Self {
        let unreasoning = defaults.without_reasoning();
        Self { deadlines, defaults, unreasoning }
    }

    /// How long an attempt and a request may take in all.
    pub(crate) fn total(&self) -> Duration {
        self.deadlines.total
    }

    /// The deadlines of an attempt at the model of `card`. It thinks if it is known to, or if the caller or its tier tells it to and
    /// it is not known not to.
    pub(crate) fn deadlines(&self, card: Option<&ModelCard>, request: &InferenceRequest) -> Deadlines {
        let thinks = match card {
            Some(card) if card.can(Capability::Reasoning) => true,
            Some(card) if card.lacks(Capability::Reasoning) => false,
            _ => self.defaults.ask_for_reasoning() || request.asks_for_reasoning(),
        };
        if thinks {
            return Deadlines { first_content: self.deadlines.reasoning_first_content, ..self.deadlines };
        }
        self.deadlines
    }

    /// What the model of `card` is asked for where the caller is silent.
    pub(crate) fn defaults_for(&self, card: Option<&ModelCard>) -> &ParameterDefaults {
        if card.is_some_and(|card| card.lacks(Capability::Reasoning)) { &self.unreasoning } else { &self.defaults }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_domain::inference::{DefaultValues, ReasoningEffort};

    use super::*;

    fn able(capabilities: &[Capability]) -> ModelCard {
        ModelCard { capabilities: Some(capabilities.iter().copied().collect()), ..ModelCard::default() }
    }

    fn request(beside: &str) -> InferenceRequest {
        InferenceRequest::parse(format!(r#"{{"model":"m"{beside}}}"#).into_bytes().into()).unwrap()
    }

    #[track_caller]
    fn check((effort, asked): (Option<ReasoningEffort>, &str), card: Option<&ModelCard>, minutes: u64) {
        let defaults = ParameterDefaults::new(DefaultValues { reasoning_effort: effort, ..DefaultValues::default() });
        let usual = Deadlines::default();
        let expected = Deadlines { first_content: Duration::from_mins(minutes), ..usual };
        let deadlines = Manner::new(usual, defaults).deadlines(card, &request(asked));
        assert_eq!(deadlines, expected, "{effort:?} {asked} {card:?}");
    }

    #[test]
    fn who_thinks_may_take_longer_to_begin() {
        let (thinks, does_not) = (able(&[Capability::Reasoning]), able(&[]));
        check((None, ""), Some(&thinks), 5);
        check((None, ""), Some(&does_not), 1);
        check((None, ""), None, 1);
        check((Some(ReasoningEffort::High), ""), None, 5);
        check((Some(ReasoningEffort::None), ""), None, 1);
        check((Some(ReasoningEffort::High), ""), Some(&does_not), 1);
        check((Some(ReasoningEffort::High), ""), Some(&ModelCard::default()), 5);
    }

    #[test]
    fn a_caller_who_asks_for_thought_waits_longer_for_it() {
        let asked = r#","reasoning_effort":"high""#;
        check((None, asked), None, 5);
        check((None, asked), Some(&able(&[])), 1);
        check((None, r#","reasoning_effort":"none""#), None, 1);
    }

    #[test]
    fn who_cannot_think_is_not_told_to() {
        let values = DefaultValues { thinking_budget: Some(9), top_p: Some(0.5), ..DefaultValues::default() };
        let manner = Manner::new(Deadlines::default(), ParameterDefaults::new(values));
        let values_for = |card: Option<&ModelCard>| *manner.defaults_for(card).values();
        assert_eq!(values_for(Some(&able(&[]))), DefaultValues { top_p: Some(0.5), ..DefaultValues::default() });
        assert_eq!(values_for(None), values);
    }
}
