//! What pools and task groups do after a fault.

use std::num::NonZeroU32;

use tidegate_domain::{
    name::{PoolName, Target, TierName},
    pool::{PoolFallback, PoolPolicy},
    resilience::Backoff,
    task_group::{FallbackPolicy, FallbackStrategy, FallbackTarget, GroupReference},
};
use validator::Validate;

use super::{
    Mentions,
    policy::{count, seconds},
};
use crate::config::{fields::Fields, kind::Kind, word::Word};

#[derive(Validate)]
struct PoolToml {
    strategy: Option<PoolFallback>,
    #[validate(range(min = 1, max = 100))]
    max_instance_attempts: Option<i64>,
}

/// What a pool does after a fault.
pub(super) struct OfPool {
    pub(super) fallback: PoolFallback,
    pub(super) pools: Vec<PoolName>,
    pub(super) max_instance_attempts: NonZeroU32,
}

/// Reads the `fallback` of a pool.
pub(super) fn of_pool(fields: &mut Fields<'_>, base: &PoolPolicy, mentions: &mut Mentions) -> OfPool {
    const NAMES: [&str; 4] = ["instance_rotation", "simple_retry", "pool_fallback", "fail_fast"];
    let Some(mut table) = fields.table("fallback") else {
        let (fallback, max_instance_attempts) = (base.fallback, base.max_instance_attempts);
        return OfPool { fallback, pools: Vec::new(), max_instance_attempts };
    };
    let strategy = table.choice("strategy", &NAMES, |name| match name {
        "instance_rotation" => Some(PoolFallback::InstanceRotation),
        "simple_retry" => Some(PoolFallback::SimpleRetry),
        "pool_fallback" => Some(PoolFallback::PoolFallback),
        "fail_fast" => Some(PoolFallback::FailFast),
        _ => None,
    });
    let read = PoolToml { strategy, max_instance_attempts: table.integer("max_instance_attempts") };
    table.check(&read);
    let pools = if strategy == Some(PoolFallback::PoolFallback) {
        let pools = pools(&mut table, mentions);
        table.require("fallback_pools", "write fallback_pools = [\"NAME\"]");
        pools
    } else {
        let help = "write strategy = \"pool_fallback\", or remove it";
        table.refuse("fallback_pools", "has no effect: the strategy asks no other pool", help);
        Vec::new()
    };
    table.finish();
    let PoolToml { strategy, max_instance_attempts } = read;
    OfPool {
        fallback: strategy.unwrap_or(base.fallback),
        pools,
        max_instance_attempts: max_instance_attempts.map_or(base.max_instance_attempts, count),
    }
}

#[derive(Validate)]
struct GroupToml {
    strategy: Option<FallbackStrategy>,
    #[validate(range(min = 1, max = 100))]
    max_attempts: Option<i64>,
    #[validate(range(min = 0.0, max = 3600.0))]
    retry_delay: Option<f64>,
}

/// Reads the `fallback` of a task group.
pub(super) fn of_group(fields: &mut Fields<'_>, mentions: &mut Mentions) -> FallbackPolicy {
    let names = FallbackStrategy::ALL.map(FallbackStrategy::as_str);
    let short = fields.choice("fallback_strategy", &names, FallbackStrategy::of_name);
    let base = FallbackPolicy { strategy: short.unwrap_or_default(), ..FallbackPolicy::default() };
    let Some(mut table) = fields.table("fallback") else { return base };
    let read = GroupToml {
        strategy: table.choice("strategy", &names, FallbackStrategy::of_name),
        max_attempts: table.integer("max_attempts"),
        retry_delay: table.number("retry_delay"),
    };
    table.check(&read);
    if short.is_some() && read.strategy.is_some() && short != read.strategy {
        table.error("strategy", "contradicts 'fallback_strategy'", "remove 'fallback_strategy'");
    }
    let policy = FallbackPolicy {
        groups: groups(&mut table, mentions),
        pools: pools(&mut table, mentions),
        content_filter: content_filter(&mut table, mentions),
        custom: table.word("policy").map(|word| word.text.into()),
        ..base
    };
    table.finish();
    let GroupToml { strategy, max_attempts, retry_delay } = read;
    let first_wait = retry_delay.map_or(policy.backoff.base, seconds);
    FallbackPolicy {
        strategy: strategy.unwrap_or(policy.strategy),
        max_attempts: max_attempts.map_or(policy.max_attempts, count),
        backoff: Backoff { base: first_wait, max: policy.backoff.max.max(first_wait) },
        ..policy
    }
}

fn groups(table: &mut Fields<'_>, mentions: &mut Mentions) -> Vec<GroupReference> {
    let words = table.words("fallback_groups").unwrap_or_default();
    let read: Vec<_> = words.iter().filter_map(|word| Some((reference(table, word, mentions)?, word))).collect();
    distinct(table, read)
}

fn pools(table: &mut Fields<'_>, mentions: &mut Mentions) -> Vec<PoolName> {
    let words = table.words("fallback_pools").unwrap_or_default();
    let read: Vec<_> = words.iter().filter_map(|word| Some((pool(table, word, &word.text, mentions)?, word))).collect();
    distinct(table, read)
}

fn content_filter(table: &mut Fields<'_>, mentions: &mut Mentions) -> Vec<FallbackTarget> {
    let words = table.words("content_filter_fallback").unwrap_or_default();
    let target = |word: &Word| match word.text.strip_prefix("pool:") {
        Some(name) => pool(table, word, name, mentions).map(FallbackTarget::Pool),
        None => reference(table, word, mentions).map(FallbackTarget::Group),
    };
    let mut target = target;
    let read: Vec<_> = words.iter().filter_map(|word| Some((target(word)?, word))).collect();
    distinct(table, read)
}

/// Each of what was read; what stands twice is reported.
fn distinct<T: PartialEq>(table: &Fields<'_>, read: Vec<(T, &Word)>) -> Vec<T> {
    let mut distinct = Vec::with_capacity(read.len());
    for (target, word) in read {
        if distinct.contains(&target) {
            table.findings.error(&word.place, format!("{} is listed twice", word.quoted()), "remove one of them");
        } else {
            distinct.push(target);
        }
    }
    distinct
}

fn pool(table: &Fields<'_>, word: &Word, name: &str, mentions: &mut Mentions) -> Option<PoolName> {
    match PoolName::new(name) {
        Ok(pool) => {
            mentions.add(Kind::Pool, name, word);
            Some(pool)
        }
        Err(error) => {
            table.findings.error(&word.place, word.objection(error), "write the name of a pool");
            None
        }
    }
}

/// A task group or one of its tiers: `group` or `group.tier`.
pub(super) fn reference(table: &Fields<'_>, word: &Word, mentions: &mut Mentions) -> Option<GroupReference> {
    match Target::group(&word.text) {
        Ok(Target::Group { group, tier }) => {
            mentions.add_group(group.as_str(), tier.as_ref().map(TierName::as_str), word);
            Some(GroupReference { group, tier })
        }
        Ok(_) => None,
        Err(error) => {
            table.findings.error(&word.place, word.objection(error), "write \"group\" or \"group.tier\"");
            None
        }
    }
}
