//! The services as shaku components, for composition roots that use the container.
//!
//! The container is for start-up only: nothing is resolved per request. Every service keeps a plain `new`, so that a
//! program without a container composes them by hand.

use shaku::{Component, HasComponent, Module, ModuleBuildContext};
use tidegate_domain::{
    inference::{ClientFactory, LlmClient},
    observe::Observer,
    pool::PoolRepository,
    task_group::TaskGroupRepository,
    time::Clock,
};

use crate::{
    Catalog, CatalogParts, HealthChecks, HealthService, OrchestrationService, PoolService, RequestLog, Routes,
    TaskGroupService, WrapperService,
};

impl<M: Module, C: LlmClient> Component<M> for Routes<C> {
    type Interface = Self;
    type Parameters = ();

    fn build(_: &mut ModuleBuildContext<M>, (): ()) -> Box<Self> {
        Box::new(Self::empty())
    }
}

impl<M, C> Component<M> for Catalog<C>
where
    C: LlmClient,
    M: Module
        + HasComponent<dyn PoolRepository>
        + HasComponent<dyn TaskGroupRepository>
        + HasComponent<dyn ClientFactory<Client = C>>
        + HasComponent<dyn Observer>
        + HasComponent<Routes<C>>,
{
    type Interface = Self;
    type Parameters = ();

    fn build(context: &mut ModuleBuildContext<M>, (): ()) -> Box<Self> {
        Box::new(Self::new(CatalogParts {
            pools: <M as HasComponent<dyn PoolRepository>>::build_component(context),
            task_groups: <M as HasComponent<dyn TaskGroupRepository>>::build_component(context),
            factory: <M as HasComponent<dyn ClientFactory<Client = C>>>::build_component(context),
            routes: <M as HasComponent<Routes<C>>>::build_component(context),
            observer: <M as HasComponent<dyn Observer>>::build_component(context),
        }))
    }
}

/// In memory alone, unless a module is given another one as the parameter.
impl<M: Module> Component<M> for RequestLog {
    type Interface = Self;
    type Parameters = Self;

    fn build(_: &mut ModuleBuildContext<M>, requests: Self) -> Box<Self> {
        Box::new(requests)
    }
}

impl<M, C> Component<M> for OrchestrationService<C>
where
    C: LlmClient,
    M: Module
        + HasComponent<Routes<C>>
        + HasComponent<dyn Clock>
        + HasComponent<dyn Observer>
        + HasComponent<RequestLog>,
{
    type Interface = Self;
    type Parameters = ();

    fn build(context: &mut ModuleBuildContext<M>, (): ()) -> Box<Self> {
        let service = Self::new(
            <M as HasComponent<Routes<C>>>::build_component(context),
            <M as HasComponent<dyn Clock>>::build_component(context),
            <M as HasComponent<dyn Observer>>::build_component(context),
        );
        Box::new(service.logging_to(<M as HasComponent<RequestLog>>::build_component(context)))
    }
}

impl<M, C> Component<M> for WrapperService<C>
where
    C: LlmClient,
    M: Module + HasComponent<Routes<C>> + HasComponent<dyn Clock>,
{
    type Interface = Self;
    type Parameters = ();

    fn build(context: &mut ModuleBuildContext<M>, (): ()) -> Box<Self> {
        Box::new(Self::new(
            <M as HasComponent<Routes<C>>>::build_component(context),
            <M as HasComponent<dyn Clock>>::build_component(context),
        ))
    }
}

impl<M, C> Component<M> for HealthChecks<C>
where
    C: LlmClient,
    M: Module + HasComponent<Routes<C>> + HasComponent<dyn Clock> + HasComponent<dyn Observer>,
{
    type Interface = Self;
    type Parameters = ();

    fn build(context: &mut ModuleBuildContext<M>, (): ()) -> Box<Self> {
        Box::new(Self::new(
            <M as HasComponent<Routes<C>>>::build_component(context),
            <M as HasComponent<dyn Clock>>::build_component(context),
            <M as HasComponent<dyn Observer>>::build_component(context),
        ))
    }
}

/// The three services that work on the catalog are made alike.
macro_rules! catalog_service {
    ($service:ident) => {
        impl<M, C> Component<M> for $service<C>
        where
            C: LlmClient,
            M: Module + HasComponent<Catalog<C>> + HasComponent<Routes<C>> + HasComponent<dyn Clock>,
        {
            type Interface = Self;
            type Parameters = ();

            fn build(context: &mut ModuleBuildContext<M>, (): ()) -> Box<Self> {
                Box::new(Self::new(
                    <M as HasComponent<Catalog<C>>>::build_component(context),
                    <M as HasComponent<Routes<C>>>::build_component(context),
                    <M as HasComponent<dyn Clock>>::build_component(context),
                ))
            }
        }
    };
}

catalog_service!(PoolService);
catalog_service!(TaskGroupService);
catalog_service!(HealthService);
