//! The configurations of other gateways, as ours: what comes out loads, holds no key, and says what was guessed or lost.

use std::path::{Path, PathBuf};

use tidegate_infrastructure::{
    config::{ConfigLocation, Environment, Loaded, TomlConfigSource},
    migrate::{ImportError, ImportFormat, Migration, import},
};

const VARIABLES: [(&str, &str); 6] = [
    ("OPENAI_API_KEY", "key"),
    ("AZURE_API_KEY_EU", "key"),
    ("ANTHROPIC_API_KEY", "key"),
    ("GROQ_API_KEY", "key"),
    ("API_OPENAI_COM_KEY", "key"),
    ("ONE_EXAMPLE_KEY", "key"),
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

#[test]
fn a_litellm_proxy_becomes_pools_and_a_task_group_with_its_fallbacks() {
    let (whole, loaded) = imported(ImportFormat::LiteLlm, "litellm.yaml");
    let names: Vec<_> = loaded.configuration.pools.iter().map(|pool| pool.value.name().as_str()).collect();
    assert_eq!(names, ["gpt-4o-pool", "claude", "local"]);
    assert_eq!(loaded.configuration.task_groups[0].value.tiers().len(), 2);
    assert_eq!(loaded.configuration.wrappers[0].value.target().to_string(), "group:gpt-4o");
    insta::assert_snapshot!(whole);
}

#[test]
fn a_portkey_config_becomes_what_its_strategies_say() {
    let (whole, loaded) = imported(ImportFormat::Portkey, "portkey.json");
    assert_eq!(loaded.configuration.task_groups[0].value.tiers().len(), 2);
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
