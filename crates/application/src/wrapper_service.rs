//! Use cases of wrappers: public names, and where they lead.

use std::{fmt, sync::Arc};

use tidegate_domain::{inference::LlmClient, name::WrapperName, time::Clock, wrapper::Wrapper};

use crate::routing_table::{Routes, RoutingTable};

/// Lists wrappers. They are defined in files only.
pub struct WrapperService<C> {
    routes: Arc<Routes<C>>,
    clock: Arc<dyn Clock>,
}

/// A wrapper, and whether it leads to anybody now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapperView {
    /// The definition.
    pub wrapper: Wrapper,
    /// Whether a request could be sent to anybody behind it now.
    pub usable: bool,
}

impl<C: LlmClient> WrapperService<C> {
    /// Serves the wrappers that `routes` publishes.
    pub fn new(routes: Arc<Routes<C>>, clock: Arc<dyn Clock>) -> Self {
        Self { routes, clock }
    }

    /// The wrapper of that name, or `None`.
    pub fn get(&self, name: &WrapperName) -> Option<WrapperView> {
        self.list().into_iter().find(|view| view.wrapper.name() == name)
    }

    /// Every wrapper, by name.
    pub fn list(&self) -> Vec<WrapperView> {
        views(&self.routes.load(), &*self.clock)
    }
}

pub(crate) fn views<C>(table: &RoutingTable<C>, clock: &dyn Clock) -> Vec<WrapperView> {
    let now = clock.now();
    let usable = |wrapper: &Wrapper| {
        let route = table.route_of(wrapper.target());
        route.is_some_and(|route| route.legs.iter().any(|leg| leg.is_usable(now)))
    };
    let mut views: Vec<_> =
        table.wrappers().map(|wrapper| WrapperView { wrapper: wrapper.clone(), usable: usable(wrapper) }).collect();
    views.sort_by(|a, b| a.wrapper.name().cmp(b.wrapper.name()));
    views
}

impl<C> fmt::Debug for WrapperService<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WrapperService").finish_non_exhaustive()
    }
}
