//! `[task_groups.X]`.

use tidegate_domain::{
    name::GroupName,
    task_group::{InvalidFallback, InvalidTaskGroup, TaskGroup},
};

use super::{Context, Mentions, fallback, limits, name, policy::breaker, tier};
use crate::config::{fields::Fields, word::Word};

/// Reads a task group.
pub(in crate::config) fn read(
    word: &Word,
    fields: &mut Fields<'_>,
    context: &Context,
    mentions: &mut Mentions,
) -> Option<TaskGroup> {
    let name = name(fields, word, GroupName::new);
    let description = fields.text("description").unwrap_or_default();
    let breaker = breaker(fields);
    let limits = limits::limits(fields);
    let fallback = fallback::of_group(fields, mentions);
    let tables = fields.named("tiers").unwrap_or_default();
    let tiers: Vec<_> = tables
        .into_iter()
        .map(|(name, mut table)| {
            let tier = tier::read(&name, &mut table, context, mentions);
            table.finish();
            tier
        })
        .collect();
    let tiers = tiers.into_iter().collect::<Option<Vec<_>>>()?;
    match TaskGroup::new(name?, tiers, fallback) {
        Ok(group) => Some(group.described(description).with_breaker(breaker.unwrap_or_default()).with_limits(limits)),
        Err(invalid) => {
            let (place, help) = match &invalid {
                InvalidTaskGroup::NoTiers(_) => (fields.here(), "write [task_groups.NAME.tiers.tier1] with 'models'"),
                InvalidTaskGroup::DuplicateTier { .. } => (fields.place("tiers"), "rename one of them"),
                InvalidTaskGroup::Fallback { problem, .. } => (fields.place("fallback"), way_out(*problem)),
            };
            fields.findings.error(&place, invalid.to_string(), help);
            None
        }
    }
}

fn way_out(problem: InvalidFallback) -> &'static str {
    match problem {
        InvalidFallback::NoGroups => "write fallback_groups = [\"GROUP\"], or choose another strategy",
        InvalidFallback::NoPools => "write fallback_pools = [\"POOL\"], or choose another strategy",
        InvalidFallback::Nowhere => "choose another strategy, or remove them",
        InvalidFallback::NoPolicy => "write policy = \"NAME\", as the embedding program registers it",
        InvalidFallback::IdlePolicy => "write strategy = \"custom\", or remove 'policy'",
    }
}
