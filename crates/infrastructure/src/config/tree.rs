//! A parsed file whose every key and value knows its place, so that a message about a merged configuration can still say
//! where a value was written.

use toml::{Spanned, de::DeTable, de::DeValue};

use super::source::Origin;

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A date or a time: no key takes one.
    Moment,
    Array(Vec<Node>),
    Table(Table),
    /// A value that a message has been written about already.
    Reported,
}

impl Value {
    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Boolean(_) => "true or false",
            Self::Moment => "a date or time",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
            Self::Reported => "unusable",
        }
    }
}

/// A value at its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
    /// The variables or secret files that its text came from; such a text is never repeated.
    pub(super) sources: Option<String>,
}

impl Node {
    pub(super) fn new(value: Value, origin: Origin) -> Self {
        Self { value, origin, sources: None }
    }
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) node: Node,
}

/// Keys and values, in the order in which they were written.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

impl Table {
    /// The table that `toml` parsed from the file numbered `file`.
    pub(super) fn of_toml(parsed: DeTable<'_>, file: usize) -> Self {
        let mut entries: Vec<Entry> = parsed
            .into_iter()
            .map(|(key, value)| Entry {
                origin: Origin { file, start: key.span().start },
                key: key.into_inner().into_owned(),
                node: node_of_toml(value, file),
            })
            .collect();
        entries.sort_by_key(|entry| entry.origin);
        Self { entries }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(at))
    }

    /// Merges `over` into this table: tables merge key by key, everything else is replaced, lists included.
    pub(super) fn merge(&mut self, over: Self) {
        for entry in over.entries {
            let Some(mine) = self.counterpart(&entry.key) else {
                self.entries.push(entry);
                continue;
            };
            match (&mut mine.node.value, entry.node.value) {
                (Value::Table(mine), Value::Table(theirs)) => mine.merge(theirs),
                (_, value) => *mine = Entry { node: Node { value, ..entry.node }, ..entry },
            }
        }
    }

    /// The entry of that key, or of another spelling of it.
    fn counterpart(&mut self, key: &str) -> Option<&mut Entry> {
        let same = self.entries.iter().position(|entry| entry.key == key);
        let at = same.or_else(|| self.entries.iter().position(|entry| canonical(&entry.key) == canonical(key)))?;
        self.entries.get_mut(at)
    }
}

/// Keys that an older layout spelled differently.
const OLDER_SPELLINGS: [(&str, &str); 7] = [
    ("echelons", "tiers"),
    ("fallback_config", "fallback"),
    ("rotation_strategy", "rotation"),
    ("reset_timeout", "recovery_time"),
    ("pool_name", "pool"),
    ("task_group_name", "task_group"),
    ("group_name", "task_group"),
];

/// Today's spelling of a key.
pub(super) fn canonical(key: &str) -> &str {
    OLDER_SPELLINGS.iter().find(|(older, _)| *older == key).map_or(key, |(_, today)| today)
}

/// The older spellings of a key.
pub(super) fn older_spellings(key: &str) -> impl Iterator<Item = &'static str> {
    OLDER_SPELLINGS.iter().filter(move |(_, today)| *today == key).map(|(older, _)| *older)
}

/// The value that `toml` parsed from the file numbered `file`. Numbers beyond the range are kept at its end, where the
/// range of their key catches them.
fn node_of_toml(value: Spanned<DeValue<'_>>, file: usize) -> Node {
    let origin = Origin { file, start: value.span().start };
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => {
            let limit = if number.as_str().starts_with('-') { i64::MIN } else { i64::MAX };
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(limit))
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Boolean(flag),
        DeValue::Datetime(_) => Value::Moment,
        DeValue::Array(items) => Value::Array(items.into_iter().map(|item| node_of_toml(item, file)).collect()),
        DeValue::Table(table) => Value::Table(Table::of_toml(table, file)),
    };
    Node::new(value, origin)
}

/// The list or table that `text` spells, as if it stood at `origin`; `None` if it spells neither.
pub(super) fn parse_inline(text: &str, origin: Origin, sources: &str) -> Option<Value> {
    let parsed = DeValue::parse(text).ok()?;
    if !parsed.get_ref().is_array() && !parsed.get_ref().is_table() {
        return None;
    }
    let mut node = node_of_toml(parsed, origin.file);
    relocate(&mut node, origin, sources);
    Some(node.value)
}

fn relocate(node: &mut Node, origin: Origin, sources: &str) {
    node.origin = origin;
    node.sources = Some(sources.to_owned());
    match &mut node.value {
        Value::Array(items) => items.iter_mut().for_each(|item| relocate(item, origin, sources)),
        Value::Table(table) => {
            for entry in &mut table.entries {
                entry.origin = origin;
                relocate(&mut entry.node, origin, sources);
            }
        }
        _ => {}
    }
}
