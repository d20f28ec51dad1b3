//! The kinds of entries, and how each is spelled.

/// A kind of entry: what a table of the root file, a directory or a file of its own can define.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Provider,
    Model,
    Pool,
    TaskGroup,
    Wrapper,
}

impl Kind {
    /// Every kind, in the order in which they are read: a kind refers to earlier ones.
    pub(super) const ALL: [Self; 5] = [Self::Provider, Self::Model, Self::Pool, Self::TaskGroup, Self::Wrapper];

    /// The table that holds the entries.
    pub(super) fn section(self) -> &'static str {
        match self {
            Self::Provider => "providers",
            Self::Model => "models",
            Self::Pool => "pools",
            Self::TaskGroup => "task_groups",
            Self::Wrapper => "wrappers",
        }
    }

    /// The table that holds the body, in a file of its own.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Pool => "pool",
            Self::TaskGroup => "task_group",
            Self::Wrapper => "wrapper",
        }
    }

    /// The directories whose files are entries.
    pub(super) fn directories(self) -> &'static [&'static str] {
        match self {
            Self::Provider => &["providers"],
            Self::Model => &[],
            Self::Pool => &["pools"],
            Self::TaskGroup => &["task-groups", "task_groups"],
            Self::Wrapper => &["wrappers"],
        }
    }

    /// What it is called in a message.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Model => "model alias",
            Self::Pool => "pool",
            Self::TaskGroup => "task group",
            Self::Wrapper => "wrapper",
        }
    }
}
