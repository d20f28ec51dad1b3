//! A table of named, versioned documents, and the five things a repository does with it.
//!
//! A change is one `BEGIN IMMEDIATE` transaction on the only writing connection: it holds the write lock from its first
//! statement, so the version it reads is the version it replaces. A future that is dropped on the way rolls back.

use std::marker::PhantomData;

use sqlx::{Row, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};
use tidegate_domain::repository::{RepositoryError, Version, Versioned};

use super::{Cause, Database, database::is_locked};

/// What a table holds: an entity that is a name and a document.
pub(super) trait Stored: Sized {
    /// The key.
    fn name(&self) -> &str;

    /// Everything but the name, as JSON.
    fn to_document(&self) -> Result<String, serde_json::Error>;

    /// The entity of that name and document.
    fn from_document(name: &str, document: &str) -> Result<Self, Cause>;
}

/// The statements of one table; [`table!`] writes them.
pub(super) struct Table<T> {
    pub(super) kind: &'static str,
    pub(super) lookup: &'static str,
    pub(super) list: &'static str,
    pub(super) insert: &'static str,
    pub(super) version: &'static str,
    pub(super) replace: &'static str,
    pub(super) remove: &'static str,
    pub(super) entity: PhantomData<fn() -> T>,
}

macro_rules! table {
    ($kind:literal, $table:literal) => {
        $crate::persistence::table::Table {
            kind: $kind,
            lookup: concat!("SELECT name, version, document FROM ", $table, " WHERE name = ?"),
            list: concat!("SELECT name, version, document FROM ", $table, " ORDER BY name"),
            insert: concat!(
                "INSERT INTO ",
                $table,
                " (name, version, document) VALUES (?, 1, ?) ON CONFLICT (name) DO NOTHING"
            ),
            version: concat!("SELECT version FROM ", $table, " WHERE name = ?"),
            replace: concat!(
                "UPDATE ",
                $table,
                " SET version = version + 1, document = ? WHERE name = ? AND version = ?"
            ),
            remove: concat!("DELETE FROM ", $table, " WHERE name = ? AND version = ?"),
            entity: std::marker::PhantomData,
        }
    };
}
pub(super) use table;

impl<T: Stored> Table<T> {
    pub(super) async fn lookup(
        &self,
        database: &Database,
        name: &str,
    ) -> Result<Option<Versioned<T>>, RepositoryError> {
        let row = sqlx::query(self.lookup).bind(name).fetch_optional(database.readers()).await.map_err(failed)?;
        row.map(|row| self.read(&row)).transpose()
    }

    pub(super) async fn list(&self, database: &Database) -> Result<Vec<Versioned<T>>, RepositoryError> {
        let rows = sqlx::query(self.list).fetch_all(database.readers()).await.map_err(failed)?;
        rows.iter().map(|row| self.read(row)).collect()
    }

    pub(super) async fn insert(&self, database: &Database, entity: &T) -> Result<Version, RepositoryError> {
        let document = entity.to_document().map_err(|error| RepositoryError::Unavailable(error.into()))?;
        let mut change = begin(database).await?;
        let insert = sqlx::query(self.insert).bind(entity.name()).bind(document);
        let inserted = insert.execute(&mut *change).await.map_err(failed)?;
        if inserted.rows_affected() == 0 {
            return Err(RepositoryError::AlreadyExists { kind: self.kind, name: entity.name().to_owned() });
        }
        change.commit().await.map_err(failed)?;
        Ok(Version::FIRST)
    }

    pub(super) async fn replace(
        &self,
        database: &Database,
        entity: &T,
        expected: Version,
    ) -> Result<Version, RepositoryError> {
        let document = entity.to_document().map_err(|error| RepositoryError::Unavailable(error.into()))?;
        let mut change = begin(database).await?;
        let current = self.at_version(&mut change, entity.name(), expected).await?;
        let replace = sqlx::query(self.replace).bind(document).bind(entity.name()).bind(current);
        replace.execute(&mut *change).await.map_err(failed)?;
        change.commit().await.map_err(failed)?;
        Ok(expected.next())
    }

    pub(super) async fn remove(
        &self,
        database: &Database,
        name: &str,
        expected: Version,
    ) -> Result<(), RepositoryError> {
        let mut change = begin(database).await?;
        let current = self.at_version(&mut change, name, expected).await?;
        sqlx::query(self.remove).bind(name).bind(current).execute(&mut *change).await.map_err(failed)?;
        change.commit().await.map_err(failed)
    }

    /// The version in the store, as the store spells it, if it is `expected`.
    async fn at_version(
        &self,
        change: &mut SqliteConnection,
        name: &str,
        expected: Version,
    ) -> Result<i64, RepositoryError> {
        let stored = sqlx::query_scalar(self.version).bind(name).fetch_optional(change).await.map_err(failed)?;
        let Some(stored) = stored else {
            return Err(RepositoryError::NotFound { kind: self.kind, name: name.to_owned() });
        };
        let actual = version(stored).map_err(|source| self.corrupt(name, source))?;
        if actual != expected {
            return Err(RepositoryError::Conflict { kind: self.kind, name: name.to_owned(), expected, actual });
        }
        Ok(stored)
    }

    fn read(&self, row: &SqliteRow) -> Result<Versioned<T>, RepositoryError> {
        let name: String = row.try_get("name").map_err(|error| self.corrupt("(no text)", error.into()))?;
        entity(&name, row).map_err(|source| self.corrupt(&name, source))
    }

    fn corrupt(&self, name: &str, source: Cause) -> RepositoryError {
        RepositoryError::Corrupt { kind: self.kind, name: name.to_owned(), source }
    }
}

fn entity<T: Stored>(name: &str, row: &SqliteRow) -> Result<Versioned<T>, Cause> {
    let value = T::from_document(name, row.try_get("document")?)?;
    Ok(Versioned { value, version: version(row.try_get("version")?)? })
}

fn version(stored: i64) -> Result<Version, Cause> {
    Ok(Version::new(u64::try_from(stored)?))
}

pub(super) async fn begin(database: &Database) -> Result<Transaction<'static, Sqlite>, RepositoryError> {
    database.writer().begin_with("BEGIN IMMEDIATE").await.map_err(failed)
}

pub(super) fn failed(error: sqlx::Error) -> RepositoryError {
    if is_locked(&error) {
        return RepositoryError::Busy(error.into());
    }
    RepositoryError::Unavailable(error.into())
}
