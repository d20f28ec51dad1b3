//! `config fmt` on real files: what they mean stays the same, and formatting again changes nothing.

use std::path::{Path, PathBuf};

use tidegate_infrastructure::config::{ConfigLocation, EffectiveValue, Environment, TomlConfigSource, format};

use super::directory;

fn values(text: &str) -> Option<Vec<EffectiveValue>> {
    let directory = directory(&[("tidegate.toml", text)]);
    let location = ConfigLocation { path: directory.path().to_owned(), environment: None };
    let variables: Environment =
        [("OPENAI_API_KEY", "key"), ("OPENROUTER_API_KEY", "key"), ("PROVIDER_API_KEY", "key")].into_iter().collect();
    TomlConfigSource::new(location, variables).load_values().ok().map(|(_, values)| values)
}

/// The meaning of the text is that of its formatted form; returns the latter.
#[track_caller]
fn check(text: &str, name: &str) -> String {
    let formatted = format(text).unwrap();
    assert_eq!(format(&formatted).unwrap(), formatted, "{name}: not idempotent");
    let comments = |text: &str| text.matches('#').count();
    assert_eq!(comments(text), comments(&formatted), "{name}: lost a comment\n{formatted}");
    if let Some(before) = values(text) {
        let after = values(&formatted).unwrap_or_else(|| panic!("{name}: broken\n{formatted}"));
        let keys = |values: &[EffectiveValue]| values.iter().map(|value| value.key.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&before), keys(&after), "{name}");
        for (before, after) in before.iter().zip(&after) {
            assert!(before.is_same(after), "{name}: {before:?} became {after:?}");
        }
    }
    formatted
}

fn toml_files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect()
}

#[test]
fn the_files_that_ship_are_formatted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config");
    for file in [toml_files(&root), toml_files(&root.join("examples"))].concat() {
        let text = std::fs::read_to_string(&file).unwrap();
        let formatted = check(&text, &file.display().to_string());
        assert_eq!(formatted, text, "{}: run `tidegate config fmt`", file.display());
    }
}

#[test]
fn whatever_parses_is_formatted_without_a_loss() {
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("infrastructure/config/broken");
    let mut formatted = 0;
    for file in toml_files(&broken) {
        let text = std::fs::read_to_string(&file).unwrap();
        if format(&text).is_ok() {
            check(&text, &file.display().to_string());
            formatted += 1;
        }
    }
    assert!(formatted > 60, "{formatted}");
}

#[test]
fn every_older_spelling_means_the_same_as_todays() {
    let older = r#"
[providers.sim]
protocol = "simulated"
[pools.p]
rotation = { strategy = "random" }
instances = [{ name = "one", model = "sim:a", weight = 2 }]
[pools.p.circuit_breaker]
reset_timeout = 7 # seconds
failure_threshold = 3
[task_groups.g]
fallback_strategy = "echelon_down"
[task_groups.g.echelons.best]
models = ["sim:a"]
rotation_strategy = "random"
[wrappers.w]
type = "pool"
pool_name = "p"
"#;
    let formatted = check(older, "older");
    for word in
        ["rotation_strategy", "echelon", "reset_timeout", "pool_name", "fallback_strategy", "strategy = \"random\""]
    {
        assert!(!formatted.contains(word), "{word} in\n{formatted}");
    }
}
