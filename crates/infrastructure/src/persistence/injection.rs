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
