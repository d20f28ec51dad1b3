//! Deadlines, circuit breakers and health.

use super::{Description, key, or, or_of};

pub(super) const KEYS: &[Description] = &[
    key("deadlines", "How long to wait for an upstream, in seconds."),
    or("defaults.deadlines.headers", "30", "Seconds until the upstream's answer must begin."),
    key(
        "defaults.deadlines.first_content",
        "Seconds until its first content: 60 by default. Where it is set, it holds for models that think, too.",
    ),
    or(
        "defaults.deadlines.reasoning_first_content",
        "300",
        "The same for a model that thinks; what `first_content` says, where that is set and this is not.",
    ),
    or("defaults.deadlines.idle", "60", "Seconds between two pieces of content."),
    or("defaults.deadlines.total", "600", "Seconds for the whole request."),
    or(
        "defaults.deadlines.min_tokens_per_second",
        "0",
        "The slowest pace of a stream that has begun, on average over a window; 0 switches it off.",
    ),
    key("deadlines.pace_window", "The window of that pace, in seconds; 30 by default."),
    or_of(
        "deadlines.min_tokens_per_second",
        "defaults.deadlines.min_tokens_per_second",
        "The slowest pace of a stream that has begun, on average over a window; 0 switches it off.",
    ),
    or_of("deadlines.headers", "defaults.deadlines.headers", "Seconds until the upstream's answer must begin."),
    or_of(
        "deadlines.first_content",
        "defaults.deadlines.first_content",
        "Seconds until its first content. Where it is set, it holds for models that think, too.",
    ),
    or_of(
        "deadlines.reasoning_first_content",
        "defaults.deadlines.reasoning_first_content",
        "The same for a model that thinks; what `first_content` says, where that is set and this is not.",
    ),
    or_of("deadlines.idle", "defaults.deadlines.idle", "Seconds between two pieces of content."),
    or_of("deadlines.total", "defaults.deadlines.total", "Seconds for the whole request."),
    key("timeout", "Another word for `deadlines.total`."),
    key("defaults.retry_budget", "How many extra attempts there may be, for each target and for the whole gateway."),
    or("defaults.retry_budget.percent", "20", "Extra attempts per hundred requests."),
    or("defaults.retry_budget.per_second", "10", "Extra attempts per second, whatever the traffic."),
    or("defaults.retry_budget.minimum", "10", "Extra attempts that can be made in a row even after a long silence."),
    key("circuit_breaker", "When an instance is left alone because it fails."),
    or("circuit_breaker.failure_threshold", "5", "Faults in a row that open the circuit."),
    or("circuit_breaker.recovery_time", "60", "Seconds that an open circuit waits before it lets probes pass."),
    or("circuit_breaker.max_recovery_time", "300", "The longest such wait, in seconds; a failed probe doubles it."),
    or("circuit_breaker.half_open_requests", "1", "Probes at once."),
    or("circuit_breaker.success_threshold", "1", "Successful probes that close the circuit."),
    or(
        "circuit_breaker.failure_rate",
        "50",
        "The share of failed attempts, in percent, that opens the circuit; 0 switches it off.",
    ),
    or("circuit_breaker.failure_rate_minimum", "20", "Attempts in the window without which the rate says nothing."),
    or("circuit_breaker.failure_rate_window", "60", "The window of the rate, in seconds."),
    or(
        "circuit_breaker.slow_call_rate",
        "0",
        "Slow calls in a hundred outcomes that open it, over the same window; 0 switches the rate off.",
    ),
    or(
        "circuit_breaker.slow_call_duration",
        "60",
        "From how many seconds a whole answer, or the first content of a stream, is slow.",
    ),
    key("health_check", "When an instance counts as unhealthy, judged by its answers."),
    or("health_check.failure_threshold", "3", "Faults in a row that make it unhealthy."),
    or("health_check.success_threshold", "2", "Successes in a row that make it healthy again."),
    or("health_check.recovery_time", "60", "Seconds until it is tried again."),
    or("health_check.max_recovery_time", "600", "The longest such wait, in seconds."),
    or(
        "health_check.kind",
        "\"passive\"",
        "How health is learnt besides by requests; `none` keeps it out of the decision.",
    ),
    or("health_check.interval", "30", "Seconds between two checks, give or take a fifth."),
    or("health_check.timeout", "10", "Seconds that a check may take."),
    or("health_check.max_daily_cost", "0.1", "Dollars that the checks of one instance may cost on one day (UTC)."),
];
