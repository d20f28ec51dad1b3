//! From merged tables to a checked [`Loaded`]: interpolate, read every entry, check what they refer to.

use std::{collections::BTreeMap, path::PathBuf};

use sha2::{Digest, Sha256};
use tidegate_domain::{
    config::{Configuration, Declared, Problem, Report, Severity, cycles, fallback_edges},
    model::{ModelCard, ModelCatalogue},
    name::ModelRef,
    pool::Pool,
    task_group::TaskGroup,
    wrapper::Wrapper,
};

use super::{
    Attempt, Documents, EffectiveValue, Loaded, Settings, cycles,
    effective::effective,
    entry_file,
    environment::Environment,
    fields::Fields,
    findings::{Findings, Place, join},
    interpolate::Interpolation,
    journal::{Journal, NOWHERE},
    kind::Kind,
    layout::Layout,
    references::{Declaration, Declarations, State, warn_disabled},
    section::{Context, Mentions, alias, pool, process, provider, task_group, wrapper},
    settings::StorageSettings,
    source::{Origin, Sources},
    tree::{Entry, Node, Table, Value},
    word::Word,
};
use crate::{model_catalogue::vendors, provider::ProviderSettings};

/// What the entries define, each with the file that does.
#[derive(Default)]
struct Defined {
    providers: Vec<ProviderSettings>,
    aliases: BTreeMap<String, ModelRef>,
    cards: BTreeMap<ModelRef, ModelCard>,
    pools: Vec<Declared<Pool>>,
    task_groups: Vec<Declared<TaskGroup>>,
    wrappers: Vec<Declared<Wrapper>>,
}

/// What the files define, what the root says, and the values that were filled in.
type Compiled = (Defined, process::Root, BTreeMap<String, String>);

/// Reading all entries, one after the other.
struct Reading<'f> {
    findings: &'f Findings,
    interpolation: Interpolation<'f>,
    context: Context,
    is_lenient: bool,
    declarations: Declarations,
    defined: Defined,
}

/// Makes the configuration of what was read.
pub(super) fn compile(layout: Option<Layout>, environment: &Environment, findings: Findings) -> Attempt {
    let compiled = layout.map(|layout| compile_layout(layout, environment, &findings));
    let (problems, sources, footprint, _) = findings.into_parts();
    Attempt { footprint, outcome: loaded(compiled, problems, &sources) }
}

/// As [`compile`], with the value of every key.
pub(super) fn compile_and_keep(
    layout: Option<Layout>,
    environment: &Environment,
    findings: Findings,
) -> Result<(Loaded, Vec<EffectiveValue>), Report> {
    let compiled = layout.map(|layout| compile_layout(layout, environment, &findings));
    let (problems, sources, _, journal) = findings.into_parts();
    let loaded = loaded(compiled, problems, &sources)?;
    let values = effective(&loaded, journal.into_found(), &sources);
    Ok((loaded, values))
}

fn loaded(compiled: Option<Compiled>, problems: Vec<Problem>, sources: &Sources) -> Result<Loaded, Report> {
    let is_usable = !problems.iter().any(|problem| problem.severity == Severity::Error);
    let Some((defined, root, read)) = compiled.filter(|_| is_usable) else { return Err(Report::new(problems)) };
    let Defined { providers, aliases, cards, pools, task_groups, wrappers } = defined;
    let configuration = Configuration {
        pools,
        task_groups,
        wrappers,
        aliases,
        models: ModelCatalogue { own: cards, vendors: vendors(&providers) },
        default_target: root.target,
        deadlines: root.deadlines,
        retry_budget: root.retry_budget,
        limits: root.limits,
        content_hash: hash(sources, &read),
    };
    let settings = Settings {
        server: root.server,
        storage: root.storage,
        providers,
        log: root.log,
        requests: root.requests,
        reload: root.reload,
    };
    let files = sources.paths().map(PathBuf::from).collect();
    let documents = Documents::below(&sources.home, sources.paths().zip(sources.texts()));
    Ok(Loaded { configuration, settings, warnings: Report::new(problems).problems().to_vec(), files, documents })
}

/// What the root says of the storage, if that is sound.
pub(super) fn storage(layout: &Layout, environment: &Environment, findings: &Findings) -> Option<StorageSettings> {
    let Entry { key, origin, mut node } = layout.root.get("storage")?.clone();
    let mark = findings.mark();
    Interpolation::new(environment, findings).expand(&mut node, &key);
    let settings = process::storage(Fields::new(findings, key, node).at(origin));
    (!findings.has_errors_since(mark)).then_some(settings)
}

fn compile_layout(layout: Layout, environment: &Environment, findings: &Findings) -> Compiled {
    let interpolation = Interpolation::new(environment, findings);
    let mut node = Node::new(Value::Table(layout.root), layout.origin);
    interpolation.expand(&mut node, "");
    let mut fields = Fields::new(findings, String::new(), node);
    let mut target = Mentions::default();
    let root = process::read(&mut fields, &mut target);
    fields.finish_beside(Kind::ALL.map(Kind::section));
    let mut reading = Reading {
        findings,
        interpolation,
        context: Context { deadlines: root.deadlines, aliases: BTreeMap::new(), cards: BTreeMap::new() },
        is_lenient: root.is_lenient,
        declarations: Declarations::default(),
        defined: Defined::default(),
    };
    for broken in layout.broken {
        if root.is_lenient {
            findings.soften(broken.findings);
        }
        reading.declare_broken(broken.kind, broken.name, broken.place);
    }
    for (kind, section) in Kind::ALL.into_iter().zip(layout.sections) {
        section.entries.into_iter().for_each(|entry| reading.read_entry(kind, entry));
    }
    let (defined, read) = reading.checked(&target, layout.origin);
    (defined, root, read)
}

impl<'f> Reading<'f> {
    fn read_entry(&mut self, kind: Kind, mut entry: Entry) {
        let place = entry_file::place_of(kind, &entry);
        let mark = self.findings.mark();
        if self.is_off(&mut entry.node, &place) {
            self.declarations.add(
                kind,
                entry.key,
                Declaration { state: State::Off, place, mentions: Mentions::default() },
            );
            return;
        }
        self.interpolation.expand(&mut entry.node, &place.key);
        let word = Word::written(entry.key, place.clone());
        let mut fields = Fields::new(self.findings, place.key.clone(), entry.node).at(entry.origin);
        fields.flag("enabled");
        let mentions = self.read_body(kind, &word, &mut fields);
        match kind {
            Kind::Provider => fields.finish_guarded(),
            _ => fields.finish(),
        }
        let has_errors = self.findings.has_errors_since(mark);
        if has_errors && self.is_lenient {
            self.findings.soften(mark..self.findings.mark());
            self.declare_broken(kind, word.text, place);
            return;
        }
        self.declarations.add(kind, word.text, Declaration { state: State::Live, place, mentions });
    }

    /// Reads what one kind of entry says; returns what it refers to.
    fn read_body(&mut self, kind: Kind, word: &Word, fields: &mut Fields<'f>) -> Mentions {
        let mut mentions = Mentions::default();
        let file = self.findings.sources.path(fields.here().origin.file).to_owned();
        match kind {
            Kind::Provider => self.defined.providers.extend(provider::read(word, fields)),
            Kind::Model => {
                let model = alias::read(word, fields, &mut self.context, &mut mentions);
                self.context.aliases.extend(model.map(|model| (word.text.clone(), model)));
            }
            Kind::Pool => {
                let pool = pool::read(word, fields, &self.context, &mut mentions);
                self.defined.pools.extend(pool.map(|value| Declared { value, file }));
            }
            Kind::TaskGroup => {
                let group = task_group::read(word, fields, &self.context, &mut mentions);
                self.defined.task_groups.extend(group.map(|value| Declared { value, file }));
            }
            Kind::Wrapper => {
                let wrapper = wrapper::read(word, fields, &self.context, &mut mentions);
                self.defined.wrappers.extend(wrapper.map(|value| Declared { value, file }));
            }
        }
        mentions
    }

    /// Whether the entry says `enabled = false`; nothing else of it is looked at then, unset variables included.
    fn is_off(&self, node: &mut Node, place: &Place) -> bool {
        let Value::Table(Table { entries }) = &mut node.value else { return false };
        let Some(enabled) = entries.iter_mut().find(|entry| entry.key == "enabled") else { return false };
        self.interpolation.expand(&mut enabled.node, &join(&place.key, "enabled"));
        match &enabled.node.value {
            Value::Boolean(flag) => !flag,
            Value::Text(text) => enabled.node.sources.is_some() && text.trim() == "false",
            _ => false,
        }
    }

    fn declare_broken(&mut self, kind: Kind, name: String, place: Place) {
        // While its own errors are errors, what refers to it need not complain as well.
        let state = if self.is_lenient { State::Broken } else { State::Live };
        if self.is_lenient {
            warn_disabled(kind, &name, &place, self.findings);
        }
        self.declarations.add(kind, name, Declaration { state, place, mentions: Mentions::default() });
    }

    /// Checks what concerns several entries, and leaves out those that cannot be used.
    fn checked(mut self, target: &Mentions, origin: Origin) -> (Defined, BTreeMap<String, String>) {
        self.defined.aliases = std::mem::take(&mut self.context.aliases);
        self.defined.cards = std::mem::take(&mut self.context.cards);
        let groups = self.defined.task_groups.iter().map(|declared| &declared.value);
        self.declarations.know_tiers(groups);
        self.declarations.know_keys(&self.defined.providers);
        if self.is_lenient {
            self.declarations.disable_dangling(self.findings);
        }
        self.declarations.check(self.findings);
        self.declarations.check_mentions(target, self.findings);
        self.declarations.check_clashes(self.findings);
        self.leave_out_broken();
        self.check_cycles();
        self.check_emptiness(origin);
        (self.defined, self.interpolation.into_read())
    }

    fn leave_out_broken(&mut self) {
        let is_live = |kind, name: &str| self.declarations.is_live(kind, name);
        let Defined { providers, aliases, cards: _, pools, task_groups, wrappers } = &mut self.defined;
        providers.retain(|provider| is_live(Kind::Provider, provider.name.as_str()));
        aliases.retain(|alias, _| is_live(Kind::Model, alias));
        pools.retain(|pool| is_live(Kind::Pool, pool.value.name().as_str()));
        task_groups.retain(|group| is_live(Kind::TaskGroup, group.value.name().as_str()));
        wrappers.retain(|wrapper| is_live(Kind::Wrapper, wrapper.value.name().as_str()));
    }

    fn check_cycles(&self) {
        let pools = || self.defined.pools.iter().map(|declared| &declared.value);
        let groups = || self.defined.task_groups.iter().map(|declared| &declared.value);
        for path in cycles(&cycles::membership_edges(pools(), groups())) {
            // A cycle goes through tiers and pools by turns; it is shown from the pool that comes first.
            let pools = path[1..].iter().enumerate().filter(|(_, name)| name.starts_with("pool "));
            let Some((at, _)) = pools.min_by_key(|(_, name)| *name) else { continue };
            let at = at + 1;
            let (tail, head) = (&path[1..=at], &path[at..]);
            let path = [head, tail].concat();
            self.report_cycle(&path, "would take its instances from itself", "take the pool out of one of these tiers");
        }
        for path in cycles(&fallback_edges(pools(), groups())) {
            self.report_cycle(&path, "would fall back to itself", "name one of them less");
        }
    }

    fn report_cycle(&self, path: &[String], would: &str, help: &str) {
        let Some(first) = path.first() else { return };
        let kinds = [("pool ", Kind::Pool), ("task group ", Kind::TaskGroup)];
        let named = kinds.into_iter().find_map(|(prefix, kind)| Some((kind, first.strip_prefix(prefix)?)));
        let Some((kind, name)) = named else { return };
        let Some(declaration) = self.declarations.get(kind, name) else { return };
        let message = format!("{} '{name}' {would}: {}", kind.noun(), path.join(" -> "));
        self.findings.error(&declaration.place, message, help);
    }

    fn check_emptiness(&self, origin: Origin) {
        let Defined { providers, aliases: _, cards: _, pools, task_groups, wrappers } = &self.defined;
        if self.findings.mark() == 0
            && providers.is_empty()
            && pools.is_empty()
            && task_groups.is_empty()
            && wrappers.is_empty()
        {
            let place = Place { origin, key: String::new(), shown: false };
            self.findings.warning(
                &place,
                "defines nothing that a request could ask for",
                "define a provider and a pool",
            );
        }
    }
}

/// Reads made-up values instead of files, to learn which keys there are; see [`Journal`].
pub(super) fn survey(pass: usize) -> Journal {
    let mut findings = Findings::with_journal(Journal::survey(pass));
    findings.sources.add(PathBuf::new(), String::new());
    survey_with(&findings);
    findings.journal
}

fn survey_with(findings: &Findings) {
    let environment = Environment::default();
    let root = process::read(&mut made_up(findings, String::new()), &mut Mentions::default());
    let mut reading = Reading {
        findings,
        interpolation: Interpolation::new(&environment, findings),
        context: Context { deadlines: root.deadlines, aliases: BTreeMap::new(), cards: BTreeMap::new() },
        is_lenient: false,
        declarations: Declarations::default(),
        defined: Defined::default(),
    };
    for kind in Kind::ALL {
        let mut fields = made_up(findings, format!("{}.*", kind.section()));
        let word = Word::written("*".to_owned(), fields.here());
        fields.flag("enabled");
        reading.read_body(kind, &word, &mut fields);
    }
}

fn made_up(findings: &Findings, path: String) -> Fields<'_> {
    Fields::new(findings, path, Node::new(Value::Table(Table::default()), NOWHERE))
}

/// A hash over the names and texts of all files, since a name can be an entry's, and the values they were filled with.
fn hash(sources: &Sources, read: &BTreeMap<String, String>) -> String {
    let mut hasher = Sha256::new();
    let names = sources.paths().map(|path| path.as_os_str().as_encoded_bytes());
    let filled = read.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
    for part in names.chain(sources.texts().map(str::as_bytes)).chain(filled) {
        hasher.update(part.len().to_le_bytes());
        hasher.update(part);
    }
    format!("{:x}", hasher.finalize())
}

/// The report of a loader that could not even run.
pub(super) fn interrupted() -> Report {
    Problem::error("", "reading the configuration was interrupted").help("try again").into()
}
