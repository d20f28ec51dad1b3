//! The source, read by other code than the migration's own.

use std::{fs, path::Path};

use saphyr::{LoadableYamlNode, Yaml};

use super::fixture;

/// A value of the standard layout.
#[derive(Clone)]
pub(super) struct Source(Yaml<'static>);

/// The names that the registry has in a section, with their files and flags.
pub(super) struct Registered {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) enabled: bool,
}

impl Source {
    pub(super) fn read(path: &str) -> Self {
        let text = fs::read_to_string(Path::new(&fixture("standard")).join(path)).unwrap();
        // The tree borrows from the text; a test may keep both for ever.
        Self(Yaml::load_from_str(Box::leak(text.into_boxed_str())).unwrap().remove(0))
    }

    pub(super) fn registered(section: &str) -> Vec<Registered> {
        let registry = Self::read("groups/_task_groups.yaml");
        let entries = registry.0.as_mapping_get(section).unwrap().as_mapping().unwrap();
        let of = |(name, entry): (&Yaml<'_>, &Yaml<'_>)| Registered {
            name: name.as_str().unwrap().to_owned(),
            file: entry.as_mapping_get("file").unwrap().as_str().unwrap().to_owned(),
            enabled: entry.as_mapping_get("enabled").unwrap().as_bool().unwrap(),
        };
        entries.iter().map(of).collect()
    }

    /// The tiers by priority, with their names.
    pub(super) fn tiers(&self) -> Vec<(String, Self)> {
        let entries = self.0.as_mapping().unwrap().iter();
        let tiers = entries.filter(|(_, value)| value.as_mapping_get("models").is_some());
        let mut tiers: Vec<_> =
            tiers.map(|(name, tier)| (name.as_str().unwrap().to_owned(), Self(tier.clone()))).collect();
        tiers.sort_by_key(|(_, tier)| tier.integer("priority"));
        tiers
    }

    pub(super) fn below(&self, key: &str) -> Option<Self> {
        self.0.as_mapping_get(key).map(|value| Self(value.clone()))
    }

    pub(super) fn integer(&self, key: &str) -> u32 {
        let value = self.0.as_mapping_get(key).unwrap_or_else(|| panic!("no {key}"));
        u32::try_from(value.as_integer().unwrap()).unwrap()
    }

    pub(super) fn number(&self, key: &str) -> f64 {
        self.0.as_mapping_get(key).unwrap().as_floating_point().unwrap()
    }

    pub(super) fn flag(&self, key: &str) -> bool {
        self.0.as_mapping_get(key).unwrap().as_bool().unwrap()
    }

    pub(super) fn text(&self, key: &str) -> &str {
        self.0.as_mapping_get(key).unwrap().as_str().unwrap()
    }

    pub(super) fn texts(&self, key: &str) -> Vec<&str> {
        let items = self.0.as_mapping_get(key).unwrap().as_sequence().unwrap();
        items.iter().map(|item| item.as_str().unwrap()).collect()
    }
}
