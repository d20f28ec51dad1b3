//! What becomes of an import: providers, pools, task groups and wrappers, and what there is to say about them.

use std::collections::BTreeSet;

use tidegate_domain::name::{GroupName, PoolName, WrapperName};
use toml_edit::{Array, InlineTable, Value as TomlValue};

use super::{
    super::{
        Note, NoteKind,
        body::Body,
        note::{Notes, Place},
        yaml::{Map, Node, Value},
    },
    known::{Known, OPENAI_LIKE, Whereabouts, Wire, known},
};

/// A configuration in the making.
pub(super) struct Draft {
    pub(super) notes: Notes,
    file: String,
    pub(super) root: Body,
    providers: Vec<Provider>,
    /// The keys that are written out in the source, each with the variable that stands for it.
    written_out: Vec<(String, String)>,
    pools: Body,
    groups: Body,
    wrappers: Body,
    names: BTreeSet<String>,
}

/// A provider of the file.
struct Provider {
    name: String,
    upstream: Upstream,
    /// Further keys of the same upstream, by name.
    further_keys: Vec<(String, String)>,
}

/// What tells one provider from another; those that differ in their key alone are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upstream {
    /// What the source calls it.
    pub(super) name: String,
    pub(super) wire: Wire,
    /// Absent where the provider is known to be.
    pub(super) base_url: Option<String>,
    /// What only its protocol asks for.
    pub(super) keys: Vec<(&'static str, String)>,
    /// As the file will say it: `${NAME}`.
    pub(super) api_key: Option<String>,
    /// The header that the key goes into, if not the usual one.
    pub(super) key_header: Option<String>,
}

/// One deployment of a model.
pub(super) struct Deployment {
    pub(super) upstream: Upstream,
    pub(super) model: String,
    pub(super) weight: Option<i64>,
    pub(super) max_concurrency: Option<i64>,
}

impl Draft {
    pub(super) fn new(file: String) -> Self {
        Self {
            notes: Notes::default(),
            file,
            root: Body::default(),
            providers: Vec::new(),
            written_out: Vec::new(),
            pools: Body::default(),
            groups: Body::default(),
            wrappers: Body::default(),
            names: BTreeSet::new(),
        }
    }

    pub(super) fn place(&self, line: usize, key: impl Into<String>) -> Place {
        Place::of(&self.file, line, key)
    }

    pub(super) fn note(&mut self, kind: NoteKind, (line, key): (usize, &str), message: impl Into<String>) {
        let place = self.place(line, key);
        self.notes.add(kind, &place, message);
    }

    /// Notes every key that is left.
    pub(super) fn leave(&mut self, map: &Map, path: &str, why: &str) {
        for (key, node) in &map.entries {
            let key = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.note(NoteKind::NotCarriedOver, (node.line, &key), why);
        }
    }

    /// The provider that another gateway knows by this name; `None`, with a note, if there is no way to speak to it.
    pub(super) fn known(&mut self, name: &str, has_url: bool, (line, key): (usize, &str)) -> Option<Known> {
        match known(name) {
            // Whoever calls a place of their own by its name speaks as it does, and may not offer all of it.
            Some(Known { wire: Wire::Preset("openai"), .. }) if has_url => Some(OPENAI_LIKE),
            Some(known) if has_url || known.place == Whereabouts::Public => Some(known),
            Some(known) if known.place == Whereabouts::Local => {
                let message = format!("'{name}' has no base URL: it is asked where it listens by default");
                self.note(NoteKind::Guessed, (line, key), message);
                Some(known)
            }
            Some(_) => {
                self.note(NoteKind::Skipped, (line, key), format!("'{name}' needs a base URL, and none is given"));
                None
            }
            None if has_url => {
                let message = format!("'{name}' is taken for a provider that speaks OpenAI's protocol at its base URL");
                self.note(NoteKind::Guessed, (line, key), message);
                Some(OPENAI_LIKE)
            }
            None => {
                let message = format!("'{name}' is not imported: write its [providers.NAME] by hand");
                self.note(NoteKind::Skipped, (line, key), message);
                None
            }
        }
    }

    /// How the file will say a key: as the variable that the source names, or as one to be set.
    pub(super) fn key(&mut self, said: Option<&str>, variable: &str, (line, key): (usize, &str)) -> Option<String> {
        let said = match said.map(str::trim).filter(|said| !said.is_empty()) {
            None if variable.is_empty() => return None,
            None => return Some(format!("${{{variable}}}")),
            Some(said) => said,
        };
        if let Some(name) = said.strip_prefix("os.environ/").or_else(|| said.strip_prefix('$')) {
            return Some(format!("${{{}}}", name.trim_matches(['{', '}'])));
        }
        let variable = if variable.is_empty() { "IMPORTED_API_KEY" } else { variable };
        let variable = self.variable_of(said, variable);
        let message = format!("the key is written out and not copied: set {variable}");
        self.note(NoteKind::Converted, (line, key), message);
        Some(format!("${{{variable}}}"))
    }

    /// The variable that stands for a key that is written out: another one for each key.
    fn variable_of(&mut self, key: &str, usual: &str) -> String {
        if let Some((_, variable)) = self.written_out.iter().find(|(known, _)| known == key) {
            return variable.clone();
        }
        let variable = free(usual, '_', |name| self.written_out.iter().any(|(_, known)| known == name));
        self.written_out.push((key.to_owned(), variable.clone()));
        variable
    }

    /// A name that callers will use, and that nothing else has; `None`, with a note, if it is taken.
    pub(super) fn claim(&mut self, name: &str, at: (usize, &str)) -> Option<String> {
        let usable = usable(name);
        if usable != name {
            let message = format!("'{name}' cannot be a name here: callers ask for '{usable}'");
            self.note(NoteKind::Converted, at, message);
        }
        if !self.names.insert(usable.clone()) {
            self.note(NoteKind::Skipped, at, format!("'{usable}' is defined already"));
            return None;
        }
        Some(usable)
    }

    /// Adds a pool; `policy` are its other keys.
    pub(super) fn pool(&mut self, name: &str, deployments: Vec<Deployment>, policy: Body) {
        let mut instances = Array::new();
        let mut ids: BTreeSet<String> = BTreeSet::new();
        for Deployment { upstream, model, weight, max_concurrency } in deployments {
            let (provider, key) = self.provider(upstream);
            let reference = format!("{provider}:{model}");
            // What it is called unless it has an id.
            let usual = key.as_ref().map_or_else(|| reference.clone(), |key| format!("{reference}@{key}"));
            let id = free(&usual, '-', |id| ids.contains(id));
            let mut instance = InlineTable::new();
            if id != usual {
                instance.insert("id", id.as_str().into());
            }
            ids.insert(id);
            instance.insert("model", reference.as_str().into());
            key.map(|key| instance.insert("key", key.into()));
            weight.map(|weight| instance.insert("weight", weight.into()));
            max_concurrency.map(|most| instance.insert("max_concurrency", most.into()));
            instances.push(instance);
        }
        for instance in instances.iter_mut() {
            instance.decor_mut().set_prefix("\n    ");
        }
        instances.set_trailing("\n");
        instances.set_trailing_comma(true);
        let mut body = policy;
        body.key("instances", instances);
        self.pools.table(name, body);
    }

    /// Adds a task group; each tier is a name and its keys.
    pub(super) fn group(&mut self, name: &str, tiers: Vec<(String, Body)>, policy: Body) {
        let mut body = policy;
        let mut table = Body::default();
        for (tier, keys) in tiers {
            table.table(&tier, keys);
        }
        body.table("tiers", table);
        self.groups.table(name, body);
    }

    /// Adds a public name for a pool or a task group.
    pub(super) fn wrapper(&mut self, name: &str, kind: &str, target: &str) {
        let mut body = Body::default();
        body.key("type", kind);
        body.key(kind, target);
        self.wrappers.table(name, body);
    }

    /// What kind of thing has that name, and its name here.
    pub(super) fn target(&self, name: &str) -> Option<(&'static str, String)> {
        let name = usable(name);
        let kinds = [("pool", &self.pools), ("task_group", &self.groups)];
        kinds.into_iter().find(|(_, body)| body.has_table(&name)).map(|(kind, _)| (kind, name))
    }

    /// The name of the provider that is this upstream, and of its key if that is not the provider's first.
    fn provider(&mut self, upstream: Upstream) -> (String, Option<String>) {
        if let Some(known) = self.providers.iter_mut().find(|known| known.upstream.is_but_for_key(&upstream)) {
            let key = upstream.api_key.filter(|key| known.upstream.api_key.as_ref() != Some(key));
            return (known.name.clone(), key.map(|key| known.name_of_key(key)));
        }
        let base = usable(&upstream.name).replace('.', "-");
        let name = free(&base, '-', |name| self.providers.iter().any(|known| known.name == *name));
        self.providers.push(Provider { name: name.clone(), upstream, further_keys: Vec::new() });
        (name, None)
    }

    /// The file and the notes.
    pub(super) fn finish(self) -> (String, Vec<Note>) {
        let Self { notes, file, mut root, providers, written_out: _, pools, groups, wrappers, names: _ } = self;
        let mut table = Body::default();
        for Provider { name, upstream, further_keys } in providers {
            let Upstream { name: _, wire, base_url, keys, api_key, key_header } = upstream;
            let mut body = Body::default();
            match wire {
                Wire::Protocol(protocol) => body.key("protocol", protocol),
                Wire::Preset(word) => body.key("preset", word),
            }
            for (key, text) in base_url.map(|url| ("base_url", url)).into_iter().chain(keys) {
                body.key(key, text);
            }
            match (api_key, key_header) {
                (Some(key), None) => body.key("api_key", key),
                (Some(key), Some(header)) => {
                    body.key("headers", InlineTable::from_iter([(header, TomlValue::from(key))]));
                }
                (None, _) => {}
            }
            if !further_keys.is_empty() {
                let mut by_name = Body::default();
                for (name, key) in further_keys {
                    by_name.key(&name, key);
                }
                body.table("keys", by_name);
            }
            table.table(&name, body);
        }
        root.table("providers", table);
        for (key, body) in [("pools", pools), ("task_groups", groups), ("wrappers", wrappers)] {
            if !body.is_empty() {
                root.table(key, body);
            }
        }
        let head = format!(
            "Imported from {file}. Check it with `tidegate check`, and what it would do with `tidegate explain`."
        );
        (root.render(&[head, String::new()]), notes.into_sorted())
    }
}

impl Upstream {
    /// Whether the two are one provider, with the same key or with another one. A key in a header of its own belongs to the
    /// provider, and a provider without a key is another one.
    fn is_but_for_key(&self, other: &Self) -> bool {
        let may_differ = self.key_header.is_none() && self.api_key.is_some() && other.api_key.is_some();
        let without_key = |upstream: &Self| Self { api_key: None, ..upstream.clone() };
        self == other || (may_differ && without_key(self) == without_key(other))
    }
}

impl Provider {
    /// The name of a further key, after the variable that holds it: `team-b-key` for `${TEAM_B_KEY}`.
    fn name_of_key(&mut self, key: String) -> String {
        if let Some((name, _)) = self.further_keys.iter().find(|(_, known)| *known == key) {
            return name.clone();
        }
        let variable = key.trim_start_matches("${").trim_end_matches('}');
        let usual = usable(&variable.to_ascii_lowercase().replace('_', "-"));
        let name = free(&usual, '-', |name| self.further_keys.iter().any(|(known, _)| known == name));
        self.further_keys.push((name.clone(), key));
        name
    }
}

/// The name, with a number if it is taken.
fn free(name: &str, separator: char, is_taken: impl Fn(&String) -> bool) -> String {
    let mut found = name.to_owned();
    let mut number = 2_usize;
    while is_taken(&found) {
        found = format!("{name}{separator}{number}");
        number += 1;
    }
    found
}

/// The name, with dashes for what no kind of name may hold.
fn usable(name: &str) -> String {
    let is_usable = |name: &str| {
        PoolName::new(name).is_ok()
            && GroupName::new(name).is_ok()
            && WrapperName::new(name).is_ok()
            && !name.contains('.')
    };
    if is_usable(name) {
        return name.to_owned();
    }
    let dashed: String = name
        .chars()
        .map(
            |character| {
                if character.is_ascii_alphanumeric() || matches!(character, '-' | '_') { character } else { '-' }
            },
        )
        .collect();
    if is_usable(&dashed) { dashed } else { format!("imported-{dashed}") }
}

/// A text, or the variable that holds it.
pub(super) fn referring(text: &str) -> String {
    match text.strip_prefix("os.environ/") {
        Some(name) => format!("${{{name}}}"),
        None => text.trim_end_matches('/').to_owned(),
    }
}

/// A whole number, however it is written.
pub(super) fn whole(node: &Node) -> Option<i64> {
    match &node.value {
        Value::Integer(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "a count or a rate, rounded")]
        Value::Number(number) => Some(number.round() as i64),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A number of seconds.
pub(super) fn seconds(node: &Node) -> Option<f64> {
    node.value.as_text().parse().ok().filter(|seconds: &f64| (0.001..=86_400.0).contains(seconds))
}
