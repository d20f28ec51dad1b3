//! `config_validation = "lenient"`: what is broken is left out, the rest runs, and nothing is silent.

use super::{BASE, directory, load_text, load_with, messages};

const LENIENT: &str = "[global]\nconfig_validation = \"lenient\"\n";

#[test]
fn an_entry_with_errors_is_left_out_with_a_warning() {
    let text = format!("{LENIENT}{BASE}[pools.bad]\ntask_groups = [\"chat\"]\nrotation = \"sideways\"");
    let loaded = load_text(&text, &[]).unwrap();
    let pools: Vec<_> = loaded.configuration.pools.iter().map(|pool| pool.value.name().as_str()).collect();
    assert_eq!(pools, ["fast"]);
    let warnings: Vec<_> = loaded.warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert!(warnings.contains(&"pool 'bad' is left out because of its errors"), "{warnings:?}");
    assert!(warnings.contains(&"'sideways' is none of the values of 'rotation'"), "{warnings:?}");
}

#[test]
fn what_refers_to_a_broken_entry_is_left_out_too() {
    let text = format!(
        "{LENIENT}{BASE}[providers.bad]\nprotocol = \"x\"\n[task_groups.g.tiers.a]\nmodels = [\"bad:m\"]\n[pools.p]\ntask_groups = [\"g\"]\n[models.m]\nmodel = \"bad:m\""
    );
    let loaded = load_text(&text, &[]).unwrap();
    assert_eq!(loaded.configuration.pools.len(), 1);
    assert_eq!(loaded.configuration.task_groups.len(), 1);
    assert!(loaded.configuration.aliases.is_empty());
    let left_out = loaded.warnings.iter().filter(|warning| warning.message.contains("left out")).count();
    assert_eq!(left_out, 4, "{:?}", loaded.warnings);
}

#[test]
fn a_dangling_default_target_still_blocks() {
    let text = format!("{LENIENT}{BASE}[defaults]\ntarget = \"pool:none\"");
    assert!(messages(load_text(&text, &[])).contains("pool 'none' is not defined"));
}

#[test]
fn a_file_that_does_not_parse_is_left_out() {
    let files = [("tidegate.toml", &*format!("{LENIENT}{BASE}")), ("pools/bad.toml", "task_groups = [")];
    let directory = directory(&files);
    let loaded = load_with(directory.path(), None, &[]).unwrap();
    assert_eq!(loaded.configuration.pools.len(), 1);
    assert!(loaded.warnings.iter().any(|warning| warning.message == "pool 'bad' is left out because of its errors"));
}

#[test]
fn a_clash_of_names_blocks_even_so() {
    let text = format!("{LENIENT}{BASE}[wrappers.fast]\ntype = \"task_group\"\ntask_group = \"chat\"");
    assert!(messages(load_text(&text, &[])).contains("'fast' is also the name of a"));
}
