//! Routes by every spelling that leads to them.
//!
//! No two definitions share a bare name (that is checked before), so the order in which they are added matters only where
//! an alias is spelt like a model: the model wins.

use std::{collections::BTreeSet, sync::Arc};

use tidegate_domain::{
    inference::LlmClient,
    name::{ModelRef, NamedMap, Target},
    resilience::BreakerPolicy,
    wrapper::Wrapper,
};

use super::{CompileError, Compiler};
use crate::{
    live::{Budgets, Owned},
    routing_table::Entry,
    wrappers::{Route, WrapperFactory},
};

/// Routes by spelling, while they are collected.
pub(super) struct Entries<C>(NamedMap<Box<str>, Entry<C>>);

impl<C> Entries<C> {
    pub(super) fn into_map(self) -> NamedMap<Box<str>, Entry<C>> {
        self.0
    }

    pub(super) fn lookup(&self, what: &str, target: &Target) -> Result<&Entry<C>, CompileError> {
        match self.0.get(target.to_string().as_str()) {
            Some(entry) => Ok(entry),
            None => Err(CompileError::DanglingTarget { what: what.to_owned(), target: target.clone() }),
        }
    }

    /// Adds a route under its explicit target and under a bare name.
    fn add(&mut self, name: &str, kind: &'static str, route: Route<C>) {
        let entry = Entry { kind, wrapper: None, route: Arc::new(route) };
        self.spell(&entry.route.target.to_string(), &entry);
        self.spell(name, &entry);
    }

    fn spell(&mut self, name: &str, entry: &Entry<C>) {
        self.0.entry(name.into()).or_insert_with(|| entry.clone());
    }
}

impl<C: LlmClient> Compiler<'_, C> {
    pub(super) fn entries(&self) -> Result<Entries<C>, CompileError> {
        let mut entries = Entries(NamedMap::default());
        let budgets = Budgets {
            own: Arc::default(),
            gateway: Arc::clone(&self.previous.retry_budget),
            policy: self.input.configuration.retry_budget,
        };
        let wrap = WrapperFactory {
            budgets: &budgets,
            previous: self.previous,
            deadlines: self.input.configuration.deadlines,
            max_ambiguous_repeats: 1,
            gateway: self.level.as_ref(),
            pools: &self.pools,
            groups: &self.groups,
            policies: self.policies,
        };
        for pool in self.pools.values() {
            entries.add(pool.definition.name().as_str(), "pool", wrap.pool(pool)?);
        }
        for group in self.groups.values() {
            entries.add(group.definition.name().as_str(), "task_group", wrap.task_group(group, None)?);
            for tier in group.definition.tiers() {
                let name = format!("{}.{}", group.definition.name(), tier.name());
                entries.add(&name, "task_group", wrap.task_group(group, Some(tier.name()))?);
            }
        }
        let deadlines = self.input.configuration.deadlines;
        for model in self.models() {
            let previous = self.previous.route_of(&Target::Direct(model.clone()));
            let predecessors: Vec<_> = previous.map(|route| route.instances().cloned().collect()).unwrap_or_default();
            let instance =
                self.direct((&Owned::Directly, &model), (BreakerPolicy::default(), deadlines), &predecessors)?;
            entries.add(&model.to_string(), "model", wrap.direct(instance));
        }
        for (alias, model) in &self.input.configuration.aliases {
            let model = entries.lookup("a model alias", &Target::Direct(model.clone()))?;
            let entry = Entry { kind: "alias", ..model.clone() };
            entries.spell(alias, &entry);
        }
        for wrapper in self.wrappers() {
            let name = wrapper.name();
            let target = entries.lookup(&format!("wrapper '{name}'"), wrapper.target())?;
            let entry = Entry { kind: "wrapper", wrapper: Some(name.clone()), ..target.clone() };
            entries.spell(&Target::Wrapper(name.clone()).to_string(), &entry);
            entries.spell(name.as_str(), &entry);
        }
        Ok(entries)
    }

    /// Every model that some definition names: only those can be asked directly.
    fn models(&self) -> BTreeSet<ModelRef> {
        let configuration = self.input.configuration;
        let of_pools = self.pools.values().flat_map(|pool| &pool.instances);
        let of_tiers = self.groups.values().flat_map(|group| &group.legs).flat_map(|leg| leg.own_instances());
        let targets = self.wrappers().map(Wrapper::target).chain(&configuration.default_target);
        let of_targets = targets.filter_map(|target| match target {
            Target::Direct(model) => Some(model),
            Target::Wrapper(_) | Target::Pool(_) | Target::Group { .. } => None,
        });
        let of_instances = of_pools.chain(of_tiers).map(|instance| &instance.spec.model);
        of_instances.chain(of_targets).chain(configuration.aliases.values()).cloned().collect()
    }
}
