//! A file that defines entries of one kind. It comes in three forms:
//!
//! * `[pools.a]`, `[pools.b]`: entries by name, as in the root file;
//! * `[pool]`: one entry, named by `name`, the registry or the file's own name;
//! * the keys of one entry at the top level, named alike.
//!
//! What the registry says beside the file (`enabled`, `description`) stands above what the file says.

use std::path::Path;

use super::{
    file::{self, Document},
    findings::{Findings, Place, join},
    kind::Kind,
    layout::take_section,
    suggest::did_you_mean,
    tree::{Entry, Node, Table, Value},
};

/// A file of entries to read.
pub(super) struct EntryFile<'a> {
    pub(super) kind: Kind,
    pub(super) path: &'a Path,
    /// The registry entry that names it, if one does.
    pub(super) registry: Option<Entry>,
}

/// The file that a registry entry names, taken out of it; `None` if it is no registry entry.
pub(super) fn named_by(kind: Kind, entry: &mut Entry, findings: &Findings) -> Option<String> {
    let place = place_of(kind, entry);
    let Value::Table(body) = &mut entry.node.value else { return None };
    let Entry { key, origin, node } = body.take("file")?;
    if let Value::Text(name) = node.value {
        return Some(name);
    }
    let message = format!("must be text, but is {}", node.value.kind());
    findings.error(&Place { origin, key: join(&place.key, &key), shown: true }, message, "write it in quotes");
    None
}

/// Reads the entries of a file.
///
/// `None` if the file cannot be used; why is among the findings.
pub(super) fn read(file: EntryFile<'_>, findings: &mut Findings) -> Option<Vec<Entry>> {
    let EntryFile { kind, path, registry } = file;
    if let (Some(entry), false) = (&registry, path.is_file()) {
        findings.footprint.borrow_mut().add_file(path, None);
        let message = format!("there is no file {}", path.display());
        findings.error(&place_of(kind, entry), message, "name a file, relative to the directory of this one");
        return None;
    }
    let Document { mut table, origin } = file::read(path, findings)?;
    let (given, above) = match registry {
        Some(Entry { key, node: Node { value: Value::Table(above), .. }, .. }) => (Some(key), above),
        _ => (None, Table::default()),
    };
    if table.get(kind.section()).is_some() {
        let section = take_section(&mut table, kind, findings);
        report_strays(&table, kind, findings);
        return Some(section.entries.into_iter().map(|entry| below(entry, above.clone())).collect());
    }
    let is_headed = matches!(table.get(kind.heading()), Some(Entry { node: Node { value: Value::Table(_), .. }, .. }));
    let body = if is_headed { table.take(kind.heading()).map(|entry| entry.node.value) } else { None };
    let body = match body {
        Some(body) => {
            report_strays(&table, kind, findings);
            body
        }
        None => Value::Table(table),
    };
    let entry = Entry { key: given.unwrap_or_else(|| name_of(&body, path)), origin, node: Node::new(body, origin) };
    Some(vec![below(entry, above)])
}

/// Checks that a body that repeats its name repeats the right one, and takes it out.
pub(super) fn check_name(kind: Kind, entry: &mut Entry, findings: &Findings) {
    let place = place_of(kind, entry);
    let Value::Table(body) = &mut entry.node.value else { return };
    let Some(Entry { key, origin, node }) = body.take("name") else { return };
    if matches!(&node.value, Value::Text(name) if *name == entry.key) {
        return;
    }
    let message = format!("differs from '{}', under which the {} is known", entry.key, kind.noun());
    findings.error(
        &Place { origin, key: join(&place.key, &key), shown: true },
        message,
        "make them equal, or remove 'name'",
    );
}

pub(super) fn place_of(kind: Kind, entry: &Entry) -> Place {
    Place { origin: entry.origin, key: join(kind.section(), &entry.key), shown: true }
}

fn below(mut entry: Entry, above: Table) -> Entry {
    if let Value::Table(body) = &mut entry.node.value {
        body.merge(above);
    }
    entry
}

/// The name that the body gives itself, else the file's.
fn name_of(body: &Value, path: &Path) -> String {
    if let Value::Table(body) = body
        && let Some(Value::Text(name)) = body.get("name").map(|entry| &entry.node.value)
    {
        return name.clone();
    }
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn report_strays(table: &Table, kind: Kind, findings: &Findings) {
    for Entry { key, origin, .. } in &table.entries {
        let place = Place { origin: *origin, key: join("", key), shown: true };
        let help = format!("this file defines {}s; move the key to the root file. {}", kind.noun(), {
            did_you_mean(key, [kind.section(), kind.heading()])
        });
        findings.error(&place, "unknown key", help);
    }
}
