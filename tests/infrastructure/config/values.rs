//! What keys mean once they are loaded.

use std::{num::NonZeroU32, time::Duration};

use secrecy::SecretString;
use tidegate_domain::{
    admission::{Limits, QueuePolicy, RateLimitAlgorithm, RateLimitPolicy},
    inference::{DefaultValues, Prefill, ReasoningEffort, ResponseFormat, ToolChoice},
    name::Target,
    pool::{AffinitySource, EjectionPolicy, OnExhausted, PoolFallback, PoolMember, PoolQueue, RotationKind, SlowStart},
    resilience::{HedgePolicy, MidStream, Pace},
    task_group::FallbackStrategy,
};
use tidegate_infrastructure::{
    config::{LogFormat, RequestLogSettings, StorageSettings},
    provider::{Authorities, Protocol, Proxy, SimulatedFailure},
};

use super::{BASE, load_text};

#[test]
fn what_is_not_said_has_its_default() {
    let loaded = load_text(BASE, &[]).unwrap();
    let server = &loaded.settings.server;
    assert_eq!(server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(server.admin_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(server.max_body_bytes, 32 * 1024 * 1024);
    assert_eq!(loaded.settings.storage, StorageSettings::Memory);
    assert_eq!(loaded.settings.log.format, LogFormat::Json);
    assert_eq!(loaded.configuration.pools[0].value.policy().rotation, RotationKind::RoundRobin);
    assert_eq!(loaded.configuration.deadlines.total, Duration::from_mins(10));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_request_log_says_how_much_it_keeps_and_how_long() {
    let requests = load_text(BASE, &[]).unwrap().settings.requests;
    assert_eq!(requests, RequestLogSettings::default());
    let text = format!(
        "{BASE}
        [observability.requests]
        memory = 0
        store = false
        sample = 0.5
        retention = 3600
        max_stored = 9
        "
    );
    let loaded = load_text(&text, &[]).unwrap();
    let expected =
        RequestLogSettings { memory: 0, store: false, sample: 0.5, retention: Duration::from_hours(1), max_stored: 9 };
    assert_eq!(loaded.settings.requests, expected);
    assert_eq!(loaded.settings.deferred_from(&load_text(BASE, &[]).unwrap().settings), ["observability.requests"]);
}

#[test]
fn a_pool_says_how_it_picks_and_gives_up() {
    let text = format!(
        "{BASE}
        [pools.p]
        description = 'of its own'
        rotation_strategy = {{ type = 'weighted_round_robin' }}
        slow_start = {{ window = 90, aggression = 1.5 }}
        max_ejection_percent = 40
        panic_threshold = 30
        on_exhausted = {{ type = 'queue', max_wait = 0.5, size = 7 }}
        affinity = {{ by = ['user', 'prompt_prefix'], prefix_bytes = 64, max_load_factor = 2 }}
        timeout = 2.5
        health_check = {{ failure_threshold = 7, success_threshold = 1, recovery_time = 900 }}
        circuit_breaker = {{ reset_timeout = 4, half_open_requests = 2, slow_call_rate = 80, failure_rate_minimum = 9 }}
        fallback = {{ strategy = 'simple_retry', max_instance_attempts = 4 }}
        [[pools.p.instances]]
        name = 'one'
        provider = 'sim'
        model = 'm'
        weight = 0
        max_concurrency = 9
        base_url = 'http://127.0.0.1:1/v1/'
        [[pools.p.instances]]
        model = 'sim:m'
        "
    );
    let loaded = load_text(&text, &[]).unwrap();
    let pool = &loaded.configuration.pools[1].value;
    assert_eq!(pool.description(), "of its own");
    let policy = pool.policy();
    assert_eq!(policy.rotation, RotationKind::Weighted);
    assert_eq!(policy.ejection, EjectionPolicy { max_percent: 40, panic_threshold: 30 });
    let queue = PoolQueue { max_wait: Duration::from_millis(500), size: NonZeroU32::new(7).unwrap() };
    assert_eq!(policy.on_exhausted, OnExhausted::Queue(queue));
    let affinity = policy.affinity.as_ref().unwrap();
    assert_eq!(affinity.by, [AffinitySource::User, AffinitySource::PromptPrefix]);
    assert_eq!((affinity.prefix_bytes.get(), affinity.max_load_factor.get()), (64, 200));
    assert_eq!(
        policy.slow_start,
        Some(SlowStart { window: Duration::from_secs(90), aggression: NonZeroU32::new(150).unwrap() })
    );
    assert_eq!(policy.deadlines.total, Duration::from_millis(2500));
    assert_eq!(policy.health.failure_threshold.get(), 7);
    assert_eq!(policy.health.max_recovery_time, Duration::from_mins(15), "never below the first one");
    assert_eq!(policy.breaker.recovery_time, Duration::from_secs(4));
    let slow = policy.breaker.slow_calls.unwrap();
    assert_eq!((slow.rate.percent.get(), slow.rate.minimum.get()), (80, 9));
    assert_eq!(slow.longer_than, Duration::from_mins(1));
    assert_eq!((policy.fallback, policy.max_instance_attempts.get()), (PoolFallback::SimpleRetry, 4));
    let [PoolMember::Instance(one), PoolMember::Instance(two)] = pool.members() else { panic!("two instances") };
    assert_eq!((one.id.as_str(), one.model.to_string().as_str(), one.weight.get()), ("one", "sim:m", 0));
    assert_eq!((one.max_concurrency, one.base_url.as_deref()), (NonZeroU32::new(9), Some("http://127.0.0.1:1/v1")));
    assert_eq!(two.id.as_str(), "sim:m");
}

#[test]
fn what_follows_a_slow_or_broken_stream_is_said_by_tiers_pools_and_providers() {
    let text = format!(
        "{BASE}
        [server]
        stream_keep_alive = 0
        [defaults]
        retry_budget = {{ percent = 10, minimum = 3 }}
        [providers.vllm]
        protocol = 'openai'
        prefill = 'continue_final_message'
        [pools.q]
        mid_stream = 'restart'
        deadlines = {{ min_tokens_per_second = 3, pace_window = 20 }}
        instances = [{{ model = 'vllm:m' }}]
        [task_groups.streams.tiers.a]
        models = ['vllm:m']
        mid_stream = 'continue'
        hedge = {{ after = 2.5 }}
        [task_groups.streams.tiers.b]
        models = ['vllm:m']
        hedge = {{ slower_than = 'p95' }}
        "
    );
    let loaded = load_text(&text, &[]).unwrap();
    assert_eq!(loaded.settings.server.stream_keep_alive, None);
    let budget = loaded.configuration.retry_budget;
    assert_eq!((budget.percent, budget.minimum.get(), budget.per_second), (10, 3, 10));
    let provider = loaded.settings.providers.iter().find(|provider| provider.name.as_str() == "vllm").unwrap();
    assert_eq!(provider.prefill, Some(Prefill::ContinueFinalMessage));
    let policy = loaded.configuration.pools[1].value.policy();
    let pace = Pace { tokens_per_second: NonZeroU32::new(3).unwrap(), window: Duration::from_secs(20) };
    assert_eq!((policy.mid_stream, policy.deadlines.pace), (MidStream::Restart, Some(pace)));
    let group = loaded.configuration.task_groups.iter().find(|group| group.value.name().as_str() == "streams").unwrap();
    let broken: Vec<_> =
        group.value.tiers().iter().map(|tier| (tier.policy().mid_stream, tier.policy().hedge)).collect();
    let [after, p95] = [HedgePolicy::After(Duration::from_millis(2500)), HedgePolicy::P95].map(Some);
    assert_eq!(broken, [(MidStream::Continue, after), (MidStream::Error, p95)]);
}

#[test]
fn a_task_group_says_where_it_goes() {
    let text = format!(
        "{BASE}
        [models.short]
        model = 'sim:long'
        [defaults]
        target = 'group:g.second'
        deadlines = {{ idle = 5 }}
        [task_groups.g]
        fallback_strategy = 'echelon_down'
        fallback_config = {{ max_attempts = 5, retry_delay = 0.25 }}
        circuit_breaker = {{ failure_threshold = 2 }}
        [task_groups.g.echelons.second]
        models = ['short', 'pool:fast']
        [task_groups.g.echelons.first]
        models = ['sim:a']
        priority = 1
        rotation = 'random'
        deadlines = {{ headers = 3 }}
        max_retries = 2
        temperature = 0
        top_p = 0.5
        max_tokens = 10
        response_format = 'json'
        function_calling = 'required'
        reasoning_effort = 'low'
        thinking_config = {{ budget_tokens = 4000 }}
        "
    );
    let loaded = load_text(&text, &[]).unwrap();
    let configuration = loaded.configuration;
    assert_eq!(configuration.aliases["short"].to_string(), "sim:long");
    assert_eq!(configuration.default_target.as_ref().map(Target::to_string).as_deref(), Some("group:g.second"));
    let group = &configuration.task_groups[1].value;
    assert_eq!((group.fallback().strategy, group.fallback().max_attempts.get()), (FallbackStrategy::TierDown, 5));
    assert_eq!(group.fallback().backoff.base, Duration::from_millis(250));
    assert_eq!(group.breaker().failure_threshold.get(), 2);
    let [first, second] = group.tiers() else { panic!("two tiers") };
    assert_eq!(first.name().as_str(), "first");
    let deadlines = first.policy().deadlines.unwrap();
    assert_eq!((deadlines.headers, deadlines.idle), (Duration::from_secs(3), Duration::from_secs(5)));
    assert_eq!((first.policy().rotation, first.policy().max_retries), (RotationKind::Random, 2));
    let expected = DefaultValues {
        temperature: Some(0.0),
        top_p: Some(0.5),
        max_tokens: Some(10),
        response_format: Some(ResponseFormat::JsonObject),
        tool_choice: Some(ToolChoice::Required),
        reasoning_effort: Some(ReasoningEffort::Low),
        thinking_budget: Some(4000),
    };
    assert_eq!(*first.policy().defaults.values(), expected);
    let models: Vec<_> = second.models().iter().map(ToString::to_string).collect();
    assert_eq!(models, ["sim:long", "pool:fast"]);
    assert_eq!((second.policy().deadlines, second.policy().rotation), (None, RotationKind::Declared));
}

#[test]
fn tiers_without_a_priority_keep_the_order_of_the_file() {
    let text =
        format!("{BASE}[task_groups.g.tiers.z]\nmodels = ['sim:a']\n[task_groups.g.tiers.a]\nmodels = ['sim:b']");
    let loaded = load_text(&text, &[]).unwrap();
    let tiers = loaded.configuration.task_groups[1].value.tiers();
    assert_eq!([tiers[0].name().as_str(), tiers[1].name().as_str()], ["z", "a"]);
}

#[test]
fn a_wrapper_stands_for_each_kind_of_target() {
    let text = format!(
        "{BASE}[wrappers]
        p = {{ type = 'pool', pool_name = 'fast' }}
        g = {{ type = 'task_group', group_name = 'chat', tier = 'a' }}
        t = {{ type = 'task_group', task_group = 'chat.a' }}
        d = {{ type = 'direct', provider = 'sim', model = 'x:y' }}"
    );
    let loaded = load_text(&text, &[]).unwrap();
    let targets: Vec<_> =
        loaded.configuration.wrappers.iter().map(|wrapper| wrapper.value.target().to_string()).collect();
    assert_eq!(targets, ["pool:fast", "group:chat.a", "group:chat.a", "direct:sim:x:y"]);
}

#[test]
fn a_provider_says_how_it_is_reached() {
    let text = "[providers.a]\nprotocol = 'openai'\nconnect_timeout = 0.5\n[providers.b]\nprotocol = 'simulated'\n\
        [providers.b.simulated]\nlatency_ms = 5\nfailure = 429\nfailure_rate = 1\nreply = 'hello'\n\
        [providers.c]\nprotocol = 'simulated'\nsimulated = { failure = 'hang' }";
    let loaded = load_text(text, &[]).unwrap();
    let [a, b, c] = &loaded.settings.providers[..] else { panic!("three providers") };
    assert_eq!((a.protocol, a.base_url.as_deref()), (Protocol::OpenAi, Some("https://api.openai.com/v1")));
    assert_eq!((a.connect_timeout, a.api_key.is_none()), (Duration::from_millis(500), true));
    let simulated = b.simulated.as_ref().unwrap();
    assert_eq!((simulated.latency, simulated.failure), (Duration::from_millis(5), SimulatedFailure::Status(429)));
    assert_eq!(simulated.reply.as_deref(), Some("hello"));
    assert_eq!(c.simulated.as_ref().unwrap().failure, SimulatedFailure::Hang);
}

#[test]
fn a_provider_may_be_behind_a_proxy_and_off_limits() {
    let text = "[providers.a]\nprotocol = 'openai'\nbase_url = 'http://169.254.7.7'\nallow_link_local = true\n\
        proxy = 'http://proxy.example:3128'\nproxy_credentials = '${ME}:secret'\n[providers.b]\nprotocol = 'openai'";
    let loaded = load_text(text, &[("ME", "me")]).unwrap();
    let [a, b] = &loaded.settings.providers[..] else { panic!("two providers") };
    assert_eq!((a.allow_link_local, b.allow_link_local), (true, false));
    let credentials = SecretString::from("me:secret");
    assert_eq!(a.proxy, Some(Proxy::new("http://proxy.example:3128", Some(&credentials)).unwrap()));
    assert_eq!((&b.proxy, &b.authorities), (&None, &None));
}

#[test]
fn authorities_come_from_a_file_beside_the_configuration() {
    let pem = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let text = format!("{BASE}[providers.x]\nprotocol = 'openai'\nca_certificates = '${{file:ca.pem}}'");
    let directory = super::directory(&[("tidegate.toml", &text), ("ca.pem", &pem)]);
    let loaded = super::load_with(directory.path(), None, &[]).unwrap();
    assert_eq!(loaded.settings.providers[1].authorities, Some(Authorities::from_pem(&pem).unwrap()));
}

#[test]
fn a_variable_becomes_what_its_key_takes() {
    let text = format!(
        "{BASE}[pools.p]\ntask_groups = '${{GROUPS}}'\ntimeout = '${{TIMEOUT}}'\nfallback = '${{FALLBACK}}'\n\
        [storage]\nbackend = 'sqlite'\nurl = 'sqlite:${{DIRECTORY:data}}/t.db'"
    );
    let fallback = "{ max_instance_attempts = 3 }";
    let variables = [("GROUPS", "[\"chat\", \"chat.a\"]"), ("TIMEOUT", " 1.5 "), ("FALLBACK", fallback)];
    let loaded = load_text(&text, &variables).unwrap();
    let pool = &loaded.configuration.pools[1].value;
    assert_eq!(pool.members().len(), 2);
    assert_eq!(pool.policy().deadlines.total, Duration::from_millis(1500));
    assert_eq!(pool.policy().max_instance_attempts.get(), 3);
    assert_eq!(loaded.settings.storage, StorageSettings::Sqlite { path: "data/t.db".into() });
}

#[test]
fn a_secret_may_come_from_a_file() {
    let text = format!("{BASE}[providers.x]\nprotocol = 'openai'\napi_key = '${{file:key.txt}}'");
    let directory = super::directory(&[("tidegate.toml", &text), ("key.txt", "from-a-file\n")]);
    let loaded = super::load_with(directory.path(), None, &[]).unwrap();
    assert!(loaded.settings.providers[1].api_key.is_some());
    assert!(!format!("{loaded:?}").contains("from-a-file"));
}

#[test]
fn a_configuration_that_routes_nothing_is_pointed_out() {
    let warnings = load_text("# nothing yet", &[]).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].message, "defines nothing that a request could ask for");
}

fn limits_of(text: &str) -> Limits {
    let text = format!("[providers.sim]\nprotocol = 'simulated'\n[[pools.p.instances]]\nmodel = 'sim:x'\n{text}");
    load_text(&text, &[]).unwrap_or_else(|report| panic!("{report}")).configuration.pools[0].value.policy().limits
}

fn policy(algorithm: RateLimitAlgorithm, capacity: u32, seconds: u64) -> Option<RateLimitPolicy> {
    let period = Duration::from_secs(seconds);
    NonZeroU32::new(capacity).map(|capacity| RateLimitPolicy { algorithm, capacity, period })
}

#[test]
fn limits_say_how_many_at_once_how_much_in_a_time_and_who_waits() {
    assert_eq!(limits_of(""), Limits::default());
    let limits = limits_of(
        "[pools.p.limits]
        max_concurrency = 3
        queue_size = 7
        max_wait = 2.5
        rate = { requests = 10, tokens = 1000, period = 5 }",
    );
    assert_eq!(limits.max_concurrency, NonZeroU32::new(3));
    assert_eq!(limits.queue, QueuePolicy { size: 7, max_wait: Duration::from_millis(2500) });
    assert_eq!(limits.requests, policy(RateLimitAlgorithm::SlidingWindow, 10, 5));
    assert_eq!(limits.tokens, policy(RateLimitAlgorithm::SlidingWindow, 1000, 5));
}

#[test]
fn older_files_limit_the_rate_of_a_pool_by_an_algorithm_with_keys_of_its_own() {
    use RateLimitAlgorithm::{FixedWindow, SlidingWindow, TokenBucket};
    for (text, expected) in [
        ("token_bucket = { bucket_size = 100, refill_rate = 2.5 }", policy(TokenBucket, 100, 40)),
        ("bucket_size = 100\nrefill_rate = 10", policy(TokenBucket, 100, 10)),
        ("enabled = true", policy(TokenBucket, 1000, 60)),
        (
            "algorithm = 'sliding_window'\nsliding_window = { window_size = 60, max_requests = 500 }",
            policy(SlidingWindow, 500, 60),
        ),
        ("algorithm = 'fixed_window'\nwindow_size = 30\nmax_requests = 5", policy(FixedWindow, 5, 30)),
        ("enabled = false\nalgorithm = 'token_bucket'\ntoken_bucket = { bucket_size = 1 }", None),
    ] {
        let limits = limits_of(&format!("[pools.p.rate_limiting]\n{text}"));
        assert_eq!(limits, Limits { requests: expected, ..Limits::default() }, "{text}");
    }
}

#[test]
fn the_gateway_groups_and_tiers_have_limits_too_and_0_is_none() {
    let text = format!(
        "{BASE}
        [limits]
        max_concurrency = 9
        [task_groups.g.limits.rate]
        algorithm = 'token_bucket'
        requests = 4
        [task_groups.g.tiers.a]
        models = ['sim:m']
        concurrency_limit = 2
        rpm_limit = 0
        tpm_limit = 90000
        "
    );
    let configuration = load_text(&text, &[]).unwrap().configuration;
    assert_eq!(configuration.limits.max_concurrency, NonZeroU32::new(9));
    let group = configuration.task_groups.iter().find(|group| group.value.name().as_str() == "g").unwrap();
    assert_eq!(group.value.limits().requests, policy(RateLimitAlgorithm::TokenBucket, 4, 60));
    let tier = group.value.tiers()[0].policy().limits;
    assert_eq!((tier.concurrency, tier.requests_per_minute), (NonZeroU32::new(2), None));
    assert_eq!(tier.tokens_per_minute, NonZeroU32::new(90_000));
}
