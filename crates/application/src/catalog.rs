//! The catalog: every definition there is, and the one way to change them.
//!
//! Definitions come from files, which own theirs, and from the store, to which the services add. A change reads the store,
//! compiles the whole table that would result, writes the store and only then swaps the table: what does not compile or
//! cannot be written changes nothing. Changes are made one after another.

mod change;

use std::{
    collections::HashSet,
    fmt,
    path::PathBuf,
    sync::{Arc, PoisonError},
};

pub(crate) use change::Change;
use tidegate_domain::{
    config::{ConfigDiff, Configuration, Declared},
    inference::{ClientFactory, LlmClient},
    observe::{Event, Observer},
    pool::{Pool, PoolRepository},
    repository::{RepositoryError, Version, Versioned},
    task_group::{CustomFallback, TaskGroup, TaskGroupRepository},
};
use tokio::sync::Mutex;

use crate::{
    fallback_policies::FallbackPolicies,
    routing_table::{CompileError, Compiler, Routes, RoutingTable, TableInput},
};

/// Who owns a definition, and so who may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A file: edit it there.
    File(PathBuf),
    /// The store, at this version.
    Store(Version),
}

/// Why a change was not made. Everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// A file owns the definition.
    #[error("{kind} '{name}' is defined in {}; change it there", file.display())]
    OwnedByFile {
        /// The kind of definition.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The file.
        file: PathBuf,
    },
    /// The definitions would not make a routing table.
    #[error("the definitions do not fit together: {0}")]
    Invalid(CompileError),
    /// The store refused or failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl From<CompileError> for ChangeError {
    fn from(error: CompileError) -> Self {
        Self::Invalid(error)
    }
}

/// What a catalog is made of.
pub struct CatalogParts<C> {
    /// Where pools are stored.
    pub pools: Arc<dyn PoolRepository>,
    /// Where task groups are stored.
    pub task_groups: Arc<dyn TaskGroupRepository>,
    /// How instances are reached, until a replacement brings another way.
    pub factory: Arc<dyn ClientFactory<Client = C>>,
    /// Where tables are published.
    pub routes: Arc<Routes<C>>,
    /// Who is told of a new table.
    pub observer: Arc<dyn Observer>,
}

/// Every definition there is, and the one way to change them.
pub struct Catalog<C> {
    parts: CatalogParts<C>,
    current: Mutex<Current<C>>,
    /// What the embedding program decides itself.
    policies: std::sync::Mutex<FallbackPolicies>,
    /// What kept the last reload from taking effect.
    rejected: std::sync::Mutex<Option<usize>>,
}

/// What the table in force was compiled from, beside the store.
struct Current<C> {
    configuration: Configuration,
    factory: Factory<C>,
}

type Factory<C> = Arc<dyn ClientFactory<Client = C>>;

/// What a replacement did.
#[derive(Debug)]
pub(crate) struct Replaced {
    pub(crate) revision: u64,
    pub(crate) diff: ConfigDiff,
}

/// What a table is compiled from: the files' definitions and the store's.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// What the files define.
    pub configuration: Configuration,
    /// The store's pools.
    pub pools: Vec<Versioned<Pool>>,
    /// The store's task groups.
    pub task_groups: Vec<Versioned<TaskGroup>>,
}

impl<C: LlmClient> Catalog<C> {
    /// A catalog without definitions; [`Catalog::load`] gives it some.
    pub fn new(parts: CatalogParts<C>) -> Self {
        let current = Current { configuration: Configuration::default(), factory: Arc::clone(&parts.factory) };
        let (policies, rejected) = Default::default();
        Self { parts, current: Mutex::new(current), policies, rejected }
    }

    /// Lets task groups with `strategy = "custom"` ask `policy` under that name, from the next table on. To be called before
    /// definitions are loaded that name it.
    pub fn register_fallback(&self, name: &str, policy: Arc<dyn CustomFallback>) {
        self.policies.lock().unwrap_or_else(PoisonError::into_inner).register(name, policy);
    }

    /// Takes over what the files define, together with what the store holds, and returns the new table's revision.
    ///
    /// # Errors
    /// [`ChangeError`] if the store cannot be read or the definitions do not make a table.
    pub async fn load(&self, configuration: Configuration) -> Result<u64, ChangeError> {
        let mut current = self.current.lock().await;
        let factory = Arc::clone(&current.factory);
        self.put_in_force(&mut current, Current { configuration, factory }).await.map(|replaced| replaced.revision)
    }

    /// Takes over what the files define together with another way to reach instances, both or neither, and returns the new
    /// table's revision. State is carried over for every instance that its new client says is the same.
    ///
    /// # Errors
    /// [`ChangeError`] if the store cannot be read or the definitions do not make a table.
    pub async fn replace(
        &self,
        configuration: Configuration,
        factory: Arc<dyn ClientFactory<Client = C>>,
    ) -> Result<u64, ChangeError> {
        self.succeed(configuration, factory).await.map(|replaced| replaced.revision)
    }

    /// As [`Catalog::replace`], and says what differs.
    pub(crate) async fn succeed(
        &self,
        configuration: Configuration,
        factory: Factory<C>,
    ) -> Result<Replaced, ChangeError> {
        let mut current = self.current.lock().await;
        self.put_in_force(&mut current, Current { configuration, factory }).await
    }

    /// Whether what the files define could be put in force; changes nothing.
    pub(crate) async fn check(
        &self,
        configuration: Configuration,
        factory: &dyn ClientFactory<Client = C>,
    ) -> Result<(), ChangeError> {
        let definitions = self.read(configuration).await?;
        self.compile(&definitions, factory)?;
        Ok(())
    }

    async fn put_in_force(&self, current: &mut Current<C>, next: Current<C>) -> Result<Replaced, ChangeError> {
        let Current { configuration, factory } = next;
        let definitions = self.read(configuration).await?;
        let table = self.compile(&definitions, &*factory)?;
        let diff = ConfigDiff::between(&current.configuration, &definitions.configuration);
        *current = Current { configuration: definitions.configuration, factory };
        Ok(Replaced { revision: self.publish(table), diff })
    }

    /// Every definition, as of now.
    ///
    /// # Errors
    /// [`RepositoryError`] if the store cannot be read.
    pub async fn definitions(&self) -> Result<Definitions, RepositoryError> {
        let configuration = self.current.lock().await.configuration.clone();
        self.read(configuration).await
    }

    /// Makes a change and returns the version that the store gave it; `None` for a removal.
    pub(crate) async fn change(&self, change: Change<'_>) -> Result<Option<Version>, ChangeError> {
        let current = self.current.lock().await;
        change.check_owner(&current.configuration)?;
        let mut definitions = self.read(current.configuration.clone()).await?;
        change.apply(&mut definitions)?;
        let table = self.compile(&definitions, &*current.factory)?;
        let version = change.store(&self.parts).await?;
        self.publish(table);
        Ok(version)
    }

    /// Who is told of what happens.
    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.parts.observer
    }

    /// Whether the store can be read.
    pub(crate) async fn check_store(&self) -> Result<(), RepositoryError> {
        self.parts.pools.list().await.map(drop)
    }

    /// The hash of the files' configuration that is in force.
    pub(crate) fn content_hash(&self) -> String {
        self.parts.routes.load().content_hash().to_owned()
    }

    /// How many errors kept the last reload from taking effect; `None` if none did.
    pub(crate) fn rejected(&self) -> Option<usize> {
        *self.rejected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_rejected(&self, errors: Option<usize>) {
        *self.rejected.lock().unwrap_or_else(PoisonError::into_inner) = errors;
    }

    async fn read(&self, configuration: Configuration) -> Result<Definitions, RepositoryError> {
        let mut pools = self.parts.pools.list().await?;
        let mut task_groups = self.parts.task_groups.list().await?;
        let owned = names(&configuration.pools, |pool| pool.name().as_str());
        pools.retain(|stored| !is_shadowed("pool", stored.value.name().as_str(), &owned));
        let owned = names(&configuration.task_groups, |group| group.name().as_str());
        task_groups.retain(|stored| !is_shadowed("task group", stored.value.name().as_str(), &owned));
        Ok(Definitions { configuration, pools, task_groups })
    }

    fn compile(
        &self,
        definitions: &Definitions,
        factory: &dyn ClientFactory<Client = C>,
    ) -> Result<RoutingTable<C>, CompileError> {
        let Definitions { configuration, pools, task_groups } = definitions;
        let pools: Vec<&Pool> = values(&configuration.pools).chain(pools.iter().map(|stored| &stored.value)).collect();
        let groups: Vec<&TaskGroup> =
            values(&configuration.task_groups).chain(task_groups.iter().map(|stored| &stored.value)).collect();
        let input = TableInput { configuration, pools: &pools, groups: &groups };
        let policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Compiler::new(input, factory, (&self.parts.routes.load(), &policies)).compile()
    }

    fn publish(&self, table: RoutingTable<C>) -> u64 {
        let revision = table.revision();
        // For whoever measures how long a change takes to come into force. What was in force is dropped after it.
        let former = tracing::trace_span!("swap", revision).in_scope(|| self.parts.routes.publish(table));
        drop(former);
        self.parts.observer.observe(&Event::Published { revision });
        revision
    }
}

impl<C> fmt::Debug for Catalog<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Catalog").finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for CatalogParts<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CatalogParts").finish_non_exhaustive()
    }
}

/// What the files and the store define, each with its owner.
pub(crate) fn owned<T>(declared: Vec<Declared<T>>, stored: Vec<Versioned<T>>) -> impl Iterator<Item = (T, Owner)> {
    let of_files = declared.into_iter().map(|declared| (declared.value, Owner::File(declared.file)));
    of_files.chain(stored.into_iter().map(|stored| (stored.value, Owner::Store(stored.version))))
}

fn values<T>(declared: &[Declared<T>]) -> impl Iterator<Item = &T> {
    declared.iter().map(|declared| &declared.value)
}

fn names<T>(declared: &[Declared<T>], name: fn(&T) -> &str) -> HashSet<&str> {
    values(declared).map(name).collect()
}

/// A file's definition hides the store's one of the same name; that is said, not silent.
fn is_shadowed(kind: &'static str, name: &str, owned: &HashSet<&str>) -> bool {
    let shadowed = owned.contains(name);
    if shadowed {
        tracing::warn!(kind, name, "a file defines this name too; the stored definition is not used");
    }
    shadowed
}
