//! What is said of models, of the keys and limits of instances, and where groups and pools fall back to.

use std::num::NonZeroU32;

use tidegate_domain::{
    model::{Capability, Prices},
    pool::{PoolFallback, PoolMember},
    resilience::AdaptivePolicy,
    task_group::FallbackStrategy,
};

use super::{BASE, load_text};

#[test]
fn a_model_says_what_is_known_of_it_above_the_catalogue() {
    let text = "
        [providers.openai]
        protocol = 'openai'
        api_key = 'k'
        [providers.near]
        protocol = 'openai'
        base_url = 'http://127.0.0.1:1/v1'
        [models.cheap]
        model = 'openai:gpt-4o'
        prices = { input = 0.5, output = 1.25 }
        [models.home]
        model = 'near:gpt-4o'
        context_window = 4096
        max_output = 512
        capabilities = ['tools', 'prefill']
        region = 'eu'
    ";
    let models = load_text(text, &[]).unwrap().configuration.models;
    let cheap = models.card(&"openai:gpt-4o".parse().unwrap()).unwrap();
    assert_eq!(cheap.prices, Some(Prices { input: 500_000, cached_input: None, output: 1_250_000 }));
    assert_eq!(cheap.context_window, NonZeroU32::new(128_000));
    assert!(cheap.can(Capability::Vision));
    let home = models.card(&"near:gpt-4o".parse().unwrap()).unwrap();
    assert_eq!((home.context_window, home.max_output), (NonZeroU32::new(4096), NonZeroU32::new(512)));
    assert!(home.can(Capability::Prefill) && !home.can(Capability::Vision));
    assert_eq!((home.prices, home.region.as_deref()), (None, Some("eu")));
    assert_eq!(models.card(&"near:gpt-4o-mini".parse().unwrap()), None, "another host is another vendor");
}

#[test]
fn a_fallback_names_where_to_go() {
    let text = format!(
        "{BASE}
        [pools.spare]
        task_groups = ['chat']
        fallback = {{ strategy = 'pool_fallback', fallback_pools = ['fast'] }}
        [task_groups.g.tiers.a]
        models = ['sim:a']
        [task_groups.g.fallback_config]
        strategy = 'task_group_switch'
        fallback_groups = ['chat.a', 'chat']
        fallback_pools = ['fast']
        content_filter_fallback = ['pool:spare', 'chat']
        [task_groups.own.tiers.a]
        models = ['sim:a']
        [task_groups.own.fallback]
        strategy = 'custom'
        policy = 'mine'
        "
    );
    let configuration = load_text(&text, &[]).unwrap().configuration;
    let spare = configuration.pools[1].value.policy();
    assert_eq!((spare.fallback, spare.fallback_pools[0].as_str()), (PoolFallback::PoolFallback, "fast"));
    let fallback = configuration.task_groups[1].value.fallback();
    assert_eq!(fallback.strategy, FallbackStrategy::GroupFallback);
    let targets: Vec<_> = fallback.targets().map(|target| target.to_string()).collect();
    assert_eq!(targets, ["chat.a", "chat", "pool:fast"]);
    let filtered: Vec<_> = fallback.content_filter.iter().map(ToString::to_string).collect();
    assert_eq!(filtered, ["pool:spare", "chat"]);
    let own = configuration.task_groups[2].value.fallback();
    assert_eq!((own.strategy, own.custom.as_deref()), (FallbackStrategy::Custom, Some("mine")));
}

#[test]
fn a_pool_says_how_limits_are_found_out_where_one_instance_names_a_key() {
    let text = format!(
        "{BASE}
        [providers.keyed]
        protocol = 'openai'
        keys = {{ team-a = 'secret' }}
        [pools.p]
        adaptive_concurrency = {{ floor = 2, slow_factor = 1.5 }}
        [[pools.p.instances]]
        model = 'keyed:m'
        key = 'team-a'
        [[pools.p.instances]]
        model = 'keyed:m'
        "
    );
    let loaded = load_text(&text, &[]).unwrap();
    let pool = &loaded.configuration.pools[1].value;
    let of = |number| NonZeroU32::new(number).unwrap();
    let adaptive = AdaptivePolicy { floor: of(2), ceiling: of(200), slow_percent: Some(of(150)) };
    assert_eq!(pool.policy().adaptive_concurrency, Some(adaptive));
    let [PoolMember::Instance(one), PoolMember::Instance(other)] = pool.members() else { panic!("two instances") };
    assert_eq!((one.id.as_str(), one.key.as_ref().unwrap().as_str()), ("keyed:m@team-a", "team-a"));
    assert_eq!((other.id.as_str(), &other.key), ("keyed:m", &None));
}

#[test]
fn a_first_content_that_is_written_holds_for_models_that_think_unless_theirs_is_written_too() {
    let check = |written: &str, [plain, thinking]: [u64; 2]| {
        let loaded = load_text(&format!("{BASE}\n[defaults.deadlines]\n{written}"), &[]).unwrap();
        let deadlines = loaded.configuration.deadlines;
        let seconds = [deadlines.first_content, deadlines.reasoning_first_content].map(|deadline| deadline.as_secs());
        assert_eq!(seconds, [plain, thinking], "{written}");
    };
    check("idle = 20", [60, 300]);
    check("first_content = 60", [60, 60]);
    check("first_content = 20", [20, 20]);
    check("reasoning_first_content = 400", [60, 400]);
    check("first_content = 20\nreasoning_first_content = 90", [20, 90]);
}
