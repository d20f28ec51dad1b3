//! Many files: registries, entry directories, inheritance, overlays.

use std::time::Duration;

use tidegate_domain::{config::ConfigSource, pool::RotationKind};
use tidegate_infrastructure::config::{ConfigLocation, Environment, TomlConfigSource};

use super::{BASE, directory, load_with, messages};

fn pool_names(loaded: &tidegate_infrastructure::config::Loaded) -> Vec<&str> {
    loaded.configuration.pools.iter().map(|pool| pool.value.name().as_str()).collect()
}

#[test]
fn entries_come_from_the_root_the_registry_and_the_directories() {
    let root = format!("{BASE}[pools]\nnamed = {{ file = \"elsewhere/named.toml\", description = \"d\" }}\n");
    let directory = directory(&[
        ("tidegate.toml", &root),
        ("elsewhere/named.toml", "[pool]\nname = \"named\"\ntask_groups = [\"chat\"]"),
        ("pools/headed.toml", "[pool]\nname = \"other\"\ntask_groups = [\"chat\"]"),
        ("pools/bare.toml", "task_groups = [\"chat.a\"]"),
        ("pools/deep/many.toml", "[pools.m1]\ntask_groups = [\"g\"]\n[pools.m2]\ntask_groups = [\"g\"]"),
        ("pools/.hidden.toml", "nonsense"),
        ("task-groups/g.toml", "[task_group.echelons.one]\nmodels = [\"b:x\"]"),
        ("providers/b.toml", "protocol = \"simulated\""),
        ("wrappers/all.toml", "[wrappers]\nw = { type = \"pool\", pool_name = \"m1\" }"),
        ("examples/x.toml", "nonsense"),
    ]);
    let loaded = load_with(directory.path(), None, &[]).unwrap();
    assert_eq!(pool_names(&loaded), ["fast", "named", "bare", "m1", "m2", "other"]);
    assert_eq!(loaded.configuration.pools[1].value.description(), "d");
    assert!(loaded.configuration.pools[1].file.ends_with("elsewhere/named.toml"));
    assert_eq!(loaded.configuration.task_groups.len(), 2);
    assert_eq!(loaded.configuration.wrappers.len(), 1);
    assert_eq!(loaded.files.len(), 8);
}

#[test]
fn an_explicit_registry_leaves_other_files_alone() {
    let root = format!("{BASE}[registry]\nexplicit = true");
    let directory = directory(&[("_registry.toml", &root), ("pools/other.toml", "task_groups = [\"chat\"]")]);
    assert_eq!(pool_names(&load_with(directory.path(), None, &[]).unwrap()), ["fast"]);
}

#[test]
fn an_entry_that_is_switched_off_needs_no_variables() {
    let root =
        format!("{BASE}[providers.x]\nenabled = \"${{X:false}}\"\nprotocol = \"openai\"\napi_key = \"${{KEY}}\"");
    let directory = directory(&[("tidegate.toml", &root)]);
    assert_eq!(load_with(directory.path(), None, &[]).unwrap().settings.providers.len(), 1);
    let messages = messages(load_with(directory.path(), None, &[("X", "true")]));
    assert!(messages.contains("KEY is not set"), "{messages}");
}

#[test]
fn an_heir_merges_tables_and_replaces_lists() {
    let directory = directory(&[
        (
            "tidegate.toml",
            "inherits_from = [\"common/base\", \"common/more.toml\"]\n[pools.fast]\nrotation = \"random\"",
        ),
        ("common/base.toml", &format!("{BASE}timeout = 7\nrotation = \"weighted\"")),
        (
            "common/more.toml",
            "inherits_from = \"root.toml\"\n[task_groups.chat.echelons.a]\nmodels = [\"sim:x\", \"sim:y\"]",
        ),
        ("common/root.toml", "[task_groups.chat]\ndescription = \"inherited\""),
    ]);
    let configuration = load_with(directory.path(), None, &[]).unwrap().configuration;
    let policy = configuration.pools[0].value.policy();
    assert_eq!((policy.rotation, policy.deadlines.total), (RotationKind::Random, Duration::from_secs(7)));
    assert_eq!(configuration.task_groups[0].value.description(), "inherited");
    assert_eq!(configuration.task_groups[0].value.tiers()[0].models().len(), 2);
}

#[test]
fn a_cycle_of_heirs_is_shown() {
    let directory = directory(&[
        ("tidegate.toml", "inherits_from = \"a.toml\""),
        ("a.toml", "inherits_from = \"b.toml\""),
        ("b.toml", "inherits_from = \"a.toml\""),
    ]);
    let messages = messages(load_with(directory.path(), None, &[]));
    let path = |name: &str| directory.path().join(name).display().to_string();
    let round = format!("{} -> {} -> {}", path("a.toml"), path("b.toml"), path("a.toml"));
    assert!(messages.contains(&format!("inherits from itself: {round}")), "{messages}");
}

#[test]
fn an_overlay_lies_over_everything() {
    let directory = directory(&[
        ("tidegate.toml", BASE),
        ("pools/other.toml", "[pool]\ntask_groups = [\"chat\"]\ntimeout = 9"),
        (
            "environments/production.toml",
            "[pools.other]\ntimeout = 3\n[pools.fast]\nenabled = false\n[observability.log]\nlevel = \"warn\"",
        ),
    ]);
    let loaded = load_with(directory.path(), Some("production"), &[]).unwrap();
    assert_eq!(pool_names(&loaded), ["other"]);
    assert_eq!(loaded.configuration.pools[0].value.policy().deadlines.total, Duration::from_secs(3));
    assert_eq!(loaded.settings.log.level.as_str(), "warn");
    assert_eq!(load_with(directory.path(), None, &[]).unwrap().configuration.pools.len(), 2);
    let messages = messages(load_with(directory.path(), Some("prodution"), &[]));
    assert!(messages.contains("no overlay for the environment 'prodution'"), "{messages}");
    assert!(messages.contains("did you mean 'production'?"), "{messages}");
}

#[test]
fn what_is_wrong_with_a_directory_is_said() {
    let empty = directory(&[("pools/a.toml", "")]);
    assert!(messages(load_with(empty.path(), None, &[])).contains("holds no tidegate.toml"));
    let both = directory(&[("tidegate.toml", BASE), ("_registry.toml", BASE)]);
    assert!(messages(load_with(both.path(), None, &[])).contains("holds both"));
    let twice = directory(&[("tidegate.toml", BASE), ("pools/fast.toml", "task_groups = [\"chat\"]")]);
    assert!(messages(load_with(twice.path(), None, &[])).contains("pool 'fast' is already defined in"));
    let named = format!("{BASE}[pools]\nx = {{ file = \"x.toml\", wombat = 3 }}\ny = {{ file = \"y.toml\" }}");
    let wrong =
        directory(&[("tidegate.toml", &named), ("x.toml", "[pool]\nname = \"z\"\ntask_groups = [\"chat\"]\n[server]")]);
    let messages = messages(load_with(wrong.path(), None, &[]));
    for part in
        ["pools.x.wombat: unknown key", "pools.x.name: differs from 'x'", "server: unknown key", "there is no file"]
    {
        assert!(messages.contains(part), "{part}\n{messages}");
    }
}

#[test]
fn the_hash_changes_with_files_and_variables_only() {
    let root = format!("{BASE}description = \"${{D:}}\"");
    let directory = directory(&[("tidegate.toml", &root)]);
    let hash = |value| load_with(directory.path(), None, &[("D", value)]).unwrap().configuration.content_hash;
    assert_eq!(hash("a"), hash("a"));
    assert_ne!(hash("a"), hash("b"));
    assert_eq!(hash("a").len(), 64);
}

#[tokio::test]
async fn the_port_loads_the_same() {
    let directory = directory(&[("tidegate.toml", BASE)]);
    let location = ConfigLocation { path: directory.path().to_owned(), environment: None };
    let source = TomlConfigSource::new(location, Environment::default());
    assert_eq!(source.load().await.unwrap(), source.load_all().unwrap().configuration);
}

#[test]
fn five_hundred_files_with_a_thousand_instances_load() {
    let pool = |at: usize| {
        let instance = |id| format!("[[pool.instances]]\nid = \"{id}\"\nmodel = \"sim:m{at}\"\nweight = 2\n");
        (format!("pools/p{at}.toml"), format!("[pool]\nrotation = \"weighted\"\n{}{}", instance("a"), instance("b")))
    };
    let pools: Vec<_> = (0..500).map(pool).collect();
    let mut files: Vec<(&str, &str)> = pools.iter().map(|(name, text)| (&**name, &**text)).collect();
    files.push(("tidegate.toml", BASE));
    let directory = directory(&files);
    assert_eq!(load_with(directory.path(), None, &[]).unwrap().configuration.pools.len(), 501);
}
