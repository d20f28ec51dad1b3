//! A store that someone else holds, and documents that cannot be read.

use std::{error::Error, path::PathBuf, time::Duration};

use sqlx::{AssertSqlSafe, Connection, Executor};
use tidegate_domain::{
    name::{GroupName, PoolName},
    pool::PoolRepository,
    repository::{RepositoryError, Version},
    task_group::TaskGroupRepository,
};
use tidegate_infrastructure::persistence::{
    Database, OpenDatabaseError, SqlitePoolRepository, SqliteTaskGroupRepository,
};

use super::{
    opening::connect,
    subject::{Subject, TaskGroups, TemporaryDatabase, pool},
};

const IMPATIENT: Duration = Duration::from_millis(30);

fn path_of(store: &TemporaryDatabase) -> PathBuf {
    store.directory.path().join("tidegate.db")
}

#[tokio::test]
async fn a_locked_store_is_busy_and_loses_nothing() {
    let store = TemporaryDatabase::open().await;
    let options = TemporaryDatabase::options(&store.directory).with_busy_timeout(IMPATIENT);
    let pools = SqlitePoolRepository::new(Database::open(&options).await.unwrap());
    pools.insert(&pool("old", "")).await.unwrap();

    let mut intruder = connect(&path_of(&store)).await;
    intruder.execute("BEGIN EXCLUSIVE").await.unwrap();
    let name = PoolName::new("old").unwrap();
    check_busy(&pools.insert(&pool("new", "")).await);
    check_busy(&pools.replace(&pool("old", "changed"), Version::FIRST).await);
    check_busy(&pools.remove(&name, Version::FIRST).await);
    assert_eq!(pools.lookup(&name).await.unwrap().unwrap().value, pool("old", ""), "readers go on");

    intruder.execute("ROLLBACK").await.unwrap();
    pools.insert(&pool("new", "")).await.unwrap();
    let listed = pools.list().await.unwrap();
    assert_eq!(listed.into_iter().map(|pool| pool.value).collect::<Vec<_>>(), [pool("new", ""), pool("old", "")]);
}

#[track_caller]
fn check_busy<T: std::fmt::Debug>(result: &Result<T, RepositoryError>) {
    assert!(matches!(result, Err(RepositoryError::Busy(_))), "{result:?}");
}

#[tokio::test]
async fn a_locked_database_cannot_be_opened() {
    let store = TemporaryDatabase::open().await;
    let mut intruder = connect(&path_of(&store)).await;
    intruder.execute("BEGIN EXCLUSIVE").await.unwrap();
    let options = TemporaryDatabase::options(&store.directory).with_busy_timeout(IMPATIENT);
    let error = Database::open(&options).await.unwrap_err();
    assert!(matches!(error, OpenDatabaseError::Locked { .. }), "{error:?}");
    intruder.execute("ROLLBACK").await.unwrap();
    Database::open(&options).await.unwrap();
}

/// Stores a pool, spoils its row with SQL, and expects it to be unreadable for that reason.
async fn check_unreadable_pool(spoil: &'static str, reason: &str) {
    let store = TemporaryDatabase::open().await;
    let pools = SqlitePoolRepository::new(store.database.clone());
    pools.insert(&pool("sound", "")).await.unwrap();
    pools.insert(&pool("spoilt", "")).await.unwrap();
    connect(&path_of(&store))
        .await
        .execute(AssertSqlSafe(format!("UPDATE pools {spoil} WHERE name = 'spoilt'")))
        .await
        .unwrap();

    let name = PoolName::new("spoilt").unwrap();
    for error in [pools.lookup(&name).await.unwrap_err(), pools.list().await.unwrap_err()] {
        let RepositoryError::Corrupt { kind: "pool", name, .. } = &error else { panic!("{spoil}: {error:?}") };
        assert_eq!(name, "spoilt");
        let cause = error.source().unwrap().to_string();
        assert!(cause.contains(reason), "{spoil}: {cause}");
    }
    assert_eq!(pools.lookup(&PoolName::new("sound").unwrap()).await.unwrap().unwrap().value, pool("sound", ""));
    pools.replace(&pool("spoilt", "repaired"), Version::FIRST).await.unwrap();
    assert_eq!(pools.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_corrupt_and_can_be_replaced() {
    for (spoil, reason) in [
        ("SET document = '[]'", "invalid length 0"),
        ("SET document = '{}'", "missing field `description`"),
        ("SET document = CAST(x'2261ff22' AS TEXT)", "utf-8"),
        ("SET document = json_set(document, '$.colour', 'red')", "unknown field `colour`"),
        ("SET document = json_set(document, '$.policy.rotation', 'sideways')", "'sideways' is no rotation"),
        ("SET document = json_set(document, '$.policy.max_instance_attempts', 0)", "nonzero"),
        ("SET document = json_set(document, '$.members[0].instance.weight', 1000001)", "weight 1000001 is over"),
        ("SET document = json_set(document, '$.members[0].instance.id', '')", "at least one character"),
        ("SET document = json_set(document, '$.members', json('[]'))", "has no instances"),
    ] {
        check_unreadable_pool(spoil, reason).await;
    }
}

#[tokio::test]
async fn a_document_of_before_there_were_limits_limits_nothing() {
    let store = TemporaryDatabase::open().await;
    let database = Database::open(&TemporaryDatabase::options(&store.directory)).await.unwrap();
    let pools = SqlitePoolRepository::new(database.clone());
    let groups = TaskGroups::new(SqliteTaskGroupRepository::new(database));
    pools.insert(&pool("p", "")).await.unwrap();
    groups.insert(&TaskGroups::entity("g", "")).await.unwrap();
    let mut older = connect(&path_of(&store)).await;
    older.execute("UPDATE pools SET document = json_remove(document, '$.policy.limits')").await.unwrap();
    let of_group = "UPDATE task_groups SET document = json_remove(document, '$.limits', '$.tiers[0].limits')";
    older.execute(of_group).await.unwrap();
    let read = pools.lookup(&PoolName::new("p").unwrap()).await.unwrap().unwrap();
    assert_eq!(read.value, pool("p", ""));
    assert_eq!(groups.lookup("g").await.unwrap().unwrap().value, TaskGroups::entity("g", ""));
}

#[tokio::test]
async fn a_name_that_is_none_is_corrupt() {
    let store = TemporaryDatabase::open().await;
    let pools = SqlitePoolRepository::new(store.database.clone());
    pools.insert(&pool("x", "")).await.unwrap();
    connect(&path_of(&store)).await.execute("UPDATE pools SET name = 'two words'").await.unwrap();
    let error = pools.list().await.unwrap_err();
    assert!(matches!(&error, RepositoryError::Corrupt { kind: "pool", name, .. } if name == "two words"), "{error:?}");
}

#[tokio::test]
async fn a_task_group_that_cannot_be_read_is_corrupt() {
    let store = TemporaryDatabase::open().await;
    let groups = SqliteTaskGroupRepository::new(store.database.clone());
    groups.insert(&TaskGroups::entity("chat", "")).await.unwrap();
    let spoil = "UPDATE task_groups SET document = json_set(document, '$.fallback.strategy', 'upwards')";
    connect(&path_of(&store)).await.execute(spoil).await.unwrap();
    let error = groups.lookup(&GroupName::new("chat").unwrap()).await.unwrap_err();
    assert!(matches!(&error, RepositoryError::Corrupt { kind: "task group", name, .. } if name == "chat"), "{error:?}");
    assert_eq!(error.source().unwrap().to_string(), "'upwards' is no fallback strategy");
}

#[tokio::test]
async fn the_table_itself_refuses_what_is_no_document_or_no_version() {
    let store = TemporaryDatabase::open().await;
    SqlitePoolRepository::new(store.database.clone()).insert(&pool("x", "")).await.unwrap();
    let mut connection = connect(&path_of(&store)).await;
    for spoil in [
        "UPDATE pools SET document = '{'",
        "UPDATE pools SET document = NULL",
        "UPDATE pools SET document = x'7b7d'",
        "UPDATE pools SET version = 0",
        "UPDATE pools SET version = 'one'",
    ] {
        assert!(connection.execute(spoil).await.is_err(), "{spoil}");
    }
    connection.close().await.unwrap();
}
