//! The whole engine for a Rust program, without HTTP.

use std::{fmt, path::PathBuf, sync::Arc};

use tidegate_application::{
    Catalog, ChangeError, ConfigHistory, HealthChecks, HealthService, OrchestrationService, PoolService, ReloadService,
    TargetStatistics, TaskGroupService, WrapperService,
};
use tidegate_domain::{
    config::{Configuration, Declared, ReloadSource, Report, RevisionRepository},
    observe::Observer,
    pool::Pool,
    task_group::{CustomFallback, TaskGroup},
};
use tidegate_infrastructure::{
    clock::TokioClock,
    config::{ConfigLocation, Environment, RequestLogSettings, Settings, StorageSettings, TomlConfigSource},
    persistence::{Database, DatabaseOptions, InMemoryRevisionRepository, OpenDatabaseError, SqliteRevisionRepository},
    provider::{BuildProvidersError, ProviderClient, ProviderSettings, Providers},
    telemetry::Observers,
};

use crate::{
    composition::{Services, Storage, compose},
    request_log::{self, Writing},
};

/// A composed engine.
pub struct Gateway {
    services: Services,
    database: Option<Database>,
    providers: Providers,
    observers: Observers,
    statistics: Arc<TargetStatistics>,
    history: ConfigHistory,
    writing: Option<Writing>,
}

/// Why a gateway cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildGatewayError {
    /// The configuration has problems: they are the message, and nothing is behind it.
    #[error("the configuration has problems\n\n{0}")]
    Configuration(Report),
    /// The store cannot be opened.
    #[error(transparent)]
    Database(#[from] OpenDatabaseError),
    /// The providers cannot be built.
    #[error(transparent)]
    Providers(#[from] BuildProvidersError),
    /// The definitions of files and store do not fit together.
    #[error(transparent)]
    Definitions(#[from] ChangeError),
}

impl From<Report> for BuildGatewayError {
    fn from(report: Report) -> Self {
        Self::Configuration(report)
    }
}

impl Gateway {
    /// Begins a gateway without providers and definitions, that keeps what it is given in memory.
    pub fn builder() -> GatewayBuilder {
        GatewayBuilder::default()
    }

    /// Answers requests.
    pub fn orchestration(&self) -> &Arc<OrchestrationService<ProviderClient>> {
        &self.services.orchestration
    }

    /// Creates, changes and watches pools.
    pub fn pools(&self) -> &Arc<PoolService<ProviderClient>> {
        &self.services.pools
    }

    /// Creates, changes and watches task groups.
    pub fn task_groups(&self) -> &Arc<TaskGroupService<ProviderClient>> {
        &self.services.task_groups
    }

    /// Lists wrappers.
    pub fn wrappers(&self) -> &Arc<WrapperService<ProviderClient>> {
        &self.services.wrappers
    }

    /// Reports on everything.
    pub fn health(&self) -> &Arc<HealthService<ProviderClient>> {
        &self.services.health
    }

    /// Checks instances, as long as its future is polled; a program that wants active checks spawns it.
    pub fn health_checks(&self) -> &Arc<HealthChecks<ProviderClient>> {
        &self.services.checks
    }

    /// Counts what becomes of requests, by target.
    pub fn statistics(&self) -> &Arc<TargetStatistics> {
        &self.statistics
    }

    /// Holds every definition.
    pub fn catalog(&self) -> &Arc<Catalog<ProviderClient>> {
        &self.services.catalog
    }

    /// Puts other configurations from `source` in force while all of this serves.
    pub fn reload_service<S: ReloadSource<Factory = Providers>>(&self, source: S) -> ReloadService<S> {
        let observer = Arc::new(self.observers.clone());
        ReloadService::new(Arc::clone(self.catalog()), source, self.providers.clone(), observer)
            .with_history(self.history.clone())
    }

    /// The configurations that were in force.
    pub fn history(&self) -> &ConfigHistory {
        &self.history
    }

    /// Has the requests stored that wait for it, and closes the store, so that its file is whole by itself.
    pub async fn close(self) {
        if let Some(writing) = self.writing {
            writing.end().await;
        }
        if let Some(database) = self.database {
            database.close().await;
        }
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gateway").field("database", &self.database).finish_non_exhaustive()
    }
}

/// What a gateway is built from.
#[derive(Default)]
pub struct GatewayBuilder {
    configuration: Configuration,
    providers: Vec<ProviderSettings>,
    storage: StorageSettings,
    requests: RequestLogSettings,
    observers: Vec<Arc<dyn Observer>>,
    fallbacks: Vec<(String, Arc<dyn CustomFallback>)>,
}

impl GatewayBuilder {
    /// Takes providers, definitions and storage from a TOML file or directory, with the process's variables; what was given
    /// before is replaced.
    ///
    /// # Errors
    /// A [`Report`] with every problem of the files.
    pub fn config(self, path: impl Into<PathBuf>) -> Result<Self, Report> {
        let location = ConfigLocation { path: path.into(), environment: None };
        let loaded = TomlConfigSource::new(location, Environment::of_process()).load_all()?;
        let Settings { providers, storage, requests, .. } = loaded.settings;
        Ok(self.configuration(loaded.configuration).providers(providers).storage(storage).requests(requests))
    }

    /// Takes definitions that were loaded elsewhere.
    #[must_use]
    pub fn configuration(mut self, configuration: Configuration) -> Self {
        self.configuration = configuration;
        self
    }

    /// Takes providers that were loaded elsewhere.
    #[must_use]
    pub fn providers(mut self, providers: Vec<ProviderSettings>) -> Self {
        self.providers = providers;
        self
    }

    /// Adds a provider.
    #[must_use]
    pub fn provider(mut self, provider: ProviderSettings) -> Self {
        self.providers.push(provider);
        self
    }

    /// Adds a pool that this program defines.
    #[must_use]
    pub fn pool(mut self, pool: Pool) -> Self {
        self.configuration.pools.push(declared(pool));
        self
    }

    /// Adds a task group that this program defines.
    #[must_use]
    pub fn task_group(mut self, group: TaskGroup) -> Self {
        self.configuration.task_groups.push(declared(group));
        self
    }

    /// Keeps definitions there.
    #[must_use]
    pub fn storage(mut self, storage: StorageSettings) -> Self {
        self.storage = storage;
        self
    }

    /// Keeps requests that are over so.
    #[must_use]
    pub fn requests(mut self, requests: RequestLogSettings) -> Self {
        self.requests = requests;
        self
    }

    /// Lets task groups with `strategy = "custom"` and `policy = name` ask `policy` who is next after a fault.
    #[must_use]
    pub fn fallback(mut self, name: impl Into<String>, policy: Arc<dyn CustomFallback>) -> Self {
        self.fallbacks.push((name.into(), policy));
        self
    }

    /// Tells `observer` of every event.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observers.push(observer);
        self
    }

    /// Opens the store, composes the services and puts the definitions in force.
    ///
    /// # Errors
    /// [`BuildGatewayError`] says which of these failed, and why.
    pub async fn build(self) -> Result<Gateway, BuildGatewayError> {
        let Self { configuration, providers, storage, requests, mut observers, fallbacks } = self;
        let database = match storage {
            StorageSettings::Memory => None,
            StorageSettings::Sqlite { path } => Some(Database::open(&DatabaseOptions::file(path)).await?),
        };
        let revisions: Arc<dyn RevisionRepository> = match &database {
            None => Arc::new(InMemoryRevisionRepository::default()),
            Some(database) => Arc::new(SqliteRevisionRepository::new(database.clone())),
        };
        let storage = database.clone().map_or(Storage::InMemory, Storage::Sqlite);
        let statistics = Arc::new(TargetStatistics::default());
        observers.push(Arc::clone(&statistics) as _);
        let (providers, observers) = (Providers::new(providers)?, Observers::new(observers));
        let (requests, writing) = request_log::build(requests, database.as_ref(), &observers);
        let services = compose(storage, providers.clone(), observers.clone(), requests);
        for (name, policy) in fallbacks {
            services.catalog.register_fallback(&name, policy);
        }
        services.catalog.load(configuration).await?;
        let history = ConfigHistory::new(revisions, Arc::new(TokioClock), Arc::new(observers.clone()));
        Ok(Gateway { services, database, providers, observers, statistics, history, writing })
    }
}

impl fmt::Debug for GatewayBuilder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GatewayBuilder").field("storage", &self.storage).finish_non_exhaustive()
    }
}

fn declared<T>(value: T) -> Declared<T> {
    Declared { value, file: PathBuf::from("(this program)") }
}
