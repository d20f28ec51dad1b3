//! What each key means and what is so without it: all that the loader itself does not say.
//!
//! A new key needs a line here, in the module of its section; a test names those that lack one, and another checks that each
//! default is what the gateway does. A path may be shortened to its end where the same table stands in several places: the
//! longest end that fits describes a key. What a key needs beside it to have an effect stands in `tests/architecture/around.toml`. Afterwards `just reference` writes the reference and the schema anew.

mod entries;
mod limits;
mod pool;
mod process;
mod provider;
mod resilience;
mod task_group;

use std::collections::BTreeSet;

/// What is so if a key is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    /// Nothing, or nothing that a value of the key could say.
    Absent,
    /// The same as this value, written as in a file.
    Is(&'static str),
    /// As [`DefaultValue::Is`], but only if the table that the key belongs in is there.
    Within(&'static str),
    /// What another key says.
    Of(&'static str),
}

/// What is to know about a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Description {
    /// The path, or an end of it.
    pub(super) end: &'static str,
    pub(super) default: DefaultValue,
    pub(super) meaning: &'static str,
}

/// A key without a default.
const fn key(end: &'static str, meaning: &'static str) -> Description {
    Description { end, default: DefaultValue::Absent, meaning }
}

/// A key with a default.
const fn or(end: &'static str, default: &'static str, meaning: &'static str) -> Description {
    Description { end, default: DefaultValue::Is(default), meaning }
}

/// A key with a default that means something only if its table is there.
const fn within(end: &'static str, default: &'static str, meaning: &'static str) -> Description {
    Description { end, default: DefaultValue::Within(default), meaning }
}

/// A key whose default another key says.
const fn or_of(end: &'static str, other: &'static str, meaning: &'static str) -> Description {
    Description { end, default: DefaultValue::Of(other), meaning }
}

const ALL: [&[Description]; 7] =
    [process::KEYS, provider::KEYS, pool::KEYS, task_group::KEYS, entries::KEYS, limits::KEYS, resilience::KEYS];

/// The description of the key at `path`; an empty one if there is none.
pub(super) fn description(path: &str) -> Description {
    let fits = |described: &&Description| ends_with(path, described.end);
    let found = ALL.into_iter().flatten().filter(fits).max_by_key(|described| described.end.len());
    found.copied().unwrap_or(Description { end: "", default: DefaultValue::Absent, meaning: "" })
}

/// The descriptions that describe none of these paths.
pub fn idle_descriptions<'p>(paths: impl IntoIterator<Item = &'p str>) -> Vec<&'static str> {
    let used: BTreeSet<_> = paths.into_iter().map(|path| description(path).end).collect();
    let is_idle = |described: &&Description| !used.contains(described.end);
    ALL.into_iter().flatten().filter(is_idle).map(|described| described.end).collect()
}

/// The keys that come first in any table.
const FIRST: [&str; 9] = ["inherits_from", "id", "name", "file", "enabled", "description", "type", "provider", "model"];

/// The place of a key among those of its table, in the order in which they are described.
pub(super) fn rank(table: &str, key: &str) -> usize {
    if let Some(at) = FIRST.iter().position(|first| *first == key) {
        return at;
    }
    let full = format!("{table}.{key}");
    let position = |end: &str| ALL.into_iter().flatten().position(|described| ends_with(described.end, end));
    let found = if table.is_empty() { None } else { position(&full) };
    found.or_else(|| position(key)).map_or(usize::MAX, |at| at + FIRST.len())
}

fn ends_with(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
