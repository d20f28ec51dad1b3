//! From a file or a directory to tables: the root file, the files that its registry names, the files of the entry
//! directories, and the overlay of the environment.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use tidegate_domain::config::Problem;

use super::{
    ConfigLocation,
    entry_file::{self, EntryFile},
    file::{self, Document, normalised},
    findings::{Findings, Place, join},
    kind::Kind,
    source::Origin,
    suggest::did_you_mean,
    tree::{Entry, Node, Table, Value},
};

/// The names of a root file.
const ROOTS: [&str; 2] = ["tidegate.toml", "_registry.toml"];
/// How deep entry directories are searched; a bound for loops of links.
const MAX_DEPTH: usize = 8;

/// Everything that the files say, merged.
pub(super) struct Layout {
    /// The root file without its entries.
    pub(super) root: Table,
    pub(super) origin: Origin,
    /// The entries of each kind, in the order of [`Kind::ALL`].
    pub(super) sections: [Table; Kind::ALL.len()],
    pub(super) broken: Vec<Broken>,
}

/// An entry whose file cannot be used.
pub(super) struct Broken {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) place: Place,
    /// Why: these findings.
    pub(super) findings: Range<usize>,
}

/// Reads everything below `location`; `None` if there is no telling what the whole would be.
pub(super) fn read(location: &ConfigLocation, findings: &mut Findings) -> Option<Layout> {
    let path = root_file(&location.path, findings)?;
    let home = path.parent().unwrap_or(Path::new("")).to_owned();
    findings.sources.home = normalised(&home);
    let overlay = location.environment.as_deref().map(|environment| read_overlay(&home, environment, findings));
    let Document { table, origin } = file::read(&path, findings)?;
    let mut layout = Layout { root: table, origin, sections: Default::default(), broken: Vec::new() };
    let named = layout.read_root(&home, findings);
    let is_explicit = take_explicit(&mut layout.root, findings);
    if location.path.is_dir() && !is_explicit {
        layout.read_directories(&home, &named, findings);
    }
    if let Some(mut overlay) = overlay.unwrap_or_else(|| Some(Table::default())) {
        for kind in Kind::ALL {
            layout.sections[kind as usize].merge(take_section(&mut overlay, kind, findings));
        }
        layout.root.merge(overlay);
    }
    Some(layout)
}

impl Layout {
    /// Takes the entries out of the root file, those in files of their own included; returns these files.
    fn read_root(&mut self, home: &Path, findings: &mut Findings) -> Vec<PathBuf> {
        let mut named = Vec::new();
        for kind in Kind::ALL {
            for mut entry in take_section(&mut self.root, kind, findings).entries {
                let Some(path) = entry_file::named_by(kind, &mut entry, findings) else {
                    self.push(kind, entry, findings);
                    continue;
                };
                let path = normalised(&home.join(path));
                self.read_entry_file(EntryFile { kind, path: &path, registry: Some(entry) }, findings);
                named.push(path);
            }
        }
        named
    }

    fn read_directories(&mut self, home: &Path, named: &[PathBuf], findings: &mut Findings) {
        for kind in Kind::ALL {
            for directory in kind.directories() {
                let directory = home.join(directory);
                findings.footprint.borrow_mut().add_directory(&directory, MAX_DEPTH);
                for path in toml_files(&directory, MAX_DEPTH) {
                    if !named.contains(&path) {
                        self.read_entry_file(EntryFile { kind, path: &path, registry: None }, findings);
                    }
                }
            }
        }
    }

    fn read_entry_file(&mut self, file: EntryFile<'_>, findings: &mut Findings) {
        let mark = findings.mark();
        let EntryFile { kind, path, registry } = file;
        let name = registry.as_ref().map(|entry| entry.key.clone());
        let place = registry.as_ref().map(|entry| entry_file::place_of(kind, entry));
        if let Some(entries) = entry_file::read(EntryFile { kind, path, registry }, findings) {
            for entry in entries {
                self.push(kind, entry, findings);
            }
            return;
        }
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let name = name.or(stem).unwrap_or_default();
        let key = join(kind.section(), &name);
        let place = place.unwrap_or(Place { origin: self.origin, key, shown: false });
        self.broken.push(Broken { kind, name, place, findings: mark..findings.mark() });
    }

    /// Adds an entry to its section, unless one of that name is there.
    fn push(&mut self, kind: Kind, mut entry: Entry, findings: &Findings) {
        entry_file::check_name(kind, &mut entry, findings);
        let section = &mut self.sections[kind as usize];
        let Some(earlier) = section.get(&entry.key) else {
            section.entries.push(entry);
            return;
        };
        let (line, _) = findings.sources.position(earlier.origin);
        let file = findings.sources.path(earlier.origin.file).display();
        let message = format!("{} '{}' is already defined in {file}:{line}", kind.noun(), entry.key);
        findings.error(&entry_file::place_of(kind, &entry), message, "rename or remove one of them");
    }
}

fn root_file(path: &Path, findings: &Findings) -> Option<PathBuf> {
    if !path.is_dir() {
        return Some(path.to_owned());
    }
    // It could become a file one day.
    findings.footprint.borrow_mut().add_file(path, None);
    let found: Vec<_> = ROOTS.iter().map(|name| path.join(name)).filter(|root| root.is_file()).collect();
    if found.len() != 1 {
        for name in ROOTS {
            let root = path.join(name);
            findings.footprint.borrow_mut().add_file(&root, std::fs::read(&root).ok().as_deref());
        }
    }
    let (message, help) = match &found[..] {
        [root] => return Some(root.clone()),
        [] => ("holds no tidegate.toml", "create one, or name the directory or the file that you meant"),
        _ => ("holds both tidegate.toml and _registry.toml", "keep one of them"),
    };
    findings.add(Problem { file: Some(path.to_owned()), ..Problem::error("", message).help(help) });
    None
}

/// Takes `explicit` out of the registry: it is needed before variables are filled in.
fn take_explicit(root: &mut Table, findings: &Findings) -> bool {
    let registry = root.entries.iter_mut().find(|entry| entry.key == "registry");
    let Some(Entry { node: Node { value: Value::Table(registry), .. }, .. }) = registry else { return false };
    let Some(Entry { origin, node, .. }) = registry.take("explicit") else { return false };
    if let Value::Boolean(explicit) = node.value {
        return explicit;
    }
    let place = Place { origin, key: "registry.explicit".to_owned(), shown: true };
    findings.error(&place, format!("must be true or false, but is {}", node.value.kind()), "write it without quotes");
    false
}

/// Takes the entries of a kind out of a file.
pub(super) fn take_section(table: &mut Table, kind: Kind, findings: &Findings) -> Table {
    let Some(Entry { key, origin, node: Node { value, .. } }) = table.take(kind.section()) else {
        return Table::default();
    };
    let Value::Table(section) = value else {
        let message = format!("must be a table, but is {}", value.kind());
        findings.error(&Place { origin, key, shown: true }, message, format!("write [{}.NAME]", kind.section()));
        return Table::default();
    };
    section
}

/// The files named `*.toml` below a directory, sorted. Hidden files and directories, such as the `..data` of a Kubernetes
/// mount, are left out.
pub(super) fn toml_files(directory: &Path, depth: usize) -> Vec<PathBuf> {
    let Ok(listed) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = listed.filter_map(|item| item.ok().map(|item| item.path())).collect();
    paths.sort();
    let is_visible = |path: &PathBuf| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut files = Vec::new();
    for path in paths.into_iter().filter(is_visible) {
        if path.is_dir() && depth > 0 {
            files.extend(toml_files(&path, depth - 1));
        } else if path.is_file() && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(normalised(&path));
        }
    }
    files
}

fn read_overlay(home: &Path, environment: &str, findings: &mut Findings) -> Option<Table> {
    let directory = home.join("environments");
    let path = directory.join(format!("{environment}.toml"));
    if path.is_file() {
        return file::read(&path, findings).map(|document| document.table);
    }
    findings.footprint.borrow_mut().add_file(&path, None);
    let known: Vec<String> =
        toml_files(&directory, 0).iter().filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    let help = did_you_mean(environment, known.iter().map(String::as_str));
    let help = if help.is_empty() { "create that file, or choose no environment".to_owned() } else { help };
    let message = format!("there is no overlay for the environment '{environment}'");
    findings.add(Problem { file: Some(path), ..Problem::error("", message).help(help) });
    None
}
