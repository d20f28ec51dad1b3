//! The list of all keys, and what is generated from it: everything is described, every default is true, nothing is stale.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use tidegate_domain::config::Report;
use tidegate_infrastructure::config::{
    ConfigLocation, DefaultValue, Environment, Form, Loaded, TomlConfigSource, idle_descriptions, keys, reference,
    schema,
};
use toml::{Table, Value};

/// Everything that a key could need beside it to have an effect, and nothing that has a default.
const AROUND: &str = include_str!("around.toml");

fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn load(text: &str) -> Result<Loaded, Report> {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("tidegate.toml");
    std::fs::write(&path, text).unwrap();
    TomlConfigSource::new(ConfigLocation { path, environment: None }, Environment::default()).load_all()
}

#[track_caller]
fn check_fresh(path: &str, wanted: &str) {
    let path = in_project(path);
    if std::env::var_os("TIDEGATE_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} is out of date: run `just reference` and commit what it wrote", path.display());
}

#[test]
fn every_key_is_described() {
    let keys = keys();
    let lacking: Vec<_> = keys.iter().filter(|key| key.meaning.is_empty()).map(|key| &*key.path).collect();
    assert!(
        lacking.is_empty(),
        "say in crates/infrastructure/src/config/describe/*.rs what these mean, then run `just reference`: {lacking:#?}"
    );
}

#[test]
fn no_description_is_of_a_key_that_does_not_exist() {
    let keys = keys();
    let idle = idle_descriptions(keys.iter().map(|key| &*key.path));
    assert!(idle.is_empty(), "no key is described by these: {idle:#?}");
}

#[test]
fn the_reference_is_fresh() {
    check_fresh("docs/reference.md", &reference(keys()));
}

#[test]
fn the_schema_is_fresh() {
    check_fresh("config/tidegate.schema.json", &schema(keys()));
}

#[test]
fn a_survey_sees_ranges_choices_and_conditions() {
    let keys = keys();
    let find = |path: &str| keys.iter().find(|key| key.path == path).unwrap_or_else(|| panic!("no {path}"));
    let weight = find("pools.*.instances[].weight");
    assert_eq!((weight.bounds.min.as_deref(), weight.bounds.max.as_deref()), (Some("0"), Some("1000000")));
    assert!(find("wrappers.*.type").is_required);
    assert_eq!(find("providers.*.simulated").conditions[0].words, ["simulated"]);
    assert_eq!(find("task_groups.*.tiers").older, ["echelons"]);
    assert_eq!(find("pools.*.rotation").forms.len(), 2);
}

/// The values of two loads, without what only says where they were read.
fn meaning(loaded: &Loaded) -> String {
    let mut configuration = loaded.configuration.clone();
    configuration.content_hash.clear();
    let pools: Vec<_> = configuration.pools.drain(..).map(|declared| declared.value).collect();
    let groups: Vec<_> = configuration.task_groups.drain(..).map(|declared| declared.value).collect();
    let wrappers: Vec<_> = configuration.wrappers.drain(..).map(|declared| declared.value).collect();
    format!("{configuration:?} {pools:?} {groups:?} {wrappers:?} {:?}", loaded.settings)
}

#[test]
fn every_default_is_what_the_gateway_does() {
    let around = Value::Table(toml::from_str(AROUND).unwrap());
    let load = |value: &Value| load(&toml::to_string(value).unwrap()).map(|loaded| meaning(&loaded));
    let mut checked = BTreeSet::new();
    for key in keys() {
        let (DefaultValue::Is(default) | DefaultValue::Within(default)) = key.default else { continue };
        let value: Table = toml::from_str(&format!("value = {default}")).unwrap();
        let segments: Vec<&str> = key.path.split('.').collect();
        let (without, with) = (set(&around, &segments, None), set(&around, &segments, Some(&value["value"])));
        for (without, with) in without.iter().zip(&with) {
            // Not every place takes it: it may lack what the key goes with.
            let (Ok(without), Ok(with)) = (load(without), load(with)) else { continue };
            assert!(without == with, "{} = {default} is not what holds without it", key.path);
            checked.insert(key.path.clone());
        }
        assert!(checked.contains(&key.path), "around.toml has no table that takes {} = {default}", key.path);
    }
    assert!(checked.len() > 40, "{checked:?}");
}

/// What results from setting the key, or from taking it out, for each place where it can stand.
fn set(within: &Value, path: &[&str], value: Option<&Value>) -> Vec<Value> {
    let Value::Table(table) = within else { return Vec::new() };
    if let [last] = path {
        let mut table = table.clone();
        table.remove(*last);
        table.extend(value.map(|value| ((*last).to_owned(), value.clone())));
        return vec![Value::Table(table)];
    }
    let Some((first, rest)) = path.split_first() else { return Vec::new() };
    let list = first.strip_suffix("[]");
    let names: Vec<String> = match (*first, list) {
        ("*", _) => table.keys().cloned().collect(),
        (_, Some(list)) => vec![list.to_owned()],
        (name, None) => vec![name.to_owned()],
    };
    let mut results = Vec::new();
    for name in names {
        let inner = match (table.get(&name), list) {
            (Some(Value::Array(items)), Some(_)) => items[0].clone(),
            (Some(inner), _) => inner.clone(),
            (None, _) => Value::Table(Table::new()),
        };
        for changed in set(&inner, rest, value) {
            let mut table = table.clone();
            table.insert(name.clone(), if list.is_some() { Value::Array(vec![changed]) } else { changed });
            results.push(Value::Table(table));
        }
    }
    results
}

#[test]
fn the_schema_knows_every_key_of_the_files_that_ship() {
    let schema: serde_json::Value = serde_json::from_str(&schema(keys())).unwrap();
    for file in ["config/tidegate.toml", "config/examples/real-providers.toml"] {
        let text = std::fs::read_to_string(in_project(file)).unwrap();
        check_known(&Value::Table(toml::from_str(&text).unwrap()), &schema, file);
    }
    let misspelt: Table = toml::from_str("[server]\nlisen = \"x\"").unwrap();
    let known = std::panic::catch_unwind(|| check_known(&Value::Table(misspelt), &schema, ""));
    assert!(known.is_err(), "a misspelt key is known");
}

fn check_known(value: &Value, schema: &serde_json::Value, path: &str) {
    match value {
        Value::Table(table) => {
            let schemas = alternatives(schema);
            for (key, value) in table {
                let known = schemas.iter().find_map(|schema| {
                    schema["properties"]
                        .get(key)
                        .or_else(|| schema.get("additionalProperties").filter(|more| more.is_object()))
                });
                let path = format!("{path}.{key}");
                check_known(value, known.unwrap_or_else(|| panic!("the schema does not know {path}")), &path);
            }
        }
        Value::Array(items) => {
            let known = alternatives(schema).into_iter().find(|schema| schema["type"] == "array").unwrap();
            for item in items {
                check_known(item, &known["items"], path);
            }
        }
        _ => {}
    }
}

fn alternatives(schema: &serde_json::Value) -> Vec<&serde_json::Value> {
    schema["anyOf"].as_array().map_or_else(|| vec![schema], |forms| forms.iter().collect())
}

#[test]
fn no_key_has_a_form_that_nobody_explains() {
    let mixed = keys().iter().filter(|key| key.forms.len() > 1).map(|key| &*key.path).collect::<Vec<_>>();
    assert_eq!(mixed, ["pools.*.on_exhausted", "pools.*.rotation", "task_groups.*.tiers.*.rotation"]);
    assert!(keys().iter().any(|key| key.forms.contains(&Form::Secret)));
}
