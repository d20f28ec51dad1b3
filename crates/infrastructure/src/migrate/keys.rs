//! The one table of what our configuration can express.
//!
//! A key that stands here as `pending` is kept as a comment in the written file. When the configuration learns it, its line
//! becomes `key`, and it is written as a key: nothing else has to change.

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    /// A whole number from, to.
    Integer(i64, i64),
    /// A number from, to.
    Number(f64, f64),
    /// A whole number, where 0 means "the default" in the source and is left out.
    IntegerOrDefault(i64, i64),
    /// Seconds, where 0 means "the default" in the source and are left out.
    SecondsOrDefault,
    /// Anything.
    Any,
}

/// How far a key comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is a key of ours.
    Key,
    /// It is kept as a comment; this is why.
    Pending(&'static str),
}

pub(super) struct Rule {
    /// Where it is written, with `tier` and `breaker` for tables that have names or places of their own.
    pub(super) path: &'static str,
    pub(super) shape: Shape,
    pub(super) fate: Fate,
}

const fn key(path: &'static str, shape: Shape) -> Rule {
    Rule { path, shape, fate: Fate::Key }
}

const fn pending(path: &'static str, shape: Shape, why: &'static str) -> Rule {
    Rule { path, shape, fate: Fate::Pending(why) }
}

const SECONDS: Shape = Shape::Number(0.001, 86400.0);
const GATEWAY_RATE: &str =
    "the rate of the whole gateway is [limits.rate] here: say how many 'requests' in which 'period'";
const NO_LEVELS: &str = "the old code never applied it; limits at once are set where they hold here: [limits], pools, \
    task groups, tiers and instances";
const CHECKS: &str = "health follows from the requests themselves; to ask besides, write 'kind' beside it";
const BY_HAND: &str = "where it leads may have changed with this move: look, and then take it out of its comment";
const IN_PROVIDER: &str = "credentials and addresses belong to a provider: see [providers] in tidegate.toml";

const RULES: &[Rule] = &[
    key("tier.priority", Shape::Integer(0, 1000)),
    key("tier.timeout", Shape::SecondsOrDefault),
    key("tier.max_retries", Shape::Integer(0, 10)),
    key("tier.temperature", Shape::Number(0.0, 2.0)),
    key("tier.max_tokens", Shape::IntegerOrDefault(1, 10_000_000)),
    key("tier.concurrency_limit", Shape::IntegerOrDefault(1, 1_000_000)),
    key("tier.rpm_limit", Shape::IntegerOrDefault(1, 1_000_000_000)),
    key("tier.tpm_limit", Shape::IntegerOrDefault(1, 1_000_000_000)),
    key("tier.function_calling", Shape::Any),
    key("tier.response_format", Shape::Any),
    key("tier.thinking_config", Shape::Any),
    pending("tier.model_type", Shape::Any, IN_PROVIDER),
    pending("tier.model_name", Shape::Any, IN_PROVIDER),
    pending("tier.base_url", Shape::Any, IN_PROVIDER),
    pending("tier.api_key", Shape::Any, IN_PROVIDER),
    key("breaker.failure_threshold", Shape::Integer(1, 1000)),
    key("breaker.recovery_time", SECONDS),
    key("breaker.half_open_requests", Shape::Integer(1, 100)),
    key("task_group.fallback.max_attempts", Shape::Integer(1, 100)),
    key("task_group.fallback.retry_delay", Shape::Number(0.0, 3600.0)),
    pending("task_group.fallback.fallback_groups", Shape::Any, BY_HAND),
    key("pool.health_check.failure_threshold", Shape::Integer(1, 1000)),
    key("pool.health_check.recovery_time", SECONDS),
    pending("pool.health_check.interval", SECONDS, CHECKS),
    key("pool.fallback.max_instance_attempts", Shape::Integer(1, 100)),
    pending("pool.fallback.fallback_pools", Shape::Any, BY_HAND),
    key("pool.rate_limiting", Shape::Any),
    pending("pool.concurrency_control", Shape::Any, NO_LEVELS),
    pending("limits.concurrency", Shape::Any, NO_LEVELS),
    pending("limits.rate_limiting", Shape::Any, GATEWAY_RATE),
    key("global.reload_interval", Shape::Integer(1, 86400)),
    pending("global.cache_enabled", Shape::Any, "there is no cache of files to switch off"),
    pending("global.use_defaults_on_failure", Shape::Any, "a configuration with errors is not served at all"),
];

/// The rule of a path; `None` if neither side knows the key.
pub(super) fn rule(path: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_one_rule() {
        for rule in RULES {
            assert_eq!(RULES.iter().filter(|other| other.path == rule.path).count(), 1, "{}", rule.path);
        }
    }
}
