//! The in-memory repositories as shaku components: empty unless a module is given a handle as the parameter.

use shaku::{Component, Module, ModuleBuildContext};
use tidegate_domain::{pool::PoolRepository, task_group::TaskGroupRepository};

use super::{InMemoryPoolRepository, InMemoryTaskGroupRepository};

impl<M: Module> Component<M> for InMemoryPoolRepository {
    type Interface = dyn PoolRepository;
    type Parameters = Self;

    fn build(_: &mut ModuleBuildContext<M>, pools: Self) -> Box<dyn PoolRepository> {
        Box::new(pools)
    }
}

impl<M: Module> Component<M> for InMemoryTaskGroupRepository {
    type Interface = dyn TaskGroupRepository;
    type Parameters = Self;

    fn build(_: &mut ModuleBuildContext<M>, groups: Self) -> Box<dyn TaskGroupRepository> {
        Box::new(groups)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shaku::{HasComponent, module};
    use tidegate_domain::{
        name::GroupName,
        pool::{Pool, PoolMember, PoolPolicy},
    };

    use super::*;
    use crate::persistence::{
        Database, DatabaseOptions, SqlitePoolRepository, SqlitePoolRepositoryParameters, SqliteTaskGroupRepository,
        SqliteTaskGroupRepositoryParameters,
    };

    module! {
        InMemoryStorage {
            components = [InMemoryPoolRepository, InMemoryTaskGroupRepository],
            providers = []
        }
    }

    module! {
        SqliteStorage {
            components = [SqlitePoolRepository, SqliteTaskGroupRepository],
            providers = []
        }
    }

    fn pool() -> Pool {
        let group = GroupName::new("g").unwrap();
        let members = vec![PoolMember::Reference { group, tier: None }];
        Pool::new("p".parse().unwrap(), members, PoolPolicy::default()).unwrap()
    }

    #[tokio::test]
    async fn a_module_uses_the_handle_it_was_given() {
        let handle = InMemoryPoolRepository::default();
        let module =
            InMemoryStorage::builder().with_component_parameters::<InMemoryPoolRepository>(handle.clone()).build();
        let pools: Arc<dyn PoolRepository> = module.resolve();
        pools.insert(&pool()).await.unwrap();
        assert_eq!(handle.list().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_module_uses_the_database_it_was_given() {
        let database = Database::open(&DatabaseOptions::in_memory()).await.unwrap();
        let module = SqliteStorage::builder()
            .with_component_parameters::<SqlitePoolRepository>(SqlitePoolRepositoryParameters {
                database: database.clone(),
            })
            .with_component_parameters::<SqliteTaskGroupRepository>(SqliteTaskGroupRepositoryParameters {
                database: database.clone(),
            })
            .build();
        let pools: Arc<dyn PoolRepository> = module.resolve();
        let groups: Arc<dyn TaskGroupRepository> = module.resolve();
        pools.insert(&pool()).await.unwrap();
        assert_eq!(SqlitePoolRepository::new(database).list().await.unwrap().len(), 1);
        assert_eq!(groups.list().await.unwrap(), []);
    }
}
