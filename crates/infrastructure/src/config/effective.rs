//! What a configuration comes to: the value of every key, written or not, and where it is from.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use secrecy::{ExposeSecret, SecretString};

use super::{
    Loaded,
    describe::DefaultValue,
    findings::join,
    journal::{Form, Found},
    keys::{Condition, Key, keys, parent},
    kind::Kind,
    source::Sources,
    tree::{Node, Table, Value, canonical},
};

/// Stands for a value that is never shown.
const MASK: &str = "\"***\"";

/// The value of one key.
#[derive(Debug, Clone)]
pub struct EffectiveValue {
    /// The key, as a dotted path.
    pub key: String,
    /// The value as a file would say it; a secret is masked.
    pub text: String,
    /// Where it is from.
    pub origin: ValueOrigin,
    /// What it is compared by: secrets differ although they look alike.
    compared: SecretString,
}

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueOrigin {
    /// It is written there.
    Written {
        /// The file.
        file: PathBuf,
        /// The line of its key, from 1.
        line: usize,
        /// The column of its key, from 1.
        column: usize,
        /// The variables and secret files that it was filled in from.
        variables: Option<String>,
    },
    /// It is what holds if nothing is said.
    Default,
    /// It is what this key says.
    Key(String),
}

impl EffectiveValue {
    /// Whether both mean the same, wherever they are from.
    pub fn is_same(&self, other: &Self) -> bool {
        self.compared.expose_secret() == other.compared.expose_secret()
    }
}

/// The values of all keys of what was loaded, sorted.
pub(super) fn effective(loaded: &Loaded, found: Vec<Found>, sources: &Sources) -> Vec<EffectiveValue> {
    let live = live(loaded);
    let found = found.into_iter().map(|found| Found { key: spelled_as_today(&found.key), ..found });
    let mut values: BTreeMap<String, EffectiveValue> = BTreeMap::new();
    let mut tables: BTreeSet<String> = BTreeSet::from([String::new()]);
    for found in found {
        if !is_live(&found.key, &live) {
            continue;
        }
        match &found.node.value {
            Value::Table(_) if found.form != Form::Secrets => tables.extend(tables_of(&found)),
            Value::Array(items) if found.form == Form::Tables => {
                tables.extend((0..items.len()).map(|at| format!("{}[{at}]", found.key)));
            }
            _ => values.extend(written(&found, sources).into_iter().map(|value| (value.key.clone(), value))),
        }
    }
    tables.extend(live);
    say_in_words_of_today(&mut values);
    let keys = keys();
    // Twice, since a default may be what another default says.
    for _ in 0..2 {
        add_defaults(keys, &tables, &mut values);
    }
    values.into_values().collect()
}

/// Keys that are another word for one in another place.
const OTHER_WORDS: [(&str, &str); 4] = [
    ("timeout", "deadlines.total"),
    ("fallback_strategy", "fallback.strategy"),
    ("rotation.type", "rotation"),
    ("rotation.strategy", "rotation"),
];

/// The path with every key, and no name, spelled as today.
fn spelled_as_today(path: &str) -> String {
    const NAMED: [&str; 8] = ["providers", "models", "pools", "task_groups", "wrappers", "tiers", "headers", "keys"];
    let mut today: Vec<&str> = Vec::new();
    for (at, segment) in segments(path).enumerate() {
        // The models of a tier are a list, and no table of names.
        let is_name = today
            .last()
            .is_some_and(|above| NAMED.contains(above) && (at == 1 || matches!(*above, "tiers" | "headers" | "keys")));
        today.push(if is_name { segment } else { canonical(segment) });
    }
    today.join(".").replace("].name", "].id")
}

fn say_in_words_of_today(values: &mut BTreeMap<String, EffectiveValue>) {
    for (older, today) in OTHER_WORDS {
        let spelled: Vec<_> = values.keys().filter(|key| key.ends_with(&format!(".{older}"))).cloned().collect();
        for key in spelled {
            let Some(value) = values.remove(&key) else { continue };
            let key = format!("{}{today}", &key[..key.len() - older.len()]);
            values.insert(key.clone(), EffectiveValue { key, ..value });
        }
    }
    let is_older = |value: &&mut EffectiveValue| value.key.ends_with(".strategy") && value.text == "\"echelon_down\"";
    for value in values.values_mut().filter(is_older) {
        "\"tier_down\"".clone_into(&mut value.text);
        value.compared = value.text.clone().into();
    }
}

/// The entries that are in use.
fn live(loaded: &Loaded) -> BTreeSet<String> {
    let configuration = &loaded.configuration;
    let of = |kind: Kind, name: &str| join(kind.section(), name);
    let providers = loaded.settings.providers.iter().map(|it| of(Kind::Provider, it.name.as_str()));
    let aliases = configuration.aliases.keys().map(|it| of(Kind::Model, it));
    let pools = configuration.pools.iter().map(|it| of(Kind::Pool, it.value.name().as_str()));
    let groups = configuration.task_groups.iter().map(|it| of(Kind::TaskGroup, it.value.name().as_str()));
    let wrappers = configuration.wrappers.iter().map(|it| of(Kind::Wrapper, it.value.name().as_str()));
    providers.chain(aliases).chain(pools).chain(groups).chain(wrappers).collect()
}

fn is_live(key: &str, live: &BTreeSet<String>) -> bool {
    let mut segments = segments(key);
    let (Some(section), Some(name)) = (segments.next(), segments.next()) else { return true };
    !Kind::ALL.into_iter().any(|kind| kind.section() == section) || live.contains(&format!("{section}.{name}"))
}

/// The table itself, or those below it if they have names of their own.
fn tables_of(found: &Found) -> Vec<String> {
    match (&found.form, &found.node.value) {
        (Form::Entries, Value::Table(Table { entries })) => {
            entries.iter().map(|entry| join(&found.key, &entry.key)).collect()
        }
        _ => vec![found.key.clone()],
    }
}

fn written(found: &Found, sources: &Sources) -> Vec<EffectiveValue> {
    let (line, column) = sources.position(found.origin);
    let file = sources.path(found.origin.file).to_owned();
    let value = |key: String, node: &Node| {
        let variables = node.sources.clone();
        let is_of_file = variables.as_ref().is_some_and(|sources| sources.contains("${file:"));
        let text = text(node, &found.form);
        let shown = if is_of_file || matches!(found.form, Form::Secret | Form::Secrets) { MASK } else { &text };
        EffectiveValue {
            key,
            text: shown.to_owned(),
            origin: ValueOrigin::Written { file: file.clone(), line, column, variables },
            compared: text.into(),
        }
    };
    match &found.node.value {
        Value::Table(Table { entries }) => {
            entries.iter().map(|entry| value(join(&found.key, &entry.key), &entry.node)).collect()
        }
        _ => vec![value(found.key.clone(), &found.node)],
    }
}

/// The value as a file would say it: one spelling for each meaning.
fn text(node: &Node, form: &Form) -> String {
    match &node.value {
        Value::Text(text) if matches!(form, Form::Integer | Form::Number | Form::Flag) => text.trim().to_owned(),
        Value::Text(text) if matches!(form, Form::Texts) && node.sources.is_some() => text.trim().to_owned(),
        Value::Text(text) => toml::Value::String(text.clone()).to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| text(item, &Form::Text)).collect();
            format!("[{}]", items.join(", "))
        }
        // Nothing that loads holds one of these where a plain value stands.
        Value::Moment | Value::Table(_) | Value::Reported => String::new(),
    }
}

/// Adds what holds where nothing is written.
fn add_defaults(keys: &[Key], tables: &BTreeSet<String>, values: &mut BTreeMap<String, EffectiveValue>) {
    for key in keys {
        let (above, rest) = split_at_last_name(&key.path);
        for table in tables.iter().filter(|table| matches(table, above)) {
            let full = if table.is_empty() { rest.to_owned() } else { format!("{table}.{rest}") };
            if values.contains_key(&full) || !is_in_effect(key, &full, (keys, values)) {
                continue;
            }
            let value = match key.default {
                DefaultValue::Absent => continue,
                DefaultValue::Within(_) if !tables.contains(parent(&full)) => continue,
                DefaultValue::Is(text) | DefaultValue::Within(text) => EffectiveValue {
                    key: full.clone(),
                    text: text.to_owned(),
                    origin: ValueOrigin::Default,
                    compared: text.into(),
                },
                DefaultValue::Of(other) => match values.get(other) {
                    Some(said) => {
                        EffectiveValue { key: full.clone(), origin: ValueOrigin::Key(other.to_owned()), ..said.clone() }
                    }
                    None => continue,
                },
            };
            values.insert(full, value);
        }
    }
}

/// Whether this key and the tables above it mean anything beside what is said there.
fn is_in_effect(key: &Key, full: &str, (keys, values): (&[Key], &BTreeMap<String, EffectiveValue>)) -> bool {
    let holds = |Condition { key: choice, words }: &Condition| {
        let beside = join_plain(parent(full), choice);
        let default =
            || keys.iter().find(|other| other.path == join_plain(parent(&key.path), choice)).map(|other| other.default);
        match (values.get(&beside), default()) {
            (Some(said), _) => words.iter().any(|word| said.text.trim_matches('"') == *word),
            (None, Some(DefaultValue::Is(said) | DefaultValue::Within(said))) => {
                words.iter().any(|word| said.trim_matches('"') == *word)
            }
            (None, _) => false,
        }
    };
    if !key.conditions.iter().all(holds) {
        return false;
    }
    let (above, full_above) = (parent(&key.path), parent(full));
    let table = keys.iter().find(|other| other.path == above && !above.is_empty());
    table.is_none_or(|table| is_in_effect(table, full_above, (keys, values)))
}

fn join_plain(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The path up to its last name or item that somebody chose, and the rest.
fn split_at_last_name(path: &str) -> (&str, &str) {
    let after_name = path.rfind("*.").map(|at| at + 1);
    let after_item = path.rfind("[].").map(|at| at + 2);
    match after_name.max(after_item) {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => ("", path),
    }
}

/// Whether a path is one of those that the pattern means.
fn matches(path: &str, pattern: &str) -> bool {
    let (mut path, mut pattern) = (segments(path), segments(pattern));
    loop {
        match (path.next(), pattern.next()) {
            (None, None) => return true,
            (Some(_), Some("*")) => {}
            (Some(segment), Some(wanted)) => {
                let is_item = wanted.strip_suffix("[]").is_some_and(|list| {
                    segment.strip_prefix(list).is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']'))
                });
                if segment != wanted && !is_item {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

/// The parts of a path; a dot between quotes separates nothing.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let split = path.split(move |character| {
        match character {
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = character == '\\' && !is_escaped;
        character == '.' && !is_quoted
    });
    split.filter(|segment| !segment.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_dot_is_one_part_of_a_path() {
        assert_eq!(segments("pools.\"a.b\".limits").collect::<Vec<_>>(), ["pools", "\"a.b\"", "limits"]);
        assert!(matches("pools.\"a.b\"", "pools.*"));
        assert!(matches("pools.a.instances[12]", "pools.*.instances[]"));
        assert!(!matches("pools.a.limits", "pools.*"));
        assert!(!matches("pools", "pools.*"));
    }

    #[test]
    fn a_pattern_is_split_after_what_somebody_chose() {
        assert_eq!(split_at_last_name("pools.*.limits.rate.period"), ("pools.*", "limits.rate.period"));
        assert_eq!(split_at_last_name("pools.*.instances[].weight"), ("pools.*.instances[]", "weight"));
        assert_eq!(split_at_last_name("server.listen"), ("", "server.listen"));
    }
}
