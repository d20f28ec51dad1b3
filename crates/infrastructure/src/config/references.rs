//! Whether what entries refer to exists, and whether names are clear.

use std::collections::BTreeMap;

use tidegate_domain::task_group::TaskGroup;

use super::{
    findings::{Findings, Place},
    kind::Kind,
    section::{Mention, Mentions},
    suggest::did_you_mean,
};
use crate::provider::ProviderSettings;

/// What became of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Live,
    /// `enabled = false`
    Off,
    /// It has errors.
    Broken,
}

/// An entry, and what it refers to.
pub(super) struct Declaration {
    pub(super) state: State,
    pub(super) place: Place,
    pub(super) mentions: Mentions,
}

/// Every entry by kind and name.
#[derive(Default)]
pub(super) struct Declarations {
    entries: BTreeMap<Kind, BTreeMap<String, Declaration>>,
    /// The tiers of each task group and the keys of each provider without errors.
    parts: BTreeMap<(Kind, String), Vec<String>>,
}

impl Declarations {
    pub(super) fn add(&mut self, kind: Kind, name: String, declaration: Declaration) {
        self.entries.entry(kind).or_default().insert(name, declaration);
    }

    pub(super) fn know_tiers<'a>(&mut self, groups: impl Iterator<Item = &'a TaskGroup>) {
        let names = |group: &TaskGroup| group.tiers().iter().map(|tier| tier.name().to_string()).collect();
        self.parts.extend(groups.map(|group| ((Kind::TaskGroup, group.name().to_string()), names(group))));
    }

    pub(super) fn know_keys(&mut self, providers: &[ProviderSettings]) {
        let names = |provider: &ProviderSettings| provider.keys.iter().map(|(name, _)| name.to_string()).collect();
        let named = |provider: &ProviderSettings| ((Kind::Provider, provider.name.to_string()), names(provider));
        self.parts.extend(providers.iter().map(named));
    }

    pub(super) fn is_live(&self, kind: Kind, name: &str) -> bool {
        self.get(kind, name).is_some_and(|declaration| declaration.state == State::Live)
    }

    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<&Declaration> {
        self.entries.get(&kind)?.get(name)
    }

    /// Reports every dangling reference.
    pub(super) fn check(&self, findings: &Findings) {
        for declarations in self.entries.values() {
            for declaration in declarations.values().filter(|declaration| declaration.state == State::Live) {
                self.check_mentions(&declaration.mentions, findings);
            }
        }
    }

    /// Disables every entry with a dangling reference, then those that refer to it, and so on.
    pub(super) fn disable_dangling(&mut self, findings: &Findings) {
        while let Some((kind, name)) = self.dangling() {
            let Some(declaration) = self.entries.get_mut(&kind).and_then(|entries| entries.get_mut(&name)) else {
                return;
            };
            declaration.state = State::Broken;
            let place = declaration.place.clone();
            let Some(declaration) = self.get(kind, &name) else { return };
            let mark = findings.mark();
            self.check_mentions(&declaration.mentions, findings);
            findings.soften(mark..findings.mark());
            warn_disabled(kind, &name, &place, findings);
        }
    }

    /// Reports the references of `mentions` that lead nowhere. An entry with errors counts as existing as long as its own
    /// errors are errors.
    pub(super) fn check_mentions(&self, mentions: &Mentions, findings: &Findings) {
        for mention in &mentions.0 {
            if let Some((message, help)) = self.objection(mention) {
                findings.error(&mention.word.place, message, help);
            }
        }
    }

    /// Reports names that more than one kind of entry has: a request's `model` could mean either.
    pub(super) fn check_clashes(&self, findings: &Findings) {
        let mut seen: BTreeMap<&str, (Kind, &Place)> = BTreeMap::new();
        for kind in [Kind::Wrapper, Kind::Pool, Kind::TaskGroup, Kind::Model] {
            for (name, declaration) in self.entries.get(&kind).into_iter().flatten() {
                if declaration.state == State::Off {
                    continue;
                }
                if let Some((earlier, place)) = seen.get(&**name) {
                    let (line, _) = findings.sources.position(place.origin);
                    let file = findings.sources.path(place.origin.file).display();
                    let message = format!("'{name}' is also the name of a {} ({file}:{line})", earlier.noun());
                    findings.error(&declaration.place, message, "rename one of them: a request could mean either");
                } else {
                    seen.insert(name, (kind, &declaration.place));
                }
            }
        }
    }

    fn dangling(&self) -> Option<(Kind, String)> {
        self.entries.iter().find_map(|(kind, declarations)| {
            let is_dangling = |declaration: &Declaration| {
                declaration.state == State::Live
                    && declaration.mentions.0.iter().any(|mention| self.objection(mention).is_some())
            };
            let (name, _) = declarations.iter().find(|(_, declaration)| is_dangling(declaration))?;
            Some((*kind, name.clone()))
        })
    }

    fn objection(&self, mention: &Mention) -> Option<(String, String)> {
        let Mention { kind, name, part, word } = mention;
        let noun = kind.noun();
        let is_plain = word.sources().is_none();
        let subject = word
            .sources()
            .map_or_else(|| format!("{noun} '{name}'"), |sources| format!("the {noun} that {sources} names"));
        let known = || self.entries.get(kind).into_iter().flatten().map(|(name, _)| &**name).collect::<Vec<_>>();
        let Some(declaration) = self.get(*kind, name) else {
            let near = if is_plain { did_you_mean(name, known()) } else { String::new() };
            let define = match kind {
                Kind::Model => "write provider:model, or define [models.NAME]".to_owned(),
                kind => format!("define [{}.NAME]", kind.section()),
            };
            let help = match &*near {
                "" => define,
                near if near.ends_with('?') => format!("{near} Else {define}"),
                near => format!("{near}; else {define}"),
            };
            return Some((format!("{subject} is not defined"), help));
        };
        match declaration.state {
            State::Off => {
                let help = "enable it, or remove what refers to it".to_owned();
                Some((format!("{subject} is switched off by 'enabled'"), help))
            }
            State::Broken => Some((format!("{subject} is disabled by its errors"), "correct them".to_owned())),
            State::Live => {
                let parts = self.parts.get(&(*kind, name.clone()))?;
                let part = part.as_ref().filter(|part| !parts.contains(part))?;
                let (what, define) = match kind {
                    Kind::Provider => ("key", format!("define it in [providers.{name}.keys]")),
                    _ => ("tier", String::new()),
                };
                if !is_plain {
                    return Some((format!("{subject} has no such {what}"), define));
                }
                let near = did_you_mean(part, parts.iter().map(String::as_str));
                let help = if near.is_empty() { define } else { near };
                Some((format!("{subject} has no {what} '{part}'"), help))
            }
        }
    }
}

pub(super) fn warn_disabled(kind: Kind, name: &str, place: &Place, findings: &Findings) {
    let message = format!("{} '{name}' is left out because of its errors", kind.noun());
    findings.warning(place, message, "correct them; 'config_validation = \"lenient\"' lets the rest run");
}
