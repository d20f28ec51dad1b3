//! `[pools.X.adaptive_concurrency]`.

use tidegate_domain::resilience::AdaptivePolicy;
use validator::Validate;

use super::policy::{count, percent};
use crate::config::fields::Fields;

#[derive(Validate)]
struct AdaptiveToml {
    #[validate(range(min = 1, max = 1_000_000))]
    floor: Option<i64>,
    #[validate(range(min = 1, max = 1_000_000))]
    ceiling: Option<i64>,
    #[validate(range(min = 0.0, max = 100.0))]
    slow_factor: Option<f64>,
}

/// How instances find out how many requests at once they take, if they do.
pub(super) fn adaptive(fields: &mut Fields<'_>) -> Option<AdaptivePolicy> {
    let mut table = fields.table("adaptive_concurrency")?;
    let read = AdaptiveToml {
        floor: table.integer("floor"),
        ceiling: table.integer("ceiling"),
        slow_factor: table.number("slow_factor"),
    };
    table.check(&read);
    let AdaptiveToml { floor, ceiling, slow_factor } = read;
    let base = AdaptivePolicy::default();
    let policy = AdaptivePolicy {
        floor: floor.map_or(base.floor, count),
        ceiling: ceiling.map_or(base.ceiling, count),
        slow_percent: match slow_factor {
            Some(factor) => (factor > 0.0).then(|| percent(factor)),
            None => base.slow_percent,
        },
    };
    if policy.floor > policy.ceiling {
        let message = format!("is below the floor, {}", policy.floor);
        table.error("ceiling", message, "raise it, or lower 'floor'");
    }
    if slow_factor.is_some_and(|factor| factor > 0.0 && factor <= 1.0) {
        table.error("slow_factor", "would call the usual time slow", "write a factor above 1, or 0 for none");
    }
    table.finish();
    Some(policy)
}
