//! What each part of the files says, as domain values and settings.
//!
//! Each module reads one kind of table into a private `*Toml` struct, checks its ranges, and converts it.

pub(super) mod alias;
mod aws;
mod card;
mod concurrency;
mod fallback;
mod google;
pub(super) mod limits;
mod observability;
mod parameters;
pub(super) mod picking;
pub(super) mod policy;
pub(super) mod pool;
pub(super) mod process;
pub(super) mod provider;
pub(super) mod simulated;
pub(super) mod task_group;
pub(super) mod tier;
pub(super) mod wrapper;

use std::collections::BTreeMap;

use tidegate_domain::{
    model::ModelCard,
    name::{InvalidName, ModelRef, ProviderName},
    resilience::Deadlines,
};

use super::{fields::Fields, kind::Kind, word::Word};

/// What entries are read against.
pub(super) struct Context {
    /// The deadlines of what has none of its own.
    pub(super) deadlines: Deadlines,
    /// The model aliases.
    pub(super) aliases: BTreeMap<String, ModelRef>,
    /// What is said of models.
    pub(super) cards: BTreeMap<ModelRef, ModelCard>,
}

/// An entry that another one refers to; whether it exists is checked once all are read.
pub(super) struct Mention {
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Which of its tiers, or of its keys.
    pub(super) part: Option<String>,
    pub(super) word: Word,
}

/// The entries that the one being read refers to.
#[derive(Default)]
pub(super) struct Mentions(pub(super) Vec<Mention>);

impl Mentions {
    pub(super) fn add(&mut self, kind: Kind, name: &str, word: &Word) {
        self.0.push(Mention { kind, name: name.to_owned(), part: None, word: word.clone() });
    }

    pub(super) fn add_group(&mut self, group: &str, tier: Option<&str>, word: &Word) {
        let part = tier.map(ToOwned::to_owned);
        self.0.push(Mention { kind: Kind::TaskGroup, name: group.to_owned(), part, word: word.clone() });
    }

    pub(super) fn add_key(&mut self, provider: &ProviderName, word: &Word) {
        let (name, part) = (provider.to_string(), Some(word.text.clone()));
        self.0.push(Mention { kind: Kind::Provider, name, part, word: word.clone() });
    }
}

/// The name that `word` is, or a finding.
pub(super) fn name<T>(fields: &Fields<'_>, word: &Word, new: impl Fn(&str) -> Result<T, InvalidName>) -> Option<T> {
    new(&word.text)
        .map_err(|InvalidName { kind, raw: _, problem }| {
            let message = word.objection(format!("{} cannot name a {kind}: {problem}", word.quoted()));
            fields.findings.error(&word.place, message, "choose another name");
        })
        .ok()
}

/// The model that `word` names: `provider:model` or an alias.
pub(super) fn model(fields: &Fields<'_>, word: &Word, context: &Context, mentions: &mut Mentions) -> Option<ModelRef> {
    if !word.text.contains(':') {
        mentions.add(Kind::Model, &word.text, word);
        return context.aliases.get(&word.text).cloned();
    }
    match word.text.parse::<ModelRef>() {
        Ok(model) => {
            mentions.add(Kind::Provider, model.provider().as_str(), word);
            Some(model)
        }
        Err(error) => {
            fields.findings.error(&word.place, word.objection(error), "write provider:model, or a model alias");
            None
        }
    }
}

/// The model that `provider` and `model` name together, or `model` on its own.
pub(super) fn split_model(fields: &mut Fields<'_>, context: &Context, mentions: &mut Mentions) -> Option<ModelRef> {
    let provider = fields.word("provider");
    let bare = fields.word("model");
    fields.require("model", "write model = \"provider:model\"");
    let bare = bare?;
    let Some(provider) = provider else { return model(fields, &bare, context, mentions) };
    let named = name(fields, &provider, ProviderName::new)?;
    mentions.add(Kind::Provider, &provider.text, &provider);
    match ModelRef::new(named, &bare.text) {
        Ok(model) => Some(model),
        Err(error) => {
            fields.findings.error(&bare.place, bare.objection(error), "write the model as its provider spells it");
            None
        }
    }
}
