//! Where pools and task groups are kept: in memory, or in a SQLite file; and requests that are over, in that file.
//!
//! Both kinds of adapter pass one contract suite. In SQLite an entity is a name, a version and a JSON document: a
//! definition is always read and written as a whole, so columns of its own for every field would buy nothing and would
//! make every new field a migration.
//!
//! Deliberately absent: caches (the routing table is one), and retries (a busy store says so, and the caller decides).

mod database;
mod document;
mod in_memory;
mod requests;
mod revisions;
mod sqlite;
mod table;

#[cfg(feature = "shaku")]
mod injection;

pub use database::{Database, DatabaseOptions, OpenDatabaseError};
pub use in_memory::{InMemoryPoolRepository, InMemoryTaskGroupRepository};
pub use requests::SqliteRequestRepository;
pub use revisions::{InMemoryRevisionRepository, SqliteRevisionRepository};
pub use sqlite::{SqlitePoolRepository, SqliteTaskGroupRepository};
#[cfg(feature = "shaku")]
pub use sqlite::{SqlitePoolRepositoryParameters, SqliteTaskGroupRepositoryParameters};

/// What a third party's error becomes: a cause to print, not a type to depend on.
type Cause = Box<dyn std::error::Error + Send + Sync>;
