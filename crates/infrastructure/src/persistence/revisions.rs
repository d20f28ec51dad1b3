//! The configurations that were in force, in memory and in SQLite.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sqlx::{Row, sqlite::SqliteRow};
use tidegate_domain::{
    config::{Accepted, ConfigRevision, Document, KEPT_REVISIONS, Reason, RevisionRepository},
    repository::RepositoryError,
};

use super::{
    Cause, Database,
    table::{begin, failed},
};

/// Revisions in memory; clones share them.
#[derive(Debug, Clone, Default)]
pub struct InMemoryRevisionRepository(Arc<Mutex<Vec<ConfigRevision>>>);

#[async_trait]
impl RevisionRepository for InMemoryRevisionRepository {
    async fn record(&self, accepted: &Accepted) -> Result<u64, RepositoryError> {
        let mut revisions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(latest) = revisions.last().filter(|latest| latest.accepted.content_hash == accepted.content_hash) {
            return Ok(latest.number);
        }
        let number = revisions.last().map_or(1, |latest| latest.number + 1);
        revisions.push(ConfigRevision { number, accepted: accepted.clone() });
        let surplus = revisions.len().saturating_sub(KEPT_REVISIONS);
        revisions.drain(..surplus);
        Ok(number)
    }

    async fn latest(&self, limit: usize) -> Result<Vec<ConfigRevision>, RepositoryError> {
        let revisions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(revisions.iter().rev().take(limit).cloned().collect())
    }

    async fn find(&self, number: u64) -> Result<Option<ConfigRevision>, RepositoryError> {
        let revisions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(revisions.iter().find(|revision| revision.number == number).cloned())
    }
}

/// Revisions in a SQLite database.
#[derive(Debug, Clone)]
pub struct SqliteRevisionRepository {
    database: Database,
}

impl SqliteRevisionRepository {
    /// The revisions of `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

const LATEST_HASH: &str = "SELECT number, content_hash FROM config_revisions ORDER BY number DESC LIMIT 1";
const INSERT: &str = "INSERT INTO config_revisions (accepted_ms, who, why, content_hash, changes, documents) \
                      VALUES (?, ?, ?, ?, ?, ?)";
const FORGET: &str = "DELETE FROM config_revisions WHERE number <= ?";
const LATEST: &str = "SELECT * FROM config_revisions ORDER BY number DESC LIMIT ?";
const FIND: &str = "SELECT * FROM config_revisions WHERE number = ?";

#[async_trait]
impl RevisionRepository for SqliteRevisionRepository {
    async fn record(&self, accepted: &Accepted) -> Result<u64, RepositoryError> {
        let Accepted { at, reason: Reason { who, why }, content_hash, changes, documents } = accepted;
        let rows: Vec<_> = documents.iter().map(DocumentRow::from).collect();
        let documents = serde_json::to_string(&rows).map_err(|error| RepositoryError::Unavailable(error.into()))?;
        let mut change = begin(&self.database).await?;
        let latest = sqlx::query(LATEST_HASH).fetch_optional(&mut *change).await.map_err(failed)?;
        if let Some(latest) = latest
            && latest.try_get::<String, _>("content_hash").map_err(failed)? == *content_hash
        {
            return number_of(latest.try_get("number").map_err(failed)?);
        }
        let insert = sqlx::query(INSERT).bind(milliseconds(*at)).bind(who).bind(why).bind(content_hash);
        let inserted = insert.bind(changes).bind(documents).execute(&mut *change).await.map_err(failed)?;
        let number = inserted.last_insert_rowid();
        let kept = i64::try_from(KEPT_REVISIONS).unwrap_or(i64::MAX);
        sqlx::query(FORGET).bind(number - kept).execute(&mut *change).await.map_err(failed)?;
        change.commit().await.map_err(failed)?;
        number_of(number)
    }

    async fn latest(&self, limit: usize) -> Result<Vec<ConfigRevision>, RepositoryError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(LATEST).bind(limit).fetch_all(self.database.readers()).await.map_err(failed)?;
        rows.iter().map(read).collect()
    }

    async fn find(&self, number: u64) -> Result<Option<ConfigRevision>, RepositoryError> {
        let Ok(number) = i64::try_from(number) else { return Ok(None) };
        let row = sqlx::query(FIND).bind(number).fetch_optional(self.database.readers()).await.map_err(failed)?;
        row.as_ref().map(read).transpose()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentRow {
    path: PathBuf,
    text: String,
}

impl From<&Document> for DocumentRow {
    fn from(Document { path, text }: &Document) -> Self {
        Self { path: path.clone(), text: text.clone() }
    }
}

fn read(row: &SqliteRow) -> Result<ConfigRevision, RepositoryError> {
    let number: i64 = row.try_get("number").map_err(failed)?;
    let accepted = accepted(row).map_err(|source| corrupt(number, source))?;
    Ok(ConfigRevision { number: number_of(number)?, accepted })
}

fn accepted(row: &SqliteRow) -> Result<Accepted, Cause> {
    let documents: Vec<DocumentRow> = serde_json::from_str(row.try_get("documents")?)?;
    let milliseconds = u64::try_from(row.try_get::<i64, _>("accepted_ms")?)?;
    Ok(Accepted {
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds),
        reason: Reason { who: row.try_get("who")?, why: row.try_get("why")? },
        content_hash: row.try_get("content_hash")?,
        changes: row.try_get("changes")?,
        documents: documents.into_iter().map(|DocumentRow { path, text }| Document { path, text }).collect(),
    })
}

fn number_of(number: i64) -> Result<u64, RepositoryError> {
    u64::try_from(number).map_err(|error| corrupt(number, error.into()))
}

fn corrupt(number: i64, source: Cause) -> RepositoryError {
    RepositoryError::Corrupt { kind: "configuration revision", name: number.to_string(), source }
}

/// Milliseconds since 1970; 0 for a clock that is set before.
fn milliseconds(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
