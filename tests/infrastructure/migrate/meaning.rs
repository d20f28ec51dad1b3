//! The standard layout means the same after its migration.

use std::{fs, num::NonZeroU32, time::Duration};

use tidegate::Gateway;
use tidegate_application::LegExplanation;
use tidegate_domain::{
    admission::{RateLimitAlgorithm, RateLimitPolicy},
    config::Declared,
    inference::InferenceRequest,
    pool::{Pool, PoolFallback, PoolMember},
    task_group::{FallbackStrategy, TaskGroup, TierLimits},
};
use tidegate_infrastructure::config::Loaded;

use super::{load, migrated, source::Source, text, written};

fn seconds(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// What was written, with every entry switched on.
fn everything() -> Loaded {
    let (_kept, out) = written(&migrated("standard"));
    let root = out.join("tidegate.toml");
    let switched_on = fs::read_to_string(&root).unwrap().replace("enabled = false", "enabled = true");
    fs::write(&root, switched_on).unwrap();
    load(&out)
}

#[test]
fn it_loads_without_a_warning_and_keeps_what_is_enabled() {
    let loaded = load(&written(&migrated("standard")).1.clone());
    assert_eq!(loaded.warnings, []);
    let pools: Vec<_> = loaded.configuration.pools.iter().map(|pool| pool.value.name().to_string()).collect();
    let enabled = Source::registered("polling_pools").into_iter().filter(|entry| entry.enabled);
    assert_eq!(pools, enabled.map(|entry| entry.name).collect::<Vec<_>>());
    assert_eq!(pools.len(), 3);
    assert_eq!(loaded.configuration.task_groups.len(), 7);
    assert_eq!(loaded.settings.providers.len(), 3);
}

#[test]
fn every_tier_has_its_place_its_models_and_its_numbers() {
    let map: toml::Table = text(&migrated("standard"), "model-map.toml").parse().unwrap();
    let loaded = everything();
    let registered = Source::registered("task_groups");
    assert_eq!(registered.len(), loaded.configuration.task_groups.len());
    for (entry, Declared { value: group, .. }) in registered.iter().zip(&loaded.configuration.task_groups) {
        assert_eq!(group.name().as_str(), entry.name);
        let source = Source::read(&entry.file);
        assert_eq!(source.tiers().len(), group.tiers().len());
        for ((name, tier), ours) in source.tiers().iter().zip(group.tiers()) {
            assert_eq!(ours.name().as_str(), name);
            let models: Vec<_> = ours.models().iter().map(ToString::to_string).collect();
            let wanted = tier.texts("models").into_iter().map(|model| map["models"][model].as_str().unwrap());
            assert_eq!(models, wanted.collect::<Vec<_>>(), "{}.{name}", entry.name);
            let policy = ours.policy();
            assert_eq!(policy.priority, Some(tier.integer("priority")));
            assert_eq!(policy.deadlines.unwrap().total, seconds(tier.integer("timeout")));
            assert_eq!(policy.max_retries, tier.integer("max_retries"));
            assert_eq!(policy.defaults.values().temperature, Some(tier.number("temperature")));
            assert_eq!(policy.defaults.values().max_tokens, Some(tier.integer("max_tokens")));
            let TierLimits { concurrency, requests_per_minute, tokens_per_minute } = policy.limits;
            assert_eq!(concurrency.unwrap().get(), tier.integer("concurrency_limit"));
            assert_eq!(requests_per_minute.unwrap().get(), tier.integer("rpm_limit"));
            assert_eq!(tokens_per_minute, None);
        }
    }
}

#[test]
fn every_group_falls_back_as_its_settings_or_the_global_ones_say() {
    let global = Source::read("global_fallback.yaml");
    let loaded = everything();
    for (entry, Declared { value: group, .. }) in
        Source::registered("task_groups").iter().zip(&loaded.configuration.task_groups)
    {
        let source = Source::read(&entry.file);
        check_fallback(group, &source, &source.below("fallback_config").unwrap_or(global.clone()));
    }
}

#[track_caller]
fn check_fallback(group: &TaskGroup, source: &Source, settings: &Source) {
    let strategy = match source.text("fallback_strategy") {
        "model_rotate" => FallbackStrategy::ModelRotate,
        "echelon_down" => FallbackStrategy::TierDown,
        "provider_failover" => FallbackStrategy::ProviderFailover,
        other => panic!("{other} is not in the fixture"),
    };
    let fallback = group.fallback();
    assert_eq!(fallback.strategy, strategy, "{}", group.name());
    assert_eq!(fallback.max_attempts.get(), settings.integer("max_attempts"));
    assert_eq!(fallback.backoff.base, Duration::from_secs_f64(settings.number("retry_delay")));
    let breaker = source.below("circuit_breaker").or(settings.below("circuit_breaker")).unwrap();
    assert_eq!(group.breaker().failure_threshold.get(), breaker.integer("failure_threshold"));
    assert_eq!(group.breaker().recovery_time, seconds(breaker.integer("recovery_time")));
    assert_eq!(group.breaker().half_open_requests.get(), breaker.integer("half_open_requests"));
}

#[test]
fn every_pool_has_its_groups_its_rotation_its_health_and_its_fallback() {
    let loaded = everything();
    let registered = Source::registered("polling_pools");
    assert_eq!(registered.len(), loaded.configuration.pools.len());
    for (entry, Declared { value: pool, .. }) in registered.iter().zip(&loaded.configuration.pools) {
        assert_eq!(pool.name().as_str(), entry.name);
        check_pool(pool, &Source::read(&entry.file));
    }
}

#[track_caller]
fn check_pool(pool: &Pool, source: &Source) {
    let reference = |member: &PoolMember| match member {
        PoolMember::Reference { group, tier: None } => group.to_string(),
        PoolMember::Reference { group, tier: Some(tier) } => format!("{group}.{tier}"),
        PoolMember::Instance(instance) => panic!("the fixture has no instance {}", instance.id),
    };
    let policy = pool.policy();
    assert_eq!(pool.members().iter().map(reference).collect::<Vec<_>>(), source.texts("task_groups"));
    assert_eq!(policy.rotation.as_str(), source.text("rotation_strategy"));
    assert_eq!(policy.health.failure_threshold.get(), source.integer("failure_threshold"));
    assert_eq!(policy.health.recovery_time, seconds(source.integer("recovery_time")));
    assert_eq!(policy.fallback, PoolFallback::InstanceRotation);
    let attempts = source.below("fallback_config").map_or(2, |fallback| fallback.integer("max_instance_attempts"));
    assert_eq!(policy.max_instance_attempts.get(), attempts);
    let rate = source.below("rate_limiting").filter(|rate| rate.flag("enabled"));
    assert_eq!(policy.limits.requests, rate.map(|rate| limit(&rate, 0.0)), "{}", pool.name());
}

/// The rate that the source says, as ours; a period that is rounded to so many seconds is.
#[track_caller]
fn limit(source: &Source, rounded: f64) -> RateLimitPolicy {
    let (algorithm, capacity, period) = match source.text("algorithm") {
        "token_bucket" => {
            let bucket = source.below("token_bucket").unwrap();
            let size = bucket.integer("bucket_size");
            (RateLimitAlgorithm::TokenBucket, size, f64::from(size) / bucket.number("refill_rate"))
        }
        "sliding_window" => {
            let window = source.below("sliding_window").unwrap();
            let seconds = f64::from(window.integer("window_size"));
            (RateLimitAlgorithm::SlidingWindow, window.integer("max_requests"), seconds)
        }
        other => panic!("{other} is not in the fixture"),
    };
    let period = if rounded > 0.0 { (period / rounded).round() * rounded } else { period };
    RateLimitPolicy { algorithm, capacity: NonZeroU32::new(capacity).unwrap(), period: Duration::from_secs_f64(period) }
}

#[test]
fn the_rate_of_the_whole_gateway_is_that_of_the_source() {
    let limits = everything().configuration.limits;
    let source = limit(&Source::read("rate_limiting.yaml"), 0.001);
    let ours = limits.requests.unwrap();
    assert_eq!((ours.algorithm, ours.capacity), (source.algorithm, source.capacity));
    assert!(ours.period.abs_diff(source.period) < Duration::from_micros(1), "{ours:?} for {source:?}");
}

/// The tiers that a request for the group goes through, each with its models, in order.
fn walk(gateway: &Gateway, group: &str) -> Vec<(String, Vec<String>)> {
    let body = format!(r#"{{"model":"{group}","messages":[]}}"#);
    let explained = gateway.orchestration().explain(&InferenceRequest::parse(body.into()).unwrap()).unwrap();
    let leg = |leg: LegExplanation| {
        let models = leg.candidates.iter().map(|candidate| candidate.model.to_string()).collect();
        (leg.tier.unwrap().to_string(), models)
    };
    explained.legs.into_iter().map(leg).collect()
}

#[tokio::test]
async fn requests_walk_the_tiers_and_models_in_the_order_of_the_source() {
    let map: toml::Table = text(&migrated("standard"), "model-map.toml").parse().unwrap();
    let loaded = everything();
    let builder = Gateway::builder().configuration(loaded.configuration).providers(loaded.settings.providers);
    let gateway = builder.build().await.unwrap();
    let ours = |model: &str| map["models"][model].as_str().unwrap().to_owned();
    for entry in Source::registered("task_groups") {
        let source = Source::read(&entry.file);
        let tiers = source.tiers();
        let mut wanted: Vec<(String, Vec<String>)> = tiers
            .iter()
            .map(|(name, tier)| (name.clone(), tier.texts("models").into_iter().map(ours).collect()))
            .collect();
        if source.text("fallback_strategy") == "model_rotate" {
            wanted.truncate(1);
        }
        assert_eq!(walk(&gateway, &entry.name), wanted, "{}", entry.name);
    }
}
