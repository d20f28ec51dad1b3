//! The configurations of other gateways, as ours: what comes out loads, holds no key, and says what was guessed or lost.

use std::path::{Path, PathBuf};

use tidegate_domain::{
    name::PoolName,
    task_group::{FallbackTarget, TaskGroup},
};
use tidegate_infrastructure::{
    config::{ConfigLocation, Environment, Loaded, TomlConfigSource},
    migrate::{ImportError, ImportFormat, Migration, import},
};

const VARIABLES: [(&str, &str); 15] = [
    ("OPENAI_API_KEY", "key"),
    ("AZURE_API_KEY_EU", "key"),
    ("ANTHROPIC_API_KEY", "key"),
    ("AZURE_API_KEY", "key"),
    ("AZURE_API_BASE", "https://us.openai.azure.com"),
    ("AZURE_API_VERSION", "2024-10-21"),
    ("AWS_ACCESS_KEY_ID", "key"),
    ("AWS_SECRET_ACCESS_KEY", "key"),
    ("GEMINI_API_KEY", "key"),
    ("GROQ_API_KEY", "key"),
    ("MISTRAL_API_KEY", "key"),
    ("API_OPENAI_COM_KEY", "key"),
    ("ONE_EXAMPLE_KEY", "key"),
    ("TEAM_B_KEY", "key"),
    ("ANTHROPIC_API_KEY_2", "key"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/import").join(name)
}

/// The file and the report of an import, for a snapshot, and what the file says.
fn imported(format: ImportFormat, name: &str) -> (String, Loaded) {
    let Migration { files, notes } = import(format, &fixture(name)).unwrap();
    let [file] = &files[..] else { panic!("{files:?}") };
    let report: Vec<_> = notes
        .iter()
        .map(|note| format!("{}: {}:{}: {}: {}", note.kind.as_str(), note.file, note.line, note.key, note.message))
        .collect();
    let whole = format!("{}\n---\n{}\n", file.text, report.join("\n"));
    assert!(!whole.contains("canary"), "{whole}");
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join(&file.path);
    std::fs::write(&path, &file.text).unwrap();
    let source = TomlConfigSource::new(
        ConfigLocation { path, environment: None },
        VARIABLES.into_iter().collect::<Environment>(),
    );
    let loaded = source.load_all().unwrap_or_else(|report| panic!("{report}\n{}", file.text));
    assert_eq!(loaded.warnings, []);
    (whole, loaded)
}

fn group<'a>(loaded: &'a Loaded, name: &str) -> &'a TaskGroup {
    &loaded.configuration.task_groups.iter().find(|group| group.value.name().as_str() == name).unwrap().value
}

/// The first model of each tier of a task group.
fn tiers(loaded: &Loaded, name: &str) -> Vec<String> {
    group(loaded, name).tiers().iter().map(|tier| tier.models()[0].to_string()).collect()
}

#[test]
fn a_litellm_proxy_becomes_pools_and_a_task_group_with_its_fallbacks() {
    let (whole, loaded) = imported(ImportFormat::LiteLlm, "litellm.yaml");
    let names: Vec<_> = loaded.configuration.pools.iter().map(|pool| pool.value.name().as_str()).collect();
    let expected =
        ["gpt-4o-pool", "claude-pool", "local", "at-azure", "gemini", "groq-pool", "house", "laptop", "bedrock-claude"];
    assert_eq!(names, expected);
    assert_eq!(tiers(&loaded, "gpt-4o"), ["pool:gpt-4o-pool", "pool:claude-pool"]);
    assert_eq!(tiers(&loaded, "groq"), ["pool:groq-pool", "pool:gemini"]);
    let claude = group(&loaded, "claude");
    assert_eq!(claude.fallback().content_filter, [FallbackTarget::Pool(PoolName::new("gemini").unwrap())]);
    assert_eq!(loaded.configuration.wrappers[0].value.target().to_string(), "group:gpt-4o");
    insta::assert_snapshot!(whole);
}

#[test]
fn a_fallback_of_everybody_is_the_last_tier_of_everybody_else_once() {
    let (whole, loaded) = imported(ImportFormat::LiteLlm, "litellm-defaults.yaml");
    assert_eq!(tiers(&loaded, "one"), ["pool:one-pool", "pool:last"]);
    assert_eq!(tiers(&loaded, "two"), ["pool:two-pool", "pool:last"]);
    assert_eq!(loaded.configuration.task_groups.len(), 2);
    insta::assert_snapshot!(whole);
}

#[test]
fn deployments_that_differ_in_their_key_alone_are_of_one_provider_with_several_keys() {
    let (whole, loaded) = imported(ImportFormat::LiteLlm, "litellm-keys.yaml");
    let providers: Vec<_> = loaded
        .settings
        .providers
        .iter()
        .map(|provider| (provider.name.as_str(), provider.keys.iter().map(|(name, _)| name.as_str()).collect()))
        .collect();
    let expected: [(&str, Vec<&str>); 3] =
        [("openai", vec!["team-b-key"]), ("openai-2", vec![]), ("anthropic", vec!["anthropic-api-key-2"])];
    assert_eq!(providers, expected);
    insta::assert_snapshot!(whole);
}

#[test]
fn a_portkey_config_becomes_what_its_strategies_say() {
    let (whole, loaded) = imported(ImportFormat::Portkey, "portkey.json");
    assert_eq!(tiers(&loaded, "portkey"), ["pool:portkey-1", "pool:portkey-2", "pool:portkey-3"]);
    insta::assert_snapshot!(whole);
}

#[test]
fn the_targets_of_onwards_become_pools() {
    let (whole, loaded) = imported(ImportFormat::Onwards, "onwards.json");
    assert_eq!(loaded.configuration.pools.len(), 2);
    insta::assert_snapshot!(whole);
}

#[test]
fn a_file_of_something_else_is_an_error() {
    for format in [ImportFormat::LiteLlm, ImportFormat::Portkey, ImportFormat::Onwards] {
        let file = fixture("../legacy-yaml/standard/rate_limiting.yaml");
        assert!(matches!(import(format, &file), Err(ImportError::Nothing { .. })), "{format:?}");
        assert!(matches!(import(format, Path::new("no/such")), Err(ImportError::Unreadable { .. })), "{format:?}");
    }
}
