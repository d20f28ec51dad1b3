//! Metrics and logs: what watches the gateway from inside.
//!
//! Both are [`Observer`]s; [`Observers`] puts them side by side. Labels are names from the configuration, never from a
//! request, so that no caller can make the number of series grow.

mod durations;
mod log;
mod metrics;
mod state;
mod text;

use std::{fmt, sync::Arc};

use tidegate_domain::observe::{Event, Observer};

pub use self::{
    log::LogObserver,
    metrics::{MetricsHandle, PrometheusObserver},
    state::state_series,
};

/// Several observers as one.
#[derive(Clone, Default)]
pub struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// Tells each of `observers`, in order.
    pub fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self(observers)
    }
}

impl Observer for Observers {
    fn observe(&self, event: &Event<'_>) {
        for observer in &self.0 {
            observer.observe(event);
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Observers").field(&self.0.len()).finish()
    }
}

#[cfg(feature = "shaku")]
impl<M: shaku::Module> shaku::Component<M> for Observers {
    type Interface = dyn Observer;
    type Parameters = Self;

    fn build(_: &mut shaku::ModuleBuildContext<M>, observers: Self) -> Box<dyn Observer> {
        Box::new(observers)
    }
}
