//! The files in `config/`.

use std::path::{Path, PathBuf};

use tidegate_infrastructure::{config::StorageSettings, provider::Protocol};

use super::load_with;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(name)
}

#[test]
fn the_default_needs_no_variables_and_no_network() {
    let loaded = load_with(&shipped(""), None, &[]).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.files.len(), 1, "examples are no part of it: {:?}", loaded.files);
    assert!(loaded.settings.providers.iter().all(|provider| provider.protocol == Protocol::Simulated));
    assert_eq!(loaded.settings.storage, StorageSettings::Sqlite { path: "data/tidegate.db".into() });
    let configuration = loaded.configuration;
    let pools: Vec<_> = configuration.pools.iter().map(|pool| pool.value.name().as_str()).collect();
    assert_eq!(pools, ["fast", "smart"]);
    let tiers: Vec<_> = configuration.task_groups[0].value.tiers().iter().map(|tier| tier.name().as_str()).collect();
    assert_eq!(tiers, ["tier1", "tier2", "tier3"]);
    assert_eq!(configuration.wrappers[0].value.name().as_str(), "assistant");
}

#[test]
fn every_example_loads_with_its_variables_set() {
    let variables = [("OPENAI_API_KEY", "key-1"), ("OPENROUTER_API_KEY", "key-2")];
    let mut seen = 0;
    for file in std::fs::read_dir(shipped("examples")).unwrap() {
        let loaded = load_with(&file.unwrap().path(), None, &variables).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.warnings, []);
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn an_example_says_which_variables_it_lacks() {
    let messages = super::messages(load_with(&shipped("examples/real-providers.toml"), None, &[]));
    assert!(messages.contains("OPENAI_API_KEY is not set: create one at platform.openai.com"), "{messages}");
    assert!(messages.contains("OPENROUTER_API_KEY is not set"), "{messages}");
}
