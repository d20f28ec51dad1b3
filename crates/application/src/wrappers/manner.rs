//! How the models of a leg are asked: for how long, and what for where the caller is silent. A model that thinks takes longer
//! to begin, and one that cannot is not asked to.

use std::time::Duration;

use tidegate_domain::{
    inference::ParameterDefaults,
    model::{Capability, ModelCard},
    resilience::Deadlines,
};

/// How many times longer than others a model that thinks may take to begin: one minute by default becomes five, which is half of
/// the default total, so that there is time left for somebody else.
const REASONING_FACTOR: u32 = 5;

/// How the models of a leg are asked.
#[derive(Debug)]
pub(crate) struct Manner {
    deadlines: Deadlines,
    /// How long one that thinks may take to begin.
    patience: Duration,
    defaults: ParameterDefaults,
    /// For models that are known not to reason.
    unreasoning: ParameterDefaults,
}

impl Manner {
    /// Nothing is asked for but what the caller asks for.
    pub(crate) fn plain(deadlines: Deadlines, usual: Deadlines) -> Self {
        Self::new((deadlines, usual), ParameterDefaults::default())
    }

    /// Where the first content may take as long as is `usual`, nobody has thought of models that think: they get a multiple of it.
    pub(crate) fn new((deadlines, usual): (Deadlines, Deadlines), defaults: ParameterDefaults) -> Self {
        let is_usual = deadlines.first_content == usual.first_content;
        let factor = if is_usual { REASONING_FACTOR } else { 1 };
        let patience = deadlines.first_content.saturating_mul(factor);
        let unreasoning = defaults.without_reasoning();
        Self { deadlines, patience, defaults, unreasoning }
    }

    /// How long an attempt and a request may take in all.
    pub(crate) fn total(&self) -> Duration {
        self.deadlines.total
    }

    /// The deadlines of an attempt at the model of `card`: it thinks if it is known to, or if it is told to and not known not to.
    pub(crate) fn deadlines(&self, card: Option<&ModelCard>) -> Deadlines {
        let is_known_to = card.is_some_and(|card| card.can(Capability::Reasoning));
        if is_known_to || self.defaults_for(card).ask_for_reasoning() {
            return Deadlines { first_content: self.patience, ..self.deadlines };
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

    #[track_caller]
    fn check(effort: Option<ReasoningEffort>, card: Option<&ModelCard>, minutes: u64) {
        let defaults = ParameterDefaults::new(DefaultValues { reasoning_effort: effort, ..DefaultValues::default() });
        let usual = Deadlines::default();
        let manner = Manner::new((usual, usual), defaults);
        let expected = Deadlines { first_content: Duration::from_mins(minutes), ..usual };
        assert_eq!(manner.deadlines(card), expected, "{effort:?} {card:?}");
    }

    #[test]
    fn who_thinks_may_take_longer_to_begin() {
        let (thinks, does_not) = (able(&[Capability::Reasoning]), able(&[]));
        check(None, Some(&thinks), 5);
        check(None, Some(&does_not), 1);
        check(None, None, 1);
        check(Some(ReasoningEffort::High), None, 5);
        check(Some(ReasoningEffort::None), None, 1);
        check(Some(ReasoningEffort::High), Some(&does_not), 1);
        check(Some(ReasoningEffort::High), Some(&ModelCard::default()), 5);
    }

    #[test]
    fn a_deadline_that_somebody_chose_stands() {
        let chosen = Deadlines { first_content: Duration::from_secs(10), ..Deadlines::default() };
        let manner = Manner::plain(chosen, Deadlines::default());
        assert_eq!(manner.deadlines(Some(&able(&[Capability::Reasoning]))), chosen);
    }

    #[test]
    fn who_cannot_think_is_not_told_to() {
        let values = DefaultValues { thinking_budget: Some(9), top_p: Some(0.5), ..DefaultValues::default() };
        let usual = Deadlines::default();
        let manner = Manner::new((usual, usual), ParameterDefaults::new(values));
        let values_for = |card: Option<&ModelCard>| *manner.defaults_for(card).values();
        assert_eq!(values_for(Some(&able(&[]))), DefaultValues { top_p: Some(0.5), ..DefaultValues::default() });
        assert_eq!(values_for(None), values);
    }
}
