//! Other layouts than the standard one: the report, and what is left of what cannot be migrated whole.

use std::fs;

use tempfile::TempDir;
use tidegate_infrastructure::migrate::{MigrateYamlError, NoteKind, migrate_yaml};

use super::{fixture, loaded, migrated, notes, text};

#[test]
fn the_written_files_read_well() {
    let migration = migrated("standard");
    insta::assert_snapshot!("standard_root", text(&migration, "tidegate.toml"));
    insta::assert_snapshot!("standard_thinking_group", text(&migration, "task-groups/thinking-group.toml"));
}

#[test]
fn the_report_names_every_guess_loss_and_conversion() {
    let migration = migrated("standard");
    let report = NoteKind::ALL.map(|kind| format!("{}\n{}", kind.as_str(), notes(&migration, kind)));
    insta::assert_snapshot!("standard_report", report.join("\n\n"));
}

#[test]
fn a_whole_system_in_one_file_is_taken_apart() {
    let migration = migrated("monolith");
    let report = NoteKind::ALL.map(|kind| format!("{}\n{}", kind.as_str(), notes(&migration, kind)));
    insta::assert_snapshot!("monolith_report", report.join("\n\n"));
    insta::assert_snapshot!("monolith_pool", text(&migration, "pools/chat-pool.toml"));
    let configuration = loaded(&migration).configuration;
    let [chat] = &configuration.task_groups[..] else { panic!("one group is enabled") };
    let tiers: Vec<_> = chat.value.tiers().iter().map(|tier| (tier.name().as_str(), tier.models().len())).collect();
    assert_eq!(tiers, [("small", 2), ("large", 1)], "the smaller priority first, a model listed once");
    assert_eq!(chat.value.tiers()[1].policy().defaults.values().temperature, Some(0.0));
    assert_eq!(chat.value.breaker().failure_threshold.get(), 3, "the group's own breaker stands");
    assert_eq!(chat.value.fallback().max_attempts.get(), 5);
    let [pool] = &configuration.pools[..] else { panic!("one pool") };
    assert_eq!((pool.value.name().as_str(), pool.value.members().len()), ("chat_pool", 2));
    assert_eq!(pool.value.policy().max_instance_attempts.get(), 4);
}

#[test]
fn what_is_broken_is_reported_and_the_rest_goes_on() {
    let migration = migrated("untidy");
    let report = NoteKind::ALL.map(|kind| format!("{}\n{}", kind.as_str(), notes(&migration, kind)));
    insta::assert_snapshot!("untidy_report", report.join("\n\n"));
    insta::assert_snapshot!("untidy_group", text(&migration, "task-groups/good.toml"));
    let configuration = loaded(&migration).configuration;
    let [good] = &configuration.task_groups[..] else { panic!("one group can be used") };
    assert_eq!(good.value.description(), "inherited");
    let models: Vec<_> = good
        .value
        .tiers()
        .iter()
        .flat_map(tidegate_domain::task_group::Tier::models)
        .map(ToString::to_string)
        .collect();
    assert_eq!(models, ["house:best-7b", "unknown:house-made", "openai:gpt-4"]);
    assert_eq!(configuration.pools.len(), 1, "a pool without groups is switched off");
}

#[test]
fn no_secret_reaches_a_file_or_a_note() {
    let migration = migrated("untidy");
    let everything = format!("{migration:?}");
    assert!(everything.contains("api_key"));
    assert!(!everything.contains("not-copied") && !everything.contains("nor-is-this"), "{everything}");
}

/// The standard layout with every file changed.
fn changed(change: impl Fn(&str) -> String) -> TempDir {
    let directory = TempDir::new().unwrap();
    for folder in ["", "groups", "polling_pools"] {
        fs::create_dir_all(directory.path().join(folder)).unwrap();
        for file in fs::read_dir(fixture("standard").join(folder)).unwrap().map(Result::unwrap) {
            if file.path().is_file() {
                let text = fs::read_to_string(file.path()).unwrap();
                fs::write(directory.path().join(folder).join(file.file_name()), change(&text)).unwrap();
            }
        }
    }
    directory
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    let windows = changed(|text| format!("\u{feff}{}", text.replace('\n', "\r\n")));
    assert_eq!(migrate_yaml(windows.path(), None).unwrap(), migrated("standard"));
}

#[test]
fn the_other_name_of_the_group_directory_changes_no_entry() {
    let renamed = changed(ToOwned::to_owned);
    fs::rename(renamed.path().join("groups"), renamed.path().join("task_groups")).unwrap();
    let configuration = loaded(&migrate_yaml(renamed.path(), None).unwrap()).configuration;
    assert_eq!((configuration.task_groups.len(), configuration.pools.len()), (7, 3));
}

#[test]
fn without_a_registry_every_file_counts() {
    let bare = changed(ToOwned::to_owned);
    fs::remove_file(bare.path().join("groups/_task_groups.yaml")).unwrap();
    let migration = migrate_yaml(bare.path(), None).unwrap();
    assert!(notes(&migration, NoteKind::Guessed).contains("there is no registry"));
    let configuration = loaded(&migration).configuration;
    assert_eq!((configuration.task_groups.len(), configuration.pools.len()), (7, 6));
}

#[test]
fn without_the_global_files_the_defaults_apply() {
    let bare = changed(ToOwned::to_owned);
    for file in ["global_fallback.yaml", "concurrency_control.yaml", "rate_limiting.yaml"] {
        fs::remove_file(bare.path().join(file)).unwrap();
    }
    let migration = migrate_yaml(bare.path(), None).unwrap();
    assert_eq!(notes(&migration, NoteKind::Warning).matches("there is no file").count(), 3);
    assert_eq!(loaded(&migration).configuration.task_groups.len(), 7);
}

#[test]
fn the_users_map_stands_above_every_other_answer() {
    let directory = TempDir::new().unwrap();
    let map = directory.path().join("map.toml");
    fs::write(&map, "[models]\nopenai-gpt4 = \"house:large\"\nunused = \"openai:o1\"\n").unwrap();
    let migration = migrate_yaml(&fixture("standard"), Some(&map)).unwrap();
    assert!(text(&migration, "task-groups/fast-group.toml").contains("\"house:large\""));
    assert!(text(&migration, "tidegate.toml").contains("[providers.house]"));
    let written = text(&migration, "model-map.toml");
    assert!(written.contains("openai-gpt4 = \"house:large\" # as given"), "{written}");
    assert!(written.contains("unused = \"openai:o1\" # as given"), "{written}");
}

#[test]
fn a_map_that_cannot_be_read_stops_everything() {
    let directory = TempDir::new().unwrap();
    let map = directory.path().join("map.toml");
    for broken in ["[models]\na = 1", "[models]\na = \"no-provider\"", "a = \"x:y\"", "[models"] {
        fs::write(&map, broken).unwrap();
        let error = migrate_yaml(&fixture("standard"), Some(&map)).unwrap_err();
        assert!(matches!(error, MigrateYamlError::ModelMap { .. }), "{broken}: {error}");
    }
}

#[test]
fn a_file_that_nests_without_end_is_an_error_that_says_where() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("groups")).unwrap();
    let group = format!("name: g\na: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    fs::write(directory.path().join("groups/g.yaml"), group).unwrap();
    let error = migrate_yaml(directory.path(), None).unwrap_err().to_string();
    assert!(error.contains("(groups/g.yaml:2: the file is no valid YAML"), "{error}");
}

#[test]
fn a_tier_in_both_forms_is_taken_once() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("groups")).unwrap();
    let group = "name: g\none: {models: [gpt-4o]}\nechelons:\n  one: {models: [gpt-4.1]}\n";
    fs::write(directory.path().join("groups/g.yaml"), group).unwrap();
    let migration = migrate_yaml(directory.path(), None).unwrap();
    assert!(notes(&migration, NoteKind::Skipped).contains("g.yaml:2 one: there is another tier"));
    assert!(text(&migration, "task-groups/g.toml").contains("models = [\"openai:gpt-4.1\"]"));
}

#[test]
fn two_names_never_share_a_file() {
    let directory = TempDir::new().unwrap();
    fs::create_dir(directory.path().join("groups")).unwrap();
    let group = |name: &str| format!("  {name}: {{tier: {{models: [gpt-4o]}}}}\n");
    let registry = format!("task_groups:\n{}{}{}", group("a_b"), group("a-b"), group("A_B"));
    fs::write(directory.path().join("groups/_task_groups.yaml"), registry).unwrap();
    let migration = migrate_yaml(directory.path(), None).unwrap();
    let paths: Vec<_> = migration.files.iter().map(|file| &*file.path).filter(|path| path.contains('/')).collect();
    assert_eq!(paths, ["task-groups/A-B-3.toml", "task-groups/a-b-2.toml", "task-groups/a-b.toml"]);
    assert_eq!(loaded(&migration).configuration.task_groups.len(), 3);
}

#[test]
fn a_directory_with_nothing_to_migrate_is_an_error() {
    let empty = TempDir::new().unwrap();
    assert!(matches!(migrate_yaml(empty.path(), None), Err(MigrateYamlError::Nothing { .. })));
    let missing = empty.path().join("gone");
    assert!(matches!(migrate_yaml(&missing, None), Err(MigrateYamlError::NoDirectory(_))));
}
