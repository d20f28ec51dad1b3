//! What a request needs of the model that serves it, and why a model does not fit.

use std::num::NonZeroU32;

use super::{Capabilities, Capability, ModelCard};

/// What a request needs of the model that serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RequestNeeds {
    /// What the model must be able to do.
    pub capabilities: Capabilities,
    /// The tokens of the prompt: rather too few than too many, since nobody has counted them.
    pub prompt_tokens: u32,
    /// The tokens of answer that the caller asks for; `None` if it leaves them open.
    pub max_output: Option<u32>,
}

impl RequestNeeds {
    /// The tokens that the request takes at least: the prompt, and the answer that it asks for.
    pub fn least_tokens(&self) -> u32 {
        self.prompt_tokens.saturating_add(self.max_output.unwrap_or_default())
    }
}

/// Why a model does not fit a request, as far as its card tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shortfall {
    /// Prompt and answer do not fit into its context window.
    ContextWindow {
        /// The window, in tokens.
        window: NonZeroU32,
    },
    /// The caller asks for a longer answer than it gives.
    AnswerTooLong {
        /// The most tokens that it answers.
        largest: NonZeroU32,
    },
    /// It cannot do something that the request needs.
    Lacks(Capability),
}

impl Shortfall {
    /// The word for wire, logs and terminal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ContextWindow { .. } => "context_window",
            Self::AnswerTooLong { .. } => "answer_too_long",
            Self::Lacks(_) => "lacks_capability",
        }
    }

    /// Which of two reasons says more, where two models do not fit: the one of the model that comes nearer to fitting.
    #[must_use]
    pub fn or_nearer(self, other: Self) -> Self {
        match (self, other) {
            (Self::ContextWindow { window: a }, Self::ContextWindow { window: b }) => {
                Self::ContextWindow { window: a.max(b) }
            }
            (Self::AnswerTooLong { largest: a }, Self::AnswerTooLong { largest: b }) => {
                Self::AnswerTooLong { largest: a.max(b) }
            }
            (nearer @ Self::ContextWindow { .. }, _) | (_, nearer @ Self::ContextWindow { .. }) => nearer,
            (nearer @ Self::AnswerTooLong { .. }, _) | (_, nearer @ Self::AnswerTooLong { .. }) => nearer,
            (Self::Lacks(_), Self::Lacks(_)) => self,
        }
    }
}

/// What some candidate of a route may not be able to serve: a request is read for nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doubts {
    /// What one of them is known to lack.
    pub lacking: Capabilities,
    /// The smallest context window.
    pub window: Option<NonZeroU32>,
    /// The smallest of the longest answers.
    pub max_output: Option<NonZeroU32>,
}

impl Doubts {
    /// What the models of these cards may not be able to serve.
    pub fn about<'a>(cards: impl IntoIterator<Item = &'a ModelCard>) -> Self {
        let mut doubts = Self::default();
        for card in cards {
            let smaller = |known: Option<NonZeroU32>, next: Option<NonZeroU32>| known.into_iter().chain(next).min();
            doubts.window = smaller(doubts.window, card.context_window);
            doubts.max_output = smaller(doubts.max_output, card.max_output);
            let lacking = Capability::ALL.into_iter().filter(|capability| card.lacks(*capability));
            lacking.for_each(|capability| doubts.lacking.insert(capability));
        }
        doubts
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether none of the models falls short of these needs.
    pub fn are_dispelled_by(&self, needs: &RequestNeeds) -> bool {
        let is_within = |most: Option<NonZeroU32>, wanted: u32| most.is_none_or(|most| wanted <= most.get());
        Capability::ALL.into_iter().all(|it| !(needs.capabilities.contains(it) && self.lacking.contains(it)))
            && is_within(self.max_output, needs.max_output.unwrap_or(0))
            && is_within(self.window, needs.least_tokens())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn the_nearest_reason_names_the_largest_window() {
        let small = Shortfall::ContextWindow { window: tokens(5) };
        let large = Shortfall::ContextWindow { window: tokens(9) };
        let blind = Shortfall::Lacks(Capability::Vision);
        let terse = Shortfall::AnswerTooLong { largest: tokens(3) };
        assert_eq!(small.or_nearer(large), large);
        assert_eq!(blind.or_nearer(small), small);
        assert_eq!(terse.or_nearer(blind), terse);
        assert_eq!(terse.or_nearer(large), large);
        assert_eq!(blind.or_nearer(Shortfall::Lacks(Capability::Tools)), blind);
    }

    #[test]
    fn doubts_are_about_what_somebody_is_known_to_lack() {
        let card = |window, capabilities: Option<&[Capability]>| ModelCard {
            context_window: NonZeroU32::new(window),
            capabilities: capabilities.map(|known| known.iter().copied().collect()),
            ..ModelCard::default()
        };
        let all: Vec<_> = Capability::ALL.into_iter().filter(|known| *known != Capability::Audio).collect();
        let doubts = Doubts::about(&[card(9, None), card(4, Some(&all))]);
        assert_eq!(doubts.window, NonZeroU32::new(4));
        assert_eq!(doubts.lacking.iter().collect::<Vec<_>>(), [Capability::Audio]);
        assert!(Doubts::about(&[ModelCard::default()]).is_empty());
    }

    proptest! {
        #[test]
        fn doubts_are_dispelled_exactly_when_nobody_falls_short(
            cards in prop::collection::vec(cards(), 0..4),
            (wanted, prompt_tokens, max_output) in (capabilities(), 0_u32..6, prop::option::of(0_u32..6)),
        ) {
            let needs = RequestNeeds { capabilities: wanted, prompt_tokens, max_output };
            let falls_short = cards.iter().any(|card| card.shortfall_for(&needs).is_some());
            prop_assert_eq!(Doubts::about(&cards).are_dispelled_by(&needs), !falls_short);
        }
    }

    fn capabilities() -> impl Strategy<Value = Capabilities> {
        prop::collection::vec(prop::sample::select(Capability::ALL.to_vec()), 0..3)
            .prop_map(|some| some.into_iter().collect())
    }

    fn cards() -> impl Strategy<Value = ModelCard> {
        let tokens = || prop::option::of(1_u32..9).prop_map(|tokens| tokens.and_then(NonZeroU32::new));
        (tokens(), tokens(), prop::option::of(capabilities())).prop_map(|(context_window, max_output, capabilities)| {
            ModelCard { context_window, max_output, capabilities, ..ModelCard::default() }
        })
    }
}
