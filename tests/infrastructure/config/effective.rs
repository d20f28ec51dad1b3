//! The value of every key, and where it is from.

use tidegate_infrastructure::config::{ConfigLocation, EffectiveValue, TomlConfigSource, ValueOrigin};

use super::{BASE, directory};

fn values(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<EffectiveValue> {
    let directory = directory(files);
    let location = ConfigLocation { path: directory.path().to_owned(), environment: None };
    let (_, values) = TomlConfigSource::new(location, variables.iter().copied().collect()).load_values().unwrap();
    values
}

fn find<'v>(values: &'v [EffectiveValue], key: &str) -> &'v EffectiveValue {
    values.iter().find(|value| value.key == key).unwrap_or_else(|| panic!("no {key} in {values:#?}"))
}

fn place(value: &EffectiveValue) -> String {
    match &value.origin {
        ValueOrigin::Written { file, line, column, .. } => {
            format!("{}:{line}:{column}", file.file_name().unwrap().to_str().unwrap())
        }
        ValueOrigin::Default => "default".to_owned(),
        ValueOrigin::Key(key) => key.clone(),
    }
}

#[track_caller]
fn check(values: &[EffectiveValue], key: &str, text: &str, origin: &str) {
    let value = find(values, key);
    assert_eq!((&*value.text, &*place(value)), (text, origin), "{key}");
}

#[test]
fn a_written_value_knows_its_line_and_another_one_its_default() {
    let values = values(&[("tidegate.toml", BASE)], &[]);
    check(&values, "pools.fast.task_groups", "[\"chat\"]", "tidegate.toml:7:1");
    check(&values, "pools.fast.rotation", "\"round_robin\"", "default");
    check(&values, "pools.fast.circuit_breaker.failure_threshold", "5", "default");
    check(&values, "server.listen", "\"127.0.0.1:8080\"", "default");
    check(&values, "providers.sim.simulated.latency_ms", "50", "default");
    assert!(values.is_sorted_by(|a, b| a.key < b.key));
}

#[test]
fn a_default_that_is_another_key_says_which() {
    let root =
        format!("{BASE}\n[defaults.deadlines]\ntotal = 77\n[task_groups.chat]\nfallback_strategy = \"fail_fast\"");
    let values = values(&[("tidegate.toml", &root)], &[]);
    check(&values, "pools.fast.deadlines.total", "77", "defaults.deadlines.total");
    check(&values, "pools.fast.deadlines.idle", "60", "defaults.deadlines.idle");
    check(&values, "task_groups.chat.fallback.strategy", "\"fail_fast\"", "tidegate.toml:12:1");
}

#[test]
fn what_has_no_effect_is_not_shown() {
    let values = values(&[("tidegate.toml", BASE)], &[]);
    let shown = |part: &str| values.iter().any(|value| value.key.contains(part));
    assert!(!shown("limits.rate") && !shown("connect_timeout") && !shown("bucket_size"), "{values:#?}");
}

#[test]
fn an_inherited_value_is_from_the_file_that_says_it() {
    let pool = "inherits_from = \"../base.toml\"\ntask_groups = [\"chat\"]\n";
    let root = BASE.split("[pools").next().unwrap();
    let files =
        [("tidegate.toml", root), ("pools/slow.toml", pool), ("base.toml", "rotation = \"random\"\ntimeout = 9\n")];
    let values = values(&files, &[]);
    check(&values, "pools.slow.rotation", "\"random\"", "base.toml:1:1");
    check(&values, "pools.slow.deadlines.total", "9", "base.toml:2:1");
    check(&values, "pools.slow.task_groups", "[\"chat\"]", "slow.toml:2:1");
}

#[test]
fn a_secret_is_masked_and_its_variable_named() {
    let root = r#"
[providers.real]
protocol = "openai"
api_key = "${KEY}"
base_url = "${URL}"
headers = { X-Team = "canary" }
[pools.p]
task_groups = ["chat"]
[task_groups.chat]
description = "${file:note}"
[task_groups.chat.tiers.a]
models = ["real:m"]
"#;
    let files = [("tidegate.toml", root), ("note", "canary")];
    let values = values(&files, &[("KEY", "canary"), ("URL", "https://host/v1")]);
    check(&values, "providers.real.api_key", "\"***\"", "tidegate.toml:4:1");
    check(&values, "providers.real.headers.X-Team", "\"***\"", "tidegate.toml:6:1");
    check(&values, "task_groups.chat.description", "\"***\"", "tidegate.toml:10:1");
    check(&values, "providers.real.base_url", "\"https://host/v1\"", "tidegate.toml:5:1");
    let ValueOrigin::Written { variables, .. } = &find(&values, "providers.real.api_key").origin else { panic!() };
    assert_eq!(variables.as_deref(), Some("${KEY}"));
    assert!(!format!("{values:?}").contains("canary"));
}

#[test]
fn two_secrets_differ_although_they_look_alike() {
    let with = |key: &str| {
        let root = format!("{BASE}\n[providers.real]\nprotocol = \"openai\"\napi_key = \"{key}\"");
        find(&values(&[("tidegate.toml", &root)], &[]), "providers.real.api_key").clone()
    };
    assert!(with("one").is_same(&with("one")));
    assert!(!with("one").is_same(&with("two")));
}
