//! `[pools.X]`.

use super::{Description, key, or, within};

pub(super) const KEYS: &[Description] = &[
    key("pools", "Interchangeable instances, by the pool's name."),
    key("pools.*.task_groups", "Task groups, or `group.tier`, whose models are instances of the pool."),
    or("pools.*.rotation", "\"round_robin\"", "In which order instances are asked."),
    key("pools.*.rotation.type", "An older form of `rotation`."),
    key("pools.*.rotation.strategy", "An older form of `rotation`."),
    key("pools.*.slow_start", "Gives an instance that joins or comes back its share little by little."),
    key("pools.*.slow_start.window", "How long it takes until it has its whole share, in seconds."),
    within("pools.*.slow_start.aggression", "1.0", "How steep the ramp is at first: 1 is straight, above 1 steeper."),
    key("pools.*.affinity", "Keeps requests that have something in common at one instance, whose cache knows them."),
    key("pools.*.affinity.by", "What they have in common; the first that a request has counts."),
    within("pools.*.affinity.prefix_bytes", "1024", "How many bytes of `messages` count with `prompt_prefix`."),
    within(
        "pools.*.affinity.max_load_factor",
        "1.25",
        "How many times its share of the requests in flight an instance may have until others are preferred.",
    ),
    key(
        "pools.*.adaptive_concurrency",
        "Each instance finds out how many requests at once it takes: the limit falls when it pushes back or slows down, and grows while it is used.",
    ),
    within(
        "pools.*.adaptive_concurrency.floor",
        "4",
        "The least such limit; at most the instance's `max_concurrency`.",
    ),
    within(
        "pools.*.adaptive_concurrency.ceiling",
        "200",
        "The most, and what it begins with, where the instance has no `max_concurrency`.",
    ),
    within(
        "pools.*.adaptive_concurrency.slow_factor",
        "2.0",
        "From how many times the time to first content under little load on a stream is slow; 0 heeds refusals alone.",
    ),
    or(
        "pools.*.mid_stream",
        "\"error\"",
        "What follows when a stream breaks amid its answer: `error` tells the caller, `continue` has another instance go on, `restart` has one answer afresh for callers who agreed.",
    ),
    or(
        "pools.*.max_ejection_percent",
        "100",
        "How many of its instances health may take out at a time; but never the last one.",
    ),
    or(
        "pools.*.panic_threshold",
        "0",
        "With less than this percentage of usable instances, those that are out for their faults are asked too.",
    ),
    or(
        "pools.*.on_exhausted",
        "\"reject\"",
        "What becomes of a request that nobody can take: `reject`, `least_bad`, or `queue` until an instance is back.",
    ),
    key("pools.*.on_exhausted.type", "The word, where it needs others beside it."),
    within("pools.*.on_exhausted.max_wait", "5.0", "How long a request waits at most, in seconds."),
    within("pools.*.on_exhausted.size", "100", "How many requests wait at most."),
    key("pools.*.fallback", "What happens after an instance failed."),
    or(
        "pools.*.fallback.strategy",
        "\"instance_rotation\"",
        "`instance_rotation` asks another instance, `pool_fallback` also other pools, `simple_retry` the same one again, `fail_fast` nobody.",
    ),
    key("pools.*.fallback.fallback_pools", "The pools that `pool_fallback` asks, in order."),
    or("pools.*.fallback.max_instance_attempts", "2", "How many instances are asked for one request at most."),
    key("pools.*.instances", "The pool's own instances."),
    key("pools.*.instances[].id", "What the instance is called; its model by default."),
    key("pools.*.instances[].name", "An older word for `id`."),
    or("pools.*.instances[].weight", "1", "Its share where the rotation goes by weight; 0 leaves it out."),
    key("pools.*.instances[].max_concurrency", "Requests at once that it is given at most."),
    key("pools.*.instances[].key", "Which of its provider's `keys` it is asked with, if not with its `api_key`."),
    key("pools.*.instances[].base_url", "Where it is, if not where its provider is."),
];
