//! Every key that the files may hold: what the loader asks for, and what it means.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use super::{
    compile,
    describe::{DefaultValue, Description, description},
    journal::{Form, Journal, Survey},
    ranges::Bounds,
    tree::older_spellings,
};

/// So many passes take every branch of the loader many times.
const PASSES: usize = 256;

/// One key.
#[derive(Debug, Clone)]
pub struct Key {
    /// Where it stands, as a dotted path; `*` is any name, `[]` any item of a list.
    pub path: String,
    /// What it takes: mostly one form.
    pub forms: BTreeSet<Form>,
    /// What a number may be.
    pub bounds: Bounds,
    /// Whether it must be there.
    pub is_required: bool,
    /// What another key must say for this one to have an effect.
    pub conditions: Vec<Condition>,
    /// Older spellings that are accepted.
    pub older: Vec<&'static str>,
    /// What is so if it is not there.
    pub default: DefaultValue,
    /// What it means; empty if nobody has described it.
    pub meaning: &'static str,
}

/// What another key must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The other key, in the same table.
    pub key: String,
    /// Any of these words.
    pub words: Vec<&'static str>,
}

/// Every key, sorted by path; it is learnt once.
pub fn keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(learn);
    &KEYS
}

fn learn() -> Vec<Key> {
    let passes: Vec<Pass> = (0..PASSES).filter_map(|pass| Pass::of(&compile::survey(pass))).collect();
    let mut forms: BTreeMap<String, BTreeSet<Form>> = BTreeMap::new();
    for (path, form) in
        passes.iter().flat_map(|pass| &pass.asked).chain(structural().iter().map(|(path, form)| (path, form)))
    {
        forms.entry(path.clone()).or_default().insert(form.clone());
    }
    forms.into_iter().map(|(path, forms)| key(path, forms, &passes)).collect()
}

fn key(path: String, forms: BTreeSet<Form>, passes: &[Pass]) -> Key {
    let mut bounds = Bounds::default();
    passes.iter().filter_map(|pass| pass.bounds.get(&path)).for_each(|known| bounds.widen(known));
    let Description { default, meaning, .. } = description(&path);
    Key {
        forms,
        bounds,
        is_required: passes.iter().any(|pass| pass.required.contains(&path)),
        conditions: conditions(&path, passes),
        older: older_spellings(last(&path)).collect(),
        default,
        meaning,
        path,
    }
}

/// The words of the choices beside a key without which it was never asked for.
fn conditions(path: &str, passes: &[Pass]) -> Vec<Condition> {
    let mut all: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    let mut with: BTreeMap<&str, BTreeSet<&'static str>> = BTreeMap::new();
    for pass in passes {
        let beside = pass.chosen.iter().filter(|(choice, _)| choice != path && parent(choice) == parent(path));
        for (choice, word) in beside {
            all.entry(choice).or_default().insert(word);
            if pass.asked.contains_key(path) {
                with.entry(choice).or_default().insert(word);
            }
        }
    }
    let limiting = with.into_iter().filter(|(choice, words)| all.get(choice) != Some(words));
    limiting
        .map(|(choice, words)| Condition { key: last(choice).to_owned(), words: words.into_iter().collect() })
        .collect()
}

/// The keys that say where things are, which are read before there is anything to ask.
fn structural() -> Vec<(String, Form)> {
    let of_entries = ["providers", "models", "pools", "task_groups", "wrappers"].into_iter().flat_map(|section| {
        [
            (section.to_owned(), Form::Entries),
            (format!("{section}.*.file"), Form::Text),
            (format!("{section}.*.name"), Form::Text),
        ]
    });
    let of_root = [("inherits_from".to_owned(), Form::Texts), ("registry.explicit".to_owned(), Form::Flag)];
    of_root.into_iter().chain(of_entries).collect()
}

/// What one pass has shown.
struct Pass {
    asked: BTreeMap<String, Form>,
    chosen: Vec<(String, &'static str)>,
    required: BTreeSet<String>,
    bounds: BTreeMap<String, Bounds>,
}

impl Pass {
    fn of(journal: &Journal) -> Option<Self> {
        let Survey { asked, chosen, required, bounds, .. } = journal.as_survey()?;
        Some(Self {
            asked: asked.borrow().iter().map(|(path, form)| (general(path), form.clone())).collect(),
            chosen: chosen.borrow().iter().map(|(path, word)| (general(path), *word)).collect(),
            required: required.borrow().iter().map(|path| general(path)).collect(),
            bounds: bounds.borrow().iter().map(|(path, bounds)| (general(path), bounds.clone())).collect(),
        })
    }
}

/// The path without what the survey made up.
fn general(path: &str) -> String {
    path.replace("\"*\"", "*").replace("[0]", "[]")
}

/// The table of a key.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// A key's own name.
pub(super) fn last(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, last)| last)
}
