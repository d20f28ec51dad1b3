//! What a model costs, in whole micro-dollars: sums of them are exact, in whatever order they are added.

use std::{fmt, ops::AddAssign};

use crate::inference::Usage;

/// What a million tokens cost, in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prices {
    /// Of the prompt.
    pub input: u64,
    /// Of the prompt, from the provider's cache; as `input` if absent.
    pub cached_input: Option<u64>,
    /// Of the answer, reasoning included.
    pub output: u64,
}

impl Prices {
    /// What a thousand tokens cost at most, be they of the prompt or of the answer.
    pub fn per_1k(&self) -> u64 {
        self.input.max(self.output).div_ceil(1000)
    }

    /// What `usage` costs, rounded up to a whole micro-dollar.
    pub fn cost_of(&self, usage: &Usage) -> Cost {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let parts = [
            (usage.input_tokens - cached, self.input),
            (cached, self.cached_input.unwrap_or(self.input)),
            (usage.output_tokens, self.output),
        ];
        let total: u128 = parts.into_iter().map(|(tokens, price)| u128::from(tokens) * u128::from(price)).sum();
        let micro_dollars = u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Cost { micro_dollars, estimated: usage.estimated }
    }
}

/// What something cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// In micro-dollars.
    pub micro_dollars: u64,
    /// Whether any part of it rests on an estimate instead of tokens that a provider counted.
    pub estimated: bool,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.micro_dollars = self.micro_dollars.saturating_add(other.micro_dollars);
        self.estimated = self.estimated || other.estimated;
    }
}

impl fmt::Display for Cost {
    /// In dollars: `$0.001250`, with `~` in front of an estimate.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { micro_dollars, estimated } = *self;
        let sign = if estimated { "~" } else { "" };
        write!(formatter, "{sign}${}.{:06}", micro_dollars / 1_000_000, micro_dollars % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// $2.50, $1.25 and $10 for a million tokens.
    const PRICES: Prices = Prices { input: 2_500_000, cached_input: Some(1_250_000), output: 10_000_000 };

    fn usage(input_tokens: u64, cached_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens, cached_tokens, ..Usage::default() }
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        assert_eq!(PRICES.cost_of(&usage(1_000_000, 0, 0)).micro_dollars, 2_500_000);
        assert_eq!(PRICES.cost_of(&usage(1_000_000, 1_000_000, 0)).micro_dollars, 1_250_000);
        assert_eq!(PRICES.cost_of(&usage(0, 0, 1_000_000)).micro_dollars, 10_000_000);
        assert_eq!(PRICES.cost_of(&usage(1000, 400, 100)).micro_dollars, 1500 + 500 + 1000);
    }

    #[test]
    fn a_part_of_a_micro_dollar_counts_as_a_whole_one() {
        assert_eq!(PRICES.cost_of(&usage(1, 0, 0)).micro_dollars, 3);
        assert_eq!(PRICES.cost_of(&usage(0, 0, 0)).micro_dollars, 0);
    }

    #[test]
    fn tokens_from_a_cache_without_a_price_cost_as_much_as_others() {
        let prices = Prices { cached_input: None, ..PRICES };
        assert_eq!(prices.cost_of(&usage(1000, 1000, 0)).micro_dollars, 2500);
    }

    #[test]
    fn an_unbelievable_usage_saturates() {
        assert_eq!(PRICES.cost_of(&usage(u64::MAX, 0, u64::MAX)).micro_dollars, u64::MAX);
        assert_eq!(
            PRICES.cost_of(&usage(5, 9, 0)).micro_dollars,
            7,
            "no more tokens come from the cache than there are"
        );
    }

    #[test]
    fn an_estimated_usage_has_an_estimated_cost() {
        let cost = PRICES.cost_of(&Usage::estimated(2, 1));
        assert_eq!(cost, Cost { micro_dollars: 15, estimated: true });
    }

    #[test]
    fn a_sum_with_an_estimate_in_it_is_one() {
        let mut sum = Cost { micro_dollars: 1_000_250, estimated: false };
        assert_eq!(sum.to_string(), "$1.000250");
        sum += Cost { micro_dollars: 1, estimated: true };
        assert_eq!(sum.to_string(), "~$1.000251");
    }
}
