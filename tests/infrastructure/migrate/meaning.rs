//! The standard layout means the same after its migration.

use std::{fs, time::Duration};

use tidegate_domain::{
    config::Declared,
    pool::{Pool, PoolFallback, PoolMember},
    task_group::{FallbackStrategy, TaskGroup},
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
}
