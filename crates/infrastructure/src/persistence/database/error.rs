//! Why a database cannot be opened, in words that name the file and the way out.

use std::{
    io,
    path::{Path, PathBuf},
};

use sqlx::migrate::MigrateError;

use crate::persistence::Cause;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenDatabaseError {
    /// The directory that is to hold it cannot be made.
    #[error(
        "cannot create the directory '{directory}' for the database '{path}'; choose another path, or create it and \
         make it writable"
    )]
    CreateDirectory {
        /// The database file.
        path: PathBuf,
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be opened, read or written.
    #[error(
        "cannot open the database '{path}' for writing; check that it is a file and that it and its directory are \
         writable"
    )]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite or the system said.
        #[source]
        source: Cause,
    },
    /// The file is something else, or damaged.
    #[error("'{path}' is no SQLite database, or a damaged one; choose another path, or restore the file from a backup")]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Cause,
    },
    /// Another process holds a lock for longer than the busy timeout.
    #[error("another process has locked the database '{path}'; stop it, or choose another path")]
    Locked {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Cause,
    },
    /// A newer binary has been here. The file is unchanged.
    #[error(
        "the database '{path}' has schema {found}, which this binary does not know (it knows up to {known}); run the \
         newer binary, or restore the backup from before it"
    )]
    SchemaTooNew {
        /// The database file.
        path: PathBuf,
        /// The first migration in the file that this binary does not have.
        found: i64,
        /// The last migration that this binary has.
        known: i64,
    },
    /// The schema cannot be brought up to date. The file is unchanged.
    #[error("the schema of the database '{path}' cannot be brought up to date; restore the file from a backup")]
    Migrate {
        /// The database file.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Cause,
    },
}

impl OpenDatabaseError {
    pub(super) fn open(path: &Path, source: impl Into<Cause>) -> Self {
        Self::Open { path: path.to_owned(), source: source.into() }
    }

    pub(super) fn of(path: &Path, error: MigrateError, known: i64) -> Self {
        let path = path.to_owned();
        match error {
            MigrateError::VersionMissing(found) => Self::SchemaTooNew { path, found, known },
            MigrateError::Execute(error) => Self::of_sqlite(path, error),
            error => Self::Migrate { path, source: error.into() },
        }
    }

    fn of_sqlite(path: PathBuf, error: sqlx::Error) -> Self {
        let primary = primary_code(&error);
        let locked = is_locked(&error);
        let source = error.into();
        match primary {
            _ if locked => Self::Locked { path, source },
            Some(SQLITE_NOTADB | SQLITE_CORRUPT) => Self::NotADatabase { path, source },
            _ => Self::Open { path, source },
        }
    }
}

/// Whether someone else held a lock for longer than we were to wait: another process, or our own queue for the writer.
pub(in crate::persistence) fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::PoolTimedOut) || matches!(primary_code(error), Some(SQLITE_BUSY | SQLITE_LOCKED))
}

const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;

/// SQLite's result code; sqlx reports the extended one, whose lowest byte it is.
fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let extended: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
