//! What is known of a model.

use std::num::NonZeroU32;

use super::{Capabilities, Capability, Prices, RequestNeeds, Shortfall};

/// What is known of a model. Whatever is absent is unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ModelCard {
    /// The most tokens that it takes, prompt and answer together.
    pub context_window: Option<NonZeroU32>,
    /// The most tokens that it answers.
    pub max_output: Option<NonZeroU32>,
    /// Everything that it can do.
    pub capabilities: Option<Capabilities>,
    /// What it costs.
    pub prices: Option<Prices>,
    /// Where it handles data, as its operator calls the place.
    pub region: Option<Box<str>>,
}

impl ModelCard {
    /// Whether it is known to be able to.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.is_some_and(|capabilities| capabilities.contains(capability))
    }

    /// Whether it is known not to be able to.
    pub fn lacks(&self, capability: Capability) -> bool {
        self.capabilities.is_some_and(|capabilities| !capabilities.contains(capability))
    }

    /// Why the model cannot serve a request of these needs; `None` if it can, or if nobody knows.
    pub fn shortfall_for(&self, needs: &RequestNeeds) -> Option<Shortfall> {
        let lacking = self.capabilities.and_then(|offered| needs.capabilities.first_beyond(offered));
        if let Some(capability) = lacking {
            return Some(Shortfall::Lacks(capability));
        }
        if let (Some(largest), Some(wanted)) = (self.max_output, needs.max_output)
            && wanted > largest.get()
        {
            return Some(Shortfall::AnswerTooLong { largest });
        }
        let window = self.context_window?;
        (needs.least_tokens() > window.get()).then_some(Shortfall::ContextWindow { window })
    }

    /// This card, with what `base` says where it is silent.
    #[must_use]
    pub fn over(self, base: &Self) -> Self {
        let Self { context_window, max_output, capabilities, prices, region } = self;
        Self {
            context_window: context_window.or(base.context_window),
            max_output: max_output.or(base.max_output),
            capabilities: capabilities.or(base.capabilities),
            prices: prices.or(base.prices),
            region: region.or_else(|| base.region.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(context_window: u32, capabilities: &[Capability]) -> ModelCard {
        ModelCard {
            context_window: NonZeroU32::new(context_window),
            max_output: NonZeroU32::new(50),
            capabilities: Some(capabilities.iter().copied().collect()),
            ..ModelCard::default()
        }
    }

    fn needs(prompt_tokens: u32, max_output: Option<u32>, capabilities: &[Capability]) -> RequestNeeds {
        RequestNeeds { prompt_tokens, max_output, capabilities: capabilities.iter().copied().collect() }
    }

    #[track_caller]
    fn check(needs: &RequestNeeds, expected: Option<Shortfall>) {
        assert_eq!(card(100, &[Capability::Tools]).shortfall_for(needs), expected);
    }

    #[test]
    fn prompt_and_answer_fit_into_the_window_together() {
        let window = NonZeroU32::new(100).unwrap();
        check(&needs(100, None, &[]), None);
        check(&needs(101, None, &[]), Some(Shortfall::ContextWindow { window }));
        check(&needs(60, Some(40), &[]), None);
        check(&needs(60, Some(41), &[]), Some(Shortfall::ContextWindow { window }));
    }

    #[test]
    fn an_answer_longer_than_the_model_gives_does_not_fit() {
        check(&needs(1, Some(51), &[]), Some(Shortfall::AnswerTooLong { largest: NonZeroU32::new(50).unwrap() }));
    }

    #[test]
    fn a_missing_capability_is_named() {
        check(&needs(1, None, &[Capability::Tools]), None);
        check(&needs(1, None, &[Capability::Tools, Capability::Vision]), Some(Shortfall::Lacks(Capability::Vision)));
    }

    #[test]
    fn nobody_is_shortfall_for_what_is_unknown() {
        let needs = needs(u32::MAX, Some(u32::MAX), &Capability::ALL);
        assert_eq!(ModelCard::default().shortfall_for(&needs), None);
    }

    #[test]
    fn an_overriding_card_leaves_what_it_is_silent_about() {
        let own = ModelCard { context_window: NonZeroU32::new(7), ..ModelCard::default() };
        let both = own.over(&card(100, &[Capability::Tools]));
        assert_eq!(both.context_window, NonZeroU32::new(7));
        assert!(both.can(Capability::Tools));
    }
}
