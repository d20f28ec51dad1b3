//! Every field of every definition comes back as it went in.

use std::{num::NonZeroU32, time::Duration};

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};
use tidegate_domain::{
    admission::{Limits, QueuePolicy, RateLimitAlgorithm, RateLimitPolicy},
    inference::{DefaultValues, ParameterDefaults, ReasoningEffort, ResponseFormat, ToolChoice},
    name::{GroupName, InstanceId, KeyName, ModelRef, PoolName, ProviderName, TierName},
    pool::{
        AffinityPolicy, AffinitySource, CheckKind, CheckPolicy, EjectionPolicy, HealthPolicy, InstanceSpec,
        OnExhausted, Pool, PoolFallback, PoolMember, PoolPolicy, PoolQueue, RotationKind, SlowStart, Weight,
    },
    repository::{Version, Versioned},
    resilience::{AdaptivePolicy, Backoff, BreakerPolicy, Deadlines, HedgePolicy, MidStream, Pace, Rate, SlowCalls},
    task_group::{
        FallbackPolicy, FallbackStrategy, FallbackTarget, GroupReference, TaskGroup, Tier, TierLimits, TierModel,
        TierPolicy,
    },
};
use tidegate_infrastructure::persistence::{
    Database, DatabaseOptions, InMemoryPoolRepository, InMemoryTaskGroupRepository, SqlitePoolRepository,
    SqliteTaskGroupRepository,
};
use tokio::runtime::Runtime;

use super::subject::{Pools, Subject, TaskGroups};

#[test]
fn every_pool_comes_back_from_memory() {
    check(&Runtime::new().unwrap(), &Pools::new(InMemoryPoolRepository::default()), &pools());
}

#[test]
fn every_pool_comes_back_from_sqlite() {
    let runtime = Runtime::new().unwrap();
    let database = runtime.block_on(Database::open(&DatabaseOptions::in_memory())).unwrap();
    check(&runtime, &Pools::new(SqlitePoolRepository::new(database)), &pools());
}

#[test]
fn every_task_group_comes_back_from_memory() {
    check(&Runtime::new().unwrap(), &TaskGroups::new(InMemoryTaskGroupRepository::default()), &task_groups());
}

#[test]
fn every_task_group_comes_back_from_sqlite() {
    let runtime = Runtime::new().unwrap();
    let database = runtime.block_on(Database::open(&DatabaseOptions::in_memory())).unwrap();
    check(&runtime, &TaskGroups::new(SqliteTaskGroupRepository::new(database)), &task_groups());
}

#[track_caller]
fn check<S: Subject>(runtime: &Runtime, repository: &S, entities: &impl Strategy<Value = S::Entity>) {
    let mut runner = TestRunner::new(Config::with_cases(200));
    let outcome = runner.run(entities, |entity| runtime.block_on(round_trip(repository, entity)));
    outcome.unwrap();
}

async fn round_trip<S: Subject>(repository: &S, entity: S::Entity) -> Result<(), TestCaseError> {
    let name = S::name(&entity).to_owned();
    repository.insert(&entity).await.unwrap();
    let found = repository.lookup(&name).await.unwrap();
    repository.remove(&name, Version::FIRST).await.unwrap();
    prop_assert_eq!(found, Some(Versioned { value: entity, version: Version::FIRST }));
    Ok(())
}

fn pools() -> impl Strategy<Value = Pool> {
    let members = vec(prop_oneof![3 => instances().prop_map(PoolMember::Instance), 1 => references()], 1..6);
    (plain(), any::<String>(), members, pool_policies()).prop_filter_map(
        "an instance id stands twice, or nothing has weight",
        |(name, description, members, policy)| {
            let pool = Pool::new(PoolName::new(&name).ok()?, members, policy).ok()?;
            Some(pool.described(description))
        },
    )
}

fn instances() -> impl Strategy<Value = InstanceSpec> {
    let places = (option::of(any::<Box<str>>()), option::of(dotted()));
    (visible(), models(), 0..=Weight::MAX, option::of(non_zero()), places).prop_map(
        |(id, model, weight, max_concurrency, (base_url, key))| InstanceSpec {
            id: InstanceId::new(&id).unwrap(),
            model,
            weight: Weight::new(weight).unwrap(),
            max_concurrency,
            base_url,
            key: key.map(|key| KeyName::new(&key).unwrap()),
        },
    )
}

fn references() -> impl Strategy<Value = PoolMember> {
    (plain(), option::of(dotted())).prop_map(|(group, tier)| PoolMember::Reference {
        group: GroupName::new(&group).unwrap(),
        tier: tier.map(|tier| TierName::new(&tier).unwrap()),
    })
}

fn pool_policies() -> impl Strategy<Value = PoolPolicy> {
    let alone = select(vec![PoolFallback::InstanceRotation, PoolFallback::SimpleRetry, PoolFallback::FailFast]);
    let fallbacks = prop_oneof![
        alone.prop_map(|fallback| (fallback, Vec::new())),
        vec(pool_names(), 1..3).prop_map(|pools| (PoolFallback::PoolFallback, pools)),
    ];
    let limits = (limits(), mid_streams());
    (pickings(), health_policies(), breakers(), fallbacks, non_zero(), deadlines(), limits).prop_map(
        |(picking, health, breaker, (fallback, fallback_pools), max_instance_attempts, deadlines, limits)| PoolPolicy {
            health,
            breaker,
            fallback,
            fallback_pools,
            max_instance_attempts,
            deadlines,
            limits: limits.0,
            mid_stream: limits.1,
            ..picking
        },
    )
}

/// Policies that pick in all ways, and are the default beside that.
fn pickings() -> impl Strategy<Value = PoolPolicy> {
    let slow_starts = (durations(), non_zero()).prop_map(|(window, aggression)| SlowStart { window, aggression });
    let sources = vec(select(AffinitySource::ALL.to_vec()), 0..4);
    let affinities = (sources, non_zero(), non_zero()).prop_map(|(by, prefix_bytes, max_load_factor)| AffinityPolicy {
        by,
        prefix_bytes,
        max_load_factor,
    });
    let ejections = (0_u32..=100, 0_u32..=100)
        .prop_map(|(max_percent, panic_threshold)| EjectionPolicy { max_percent, panic_threshold });
    let queues =
        (durations(), non_zero()).prop_map(|(max_wait, size)| OnExhausted::Queue(PoolQueue { max_wait, size }));
    let on_exhausted = prop_oneof![Just(OnExhausted::Reject), Just(OnExhausted::LeastBad), queues];
    let adaptive = (non_zero(), non_zero(), option::of(non_zero()))
        .prop_map(|(floor, ceiling, slow_percent)| AdaptivePolicy { floor, ceiling, slow_percent });
    let bends = (option::of(slow_starts), option::of(affinities), option::of(adaptive));
    (rotations(), bends, ejections, on_exhausted).prop_map(
        |(rotation, (slow_start, affinity, adaptive_concurrency), ejection, on_exhausted)| PoolPolicy {
            rotation,
            slow_start,
            affinity,
            adaptive_concurrency,
            ejection,
            on_exhausted,
            ..PoolPolicy::default()
        },
    )
}

fn mid_streams() -> impl Strategy<Value = MidStream> {
    select(MidStream::ALL.to_vec())
}

fn hedges() -> impl Strategy<Value = HedgePolicy> {
    prop_oneof![durations().prop_map(HedgePolicy::After), Just(HedgePolicy::P95)]
}

fn paces() -> impl Strategy<Value = Pace> {
    (non_zero(), durations()).prop_map(|(tokens_per_second, window)| Pace { tokens_per_second, window })
}

fn limits() -> impl Strategy<Value = Limits> {
    let queues = (any::<u32>(), durations()).prop_map(|(size, max_wait)| QueuePolicy { size, max_wait });
    (option::of(non_zero()), option::of(rates()), option::of(rates()), queues)
        .prop_map(|(max_concurrency, requests, tokens, queue)| Limits { max_concurrency, requests, tokens, queue })
}

fn rates() -> impl Strategy<Value = RateLimitPolicy> {
    (select(RateLimitAlgorithm::ALL.to_vec()), non_zero(), durations())
        .prop_map(|(algorithm, capacity, period)| RateLimitPolicy { algorithm, capacity, period })
}

fn tier_limits() -> impl Strategy<Value = TierLimits> {
    (option::of(non_zero()), option::of(non_zero()), option::of(non_zero())).prop_map(
        |(concurrency, requests_per_minute, tokens_per_minute)| TierLimits {
            concurrency,
            requests_per_minute,
            tokens_per_minute,
        },
    )
}

fn health_policies() -> impl Strategy<Value = HealthPolicy> {
    let checks = (select(CheckKind::ALL.to_vec()), durations(), durations(), any::<u64>())
        .prop_map(|(kind, interval, timeout, daily_cost)| CheckPolicy { kind, interval, timeout, daily_cost });
    (non_zero(), non_zero(), durations(), durations(), checks).prop_map(
        |(failure_threshold, success_threshold, recovery_time, max_recovery_time, check)| HealthPolicy {
            failure_threshold,
            success_threshold,
            recovery_time,
            max_recovery_time,
            check,
        },
    )
}

fn task_groups() -> impl Strategy<Value = TaskGroup> {
    (plain(), any::<String>(), vec(tiers(), 1..5), fallbacks(), breakers(), limits()).prop_filter_map(
        "a tier name stands twice",
        |(name, description, tiers, fallback, breaker, limits)| {
            let group = TaskGroup::new(GroupName::new(&name).ok()?, tiers, fallback).ok()?;
            Some(group.described(description).with_breaker(breaker).with_limits(limits))
        },
    )
}

fn tiers() -> impl Strategy<Value = Tier> {
    (dotted(), vec(tier_models(), 1..5), tier_policies())
        .prop_filter_map("a model stands twice", |(name, models, policy)| {
            Tier::new(TierName::new(&name).ok()?, models, policy).ok()
        })
}

fn tier_models() -> impl Strategy<Value = TierModel> {
    prop_oneof![
        models().prop_map(TierModel::Direct),
        plain().prop_map(|pool| TierModel::Pool(PoolName::new(&pool).unwrap())),
    ]
}

fn tier_policies() -> impl Strategy<Value = TierPolicy> {
    let broken = (mid_streams(), option::of(hedges()));
    (option::of(any::<u32>()), rotations(), any::<u32>(), option::of(deadlines()), defaults(), tier_limits(), broken)
        .prop_map(|(priority, rotation, max_retries, deadlines, defaults, limits, (mid_stream, hedge))| TierPolicy {
            priority,
            rotation,
            max_retries,
            deadlines,
            defaults,
            limits,
            mid_stream,
            hedge,
        })
}

fn defaults() -> impl Strategy<Value = ParameterDefaults> {
    use proptest::num::f64::{INFINITE, NEGATIVE, NORMAL, SUBNORMAL, ZERO};
    let numbers = || option::of(NEGATIVE | NORMAL | SUBNORMAL | ZERO | INFINITE);
    let words = (
        option::of(select(ResponseFormat::ALL.to_vec())),
        option::of(select(ToolChoice::ALL.to_vec())),
        option::of(select(ReasoningEffort::ALL.to_vec())),
    );
    (numbers(), numbers(), option::of(any::<u32>()), words, option::of(any::<u32>())).prop_map(
        |(temperature, top_p, max_tokens, (response_format, tool_choice, reasoning_effort), thinking_budget)| {
            ParameterDefaults::new(DefaultValues {
                temperature,
                top_p,
                max_tokens,
                response_format,
                tool_choice,
                reasoning_effort,
                thinking_budget,
            })
        },
    )
}

fn group_references() -> impl Strategy<Value = GroupReference> {
    (plain(), option::of(dotted())).prop_map(|(group, tier)| GroupReference {
        group: GroupName::new(&group).unwrap(),
        tier: tier.map(|tier| TierName::new(&tier).unwrap()),
    })
}

fn pool_names() -> impl Strategy<Value = PoolName> {
    plain().prop_map(|name| PoolName::new(&name).unwrap())
}

/// Fallbacks that do not contradict themselves: each has everything that its strategy could need.
fn fallbacks() -> impl Strategy<Value = FallbackPolicy> {
    let targets =
        prop_oneof![group_references().prop_map(FallbackTarget::Group), pool_names().prop_map(FallbackTarget::Pool),];
    let named = (vec(group_references(), 1..3), vec(pool_names(), 1..3), vec(targets, 0..3), "\\PC{0,12}");
    (select(FallbackStrategy::ALL.to_vec()), named, non_zero(), durations(), durations()).prop_map(
        |(strategy, (groups, pools, content_filter, custom), max_attempts, base, max)| {
            let bare =
                FallbackPolicy { strategy, max_attempts, backoff: Backoff { base, max }, ..FallbackPolicy::default() };
            match strategy {
                FallbackStrategy::FailFast => bare,
                FallbackStrategy::Custom => {
                    FallbackPolicy { groups, pools, content_filter, custom: Some(custom.into()), ..bare }
                }
                _ => FallbackPolicy { groups, pools, content_filter, ..bare },
            }
        },
    )
}

fn breakers() -> impl Strategy<Value = BreakerPolicy> {
    let rates = || {
        (non_zero(), non_zero(), durations()).prop_map(|(percent, minimum, window)| Rate { percent, minimum, window })
    };
    let slow = (rates(), durations()).prop_map(|(rate, longer_than)| SlowCalls { rate, longer_than });
    let rates = (option::of(rates()), option::of(slow));
    ([non_zero(), non_zero(), non_zero()], [durations(), durations(), durations()], rates).prop_map(
        |(
            [failure_threshold, half_open_requests, success_threshold],
            [recovery_time, max_recovery_time, probe_lease],
            (failure_rate, slow_calls),
        )| {
            BreakerPolicy {
                failure_threshold,
                recovery_time,
                max_recovery_time,
                half_open_requests,
                success_threshold,
                probe_lease,
                failure_rate,
                slow_calls,
            }
        },
    )
}

fn deadlines() -> impl Strategy<Value = Deadlines> {
    let times = [durations(), durations(), durations(), durations(), durations()];
    (times, option::of(paces())).prop_map(|([headers, first_content, reasoning_first_content, idle, total], pace)| {
        Deadlines { headers, first_content, reasoning_first_content, idle, total, pace }
    })
}

fn rotations() -> impl Strategy<Value = RotationKind> {
    select(RotationKind::ALL.to_vec())
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), any::<Duration>()]
}

fn non_zero() -> impl Strategy<Value = NonZeroU32> {
    any::<NonZeroU32>()
}

fn models() -> impl Strategy<Value = ModelRef> {
    (dotted(), visible())
        .prop_map(|(provider, model)| ModelRef::new(ProviderName::new(&provider).unwrap(), &model).unwrap())
}

fn plain() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_-]{1,64}"
}

fn dotted() -> impl Strategy<Value = String> {
    "[A-Za-z0-9._-]{1,64}"
}

/// Up to 64 characters of at most four bytes each, quotes, backslashes and colons among them.
fn visible() -> impl Strategy<Value = String> {
    "[^\\s\\p{Cc}]{1,64}"
}
