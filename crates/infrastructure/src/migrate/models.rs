//! Which model a name of the predecessor means: as the map of the user says, else as its own files say, else as known, else
//! as its prefix suggests.

use std::{collections::BTreeMap, path::Path};

use tidegate_domain::name::ModelRef;
use toml_edit::Value as TomlValue;

use super::{
    MigrateYamlError,
    body::Body,
    note::{NoteKind, Notes, Place},
};

/// What is known of the predecessor's own names.
const KNOWN: [(&str, &str); 3] = [
    ("openai-gpt4", "openai:gpt-4"),
    ("claude-sonnet", "anthropic:claude-3-sonnet-20240229"),
    ("gemini-pro", "gemini:gemini-pro"),
];

/// What the name of a model starts with, and whose it then is. A prefix with a dash is no part of the model's name.
const PREFIXES: [(&str, &str); 11] = [
    ("openai-", "openai"),
    ("gpt", "openai"),
    ("anthropic-", "anthropic"),
    ("claude", "anthropic"),
    ("google-", "gemini"),
    ("gemini", "gemini"),
    ("deepseek", "deepseek"),
    ("mistral", "mistral"),
    ("groq-", "groq"),
    ("openrouter-", "openrouter"),
    ("ollama-", "ollama"),
];

/// Where an answer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Given,
    File,
    Known,
    Guessed,
}

/// The map, and what was looked up in it.
#[derive(Default)]
pub(super) struct ModelMap {
    given: BTreeMap<String, ModelRef>,
    files: BTreeMap<String, ModelRef>,
    used: BTreeMap<String, (ModelRef, Source)>,
}

impl ModelMap {
    pub(super) fn read(path: Option<&Path>) -> Result<Self, MigrateYamlError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let problem = |problem: String| MigrateYamlError::ModelMap { path: path.to_owned(), problem };
        let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
        let root: toml::Table = text.parse().map_err(|error: toml::de::Error| problem(error.message().to_owned()))?;
        let models = root.get("models").unwrap_or(&toml::Value::Boolean(false));
        let models = models.as_table().ok_or_else(|| problem("there is no [models]".to_owned()))?;
        let mut map = Self::default();
        for (name, model) in models {
            let text = model.as_str().ok_or_else(|| problem(format!("'{name}' must be text")))?;
            let model = text.parse().map_err(|error| problem(format!("'{name}': {error}")))?;
            map.given.insert(name.clone(), model);
        }
        Ok(map)
    }

    /// Remembers what a model file of the predecessor says.
    pub(super) fn learn(&mut self, name: String, model: ModelRef) {
        self.files.insert(name, model);
    }

    /// The model that `name` means; `None` if it cannot be any.
    pub(super) fn resolve(&mut self, name: &str, place: &Place, notes: &mut Notes) -> Option<ModelRef> {
        if !self.given.contains_key(name)
            && let Ok(model) = name.parse()
        {
            return Some(self.remember(name, (model, Source::Given)));
        }
        let Some(found) = self.look_up(name) else {
            notes.add(NoteKind::Skipped, place, format!("'{name}' cannot be the name of a model"));
            return None;
        };
        Some(self.remember(name, found))
    }

    fn remember(&mut self, name: &str, found: (ModelRef, Source)) -> ModelRef {
        self.used.entry(name.to_owned()).or_insert(found).0.clone()
    }

    fn look_up(&self, name: &str) -> Option<(ModelRef, Source)> {
        if let Some(model) = self.given.get(name) {
            return Some((model.clone(), Source::Given));
        }
        if let Some(model) = self.files.get(name) {
            return Some((model.clone(), Source::File));
        }
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        let (text, source) =
            known.map_or_else(|| (guess(name), Source::Guessed), |(_, model)| ((*model).to_owned(), Source::Known));
        Some((text.parse().ok()?, source))
    }

    /// The providers of all models that were looked up, or that the user's map names.
    pub(super) fn providers(&self) -> Vec<String> {
        let models = self.used.values().map(|(model, _)| model).chain(self.given.values());
        let mut providers: Vec<_> = models.map(|model| model.provider().to_string()).collect();
        providers.sort();
        providers.dedup();
        providers
    }

    /// The map as a file to edit, and a note for every guess.
    pub(super) fn render(&self, notes: &mut Notes) -> String {
        let mut all = self.used.clone();
        for (name, model) in &self.given {
            all.entry(name.clone()).or_insert_with(|| (model.clone(), Source::Given));
        }
        let mut models = Body::default();
        for (name, (model, source)) in &all {
            let mut value = TomlValue::from(model.to_string());
            let remark = match source {
                Source::Given if *name == model.to_string() => continue,
                Source::Given => "as given",
                Source::File => "as its own file says",
                Source::Known => "known",
                Source::Guessed => {
                    let message = format!("'{name}' is taken for {model}; if it is not, edit model-map.toml");
                    notes.add(NoteKind::Guessed, &Place::of("model-map.toml", 0, format!("models.{name}")), message);
                    "GUESSED: check it"
                }
            };
            value.decor_mut().set_suffix(format!(" # {remark}"));
            models.key(name, value);
        }
        let mut document = Body::default();
        document.table("models", models);
        document.render(&HEAD.map(str::to_owned))
    }
}

const HEAD: [&str; 3] = [
    "Which model each name of the YAML files means. The gateway does not read this file; `tidegate migrate yaml` does:",
    "edit it, move it elsewhere, and migrate again with --model-map FILE --force.",
    "A provider that is new here gets its own [providers.NAME] in tidegate.toml.",
];

fn guess(name: &str) -> String {
    let Some((prefix, provider)) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)) else {
        return format!("unknown:{name}");
    };
    let model = if prefix.ends_with('-') { &name[prefix.len()..] } else { name };
    match model.strip_prefix("gpt") {
        Some(version) if version.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("{provider}:gpt-{version}")
        }
        _ => format!("{provider}:{model}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, model: &str) {
        assert_eq!(guess(name), model);
    }

    #[test]
    fn a_prefix_names_the_provider() {
        check("openai-gpt3.5-turbo", "openai:gpt-3.5-turbo");
        check("openai-gpt-4o", "openai:gpt-4o");
        check("anthropic-claude-3-opus", "anthropic:claude-3-opus");
        check("claude-haiku", "anthropic:claude-haiku");
        check("house-model", "unknown:house-model");
    }

    #[test]
    fn what_is_no_name_is_reported() {
        let (mut models, mut notes) = (ModelMap::default(), Notes::default());
        assert_eq!(models.resolve("two words", &Place::default(), &mut notes), None);
        assert_eq!(models.resolve("openai:gpt-4o", &Place::default(), &mut notes).unwrap().model(), "gpt-4o");
        assert_eq!(notes.into_sorted().len(), 1);
    }
}
