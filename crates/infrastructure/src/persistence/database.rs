//! The SQLite database: one writing connection, a few reading ones, and a schema that is up to date.
//!
//! SQLite has one writer at a time whatever we do; a single connection makes the queue for it ours, fair and without
//! lock errors between our own tasks. The write-ahead log lets readers go on meanwhile, and `synchronous = FULL` makes
//! a commit outlive a power cut: definitions change rarely and are worth a flush.

mod error;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use error::OpenDatabaseError;
pub(super) use error::is_locked;
use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// For whoever looks at definitions or at requests that are over; the path of a request never reads the store. A second one would be a thread and a
/// quarter of a megabyte.
const READERS: u32 = 1;
/// A page cache of 256 KiB per connection: definitions are few, and SQLite would take up to 2 MiB.
const CACHE_SIZE: &str = "-256";
/// Every statement of every repository.
const STATEMENTS: usize = 32;
/// What SQLite can be told to wait at most, in milliseconds.
const MAX_BUSY_TIMEOUT: Duration = Duration::from_millis(i32::MAX as u64);
/// How often a lock is tried that SQLite does not wait for.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// Where a database is, and how patient it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// The file; in memory if absent.
    path: Option<PathBuf>,
    busy_timeout: Duration,
}

impl DatabaseOptions {
    /// How long a call waits for a lock by default.
    pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

    /// A database in that file. The file and the directories above it are made if they are missing.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: Some(path.into()), busy_timeout: Self::BUSY_TIMEOUT }
    }

    /// A database of its own in memory, gone with its last handle.
    pub fn in_memory() -> Self {
        Self { path: None, busy_timeout: Self::BUSY_TIMEOUT }
    }

    /// Waits that long for the lock of another process, and then says that the store is busy.
    #[must_use]
    pub fn with_busy_timeout(mut self, busy_timeout: Duration) -> Self {
        self.busy_timeout = busy_timeout.min(MAX_BUSY_TIMEOUT);
        self
    }

    /// How long a call waits for its connection: as long as whoever has it may wait for a lock, and time to open one.
    fn patience(&self) -> Duration {
        self.busy_timeout + Duration::from_secs(1)
    }
}

/// An open database. A handle is cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Opens a database and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenDatabaseError`] names the file and says what to do. A database that this binary cannot use is left as it
    /// is.
    pub async fn open(options: &DatabaseOptions) -> Result<Self, OpenDatabaseError> {
        let Some(path) = &options.path else { return Self::open_in_memory(options).await };
        // An absolute path keeps SQLite from reading a meaning into `:memory:`, `file:...` or nothing at all.
        let path = std::path::absolute(path).map_err(|error| OpenDatabaseError::open(path, error))?;
        create_directory(&path)?;
        let connect = connect_options(options).filename(&path);
        let readers = connect.clone().pragma("query_only", "ON");
        let database = Self {
            writer: pool(options, 1).connect_lazy_with(connect.create_if_missing(true)),
            readers: pool(options, READERS).connect_lazy_with(readers),
        };
        if let Err(error) = database.prepare(options.patience()).await {
            database.close().await;
            return Err(OpenDatabaseError::of(&path, error, newest_migration()));
        }
        Ok(database)
    }

    /// Waits for the calls under way, and writes the log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(super) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    pub(super) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    async fn open_in_memory(options: &DatabaseOptions) -> Result<Self, OpenDatabaseError> {
        // A second connection would see another, empty database.
        let only = pool(options, 1).connect_lazy_with(connect_options(options).in_memory(true));
        let database = Self { writer: only.clone(), readers: only };
        let in_memory = Path::new(":memory:");
        database.migrate().await.map_err(|error| OpenDatabaseError::of(in_memory, error, newest_migration()))?;
        Ok(database)
    }

    /// The journal comes last: a database that is refused keeps the journal it has.
    async fn prepare(&self, patience: Duration) -> Result<(), MigrateError> {
        self.migrate().await?;
        // Whoever gave up waiting was waiting for a lock, as one who waits for a connection is.
        tokio::time::timeout(patience, self.log_ahead()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        Ok(())
    }

    /// Turns the write-ahead log on. The file remembers it, so no later connection needs to ask for it; but SQLite does
    /// not wait for the lock that the turn takes, and two processes that open a new file at once meet here.
    async fn log_ahead(&self) -> Result<(), sqlx::Error> {
        loop {
            match sqlx::query("PRAGMA journal_mode = WAL").execute(&self.writer).await {
                Err(error) if is_locked(&error) => tokio::time::sleep(LOCK_POLL).await,
                outcome => return outcome.map(drop),
            }
        }
    }

    /// All or nothing, and one process after the other: sqlx has no migration lock for SQLite, so the write lock is it.
    async fn migrate(&self) -> Result<(), MigrateError> {
        let mut change = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        // `Migrator::run` does the same, but its future is not `Send` for a borrowed connection.
        MIGRATOR.run_direct(None, &mut *change, false).await?;
        change.commit().await?;
        Ok(())
    }
}

fn newest_migration() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
}

fn create_directory(path: &Path) -> Result<(), OpenDatabaseError> {
    let Some(directory) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(directory).map_err(|source| OpenDatabaseError::CreateDirectory {
        path: path.to_owned(),
        directory: directory.to_owned(),
        source,
    })
}

fn connect_options(options: &DatabaseOptions) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .statement_cache_capacity(STATEMENTS)
        .pragma("cache_size", CACHE_SIZE)
        .thread_name(|number| format!("sqlite-{number}"))
}

/// Connections are neither aged nor tested: there is no network between us and the file.
fn pool(options: &DatabaseOptions, connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(options.patience())
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn setting(connections: &SqlitePool, pragma: &'static str) -> String {
        let row = sqlx::query(pragma).fetch_one(connections).await.unwrap();
        let number = sqlx::Row::try_get::<i64, _>(&row, 0).map(|number| number.to_string());
        number.unwrap_or_else(|_| sqlx::Row::get(&row, 0))
    }

    #[tokio::test]
    async fn every_connection_has_its_settings() {
        let directory = tempfile::tempdir().unwrap();
        let options = DatabaseOptions::file(directory.path().join("x.db")).with_busy_timeout(Duration::from_secs(3));
        let database = Database::open(&options).await.unwrap();
        for (connections, query_only) in [(&database.writer, "0"), (&database.readers, "1")] {
            for (pragma, expected) in [
                ("PRAGMA journal_mode", "wal"),
                ("PRAGMA synchronous", "2"),
                ("PRAGMA foreign_keys", "1"),
                ("PRAGMA busy_timeout", "3000"),
                ("PRAGMA cache_size", CACHE_SIZE),
                ("PRAGMA query_only", query_only),
            ] {
                assert_eq!(setting(connections, pragma).await, expected, "{pragma}");
            }
        }
    }

    #[tokio::test]
    async fn readers_are_opened_when_they_are_needed() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(&DatabaseOptions::file(directory.path().join("x.db"))).await.unwrap();
        assert_eq!((database.writer.size(), database.readers.size()), (1, 0));
    }
}
