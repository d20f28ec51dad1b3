//! Deadlines, circuit breakers and health: what pools, task groups and tiers have in common.

use std::{num::NonZeroU32, time::Duration};

use tidegate_domain::{
    pool::{CheckKind, CheckPolicy, HealthPolicy, RotationKind},
    resilience::{BreakerPolicy, Deadlines, MidStream, Pace, Rate, RetryBudgetPolicy, SlowCalls},
};
use validator::Validate;

use crate::config::fields::Fields;

#[derive(Validate)]
struct DeadlinesToml {
    #[validate(range(min = 0.001, max = 86400.0))]
    headers: Option<f64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    first_content: Option<f64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    reasoning_first_content: Option<f64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    idle: Option<f64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    total: Option<f64>,
    #[validate(range(min = 0, max = 10_000))]
    min_tokens_per_second: Option<i64>,
    #[validate(range(min = 1.0, max = 3600.0))]
    pace_window: Option<f64>,
}

#[derive(Validate)]
struct RetryBudgetToml {
    #[validate(range(min = 0, max = 1000))]
    percent: Option<i64>,
    #[validate(range(min = 0, max = 100_000))]
    per_second: Option<i64>,
    #[validate(range(min = 1, max = 100_000))]
    minimum: Option<i64>,
}

#[derive(Validate)]
struct TimeoutToml {
    #[validate(range(min = 0.001, max = 86400.0))]
    timeout: Option<f64>,
}

#[derive(Validate)]
struct BreakerToml {
    #[validate(range(min = 1, max = 1000))]
    failure_threshold: Option<i64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    recovery_time: Option<f64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    max_recovery_time: Option<f64>,
    #[validate(range(min = 1, max = 100))]
    half_open_requests: Option<i64>,
    #[validate(range(min = 1, max = 1000))]
    success_threshold: Option<i64>,
    #[validate(range(min = 0, max = 100))]
    failure_rate: Option<i64>,
    #[validate(range(min = 1, max = 10000))]
    failure_rate_minimum: Option<i64>,
    #[validate(range(min = 1.0, max = 3600.0))]
    failure_rate_window: Option<f64>,
    #[validate(range(min = 0, max = 100))]
    slow_call_rate: Option<i64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    slow_call_duration: Option<f64>,
}

#[derive(Validate)]
struct HealthToml {
    #[validate(range(min = 1, max = 1000))]
    failure_threshold: Option<i64>,
    #[validate(range(min = 1, max = 1000))]
    success_threshold: Option<i64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    recovery_time: Option<f64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    max_recovery_time: Option<f64>,
    #[validate(range(min = 1.0, max = 86400.0))]
    interval: Option<f64>,
    #[validate(range(min = 0.1, max = 3600.0))]
    timeout: Option<f64>,
    #[validate(range(min = 0.0, max = 10000.0))]
    max_daily_cost: Option<f64>,
}

/// The deadlines of `fields`, over `base`; `None` if it sets none. `timeout` is another word for the total.
pub(in crate::config) fn deadlines(fields: &mut Fields<'_>, base: Deadlines) -> Option<Deadlines> {
    let timeout = TimeoutToml { timeout: fields.number("timeout") };
    fields.check(&timeout);
    let table = fields.table("deadlines").map(|mut table| {
        let read = DeadlinesToml {
            headers: table.number("headers"),
            first_content: table.number("first_content"),
            reasoning_first_content: table.number("reasoning_first_content"),
            idle: table.number("idle"),
            total: table.number("total"),
            min_tokens_per_second: table.integer("min_tokens_per_second"),
            pace_window: table.number("pace_window"),
        };
        table.check(&read);
        if timeout.timeout.is_some() && read.total.is_some() {
            table.error("total", "is given twice: 'timeout' means the same", "remove one of them");
        }
        table.finish();
        read
    });
    let TimeoutToml { timeout } = timeout;
    let none = DeadlinesToml {
        headers: None,
        first_content: None,
        reasoning_first_content: None,
        idle: None,
        total: None,
        min_tokens_per_second: None,
        pace_window: None,
    };
    let DeadlinesToml {
        headers,
        first_content,
        reasoning_first_content,
        idle,
        total,
        min_tokens_per_second,
        pace_window,
    } = table.unwrap_or(none);
    let total = total.or(timeout);
    // Whoever chose the one without the other chose it for every model.
    let reasoning_first_content = reasoning_first_content.or(first_content);
    if headers.or(reasoning_first_content).or(idle).or(total).or(pace_window).is_none()
        && min_tokens_per_second.is_none()
    {
        return None;
    }
    Some(Deadlines {
        headers: headers.map_or(base.headers, seconds),
        first_content: first_content.map_or(base.first_content, seconds),
        reasoning_first_content: reasoning_first_content.map_or(base.reasoning_first_content, seconds),
        idle: idle.map_or(base.idle, seconds),
        total: total.map_or(base.total, seconds),
        pace: pace(min_tokens_per_second, pace_window, base.pace),
    })
}

/// The slowest pace; 0 tokens a second switch it off.
fn pace(tokens_per_second: Option<i64>, window: Option<f64>, base: Option<Pace>) -> Option<Pace> {
    let tokens_per_second = match tokens_per_second {
        Some(tokens) => u32::try_from(tokens).ok().and_then(NonZeroU32::new)?,
        None => base?.tokens_per_second,
    };
    let window = window.map(seconds).or(base.map(|base| base.window));
    Some(Pace { tokens_per_second, window: window.unwrap_or(Duration::from_secs(30)) })
}

/// The policy of `retry_budget`, if it is there.
pub(in crate::config) fn retry_budget(fields: &mut Fields<'_>) -> Option<RetryBudgetPolicy> {
    let mut table = fields.table("retry_budget")?;
    let read = RetryBudgetToml {
        percent: table.integer("percent"),
        per_second: table.integer("per_second"),
        minimum: table.integer("minimum"),
    };
    table.check(&read);
    table.finish();
    let RetryBudgetToml { percent, per_second, minimum } = read;
    let base = RetryBudgetPolicy::default();
    let number = |number: i64| u32::try_from(number).unwrap_or_default();
    Some(RetryBudgetPolicy {
        percent: percent.map_or(base.percent, number),
        per_second: per_second.map_or(base.per_second, number),
        minimum: minimum.map_or(base.minimum, count),
        window: base.window,
    })
}

/// What follows when a stream breaks amid its answer.
pub(in crate::config) fn mid_stream(fields: &mut Fields<'_>) -> Option<MidStream> {
    fields.choice("mid_stream", &MidStream::ALL.map(MidStream::as_str), MidStream::of_name)
}

/// The policy of `circuit_breaker`, if it is there.
pub(in crate::config) fn breaker(fields: &mut Fields<'_>) -> Option<BreakerPolicy> {
    let mut table = fields.table("circuit_breaker")?;
    let read = BreakerToml {
        failure_threshold: table.integer("failure_threshold"),
        recovery_time: table.number("recovery_time"),
        max_recovery_time: table.number("max_recovery_time"),
        half_open_requests: table.integer("half_open_requests"),
        success_threshold: table.integer("success_threshold"),
        failure_rate: table.integer("failure_rate"),
        failure_rate_minimum: table.integer("failure_rate_minimum"),
        failure_rate_window: table.number("failure_rate_window"),
        slow_call_rate: table.integer("slow_call_rate"),
        slow_call_duration: table.number("slow_call_duration"),
    };
    table.check(&read);
    let BreakerToml {
        failure_threshold,
        recovery_time,
        max_recovery_time,
        half_open_requests,
        success_threshold,
        failure_rate,
        failure_rate_minimum,
        failure_rate_window,
        slow_call_rate,
        slow_call_duration,
    } = read;
    if slow_call_duration.is_some() && slow_call_rate.is_none_or(|rate| rate == 0) {
        table.error(
            "slow_call_duration",
            "has no effect",
            "say how many calls may be slow: 'slow_call_rate', in percent",
        );
    }
    let base = BreakerPolicy::default();
    let (recovery_time, max_recovery_time) =
        recovery(&table, (recovery_time, max_recovery_time), (base.recovery_time, base.max_recovery_time));
    table.finish();
    Some(BreakerPolicy {
        failure_threshold: failure_threshold.map_or(base.failure_threshold, count),
        recovery_time,
        max_recovery_time,
        half_open_requests: half_open_requests.map_or(base.half_open_requests, count),
        success_threshold: success_threshold.map_or(base.success_threshold, count),
        probe_lease: base.probe_lease,
        failure_rate: rate(failure_rate, failure_rate_minimum, failure_rate_window),
        slow_calls: slow_calls(
            rate(slow_call_rate.or(Some(0)), failure_rate_minimum, failure_rate_window),
            slow_call_duration,
        ),
    })
}

/// A rate that opens a circuit; one of 0 switches it off.
fn rate(percent: Option<i64>, minimum: Option<i64>, window: Option<f64>) -> Option<Rate> {
    let base = Rate::default();
    (percent != Some(0)).then(|| Rate {
        percent: percent.map_or(base.percent, count),
        minimum: minimum.map_or(base.minimum, count),
        window: window.map_or(base.window, seconds),
    })
}

/// The rate of slow calls that opens a circuit.
fn slow_calls(rate: Option<Rate>, duration: Option<f64>) -> Option<SlowCalls> {
    rate.map(|rate| SlowCalls { rate, longer_than: duration.map_or(SlowCalls::LONGER_THAN, seconds) })
}

/// The policy of `health_check`, if it is there.
pub(in crate::config) fn health(fields: &mut Fields<'_>) -> Option<HealthPolicy> {
    let mut table = fields.table("health_check")?;
    let kind = table.choice("kind", &CheckKind::ALL.map(CheckKind::as_str), CheckKind::of_name).unwrap_or_default();
    let read = HealthToml {
        failure_threshold: table.integer("failure_threshold"),
        success_threshold: table.integer("success_threshold"),
        recovery_time: table.number("recovery_time"),
        max_recovery_time: table.number("max_recovery_time"),
        interval: table.number("interval"),
        timeout: table.number("timeout"),
        max_daily_cost: table.number("max_daily_cost"),
    };
    table.check(&read);
    let HealthToml {
        failure_threshold,
        success_threshold,
        recovery_time,
        max_recovery_time,
        interval,
        timeout,
        max_daily_cost,
    } = read;
    if !kind.is_active() {
        for (key, value) in [("interval", interval), ("timeout", timeout)] {
            if value.is_some() {
                table.error(
                    key,
                    "has no effect",
                    "say how instances are checked: kind = \"models_endpoint\" or \"tcp\"",
                );
            }
        }
    }
    if max_daily_cost.is_some() && kind != CheckKind::Completion {
        table.error("max_daily_cost", "has no effect", "only kind = \"completion\" costs something");
    }
    let base = HealthPolicy::default();
    let (recovery_time, max_recovery_time) =
        recovery(&table, (recovery_time, max_recovery_time), (base.recovery_time, base.max_recovery_time));
    table.finish();
    Some(HealthPolicy {
        failure_threshold: failure_threshold.map_or(base.failure_threshold, count),
        success_threshold: success_threshold.map_or(base.success_threshold, count),
        recovery_time,
        max_recovery_time,
        check: CheckPolicy {
            kind,
            interval: interval.map_or(base.check.interval, seconds),
            timeout: timeout.map_or(base.check.timeout, seconds),
            daily_cost: max_daily_cost.map_or(base.check.daily_cost, micro_dollars),
        },
    })
}

/// Dollars whose range has been checked, in micro-dollars.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 10000 dollars")]
fn micro_dollars(dollars: f64) -> u64 {
    (dollars * 1e6).round() as u64
}

/// The order of `rotation`: a word, or a table with the word as its `type` (formerly `strategy`).
pub(in crate::config) fn rotation(fields: &mut Fields<'_>) -> Option<RotationKind> {
    let names = RotationKind::ALL.map(RotationKind::as_str);
    if !fields.is_table("rotation") {
        return fields.choice("rotation", &names, RotationKind::of_name);
    }
    let mut table = fields.table("rotation")?;
    let key = if table.has("strategy") { "strategy" } else { "type" };
    let kind = table.choice(key, &names, RotationKind::of_name);
    table.require(key, "write rotation = { type = \"round_robin\" }");
    table.finish();
    kind
}

/// The first and the longest recovery time; the longest is never below the first.
fn recovery(
    table: &Fields<'_>,
    (first, longest): (Option<f64>, Option<f64>),
    (base_first, base_longest): (Duration, Duration),
) -> (Duration, Duration) {
    let first = first.map_or(base_first, seconds);
    let Some(longest) = longest.map(seconds) else { return (first, base_longest.max(first)) };
    if longest < first {
        let message = format!("is below 'recovery_time', which is {}", first.as_secs_f64());
        table.error("max_recovery_time", message, "raise it, or lower 'recovery_time'");
    }
    (first, longest)
}

/// Seconds whose range has been checked.
pub(in crate::config) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// The percentage that a factor is, at least 1; its range has been checked.
pub(in crate::config) fn percent(factor: f64) -> NonZeroU32 {
    #[expect(clippy::cast_possible_truncation, reason = "the range of a factor ends far below")]
    count((factor * 100.0).round() as i64)
}

/// A count of at least 1 whose range has been checked.
pub(in crate::config) fn count(count: i64) -> NonZeroU32 {
    u32::try_from(count).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}
