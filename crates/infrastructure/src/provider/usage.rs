//! What an answer says that it cost: one shape for each protocol, and two readings of it.
//!
//! Whoever settles accounts by it reads it strictly, [`Wording::usage`]: a usage that leaves out what was read or written, or counts
//! what no model can reach, is none. A caller of another protocol is told what was counted, and 0 where nothing is said.

use serde::Deserialize;
use tidegate_domain::inference::Usage;

/// The most tokens of a prompt or an answer that are believed.
pub(super) const MAX_TOKENS: u64 = 100_000_000;

/// The usage, unless it counts what no model can reach (a -1 that became unsigned): it would be a debt for weeks.
pub(super) fn believed(usage: Usage) -> Option<Usage> {
    (usage.input_tokens.max(usage.output_tokens) <= MAX_TOKENS).then_some(usage)
}

/// A usage in the words of a protocol.
pub(crate) trait Wording: Copy {
    /// What was counted; 0 where nothing is said.
    fn counted(self) -> Usage;

    /// Whether it says what was read and what was written.
    fn is_complete(self) -> bool;

    /// Tokens of the prompt that were put into the provider's cache; part of the input tokens.
    fn cache_written(self) -> u64 {
        0
    }

    /// The usage, if it is one that can be believed.
    fn usage(self) -> Option<Usage> {
        if self.is_complete() { believed(self.counted()) } else { None }
    }
}

/// In Messages. The tokens that went through the cache are counted apart from the input; elsewhere they are part of it.
#[derive(Deserialize, Debug, Default, Clone, Copy)]
pub(crate) struct MessagesUsageWire {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens_details: Option<MessagesOutputWire>,
}

#[derive(Deserialize, Debug, Clone, Copy)]
struct MessagesOutputWire {
    thinking_tokens: Option<u64>,
}

impl MessagesUsageWire {
    /// What is reported here, and of `known` what is not.
    pub(crate) fn merged(self, known: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.or(known.input_tokens),
            output_tokens: self.output_tokens.or(known.output_tokens),
            cache_read_input_tokens: self.cache_read_input_tokens.or(known.cache_read_input_tokens),
            cache_creation_input_tokens: self.cache_creation_input_tokens.or(known.cache_creation_input_tokens),
            output_tokens_details: self.output_tokens_details.or(known.output_tokens_details),
        }
    }
}

impl Wording for MessagesUsageWire {
    fn counted(self) -> Usage {
        let cached_tokens = self.cache_read_input_tokens.unwrap_or(0);
        let reasoning = self.output_tokens_details.and_then(|details| details.thinking_tokens);
        Usage {
            input_tokens: through_cache(self.input_tokens, cached_tokens, self.cache_written()),
            output_tokens: self.output_tokens.unwrap_or(0),
            cached_tokens,
            reasoning_tokens: reasoning.unwrap_or(0),
            estimated: false,
        }
    }

    fn is_complete(self) -> bool {
        self.input_tokens.is_some() && self.output_tokens.is_some()
    }

    fn cache_written(self) -> u64 {
        self.cache_creation_input_tokens.unwrap_or(0)
    }
}

/// In Converse. The tokens that went through the cache are counted apart from the input, as in Messages.
#[derive(Deserialize, Debug, Default, Clone, Copy)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConverseUsageWire {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_write_input_tokens: Option<u64>,
}

impl Wording for ConverseUsageWire {
    fn counted(self) -> Usage {
        let cached_tokens = self.cache_read_input_tokens.unwrap_or(0);
        Usage {
            input_tokens: through_cache(self.input_tokens, cached_tokens, self.cache_written()),
            output_tokens: self.output_tokens.unwrap_or(0),
            cached_tokens,
            ..Usage::default()
        }
    }

    fn is_complete(self) -> bool {
        self.input_tokens.is_some() && self.output_tokens.is_some()
    }

    fn cache_written(self) -> u64 {
        self.cache_write_input_tokens.unwrap_or(0)
    }
}

fn through_cache(fresh: Option<u64>, read: u64, written: u64) -> u64 {
    fresh.unwrap_or(0).saturating_add(read).saturating_add(written)
}

/// In Cohere's words: as it was counted, and as it is paid for, which may leave out what Cohere itself put into the prompt.
#[derive(Deserialize, Debug, Clone, Copy)]
pub(crate) struct CohereUsageWire {
    tokens: Option<CohereCountWire>,
    billed_units: Option<CohereCountWire>,
    cached_tokens: Option<f64>,
}

#[derive(Deserialize, Debug, Default, Clone, Copy)]
struct CohereCountWire {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

impl CohereUsageWire {
    fn counts(self) -> CohereCountWire {
        self.tokens.or(self.billed_units).unwrap_or_default()
    }
}

impl Wording for CohereUsageWire {
    fn counted(self) -> Usage {
        let CohereCountWire { input_tokens, output_tokens } = self.counts();
        let count = |count: Option<f64>| count.map_or(0, whole_number);
        Usage {
            input_tokens: count(input_tokens),
            output_tokens: count(output_tokens),
            cached_tokens: count(self.cached_tokens),
            ..Usage::default()
        }
    }

    fn is_complete(self) -> bool {
        self.counts().input_tokens.is_some() && self.counts().output_tokens.is_some()
    }
}

/// Cohere's counts come with a fraction, which is none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast stops at the ends of the range")]
pub(super) fn whole_number(count: f64) -> u64 {
    count as u64
}

/// In Google's words. Thoughts, and what tools of Google's read, are counted apart; elsewhere they are part of the answer and of the
/// prompt. An answer of nothing is not counted at all.
#[derive(Deserialize, Debug, Clone, Copy)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GeminiUsageWire {
    prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
}

impl Wording for GeminiUsageWire {
    fn counted(self) -> Usage {
        let reasoning_tokens = self.thoughts_token_count.unwrap_or(0);
        let prompt = self.prompt_token_count.unwrap_or(0);
        Usage {
            input_tokens: prompt.saturating_add(self.tool_use_prompt_token_count.unwrap_or(0)),
            output_tokens: self.candidates_token_count.unwrap_or(0).saturating_add(reasoning_tokens),
            cached_tokens: self.cached_content_token_count.unwrap_or(0),
            reasoning_tokens,
            estimated: false,
        }
    }

    fn is_complete(self) -> bool {
        self.prompt_token_count.is_some()
    }
}

/// In Responses.
#[derive(Deserialize, Debug, Default, Clone, Copy)]
pub(crate) struct ResponsesUsageWire {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    input_tokens_details: Option<ResponsesInputWire>,
    output_tokens_details: Option<ResponsesOutputWire>,
}

#[derive(Deserialize, Debug, Clone, Copy)]
struct ResponsesInputWire {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize, Debug, Clone, Copy)]
struct ResponsesOutputWire {
    reasoning_tokens: Option<u64>,
}

impl Wording for ResponsesUsageWire {
    fn counted(self) -> Usage {
        let cached = self.input_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = self.output_tokens_details.and_then(|details| details.reasoning_tokens);
        Usage {
            input_tokens: self.input_tokens.unwrap_or(0),
            output_tokens: self.output_tokens.unwrap_or(0),
            cached_tokens: cached.unwrap_or(0),
            reasoning_tokens: reasoning.unwrap_or(0),
            estimated: false,
        }
    }

    fn cache_written(self) -> u64 {
        self.input_tokens_details.and_then(|details| details.cache_write_tokens).unwrap_or(0)
    }

    fn is_complete(self) -> bool {
        self.input_tokens.is_some() && self.output_tokens.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<'a, W: Wording + Deserialize<'a>>(json: &'a str, counted: (u64, u64), is_usage: bool) {
        let read: W = serde_json::from_str(json).unwrap();
        assert_eq!((read.counted().input_tokens, read.counted().output_tokens), counted, "{json}");
        assert_eq!(read.usage(), is_usage.then(|| read.counted()), "{json}");
    }

    #[test]
    fn what_is_not_said_is_told_as_0_and_settles_nothing() {
        check::<MessagesUsageWire>(r#"{"input_tokens":3,"cache_creation_input_tokens":2}"#, (5, 0), false);
        check::<ConverseUsageWire>(r#"{"outputTokens":3}"#, (0, 3), false);
        check::<CohereUsageWire>(r#"{"billed_units":{"input_tokens":3.0}}"#, (3, 0), false);
        check::<CohereUsageWire>("{}", (0, 0), false);
        check::<GeminiUsageWire>(r#"{"candidatesTokenCount":3,"thoughtsTokenCount":2}"#, (0, 5), false);
        check::<ResponsesUsageWire>("{}", (0, 0), false);
    }

    #[test]
    fn what_no_model_can_reach_settles_nothing() {
        check::<ResponsesUsageWire>(r#"{"input_tokens":1,"output_tokens":18446744073709551615}"#, (1, u64::MAX), false);
        check::<GeminiUsageWire>(r#"{"promptTokenCount":3}"#, (3, 0), true);
        check::<MessagesUsageWire>(r#"{"input_tokens":3,"output_tokens":4}"#, (3, 4), true);
    }
}
