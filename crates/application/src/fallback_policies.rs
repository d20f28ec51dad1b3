//! The fallback policies that the embedding program registered, by name.

use std::{collections::BTreeMap, fmt, sync::Arc};

use tidegate_domain::task_group::CustomFallback;

/// Fallback policies by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct FallbackPolicies(BTreeMap<Box<str>, Registered>);

/// A registered policy.
#[derive(Clone)]
pub(crate) struct Registered(pub(crate) Arc<dyn CustomFallback>);

impl FallbackPolicies {
    pub(crate) fn register(&mut self, name: &str, policy: Arc<dyn CustomFallback>) {
        self.0.insert(name.into(), Registered(policy));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Registered> {
        self.0.get(name)
    }

    /// The names, for people.
    pub(crate) fn names(&self) -> String {
        if self.0.is_empty() { "none".to_owned() } else { self.0.keys().cloned().collect::<Vec<_>>().join(", ") }
    }
}

impl fmt::Debug for Registered {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Registered")
    }
}
