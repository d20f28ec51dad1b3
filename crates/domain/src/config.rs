//! A loaded configuration, where each part of it was written, what can be wrong with it, and how it follows another.

mod cycle;
mod diff;
mod problem;
mod reload;
mod revision;

use std::{collections::BTreeMap, path::PathBuf};

use async_trait::async_trait;
pub use cycle::{Edges, cycles, fallback_edges};
pub use diff::{Changes, ConfigDiff};
pub use problem::{Problem, Report, Severity};
pub use reload::{ReloadOutcome, ReloadSource, Successor};
pub use revision::{
    Accepted, ConfigFiles, ConfigRevision, Document, KEPT_REVISIONS, Reason, RestoreError, RevisionRepository,
};

use crate::{
    admission::Limits,
    model::ModelCatalogue,
    name::{ModelRef, Target},
    pool::Pool,
    resilience::{Deadlines, RetryBudgetPolicy},
    task_group::TaskGroup,
    wrapper::Wrapper,
};

/// Something defined in a file, and which file.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared<T> {
    /// What is defined.
    pub value: T,
    /// The file that defines it.
    pub file: PathBuf,
}

/// What the files define, valid on its own; the store may add to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// The pools.
    pub pools: Vec<Declared<Pool>>,
    /// The task groups.
    pub task_groups: Vec<Declared<TaskGroup>>,
    /// The wrappers.
    pub wrappers: Vec<Declared<Wrapper>>,
    /// Short names for models.
    pub aliases: BTreeMap<String, ModelRef>,
    /// What is known of models.
    pub models: ModelCatalogue,
    /// Where a request goes whose model resolves to nothing else; nowhere if absent.
    pub default_target: Option<Target>,
    /// The deadlines of what has none of its own.
    pub deadlines: Deadlines,
    /// How many extra attempts there may be, at each target and in the whole gateway.
    pub retry_budget: RetryBudgetPolicy,
    /// What the whole gateway lets in.
    pub limits: Limits,
    /// A hash of everything that was read.
    pub content_hash: String,
}

/// Where a configuration comes from.
#[async_trait]
pub trait ConfigSource: Send + Sync + 'static {
    /// Reads the configuration afresh.
    ///
    /// # Errors
    /// A [`Report`] with every problem at once; it holds no secret.
    async fn load(&self) -> Result<Configuration, Report>;
}
