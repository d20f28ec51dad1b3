//! `[task_groups.X]`.

use tidegate_domain::{
    name::GroupName,
    resilience::Backoff,
    task_group::{FallbackPolicy, FallbackStrategy, InvalidTaskGroup, TaskGroup},
};
use validator::Validate;

use super::{
    Context, Mentions, limits, name,
    policy::{breaker, count, seconds},
    tier,
};
use crate::config::{fields::Fields, word::Word};

#[derive(Validate)]
struct FallbackToml {
    strategy: Option<FallbackStrategy>,
    #[validate(range(min = 1, max = 100))]
    max_attempts: Option<i64>,
    #[validate(range(min = 0.0, max = 3600.0))]
    retry_delay: Option<f64>,
}

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
    let fallback = fallback(fields);
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
            };
            fields.findings.error(&place, invalid.to_string(), help);
            None
        }
    }
}

fn fallback(fields: &mut Fields<'_>) -> FallbackPolicy {
    let names = FallbackStrategy::ALL.map(FallbackStrategy::as_str);
    let short = fields.choice("fallback_strategy", &names, FallbackStrategy::of_name);
    let read = fields.table("fallback").map(|mut table| {
        let read = FallbackToml {
            strategy: table.choice("strategy", &names, FallbackStrategy::of_name),
            max_attempts: table.integer("max_attempts"),
            retry_delay: table.number("retry_delay"),
        };
        table.check(&read);
        if short.is_some() && read.strategy.is_some() && short != read.strategy {
            table.error("strategy", "contradicts 'fallback_strategy'", "remove 'fallback_strategy'");
        }
        table.finish();
        read
    });
    let none = FallbackToml { strategy: None, max_attempts: None, retry_delay: None };
    let FallbackToml { strategy, max_attempts, retry_delay } = read.unwrap_or(none);
    let base = FallbackPolicy::default();
    let first_wait = retry_delay.map_or(base.backoff.base, seconds);
    FallbackPolicy {
        strategy: strategy.or(short).unwrap_or(base.strategy),
        max_attempts: max_attempts.map_or(base.max_attempts, count),
        backoff: Backoff { base: first_wait, max: base.backoff.max.max(first_wait) },
    }
}
