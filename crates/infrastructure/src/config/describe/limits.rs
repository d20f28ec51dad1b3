//! `[limits]` of the gateway, of pools and of task groups, and the older `rate_limiting`.

use super::{Description, key, within};

pub(super) const KEYS: &[Description] = &[
    key("limits", "What is let in, and what waits; see the guide's page on limits."),
    key("limits.max_concurrency", "Requests at once."),
    within("limits.queue_size", "0", "How many requests may wait for their turn; more are refused at once."),
    within("limits.max_wait", "30", "Seconds that a request waits at most."),
    key("limits.rate", "Requests and tokens in a time."),
    within("limits.rate.algorithm", "\"sliding_window\"", "How they are counted."),
    key("limits.rate.requests", "Requests in a period."),
    key("limits.rate.tokens", "Tokens in a period, of prompts and answers together."),
    within("limits.rate.period", "60", "The period, in seconds."),
    key("rate_limiting", "An older form of `limits.rate` for requests."),
    within("rate_limiting.enabled", "true", "Whether it limits at all."),
    within("rate_limiting.algorithm", "\"token_bucket\"", "How requests are counted."),
    key("rate_limiting.token_bucket", "The keys of this algorithm."),
    key("rate_limiting.sliding_window", "The keys of this algorithm."),
    key("rate_limiting.fixed_window", "The keys of this algorithm."),
    within("bucket_size", "1000", "Requests that a full bucket holds."),
    key("refill_rate", "Requests that come back in a second; by default the bucket fills in a minute."),
    within("window_size", "60", "The window, in seconds."),
    within("max_requests", "1000", "Requests in a window."),
];
