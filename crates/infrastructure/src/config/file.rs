//! One file: reading it, parsing it, and inheriting from others.

use std::path::{Component, Path, PathBuf};

use tidegate_domain::config::Problem;
use toml::de::DeTable;

use super::{
    findings::{Findings, Place},
    source::Origin,
    tree::{Entry, Node, Table, Value},
};

/// What a file says, with what it inherits.
pub(super) struct Document {
    pub(super) table: Table,
    /// The file's beginning, for what concerns it as a whole.
    pub(super) origin: Origin,
}

/// Reads the file at `path` and everything it inherits from.
///
/// `None` if one of them cannot be used; why is among the findings.
pub(super) fn read(path: &Path, findings: &mut Findings) -> Option<Document> {
    read_heir(path, &mut Vec::new(), findings)
}

fn read_heir(path: &Path, heirs: &mut Vec<PathBuf>, findings: &mut Findings) -> Option<Document> {
    let path = normalised(path);
    let (file, mut own) = parse(&path, findings)?;
    let origin = Origin { file, start: 0 };
    let Some(inherits) = own.take("inherits_from") else { return Some(Document { table: own, origin }) };
    heirs.push(path.clone());
    let mut merged = Table::default();
    for (parent, place) in parents(inherits, &path, findings)? {
        if let Some(at) = heirs.iter().position(|heir| *heir == parent) {
            report_cycle(&heirs[at..], &place, findings);
            return None;
        }
        if !parent.is_file() {
            findings.footprint.borrow_mut().add_file(&parent, None);
            let message = format!("there is no file {}", parent.display());
            findings.error(&place, message, "name a file, relative to the one that inherits");
            return None;
        }
        merged.merge(read_heir(&parent, heirs, findings)?.table);
    }
    heirs.pop();
    merged.merge(own);
    Some(Document { table: merged, origin })
}

fn report_cycle(heirs: &[PathBuf], place: &Place, findings: &Findings) {
    let round: Vec<String> = heirs.iter().chain(heirs.first()).map(|heir| heir.display().to_string()).collect();
    let message = format!("inherits from itself: {}", round.join(" -> "));
    findings.error(place, message, "remove one of these 'inherits_from'");
}

/// The files that `inherits_from` names.
fn parents(inherits: Entry, heir: &Path, findings: &Findings) -> Option<Vec<(PathBuf, Place)>> {
    let Entry { key, origin, node } = inherits;
    let place = Place { origin, key, shown: true };
    let nodes = match node.value {
        Value::Array(items) => items,
        _ => vec![node],
    };
    let mut parents = Vec::new();
    for Node { value, origin, .. } in nodes {
        let Value::Text(name) = value else {
            let message = format!("must be a path or a list of paths, but holds {}", value.kind());
            findings.error(&place, message, "write inherits_from = \"../common/base.toml\"");
            return None;
        };
        let mut parent = heir.parent().unwrap_or(Path::new("")).join(name);
        if parent.extension().is_none() {
            parent.set_extension("toml");
        }
        parents.push((normalised(&parent), Place { origin, ..place.clone() }));
    }
    Some(parents)
}

/// Parses one file and reports all of its syntax errors.
fn parse(path: &Path, findings: &mut Findings) -> Option<(usize, Table)> {
    let file = match findings.sources.find(path) {
        Some(file) => file,
        None => findings.sources.add(path.to_owned(), text_of(path, findings)?),
    };
    let (parsed, errors) = DeTable::parse_recoverable(findings.sources.text(file));
    let start_of = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let mut sorted: Vec<_> = errors.iter().collect();
    sorted.sort_by_key(|error| start_of(error));
    let mut last_line = None;
    for error in sorted {
        let start = start_of(error);
        // What follows on the same line is mostly a consequence.
        let line = findings.sources.position(Origin { file, start }).0;
        if last_line.replace(line) == Some(line) {
            continue;
        }
        let place = Place { origin: Origin { file, start }, key: String::new(), shown: true };
        findings.error(&place, format!("is not valid TOML: {}", error.message()), "");
    }
    errors.is_empty().then(|| (file, Table::of_toml(parsed.into_inner(), file)))
}

fn text_of(path: &Path, findings: &Findings) -> Option<String> {
    let whole = |message: String, help: &str| {
        findings.add(Problem { file: Some(path.to_owned()), ..Problem::error("", message).help(help) });
    };
    let read = std::fs::read(path);
    findings.footprint.borrow_mut().add_file(path, read.as_deref().ok());
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => {
            whole(format!("cannot be read: {error}"), "check that it exists and may be read");
            return None;
        }
    };
    match String::from_utf8(bytes) {
        // Valid TOML, but more likely a write that was cut short: a reload must not take it for a wish to serve nothing.
        Ok(text) if text.trim().is_empty() => {
            whole("is empty".to_owned(), "write it again; a file that is to say nothing holds a comment");
            None
        }
        Ok(text) => Some(text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            whole(format!("is not valid UTF-8 from byte {at} on"), "save the file as UTF-8");
            None
        }
    }
}

/// The path without `.` and, where it can be told from the text alone, without `..`.
pub(super) fn normalised(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}
