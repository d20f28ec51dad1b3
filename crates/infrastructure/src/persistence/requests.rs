//! Requests that are over, in a SQLite database.

use async_trait::async_trait;
use sqlx::{QueryBuilder, Row, Sqlite, sqlite::SqliteRow};
use tidegate_domain::{
    inference::RequestId,
    repository::RepositoryError,
    routing::{RequestQuery, RequestRepository, RequestSummary, StoredRequest},
};

use super::{
    Cause, Database,
    table::{begin, failed},
};

const APPEND: &str =
    "INSERT INTO requests (id, received_ms, target, outcome, fault, instance, attempts, took_ms, document) ";
/// The most rows of one statement: SQLite takes 32,766 parameters, and a row has nine.
const MAX_ROWS: usize = 1024;
const FIND: &str = "SELECT id, received_ms, target, outcome, fault, instance, attempts, took_ms, document \
    FROM requests WHERE id = ?";
const LIST: &str = "SELECT id, received_ms, target, outcome, fault, instance, attempts, took_ms FROM requests \
    WHERE (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR outcome = ?2) AND (?3 IS NULL OR fault = ?3) \
    AND (?4 IS NULL OR instance = ?4) AND attempts >= ?5 AND received_ms < ?6 \
    ORDER BY received_ms DESC, sequence DESC LIMIT ?7";
const PRUNE_OLD: &str = "DELETE FROM requests WHERE received_ms < ?";
const PRUNE_MANY: &str = "DELETE FROM requests WHERE sequence IN \
    (SELECT sequence FROM requests ORDER BY received_ms DESC, sequence DESC LIMIT -1 OFFSET ?)";

/// Requests that are over, in a SQLite database.
#[derive(Debug, Clone)]
pub struct SqliteRequestRepository {
    database: Database,
}

impl SqliteRequestRepository {
    /// The requests of `database`.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl RequestRepository for SqliteRequestRepository {
    /// Many in one statement: each one goes to the thread of the connection and back.
    async fn append(&self, requests: &[StoredRequest]) -> Result<(), RepositoryError> {
        let mut change = begin(&self.database).await?;
        for requests in requests.chunks(MAX_ROWS) {
            // Batches differ in size, so that none of their statements is worth keeping.
            insert(requests).build().persistent(false).execute(&mut *change).await.map_err(failed)?;
        }
        change.commit().await.map_err(failed)
    }

    async fn find(&self, id: &RequestId) -> Result<Option<StoredRequest>, RepositoryError> {
        let row = sqlx::query(FIND).bind(id.as_str()).fetch_optional(self.database.readers()).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let stored = || Ok(StoredRequest { summary: summary(&row)?, document: row.try_get("document")? });
        stored().map(Some).map_err(|source| corrupt(id.as_str(), source))
    }

    async fn list(&self, query: &RequestQuery) -> Result<Vec<RequestSummary>, RepositoryError> {
        let RequestQuery { target, outcome, fault, instance, min_attempts, before_ms, limit } = query;
        let rows = sqlx::query(LIST)
            .bind(target)
            .bind(outcome)
            .bind(fault)
            .bind(instance)
            .bind(min_attempts)
            .bind(before_ms.map_or(i64::MAX, signed))
            .bind(limit)
            .fetch_all(self.database.readers())
            .await
            .map_err(failed)?;
        rows.iter().map(|row| summary(row).map_err(|source| corrupt("(in a list)", source))).collect()
    }

    async fn prune(&self, before_ms: u64, keep: u64) -> Result<u64, RepositoryError> {
        let mut change = begin(&self.database).await?;
        let mut gone = 0;
        for (statement, bound) in [(PRUNE_OLD, before_ms), (PRUNE_MANY, keep)] {
            let pruned = sqlx::query(statement).bind(signed(bound)).execute(&mut *change).await.map_err(failed)?;
            gone += pruned.rows_affected();
        }
        change.commit().await.map_err(failed)?;
        Ok(gone)
    }
}

fn insert(requests: &[StoredRequest]) -> QueryBuilder<Sqlite> {
    let mut insert = QueryBuilder::new(APPEND);
    insert.push_values(requests, |mut row, StoredRequest { summary, document }| {
        let RequestSummary { id, received_ms, target, outcome, fault, instance, attempts, took_ms } = summary;
        row.push_bind(id.as_str())
            .push_bind(signed(*received_ms))
            .push_bind(target)
            .push_bind(outcome)
            .push_bind(fault)
            .push_bind(instance)
            .push_bind(attempts)
            .push_bind(signed(*took_ms))
            .push_bind(document);
    });
    insert.push(" ON CONFLICT (id) DO NOTHING");
    insert
}

fn summary(row: &SqliteRow) -> Result<RequestSummary, Cause> {
    let unsigned = |column| -> Result<u64, Cause> { Ok(u64::try_from(row.try_get::<i64, _>(column)?)?) };
    Ok(RequestSummary {
        id: RequestId::new(row.try_get("id")?),
        received_ms: unsigned("received_ms")?,
        target: row.try_get("target")?,
        outcome: row.try_get("outcome")?,
        fault: row.try_get("fault")?,
        instance: row.try_get("instance")?,
        attempts: row.try_get("attempts")?,
        took_ms: unsigned("took_ms")?,
    })
}

/// SQLite's integers are signed; what lies beyond is as good as the greatest of them.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn corrupt(id: &str, source: Cause) -> RepositoryError {
    RepositoryError::Corrupt { kind: "request", name: id.to_owned(), source }
}
