//! From definitions to a routing table that serves them.
//!
//! Compiling has no effect on what serves: the new table shares the state of every instance that it has in common with
//! the old one, and nothing else.

mod entries;
mod error;
mod groups;
mod pools;

use std::{
    collections::HashMap,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::Arc,
};

pub use error::CompileError;
use tidegate_domain::{
    config::{Configuration, cycles, fallback_edges},
    inference::{ClientFactory, LlmClient, Succession},
    model::{Capability, ModelCard},
    name::{GroupName, PoolName},
    pool::{HealthPolicy, InstanceSpec, OnExhausted, Pool},
    resilience::{AdaptivePolicy, BreakerPolicy, Deadlines},
    task_group::{TaskGroup, Tier, TierModel},
    wrapper::Wrapper,
};

use super::{LiveGroup, RoutingTable};
use crate::{
    admission::{Level, Scope},
    fallback_policies::FallbackPolicies,
    live::{InstancePolicies, InstanceState, LiveInstance, LivePool, Owned, WaitingRoom},
};

/// What a table is compiled from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableInput<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) pools: &'a [&'a Pool],
    pub(crate) groups: &'a [&'a TaskGroup],
}

impl TableInput<'_> {
    /// Whether some tier asks that pool, and so has others to ask.
    fn is_in_a_tier(&self, pool: &PoolName) -> bool {
        let mut models = self.groups.iter().flat_map(|group| group.tiers()).flat_map(Tier::models);
        models.any(|model| matches!(model, TierModel::Pool(name) if name == pool))
    }
}

impl InstancePolicies {
    /// The policies of one instance. What its model has not begun by its deadline is not waited for before another probe is sent.
    fn of(self, spec: &InstanceSpec, card: Option<&ModelCard>) -> Self {
        let Deadlines { first_content, reasoning_first_content, .. } = self.deadlines;
        let thinks = card.is_some_and(|card| card.can(Capability::Reasoning));
        let longest = if thinks { reasoning_first_content } else { first_content };
        let breaker = BreakerPolicy { probe_lease: self.breaker.probe_lease.min(longest), ..self.breaker };
        Self { breaker, max_concurrency: spec.max_concurrency, ..self }
    }

    /// The policies of an instance that finds out how many requests at once it takes, if that is said.
    fn adapting(self, adaptive: Option<AdaptivePolicy>) -> Self {
        Self { adaptive, ..self }
    }

    /// The policies as they are for an instance that has no neighbour, if it has none.
    fn for_only_instance_if(mut self, is_only: bool) -> Self {
        if is_only {
            self.breaker = self.breaker.for_only_instance();
        }
        Self { is_only, ..self }
    }

    /// The policies of an instance whose answers begin within `deadlines`.
    fn new(health: HealthPolicy, breaker: BreakerPolicy, deadlines: Deadlines) -> Self {
        Self { health, breaker, deadlines, max_concurrency: None, adaptive: None, is_only: false }
    }
}

/// Compiles one table.
pub(crate) struct Compiler<'a, C> {
    input: TableInput<'a>,
    factory: &'a dyn ClientFactory<Client = C>,
    previous: &'a RoutingTable<C>,
    /// What the embedding program decides itself.
    policies: &'a FallbackPolicies,
    pools: HashMap<PoolName, Arc<LivePool<C>>>,
    groups: HashMap<GroupName, Arc<LiveGroup<C>>>,
    /// Where requests wait for an instance of a pool.
    rooms: HashMap<PoolName, Arc<WaitingRoom>>,
    /// What the whole gateway lets in.
    level: Option<Level>,
}

impl<'a, C: LlmClient> Compiler<'a, C> {
    pub(crate) fn new(
        input: TableInput<'a>,
        factory: &'a dyn ClientFactory<Client = C>,
        (previous, policies): (&'a RoutingTable<C>, &'a FallbackPolicies),
    ) -> Self {
        let level = Level::following(previous.level.as_ref(), Scope::Gateway, input.configuration.limits);
        let rooms = rooms(input.pools, previous);
        Self { input, factory, previous, policies, pools: HashMap::new(), groups: HashMap::new(), rooms, level }
    }

    /// Compiles the successor of the previous table.
    pub(crate) fn compile(mut self) -> Result<RoutingTable<C>, CompileError> {
        self.check_names()?;
        self.check_fallback()?;
        for pool in self.input.pools {
            let live = self.pool(pool)?;
            self.pools.insert(pool.name().clone(), Arc::new(live));
        }
        for group in self.input.groups {
            let live = self.group(group)?;
            self.groups.insert(group.name().clone(), Arc::new(live));
        }
        let entries = self.entries()?;
        let default = match &self.input.configuration.default_target {
            Some(target) => Some(entries.lookup("the default target", target)?.clone()),
            None => None,
        };
        let wrappers = self.wrappers().map(|wrapper| (wrapper.name().clone(), wrapper.clone())).collect();
        let content_hash = self.input.configuration.content_hash.clone();
        let retry_budget = Arc::clone(&self.previous.retry_budget);
        let Self { previous, pools, groups, level, .. } = self;
        let revision = previous.revision + 1;
        let entries = entries.into_map();
        let all = entries.values().flat_map(|entry| entry.route.instances());
        let instances = all.map(|instance| (instance.label.clone(), Arc::clone(instance))).collect();
        Ok(RoutingTable {
            revision,
            content_hash,
            pools,
            groups,
            wrappers,
            entries,
            instances,
            default,
            level,
            retry_budget,
        })
    }

    fn wrappers(&self) -> impl Iterator<Item = &'a Wrapper> + use<'a, C> {
        self.input.configuration.wrappers.iter().map(|declared| &declared.value)
    }

    fn check_names(&self) -> Result<(), CompileError> {
        let mut taken: HashMap<&str, &'static str> = HashMap::new();
        let wrappers = self.wrappers().map(|wrapper| (wrapper.name().as_str(), "wrapper"));
        let pools = self.input.pools.iter().map(|pool| (pool.name().as_str(), "pool"));
        let groups = self.input.groups.iter().map(|group| (group.name().as_str(), "task group"));
        let aliases = self.input.configuration.aliases.keys().map(|alias| (alias.as_str(), "model alias"));
        for (name, second) in wrappers.chain(pools).chain(groups).chain(aliases) {
            if let Some(first) = taken.insert(name, second) {
                return Err(CompileError::NameClash { name: name.to_owned(), first, second });
            }
        }
        Ok(())
    }

    fn check_fallback(&self) -> Result<(), CompileError> {
        let edges = fallback_edges(self.input.pools.iter().copied(), self.input.groups.iter().copied());
        match cycles(&edges).first() {
            Some(path) => Err(CompileError::FallbackCycle { path: path.join(" -> ") }),
            None => Ok(()),
        }
    }

    /// An instance with a fresh client, and with the state of its predecessor if it is the same upstream.
    fn instance(
        &self,
        (owner, spec): (&Owned, InstanceSpec),
        policies: &InstancePolicies,
        predecessors: &[Arc<LiveInstance<C>>],
    ) -> Result<Arc<LiveInstance<C>>, CompileError> {
        let card = self.input.configuration.models.card(&spec.model).map(Arc::new);
        let policies = policies.of(&spec, card.as_deref());
        let client =
            self.factory.client(&spec).map_err(|source| CompileError::Client { instance: spec.id.clone(), source })?;
        let known = predecessors.iter().find(|known| known.is_same_upstream(owner, &spec));
        let was_drained = known.is_some_and(|known| known.spec.weight.is_drained());
        let (state, credential) = match known.map(|known| (known, client.succession(&known.client))) {
            Some((known, Succession::Same)) => (Arc::clone(&known.state), known.credential),
            Some((known, Succession::OtherCredential)) => (Arc::clone(&known.state), known.credential + 1),
            Some((_, Succession::OtherUpstream)) | None => {
                (Arc::new(InstanceState::new(&policies, seed(spec.id.as_str()))), 0)
            }
        };
        let is_new = known.is_none_or(|known| !Arc::ptr_eq(&known.state, &state));
        let joins = !predecessors.is_empty() && (is_new || was_drained);
        let room = match owner {
            Owned::ByPool(pool) => self.rooms.get(pool).cloned(),
            Owned::ByTier(..) | Owned::Directly => None,
        };
        let label = owner.label(&spec.id);
        let owner = owner.clone();
        Ok(Arc::new(LiveInstance { owner, spec, card, label, policies, client, credential, joins, room, state }))
    }
}

/// The rooms of the pools in which requests wait; whoever waits in one goes on waiting there.
fn rooms<C>(pools: &[&Pool], previous: &RoutingTable<C>) -> HashMap<PoolName, Arc<WaitingRoom>> {
    let room = |pool: &&Pool| {
        let OnExhausted::Queue(_) = pool.policy().on_exhausted else { return None };
        let known = previous.pool(pool.name()).and_then(|pool| pool.room.clone());
        Some((pool.name().clone(), known.unwrap_or_default()))
    };
    pools.iter().filter_map(room).collect()
}

/// For each new member, the position of the old one of the same name, whose turn it takes over.
fn survivors<'a, M>(old: &'a [M], new: &'a [M], name: fn(&'a M) -> &'a str) -> Vec<Option<usize>> {
    let positions: HashMap<_, _> = old.iter().enumerate().map(|(at, member)| (name(member), at)).collect();
    new.iter().map(|member| positions.get(name(member)).copied()).collect()
}

/// A seed that is the same for the same name: a restart with the same traffic decides the same.
fn seed(name: &str) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(name)
}
