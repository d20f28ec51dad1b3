//! YAML as a tree whose every value knows its line. YAML 1.1, which the predecessor read, differs from 1.2 in what
//! matters here by merge keys (`<<`) and by `yes`, `no`, `on` and `off` as flags; both are read as it read them.

use std::path::Path;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Map),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) line: usize,
}

/// A mapping, in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Map {
    pub(super) entries: Vec<(String, Node)>,
}

/// A file that was read.
pub(super) struct Document {
    pub(super) map: Map,
    /// The comment at its head, without the signs.
    pub(super) comments: Vec<String>,
}

/// Why a file cannot be read; the file is named by whoever reports it.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadYamlError {
    #[error("cannot be read: {0}")]
    Io(#[source] std::io::Error),
    #[error("is not UTF-8")]
    Encoding,
    #[error("is no valid YAML: {problem}")]
    Syntax { line: usize, problem: String },
    #[error("is not one mapping")]
    NoMapping,
}

impl ReadYamlError {
    /// The line at which it went wrong; 0 if there is none.
    pub(super) fn line(&self) -> usize {
        if let Self::Syntax { line, .. } = self { *line } else { 0 }
    }
}

/// Reads one file.
pub(super) fn read(path: &Path) -> Result<Document, ReadYamlError> {
    let bytes = std::fs::read(path).map_err(ReadYamlError::Io)?;
    let text = String::from_utf8(bytes).map_err(|_| ReadYamlError::Encoding)?;
    parse(text.strip_prefix('\u{feff}').unwrap_or(&text))
}

fn parse(text: &str) -> Result<Document, ReadYamlError> {
    let syntax = |error: saphyr::ScanError| ReadYamlError::Syntax {
        line: error.marker().line(),
        problem: error.info().to_owned(),
    };
    let mut documents = MarkedYaml::load_from_str(text).map_err(syntax)?;
    let (Some(root), true) = (documents.pop(), documents.is_empty()) else { return Err(ReadYamlError::NoMapping) };
    let Value::Map(map) = node(&root).value else { return Err(ReadYamlError::NoMapping) };
    Ok(Document { map, comments: leading_comments(text) })
}

fn leading_comments(text: &str) -> Vec<String> {
    let is_head = |line: &&str| line.is_empty() || line.starts_with(['#', '%']) || *line == "---";
    let of_line = |line: &str| Some(line.strip_prefix('#')?.trim().to_owned());
    text.lines().map(str::trim).take_while(is_head).filter_map(of_line).collect()
}

fn node(yaml: &MarkedYaml<'_>) -> Node {
    Node { value: value(&yaml.data), line: yaml.span.start.line() }
}

fn value<'a>(data: &YamlData<'a, MarkedYaml<'a>>) -> Value {
    match data {
        YamlData::Value(Scalar::Boolean(flag)) => Value::Flag(*flag),
        YamlData::Value(Scalar::Integer(number)) => Value::Integer(*number),
        YamlData::Value(Scalar::FloatingPoint(number)) => Value::Number(number.into_inner()),
        YamlData::Value(Scalar::String(text)) => Value::Text(text.to_string()),
        YamlData::Representation(text, ..) => Value::Text(text.to_string()),
        YamlData::Sequence(items) => Value::List(items.iter().map(node).collect()),
        YamlData::Mapping(pairs) => Value::Map(map(pairs.iter().map(|(key, yaml)| (node(key), node(yaml))))),
        YamlData::Tagged(_, inner) => value(&inner.data),
        YamlData::Value(Scalar::Null) | YamlData::Alias(_) | YamlData::BadValue => Value::Null,
    }
}

fn map(pairs: impl Iterator<Item = (Node, Node)>) -> Map {
    let mut map = Map::default();
    let mut merged = Vec::new();
    for (key, node) in pairs {
        let name = key.value.as_text();
        if name == "<<" {
            merged.push(node);
        } else {
            map.entries.push((name, Node { line: key.line, ..node }));
        }
    }
    for node in merged {
        match node.value {
            Value::Map(parent) => map.fill_from(parent),
            Value::List(parents) => parents.into_iter().for_each(|node| {
                if let Value::Map(parent) = node.value {
                    map.fill_from(parent);
                }
            }),
            _ => {}
        }
    }
    map
}

impl Node {
    fn without_lines(self) -> Self {
        let value = match self.value {
            Value::List(items) => Value::List(items.into_iter().map(Self::without_lines).collect()),
            Value::Map(Map { entries }) => {
                let entries = entries.into_iter().map(|(key, node)| (key, node.without_lines())).collect();
                Value::Map(Map { entries })
            }
            scalar => scalar,
        };
        Self { value, line: 0 }
    }
}

impl Map {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// Takes a key out; one without a value counts as absent.
    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        Some(self.entries.remove(at).1).filter(|node| node.value != Value::Null)
    }

    pub(super) fn take_map(&mut self, key: &str) -> Option<(Map, usize)> {
        self.get(key).filter(|node| matches!(node.value, Value::Map(_)))?;
        let Node { value: Value::Map(map), line } = self.take(key)? else { return None };
        Some((map, line))
    }

    pub(super) fn take_text(&mut self, key: &str) -> Option<String> {
        self.take(key).map(|node| node.value.as_text())
    }

    /// Adds the keys that are not there.
    fn fill_from(&mut self, parent: Map) {
        for (key, node) in parent.entries {
            if self.get(&key).is_none() {
                self.entries.push((key, node));
            }
        }
    }

    /// Adds what is not there, at every depth: what `inherits_from` means. What is added has no line, since it stands in
    /// another file.
    pub(super) fn inherit(&mut self, parent: Map) {
        for (key, node) in parent.entries {
            match self.entries.iter_mut().find(|(name, _)| *name == key) {
                None => self.entries.push((key, node.without_lines())),
                Some((_, Node { value: Value::Map(own), .. })) => {
                    if let Value::Map(inherited) = node.value {
                        own.inherit(inherited);
                    }
                }
                Some(_) => {}
            }
        }
    }
}

impl Value {
    /// A scalar as text; nothing for a list or a mapping.
    pub(super) fn as_text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.trim().to_owned(),
            Self::Null | Self::List(_) | Self::Map(_) => String::new(),
        }
    }

    /// A flag, as YAML 1.1 reads it.
    pub(super) fn as_flag(&self) -> Option<bool> {
        match self.as_text().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    /// The items of a list; a scalar counts as a list of itself.
    pub(super) fn into_items(self, line: usize) -> Vec<Node> {
        match self {
            Self::List(items) => items,
            Self::Null | Self::Map(_) => Vec::new(),
            scalar => vec![Node { value: scalar, line }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comment_at_the_head_ends_where_the_content_begins() {
        let document = parse("# one\r\n#two\r\n---\r\nname: x # not this\r\n# nor this\r\n").unwrap();
        assert_eq!(document.comments, ["one", "two"]);
        assert_eq!(document.map.entries.len(), 1);
        assert_eq!(document.map.get("name").unwrap().line, 4);
    }

    #[test]
    fn a_merge_key_fills_in_what_is_not_there() {
        let document = parse("base: &base {a: 1, b: 2}\nchild:\n  <<: *base\n  b: 3\n").unwrap();
        let Value::Map(child) = &document.map.get("child").unwrap().value else { panic!("no mapping") };
        assert_eq!(child.get("a").unwrap().value, Value::Integer(1));
        assert_eq!(child.get("b").unwrap().value, Value::Integer(3));
    }

    #[test]
    fn the_flags_of_yaml_1_1_are_flags() {
        let document = parse("a: yes\nb: Off\nc: maybe\n").unwrap();
        let flags: Vec<_> = document.map.entries.iter().map(|(_, node)| node.value.as_flag()).collect();
        assert_eq!(flags, [Some(true), Some(false), None]);
    }

    #[test]
    fn what_is_not_one_mapping_is_an_error() {
        for text in ["", "- a\n", "a: 1\n---\nb: 2\n"] {
            assert!(matches!(parse(text), Err(ReadYamlError::NoMapping)), "{text:?}");
        }
        assert_eq!(parse("a: [1\nb: 2\n").map(|_| ()).unwrap_err().line(), 2);
    }
}
