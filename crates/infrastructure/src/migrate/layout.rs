//! Finding the source files: the registry, or the whole system in one file, or, without either, what the directories hold.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use tidegate_domain::name::{ModelRef, ProviderName};

use super::{
    Conversion,
    note::{NoteKind, Place},
    yaml::{self, Document, Map, Node, Value},
};

/// The registry, where it may be.
const REGISTRIES: [&str; 4] =
    ["groups/_task_groups.yaml", "groups/_task_groups.yml", "task_groups/_task_groups.yaml", "_task_groups.yaml"];
/// The predecessor's scripts disagree about the name of this directory.
const GROUP_DIRECTORIES: [&str; 2] = ["groups", "task_groups"];
const POOL_DIRECTORY: &str = "polling_pools";
/// How many files may inherit from one another in a row.
const MAX_ANCESTORS: usize = 16;

/// Everything that the source says.
#[derive(Default)]
pub(super) struct Legacy {
    pub(super) groups: Vec<LegacyEntry>,
    pub(super) pools: Vec<LegacyEntry>,
    pub(super) globals: Globals,
    /// `loading_options`.
    pub(super) options: Option<(Map, Place)>,
    /// The comment at the head of the registry.
    pub(super) comments: Vec<String>,
}

/// A group or a pool.
pub(super) struct LegacyEntry {
    pub(super) name: String,
    pub(super) enabled: bool,
    pub(super) description: Option<String>,
    /// The place of its body.
    pub(super) place: Place,
    /// `None` if it cannot be read; that is noted.
    pub(super) body: Option<Map>,
    pub(super) comments: Vec<String>,
}

/// The three global files, if they are there and enabled.
#[derive(Default)]
pub(super) struct Globals {
    pub(super) fallback: Option<(Map, Place)>,
    pub(super) concurrency: Option<(Map, Place)>,
    pub(super) rate_limiting: Option<(Map, Place)>,
}

/// Reads everything below `home`.
pub(super) fn read(home: &Path, conversion: &mut Conversion) -> Legacy {
    let mut reading = Reading { home, conversion, seen: BTreeSet::new() };
    reading.learn_models();
    let registry = REGISTRIES.iter().find(|path| home.join(path).is_file()).and_then(|path| reading.file(path));
    let Some((Document { mut map, comments }, place)) = registry else { return reading.without_registry() };
    let groups = reading.section(&mut map, "task_groups", &place);
    let pools = reading.section(&mut map, "polling_pools", &place);
    let globals = reading.globals(&mut map, &place);
    let options = map.take_map("loading_options").map(|(map, line)| (map, place.below("loading_options", line)));
    reading.note_strays();
    for (key, node) in &map.entries {
        let message = "there is no such section here";
        reading.conversion.notes.add(NoteKind::NotCarriedOver, &place.below(key, node.line), message);
    }
    Legacy { groups, pools, globals, options, comments }
}

struct Reading<'a> {
    home: &'a Path,
    conversion: &'a mut Conversion,
    /// The files that an entry is made of.
    seen: BTreeSet<PathBuf>,
}

impl Reading<'_> {
    fn note(&mut self, kind: NoteKind, place: &Place, message: impl Into<String>) {
        self.conversion.notes.add(kind, place, message);
    }

    /// Reads a file with everything that it inherits; a broken one is noted.
    fn file(&mut self, path: &str) -> Option<(Document, Place)> {
        let place = Place::of(path, 0, "");
        let full = self.home.join(path);
        self.seen.insert(full.clone());
        match yaml::read(&full) {
            Ok(mut document) => {
                self.inherit(&mut document.map, &mut vec![full], &place);
                Some((document, place))
            }
            Err(error) => {
                let place = Place { line: error.line(), ..place };
                self.note(NoteKind::Skipped, &place, format!("the file {error}"));
                None
            }
        }
    }

    /// Fills in what `map` inherits; `chain` holds the files it stands in, the innermost last.
    fn inherit(&mut self, map: &mut Map, chain: &mut Vec<PathBuf>, place: &Place) {
        let Some(Node { value, line }) = map.take("inherits_from") else { return };
        // Lines are those of the file that the entry stands in.
        let here = place.below("inherits_from", if chain.len() == 1 { line } else { 0 });
        let directory = chain.last().and_then(|file| file.parent()).unwrap_or(self.home).to_owned();
        // The last parent wins over the others, and a child over all.
        for parent in value.into_items(line).into_iter().rev() {
            let name = parent.value.as_text();
            let path = if Path::new(&name).extension().is_some() { name.clone() } else { format!("{name}.yaml") };
            let path = directory.join(path);
            if chain.contains(&path) || chain.len() > MAX_ANCESTORS {
                self.note(NoteKind::Warning, &here, format!("'{name}' inherits from itself; it is ignored"));
                continue;
            }
            self.seen.insert(path.clone());
            match yaml::read(&path) {
                Ok(mut document) => {
                    chain.push(path);
                    self.inherit(&mut document.map, chain, place);
                    chain.pop();
                    map.inherit(document.map);
                    self.note(NoteKind::Converted, &here, format!("what '{name}' says is written out here"));
                }
                Err(error) => self.note(NoteKind::Warning, &here, format!("'{name}' {error}; it is ignored")),
            }
        }
    }

    /// The entries of a section of the registry.
    fn section(&mut self, map: &mut Map, key: &str, registry: &Place) -> Vec<LegacyEntry> {
        let Some((section, line)) = map.take_map(key) else { return Vec::new() };
        let place = registry.below(key, line);
        section.entries.into_iter().filter_map(|(name, node)| self.entry(name, node, &place)).collect()
    }

    /// One entry: one with a `file` is a line of the registry, any other a body.
    fn entry(&mut self, name: String, node: Node, section: &Place) -> Option<LegacyEntry> {
        let place = section.below(&name, node.line);
        let Value::Map(mut map) = node.value else {
            self.note(NoteKind::Skipped, &place, "it is no mapping");
            return None;
        };
        let enabled = self.enabled(&mut map, &place);
        let Some(file) = map.take_text("file") else {
            if map.entries.iter().all(|(key, _)| key == "description") {
                self.note(NoteKind::Skipped, &place, "it names no 'file', and has no body");
                return None;
            }
            return Some(LegacyEntry {
                name,
                enabled,
                description: None,
                place,
                body: Some(map),
                comments: Vec::new(),
            });
        };
        let description = map.take_text("description");
        let Some(file) = self.located(&file) else {
            self.note(NoteKind::Skipped, &place, format!("there is no file {file}"));
            return Some(LegacyEntry { name, enabled, description, place, body: None, comments: Vec::new() });
        };
        let Some((Document { map: body, comments }, file)) = self.file(&file) else {
            return Some(LegacyEntry { name, enabled, description, place, body: None, comments: Vec::new() });
        };
        Some(LegacyEntry { name, enabled, description, place: file, body: Some(body), comments })
    }

    fn enabled(&mut self, map: &mut Map, place: &Place) -> bool {
        let Some(node) = map.take("enabled") else { return true };
        node.value.as_flag().unwrap_or_else(|| {
            let place = place.below("enabled", node.line);
            self.note(NoteKind::Warning, &place, "it is neither true nor false, and taken for true");
            true
        })
    }

    /// The file that the registry means, also if the directory of the groups has its other name.
    fn located(&self, file: &str) -> Option<String> {
        let renamed = |from: &str, to: &str| file.strip_prefix(from).map(|rest| format!("{to}{rest}"));
        let other = renamed("groups/", "task_groups/").or_else(|| renamed("task_groups/", "groups/"));
        [Some(file.to_owned()), other].into_iter().flatten().find(|path| self.home.join(path).is_file())
    }

    /// The global settings: named by the registry, inline, or in files of their usual names.
    fn globals(&mut self, map: &mut Map, registry: &Place) -> Globals {
        let mut named = map.take_map("global_configs").map(|(map, _)| map).unwrap_or_default();
        let mut global = |key: &str| {
            let inline = map.take_map(key).map(|(map, line)| (map, registry.below(key, line)));
            inline.or_else(|| self.global_file(key, named.take(key), registry))
        };
        let (fallback, concurrency, rate_limiting) =
            (global("global_fallback"), global("concurrency_control"), global("rate_limiting"));
        Globals {
            fallback: self.if_enabled(fallback),
            concurrency: self.if_enabled(concurrency),
            rate_limiting: self.if_enabled(rate_limiting),
        }
    }

    fn global_file(&mut self, key: &str, named: Option<Node>, registry: &Place) -> Option<(Map, Place)> {
        let usual = format!("{key}.yaml");
        let Some(Node { value: Value::Map(mut line_of), line }) = named else {
            self.home.join(&usual).is_file().then_some(())?;
            return self.file(&usual).map(|(document, place)| (document.map, place));
        };
        let place = registry.below("global_configs", line).below(key, line);
        let enabled = self.enabled(&mut line_of, &place);
        let file = line_of.take_text("file").unwrap_or(usual);
        if !enabled {
            self.note(NoteKind::Skipped, &place, "it is not enabled");
            self.seen.insert(self.home.join(file));
            return None;
        }
        if !self.home.join(&file).is_file() {
            self.note(NoteKind::Warning, &place, format!("there is no file {file}"));
            return None;
        }
        self.file(&file).map(|(document, place)| (document.map, place))
    }

    fn if_enabled(&mut self, global: Option<(Map, Place)>) -> Option<(Map, Place)> {
        let (mut map, place) = global?;
        if self.enabled(&mut map, &place) {
            return Some((map, place));
        }
        self.note(NoteKind::Skipped, &place, "it is not enabled");
        None
    }

    /// Without a registry every file of the directories counts.
    fn without_registry(mut self) -> Legacy {
        let mut entries = |directories: &[&str]| {
            let files = directories.iter().flat_map(|directory| yaml_files(self.home, directory));
            files.collect::<Vec<_>>().into_iter().filter_map(|file| self.unnamed(&file)).collect::<Vec<_>>()
        };
        let (groups, pools) = (entries(&GROUP_DIRECTORIES), entries(&[POOL_DIRECTORY]));
        if !(groups.is_empty() && pools.is_empty()) {
            let message = "there is no registry that can be read; every file of groups/ and polling_pools/ counts";
            self.note(NoteKind::Guessed, &Place::default(), message);
        }
        let globals = self.globals(&mut Map::default(), &Place::default());
        Legacy { groups, pools, globals, ..Legacy::default() }
    }

    fn unnamed(&mut self, file: &str) -> Option<LegacyEntry> {
        let (Document { map, comments }, place) = self.file(file)?;
        let stem = Path::new(file).file_stem()?.to_string_lossy().into_owned();
        let name = map.get("name").map(|node| node.value.as_text()).filter(|name| !name.is_empty()).unwrap_or(stem);
        Some(LegacyEntry { name, enabled: true, description: None, place, body: Some(map), comments })
    }

    /// Files that the registry does not name are not part of the system.
    fn note_strays(&mut self) {
        let directories = GROUP_DIRECTORIES.iter().chain(&[POOL_DIRECTORY]);
        let files: Vec<_> = directories.flat_map(|directory| yaml_files(self.home, directory)).collect();
        for file in files.into_iter().filter(|file| !self.seen.contains(&self.home.join(file))).collect::<Vec<_>>() {
            self.note(NoteKind::Skipped, &Place::of(&file, 0, ""), "the registry does not name it");
        }
    }

    /// Learns names of models from `provider/<provider>/<name>.yaml`.
    fn learn_models(&mut self) {
        for provider in sorted(&self.home.join("provider")).into_iter().filter(|path| path.is_dir()) {
            let directory = format!("provider/{}", file_name(&provider));
            for file in yaml_files(self.home, &directory) {
                let Some(stem) = Path::new(&file).file_stem().map(|stem| stem.to_string_lossy().into_owned()) else {
                    continue;
                };
                if stem == "common" {
                    continue;
                }
                let Some((Document { mut map, .. }, place)) = self.file(&file) else { continue };
                let provider = map.take_text("provider").unwrap_or_else(|| file_name(&provider));
                let model = map.take_text("model_name").unwrap_or_else(|| stem.clone());
                match ProviderName::new(&provider).ok().and_then(|provider| ModelRef::new(provider, &model).ok()) {
                    Some(model) => self.conversion.models.learn(stem, model),
                    None => self.note(NoteKind::Skipped, &place, "it names no provider and model"),
                }
            }
        }
    }
}

/// The YAML files of a directory, sorted, without those that start with an underscore.
fn yaml_files(home: &Path, directory: &str) -> Vec<String> {
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let files = sorted(&home.join(directory)).into_iter().filter(|path| path.is_file() && is_yaml(path));
    let names = files.map(|path| file_name(&path)).filter(|name| !name.starts_with(['_', '.']));
    names.map(|name| format!("{directory}/{name}")).collect()
}

fn sorted(directory: &Path) -> Vec<PathBuf> {
    let Ok(listed) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<_> = listed.filter_map(|item| item.ok().map(|item| item.path())).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
