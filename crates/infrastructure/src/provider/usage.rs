//! Which usage of an answer is believed, whatever the protocol.

use tidegate_domain::inference::Usage;

/// The most tokens of a prompt or an answer that are believed.
pub(super) const MAX_TOKENS: u64 = 100_000_000;

/// The usage, unless it counts what no model can reach (a -1 that became unsigned): it would be a debt for weeks.
pub(super) fn believed(usage: Usage) -> Option<Usage> {
    (usage.input_tokens.max(usage.output_tokens) <= MAX_TOKENS).then_some(usage)
}
