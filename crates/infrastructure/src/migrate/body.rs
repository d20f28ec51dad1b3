//! TOML to write: keys before tables, by construction, and what is not carried over as comments.

use toml_edit::{DocumentMut, Item, Key, Table, Value};

/// The text of one table, its sub-tables included.
#[derive(Default)]
pub(super) struct Body {
    keys: Vec<(String, Value)>,
    tables: Vec<(String, Body)>,
    /// Comments below the keys.
    remarks: Vec<String>,
    pending: Vec<(String, Body)>,
}

impl Body {
    pub(super) fn key(&mut self, key: &str, value: impl Into<Value>) {
        self.keys.push((key.to_owned(), value.into()));
    }

    pub(super) fn table(&mut self, key: &str, body: Body) {
        self.tables.push((key.to_owned(), body));
    }

    /// Whether it has a table of that name.
    pub(super) fn has_table(&self, key: &str) -> bool {
        self.tables.iter().any(|(known, _)| known == key)
    }

    /// A comment.
    pub(super) fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }

    /// A key that is kept as a comment.
    pub(super) fn pending_key(&mut self, key: &str, value: &Value) {
        self.remark(assignment(key, value));
    }

    /// A table that is kept as a comment.
    pub(super) fn pending_table(&mut self, key: &str, body: Body) {
        self.pending.push((key.to_owned(), body));
    }

    /// A table that has perhaps nothing but comments.
    pub(super) fn merge(&mut self, key: &str, body: Body) {
        let Body { keys, tables, remarks, pending } = body;
        let comments = Body { tables: pending, remarks, ..Body::default() };
        if !(keys.is_empty() && tables.is_empty()) {
            self.table(key, Body { keys, tables, ..Body::default() });
        }
        if !comments.is_empty() {
            self.pending_table(key, comments);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tables.is_empty() && self.remarks.is_empty() && self.pending.is_empty()
    }

    /// The whole as a file with `comments` at its head.
    pub(super) fn render(self, comments: &[String]) -> String {
        let mut document = DocumentMut::new();
        let mut tail: String = comments.iter().map(|line| comment(line)).collect();
        self.fill(document.as_table_mut(), "", &mut tail);
        document.set_trailing(tail);
        document.to_string()
    }

    /// Fills `table`; `tail` holds the comments since the last key, which belong above the next heading.
    fn fill(self, table: &mut Table, path: &str, tail: &mut String) {
        let Self { keys, tables, remarks, pending } = self;
        for (key, value) in keys {
            table.insert(&key, Item::Value(value));
        }
        tail.extend(remarks.iter().map(|remark| comment(remark)));
        for (key, body) in tables {
            let mut child = Table::new();
            child.set_implicit(body.keys.is_empty() && body.remarks.is_empty() && !body.tables.is_empty());
            if !child.is_implicit() {
                child.decor_mut().set_prefix(spaced(std::mem::take(tail)));
            }
            body.fill(&mut child, &joined(path, &key), tail);
            table.insert(&key, Item::Table(child));
        }
        for (key, body) in pending {
            let mut lines = Vec::new();
            body.list(&joined(path, &key), &mut lines);
            tail.push('\n');
            tail.extend(lines.iter().map(|line| comment(line)));
        }
    }

    /// The lines of a table that is a comment.
    fn list(&self, path: &str, lines: &mut Vec<String>) {
        if !self.keys.is_empty() || !self.remarks.is_empty() || self.tables.is_empty() {
            lines.push(format!("[{path}]"));
        }
        lines.extend(self.keys.iter().map(|(key, value)| assignment(key, value)));
        lines.extend(self.remarks.iter().cloned());
        for (key, body) in self.tables.iter().chain(&self.pending) {
            body.list(&joined(path, key), lines);
        }
    }
}

fn assignment(key: &str, value: &Value) -> String {
    format!("{} = {}", Key::new(key).display_repr(), value.to_string().trim())
}

fn joined(path: &str, key: &str) -> String {
    let key = Key::new(key);
    let key = key.display_repr();
    if path.is_empty() { key.into_owned() } else { format!("{path}.{key}") }
}

/// Comment lines; a line break in `text` must not end the comment.
fn comment(text: &str) -> String {
    let of_line = |line: &str| if line.is_empty() { "#\n".to_owned() } else { format!("# {line}\n") };
    if text.is_empty() { of_line("") } else { text.lines().map(|line| of_line(line.trim_end())).collect() }
}

fn spaced(tail: String) -> String {
    if tail.is_empty() { "\n".to_owned() } else { tail + "\n" }
}
