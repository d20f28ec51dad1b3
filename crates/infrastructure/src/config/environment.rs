//! The variables that a configuration may refer to, as a value: tests pass their own.

use std::{collections::BTreeMap, ffi::OsString, fmt, sync::Arc};

/// A set of environment variables; clones share it. Its `Debug` shows no values.
#[derive(Clone, Default)]
pub struct Environment {
    variables: Arc<BTreeMap<OsString, OsString>>,
}

/// What is known about a variable.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Variable<'a> {
    Set(&'a str),
    Empty,
    Unset,
    NotUnicode,
}

impl Environment {
    /// These variables, with `more` over them.
    #[must_use]
    pub fn with(&self, more: &BTreeMap<String, String>) -> Self {
        let mut variables = BTreeMap::clone(&self.variables);
        variables.extend(more.iter().map(|(name, value)| (name.into(), value.into())));
        Self { variables: Arc::new(variables) }
    }

    /// The variables of this process, read once.
    pub fn of_process() -> Self {
        Self { variables: Arc::new(std::env::vars_os().collect()) }
    }

    pub(super) fn variable(&self, name: &str) -> Variable<'_> {
        let Some(value) = self.variables.get(std::ffi::OsStr::new(name)) else { return Variable::Unset };
        match value.to_str() {
            None => Variable::NotUnicode,
            Some("") => Variable::Empty,
            Some(value) => Variable::Set(value),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().filter_map(|name| name.to_str())
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables: Arc::new(variables) }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Environment({} variables)", self.variables.len())
    }
}
