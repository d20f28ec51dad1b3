//! The composition root: every component, and what each is made of.
//!
//! Everything that can fail or must be awaited (files, the database) happens before the container is built; values enter it
//! as parameters. Nothing is resolved from it after start-up.

use std::sync::Arc;

use shaku::{HasComponent, module};
use tidegate_application::{
    Catalog, HealthChecks, HealthService, OrchestrationService, PoolService, RequestLog, Routes, TaskGroupService,
    WrapperService,
};
use tidegate_domain::{pool::PoolRepository, task_group::TaskGroupRepository};
use tidegate_infrastructure::{
    clock::TokioClock,
    persistence::{
        Database, InMemoryPoolRepository, InMemoryTaskGroupRepository, SqlitePoolRepository,
        SqlitePoolRepositoryParameters, SqliteTaskGroupRepository, SqliteTaskGroupRepositoryParameters,
    },
    provider::{ProviderClient, Providers},
    telemetry::Observers,
};

/// The repositories that every storage backend provides.
trait StorageModule: HasComponent<dyn PoolRepository> + HasComponent<dyn TaskGroupRepository> {}

module! {
    InMemoryStorage: StorageModule {
        components = [InMemoryPoolRepository, InMemoryTaskGroupRepository],
        providers = []
    }
}

module! {
    SqliteStorage: StorageModule {
        components = [SqlitePoolRepository, SqliteTaskGroupRepository],
        providers = []
    }
}

module! {
    GatewayModule {
        components = [
            TokioClock,
            Observers,
            Providers,
            RequestLog,
            Routes<ProviderClient>,
            Catalog<ProviderClient>,
            PoolService<ProviderClient>,
            TaskGroupService<ProviderClient>,
            WrapperService<ProviderClient>,
            OrchestrationService<ProviderClient>,
            HealthService<ProviderClient>,
            HealthChecks<ProviderClient>
        ],
        providers = [],

        use dyn StorageModule {
            components = [dyn PoolRepository, dyn TaskGroupRepository],
            providers = []
        }
    }
}

/// Where definitions are kept, opened.
#[derive(Debug)]
pub(crate) enum Storage {
    InMemory,
    Sqlite(Database),
}

impl Storage {
    fn module(self) -> Arc<dyn StorageModule> {
        match self {
            Self::InMemory => Arc::new(InMemoryStorage::builder().build()),
            Self::Sqlite(database) => Arc::new(
                SqliteStorage::builder()
                    .with_component_parameters::<SqlitePoolRepository>(SqlitePoolRepositoryParameters {
                        database: database.clone(),
                    })
                    .with_component_parameters::<SqliteTaskGroupRepository>(SqliteTaskGroupRepositoryParameters {
                        database,
                    })
                    .build(),
            ),
        }
    }
}

/// Every service, composed once.
pub(crate) struct Services {
    pub(crate) catalog: Arc<Catalog<ProviderClient>>,
    pub(crate) pools: Arc<PoolService<ProviderClient>>,
    pub(crate) task_groups: Arc<TaskGroupService<ProviderClient>>,
    pub(crate) wrappers: Arc<WrapperService<ProviderClient>>,
    pub(crate) orchestration: Arc<OrchestrationService<ProviderClient>>,
    pub(crate) health: Arc<HealthService<ProviderClient>>,
    pub(crate) checks: Arc<HealthChecks<ProviderClient>>,
}

/// Composes every service.
pub(crate) fn compose(storage: Storage, providers: Providers, observers: Observers, requests: RequestLog) -> Services {
    let module = GatewayModule::builder(storage.module())
        .with_component_parameters::<RequestLog>(requests)
        .with_component_parameters::<Providers>(providers)
        .with_component_parameters::<Observers>(observers)
        .build();
    Services {
        catalog: module.resolve(),
        pools: module.resolve(),
        task_groups: module.resolve(),
        wrappers: module.resolve(),
        orchestration: module.resolve(),
        health: module.resolve(),
        checks: module.resolve(),
    }
}
