//! `[task_groups.X]`.

use super::{Description, key, or, within};

pub(super) const KEYS: &[Description] = &[
    key("task_groups", "Kinds of work, by name, each with its tiers."),
    key("task_groups.*.fallback", "What happens after a tier failed."),
    or("task_groups.*.fallback.strategy", "\"tier_down\"", "Where a request goes next."),
    key("task_groups.*.fallback_strategy", "An older form of `fallback.strategy`."),
    key(
        "task_groups.*.fallback.fallback_groups",
        "Groups (`group`: all its tiers) and tiers (`group.tier`) to ask then.",
    ),
    key("task_groups.*.fallback.fallback_pools", "Pools to ask then."),
    key(
        "task_groups.*.fallback.content_filter_fallback",
        "Where a request goes whose content a provider refused: groups, tiers and `pool:NAME`.",
    ),
    key(
        "task_groups.*.fallback.policy",
        "The name under which the embedding program registers the policy of `custom`.",
    ),
    or("task_groups.*.fallback.max_attempts", "3", "How many attempts a request gets at most."),
    or("task_groups.*.fallback.retry_delay", "1", "Seconds before the first wait ends; each further wait is longer."),
    key("task_groups.*.tiers", "Models of about the same quality, by the tier's name."),
    key(
        "tiers.*.models",
        "The tier's models: `provider:model`, an alias of `[models]`, or `pool:NAME` for the instances of a pool.",
    ),
    key(
        "tiers.*.priority",
        "The order of the tiers: lower first. Tiers without one follow in the order of their names' numbers.",
    ),
    or("tiers.*.rotation", "\"declared\"", "In which order the models are asked."),
    key("tiers.*.rotation.type", "An older form of `rotation`."),
    key("tiers.*.rotation.strategy", "An older form of `rotation`."),
    or(
        "tiers.*.mid_stream",
        "\"error\"",
        "What follows when a stream breaks amid its answer: `error` tells the caller, `continue` has another instance go on, `restart` has one answer afresh for callers who agreed.",
    ),
    key("tiers.*.hedge", "Makes a second attempt beside one that is slow to begin, at another model of the tier."),
    key("tiers.*.hedge.after", "After how many seconds without an answer."),
    key(
        "tiers.*.hedge.slower_than",
        "In place of `after`: `p95` is the time that 19 of 20 answers of the tier lately did not exceed.",
    ),
    or("tiers.*.max_retries", "0", "How often the same model is asked again."),
    key("tiers.*.temperature", "The `temperature` of requests that name none."),
    key("tiers.*.max_tokens", "The `max_tokens` of requests that name none."),
    key("tiers.*.top_p", "The `top_p` of requests that name none."),
    key("tiers.*.response_format", "The form of answers to requests that name none."),
    key("tiers.*.tool_choice", "The `tool_choice` of requests that bring tools and name none."),
    key("tiers.*.function_calling", "An older word for `tool_choice`."),
    key(
        "tiers.*.reasoning_effort",
        "The `reasoning_effort` of requests that name none; for providers that speak Anthropic's protocol a budget.",
    ),
    key(
        "tiers.*.thinking_budget",
        "The most tokens to think for, for providers that speak Anthropic's protocol; 0 switches it off.",
    ),
    key("tiers.*.thinking_config", "An older form of `thinking_budget`."),
    within("thinking_config.enabled", "true", "Whether to think at all."),
    within("thinking_config.budget_tokens", "2000", "The most tokens to think for."),
    or("tiers.*.concurrency_limit", "0", "Requests at once in this tier; 0 is unlimited."),
    or("tiers.*.rpm_limit", "0", "Requests per minute in this tier; 0 is unlimited."),
    or("tiers.*.tpm_limit", "0", "Tokens per minute in this tier; 0 is unlimited."),
];
