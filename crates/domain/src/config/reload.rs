//! Putting another configuration in force while the gateway runs: what would follow, where it comes from, what became of it.

use std::{fmt, future::Future};

use super::{ConfigDiff, Configuration, Document, Report};
use crate::inference::ClientFactory;

/// What would follow the running configuration.
#[derive(Debug, Clone)]
pub struct Successor<F> {
    /// What is routed where.
    pub configuration: Configuration,
    /// How the instances are reached.
    pub factory: F,
    /// The files, for the record: secrets in them are references, or missing.
    pub documents: Vec<Document>,
    /// The keys that differ from those the process was started with, and need a new start to take effect.
    pub deferred: Vec<String>,
}

/// Where the successors of a running configuration come from.
pub trait ReloadSource: Send + Sync + 'static {
    /// How instances are reached.
    type Factory: ClientFactory;

    /// Reads everything afresh. The new factory takes over from the `running` one what can stay as it is, connections above
    /// all; it changes nothing about it.
    ///
    /// # Errors
    /// A [`Report`] with every problem at once; it holds no secret.
    fn load(&self, running: &Self::Factory) -> impl Future<Output = Result<Successor<Self::Factory>, Report>> + Send;
}

/// What became of a reload.
#[expect(clippy::large_enum_variant, reason = "there is one for each reload")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// The new configuration is in force, all of it.
    Applied {
        /// The revision of its routing table.
        revision: u64,
        /// How it differs from the one before.
        diff: ConfigDiff,
        /// The keys that take effect at the next start only.
        deferred: Vec<String>,
    },
    /// What was read is what is in force already.
    Unchanged,
    /// What was read cannot be used; what was in force still is, all of it.
    Rejected(Report),
}

impl ReloadOutcome {
    /// The word for logs and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::Unchanged => "unchanged",
            Self::Rejected(_) => "rejected",
        }
    }
}

impl fmt::Display for ReloadOutcome {
    /// One line for people.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied { revision, diff, deferred } => {
                write!(formatter, "revision {revision}: {diff}")?;
                if !deferred.is_empty() {
                    write!(formatter, "; takes effect at the next start: {}", deferred.join(", "))?;
                }
                Ok(())
            }
            Self::Unchanged => formatter.write_str("nothing changed"),
            Self::Rejected(report) => write!(formatter, "{}", report.headline()),
        }
    }
}
