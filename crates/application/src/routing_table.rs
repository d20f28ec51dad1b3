//! The routing table: one immutable snapshot of everything a request can be sent to.
//!
//! A request takes one snapshot and uses it to its end, so that a change never tears a request. A change compiles a whole
//! new table beside the old one and swaps a pointer; what does not compile changes nothing.

mod compile;
mod resolve;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arc_swap::ArcSwap;
pub use compile::CompileError;
pub(crate) use compile::{Compiler, TableInput};
use tidegate_domain::{
    name::{GroupName, InstanceId, NamedMap, PoolName, Target, WrapperName},
    task_group::TaskGroup,
    wrapper::Wrapper,
};

use crate::{
    admission::Level,
    live::{LiveInstance, LivePool, SharedBudget},
    wrappers::{Leg, Route},
};

/// A task group that serves: its definition and a leg for each of its tiers.
#[derive(Debug)]
pub(crate) struct LiveGroup<C> {
    pub(crate) definition: TaskGroup,
    pub(crate) legs: Vec<Arc<Leg<C>>>,
    /// What it lets in, if anything is limited.
    pub(crate) level: Option<Level>,
}

/// One name that a caller may use.
#[derive(Debug)]
pub(crate) struct Entry<C> {
    kind: &'static str,
    /// The wrapper whose name it is, if it is one's.
    pub(crate) wrapper: Option<WrapperName>,
    pub(crate) route: Arc<Route<C>>,
}

impl<C> Clone for Entry<C> {
    fn clone(&self) -> Self {
        Self { kind: self.kind, wrapper: self.wrapper.clone(), route: Arc::clone(&self.route) }
    }
}

/// Everything a request can be sent to, as of one revision.
#[derive(Debug)]
pub struct RoutingTable<C> {
    revision: u64,
    /// The hash of the configuration that it was compiled from; the store's definitions are no part of it.
    content_hash: String,
    pools: HashMap<PoolName, Arc<LivePool<C>>>,
    groups: HashMap<GroupName, Arc<LiveGroup<C>>>,
    wrappers: HashMap<WrapperName, Wrapper>,
    /// Routes by every spelling that leads to them: bare names and explicit targets.
    entries: NamedMap<Box<str>, Entry<C>>,
    /// Every instance that a route leads to, once, by its name within the whole gateway.
    instances: BTreeMap<InstanceId, Arc<LiveInstance<C>>>,
    /// Where a name leads that nobody has.
    default: Option<Entry<C>>,
    /// What the whole gateway lets in, if anything is limited.
    level: Option<Level>,
    /// Pays for extra attempts at whatever target.
    retry_budget: Arc<SharedBudget>,
}

impl<C> RoutingTable<C> {
    /// A table that leads nowhere.
    fn empty() -> Self {
        Self {
            revision: 0,
            content_hash: String::new(),
            pools: HashMap::new(),
            groups: HashMap::new(),
            wrappers: HashMap::new(),
            entries: NamedMap::default(),
            instances: BTreeMap::new(),
            default: None,
            level: None,
            retry_budget: Arc::default(),
        }
    }

    /// The number of this table: one more than its predecessor's.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn levels(&self) -> impl Iterator<Item = &Level> {
        let of_groups = self.groups.values().flat_map(|group| {
            let of_tiers = group.legs.iter().filter_map(|leg| leg.level.as_ref());
            group.level.iter().chain(of_tiers)
        });
        let of_pools = self.pools.values().filter_map(|pool| pool.level.as_ref());
        self.level.iter().chain(of_pools).chain(of_groups)
    }

    /// The hash of the files' configuration that is in force.
    pub fn content_hash(&self) -> &str {
        &self.content_hash
    }

    pub(crate) fn pool(&self, name: &PoolName) -> Option<&Arc<LivePool<C>>> {
        self.pools.get(name)
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<LivePool<C>>> {
        self.pools.values()
    }

    pub(crate) fn group(&self, name: &GroupName) -> Option<&Arc<LiveGroup<C>>> {
        self.groups.get(name)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Arc<LiveGroup<C>>> {
        self.groups.values()
    }

    /// Every instance, once, sorted by its name within the whole gateway.
    pub(crate) fn instances(&self) -> impl Iterator<Item = &Arc<LiveInstance<C>>> {
        self.instances.values()
    }

    pub(crate) fn wrappers(&self) -> impl Iterator<Item = &Wrapper> {
        self.wrappers.values()
    }

    pub(crate) fn route_of(&self, target: &Target) -> Option<&Arc<Route<C>>> {
        self.entries.get(target.to_string().as_str()).map(|entry| &entry.route)
    }
}

/// Publishes routing tables: readers never wait, a change swaps one pointer.
#[derive(Debug)]
pub struct Routes<C>(ArcSwap<RoutingTable<C>>);

impl<C> Routes<C> {
    /// Publishes a table that leads nowhere, until the first one is compiled.
    pub fn empty() -> Self {
        Self(ArcSwap::from_pointee(RoutingTable::empty()))
    }

    /// The table in force.
    pub fn load(&self) -> Arc<RoutingTable<C>> {
        self.0.load_full()
    }

    /// Puts a table in force: its instances go on under its policies, and its levels under its limits.
    pub(crate) fn publish(&self, table: RoutingTable<C>) -> Arc<RoutingTable<C>> {
        for instance in table.instances() {
            instance.state.go_on(&instance.policies, instance.credential);
            if instance.joins {
                instance.state.join();
            }
        }
        table.levels().for_each(Level::apply);
        self.0.swap(Arc::new(table))
    }
}

impl<C> Default for Routes<C> {
    fn default() -> Self {
        Self::empty()
    }
}
