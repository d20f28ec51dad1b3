//! `[limits]`, `[pools.X.limits]`, `[task_groups.X.limits]` and `[pools.X.rate_limiting]`.

use std::{num::NonZeroU32, time::Duration};

use tidegate_domain::admission::{Limits, QueuePolicy, RateLimitAlgorithm, RateLimitPolicy};
use validator::Validate;

use super::policy::{count, seconds};
use crate::config::fields::Fields;

#[derive(Validate)]
struct LimitsToml {
    #[validate(range(min = 1, max = 1_000_000))]
    max_concurrency: Option<i64>,
    #[validate(range(min = 0, max = 1_000_000))]
    queue_size: Option<i64>,
    #[validate(range(min = 0.001, max = 3600.0))]
    max_wait: Option<f64>,
}

#[derive(Validate)]
struct RateToml {
    algorithm: Option<RateLimitAlgorithm>,
    #[validate(range(min = 1, max = 1_000_000_000))]
    requests: Option<i64>,
    #[validate(range(min = 1, max = 4_000_000_000_i64))]
    tokens: Option<i64>,
    #[validate(range(min = 0.001, max = 86400.0))]
    period: Option<f64>,
}

#[derive(Validate)]
struct BucketToml {
    #[validate(range(min = 1, max = 1_000_000_000))]
    bucket_size: Option<i64>,
    #[validate(range(min = 0.0001, max = 1_000_000_000.0))]
    refill_rate: Option<f64>,
}

#[derive(Validate)]
struct WindowToml {
    #[validate(range(min = 0.001, max = 86400.0))]
    window_size: Option<f64>,
    #[validate(range(min = 1, max = 1_000_000_000))]
    max_requests: Option<i64>,
}

/// The limits of `limits`, and of `rate_limiting` beside it.
pub(in crate::config) fn read(fields: &mut Fields<'_>) -> Limits {
    let limits = limits(fields);
    let Some(requests) = rate_limiting(fields) else { return limits };
    if limits.requests.is_some() {
        fields.error("rate_limiting", "limits requests, and so does 'limits.rate'", "remove one of them");
    }
    Limits { requests: Some(requests), ..limits }
}

/// The limits of `limits`.
pub(in crate::config) fn limits(fields: &mut Fields<'_>) -> Limits {
    let Some(mut table) = fields.table("limits") else { return Limits::default() };
    let read = LimitsToml {
        max_concurrency: table.integer("max_concurrency"),
        queue_size: table.integer("queue_size"),
        max_wait: table.number("max_wait"),
    };
    table.check(&read);
    let (requests, tokens) = table.table("rate").map_or((None, None), rate);
    let LimitsToml { max_concurrency, queue_size, max_wait } = read;
    let base = QueuePolicy::default();
    let size = queue_size.and_then(|size| u32::try_from(size).ok()).unwrap_or(base.size);
    if max_wait.is_some() && queue_size.is_none_or(|size| size == 0) {
        table.error("max_wait", "has no effect: nobody waits without a 'queue_size'", "set 'queue_size', or remove it");
    }
    let queue = QueuePolicy { size, max_wait: max_wait.map_or(base.max_wait, seconds) };
    let limits = Limits { max_concurrency: max_concurrency.map(count), requests, tokens, queue };
    if size > 0 && !limits.is_limited() {
        let help = "set 'max_concurrency' or a 'rate', or remove it";
        table.error("queue_size", "has no effect: nothing is limited that one could wait for", help);
    }
    table.finish();
    limits
}

/// The rates of requests and of tokens.
fn rate(mut table: Fields<'_>) -> (Option<RateLimitPolicy>, Option<RateLimitPolicy>) {
    let read = RateToml {
        algorithm: algorithm(&mut table),
        requests: table.integer("requests"),
        tokens: table.integer("tokens"),
        period: table.number("period"),
    };
    table.check(&read);
    if !table.was_given("requests") && !table.was_given("tokens") {
        table.findings.error(&table.here(), "limits nothing", "set 'requests' or 'tokens'");
    }
    table.finish();
    let RateToml { algorithm, requests, tokens, period } = read;
    let algorithm = algorithm.unwrap_or(RateLimitAlgorithm::SlidingWindow);
    let period = period.map_or(Duration::from_mins(1), seconds);
    let policy = |capacity: i64| RateLimitPolicy { algorithm, capacity: count(capacity), period };
    (requests.map(policy), tokens.map(policy))
}

/// The rate of requests, as older files put it: each algorithm has its own keys, in a table of its name or beside it.
fn rate_limiting(fields: &mut Fields<'_>) -> Option<RateLimitPolicy> {
    let mut table = fields.table("rate_limiting")?;
    if table.flag("enabled") == Some(false) {
        table.pass_over(&["algorithm", "token_bucket", "sliding_window", "fixed_window"]);
        table.pass_over(&["bucket_size", "refill_rate", "window_size", "max_requests"]);
        table.finish();
        return None;
    }
    let algorithm = algorithm(&mut table).unwrap_or(RateLimitAlgorithm::TokenBucket);
    let policy = match table.table(algorithm.as_str()) {
        Some(mut nested) => {
            let policy = of_algorithm(algorithm, &mut nested);
            nested.finish();
            policy
        }
        None => of_algorithm(algorithm, &mut table),
    };
    for other in RateLimitAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
        let message = format!("has no effect: the algorithm is \"{}\"", algorithm.as_str());
        table.refuse(other.as_str(), &message, "remove it, or choose it as the 'algorithm'");
    }
    table.finish();
    Some(policy)
}

fn of_algorithm(algorithm: RateLimitAlgorithm, table: &mut Fields<'_>) -> RateLimitPolicy {
    let (capacity, period) = match algorithm {
        RateLimitAlgorithm::TokenBucket => bucket(table),
        RateLimitAlgorithm::SlidingWindow | RateLimitAlgorithm::FixedWindow => window(table),
    };
    RateLimitPolicy { algorithm, capacity, period }
}

/// A bucket of so many, which is refilled by so many a second.
fn bucket(table: &mut Fields<'_>) -> (NonZeroU32, Duration) {
    let read = BucketToml { bucket_size: table.integer("bucket_size"), refill_rate: table.number("refill_rate") };
    table.check(&read);
    let BucketToml { bucket_size, refill_rate } = read;
    let capacity = bucket_size.map_or(THOUSAND, count);
    let period = refill_rate.map_or(Duration::from_mins(1), |rate| seconds(f64::from(capacity.get()) / rate));
    (capacity, period)
}

fn window(table: &mut Fields<'_>) -> (NonZeroU32, Duration) {
    let read = WindowToml { window_size: table.number("window_size"), max_requests: table.integer("max_requests") };
    table.check(&read);
    let WindowToml { window_size, max_requests } = read;
    (max_requests.map_or(THOUSAND, count), window_size.map_or(Duration::from_mins(1), seconds))
}

const THOUSAND: NonZeroU32 = NonZeroU32::new(1000).unwrap();

fn algorithm(table: &mut Fields<'_>) -> Option<RateLimitAlgorithm> {
    table.choice("algorithm", &RateLimitAlgorithm::ALL.map(RateLimitAlgorithm::as_str), RateLimitAlgorithm::of_name)
}
