//! Opening a database: what is made, what is refused, and what the refusal says.

use std::{fs, path::Path, time::Duration};

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tidegate_domain::pool::PoolRepository;
use tidegate_infrastructure::persistence::{Database, DatabaseOptions, OpenDatabaseError, SqlitePoolRepository};

use super::subject::{TemporaryDatabase, pool};

#[tokio::test]
async fn missing_directories_are_made_and_what_was_stored_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let options = DatabaseOptions::file(directory.path().join("a/b/tidegate.db"));
    let database = Database::open(&options).await.unwrap();
    SqlitePoolRepository::new(database.clone()).insert(&pool("fast", "kept")).await.unwrap();
    database.close().await;

    let reopened = SqlitePoolRepository::new(Database::open(&options).await.unwrap());
    let listed = reopened.list().await.unwrap();
    assert_eq!(listed.into_iter().map(|pool| pool.value).collect::<Vec<_>>(), [pool("fast", "kept")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_can_open_a_new_database_at_once() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..6 {
            let options = TemporaryDatabase::options(&directory);
            tasks.spawn(async move {
                let pools = SqlitePoolRepository::new(Database::open(&options).await?);
                pools.insert(&pool(&number.to_string(), "")).await?;
                anyhow::Ok(pools)
            });
        }
        for pools in tasks.join_all().await {
            assert_eq!(pools.unwrap().list().await.unwrap().len(), 6);
        }
    }
}

#[tokio::test]
async fn a_database_that_never_waits_for_a_lock_opens_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let options = TemporaryDatabase::options(&directory).with_busy_timeout(Duration::ZERO);
    let pools = SqlitePoolRepository::new(Database::open(&options).await.unwrap());
    pools.insert(&pool("fast", "")).await.unwrap();
    assert_eq!(pools.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn two_databases_in_memory_share_nothing() {
    let [left, right] = [DatabaseOptions::in_memory(), DatabaseOptions::in_memory()];
    let left = SqlitePoolRepository::new(Database::open(&left).await.unwrap());
    let right = SqlitePoolRepository::new(Database::open(&right).await.unwrap());
    left.insert(&pool("fast", "")).await.unwrap();
    assert_eq!(left.list().await.unwrap().len(), 1);
    assert_eq!(right.list().await.unwrap(), []);
}

#[tokio::test]
async fn a_database_below_a_regular_file_cannot_be_made() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Database::open(&DatabaseOptions::file(file.join("tidegate.db"))).await.unwrap_err();
    assert!(matches!(&error, OpenDatabaseError::CreateDirectory { directory, .. } if *directory == file), "{error:?}");
    check_says(&error, &file, "choose another path");
}

#[tokio::test]
async fn a_directory_is_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let error = Database::open(&DatabaseOptions::file(directory.path())).await.unwrap_err();
    assert!(matches!(error, OpenDatabaseError::Open { .. }), "{error:?}");
    check_says(&error, directory.path(), "check that it is a file");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    let content = "not a database\n".repeat(400);
    fs::write(&path, &content).unwrap();
    let error = Database::open(&DatabaseOptions::file(&path)).await.unwrap_err();
    assert!(matches!(error, OpenDatabaseError::NotADatabase { .. }), "{error:?}");
    check_says(&error, &path, "restore the file from a backup");
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
    assert_eq!(files_in(directory.path()), ["notes.txt"]);
}

#[tokio::test]
async fn a_schema_from_the_future_is_refused_and_left_alone() {
    let TemporaryDatabase { directory, database } = TemporaryDatabase::open().await;
    database.close().await;
    let path = directory.path().join("tidegate.db");
    add_migration(&path, 99_991_231_000_000).await;
    let before = fs::read(&path).unwrap();

    let error = Database::open(&DatabaseOptions::file(&path)).await.unwrap_err();
    let OpenDatabaseError::SchemaTooNew { found, known, .. } = &error else { panic!("{error:?}") };
    assert!((*found == 99_991_231_000_000) && known < found);
    check_says(&error, &path, &format!("has schema {found}, which this binary does not know (it knows up to {known})"));
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(files_in(directory.path()), ["tidegate.db"]);
}

#[tokio::test]
async fn a_migration_that_was_edited_afterwards_is_refused() {
    let TemporaryDatabase { directory, database } = TemporaryDatabase::open().await;
    database.close().await;
    let path = directory.path().join("tidegate.db");
    let mut connection = connect(&path).await;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = x'00'").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let error = Database::open(&DatabaseOptions::file(&path)).await.unwrap_err();
    assert!(matches!(error, OpenDatabaseError::Migrate { .. }), "{error:?}");
}

#[tokio::test]
async fn the_bundled_sqlite_does_not_lose_commits_when_it_resets_its_log() {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    let version: String = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut connection).await.unwrap();
    let numbers: Vec<u32> = version.split('.').map(|number| number.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "SQLite {version} has the WAL-reset bug; 3.51.3 is the first without");
}

pub async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await.unwrap()
}

async fn add_migration(path: &Path, version: i64) {
    let mut connection = connect(path).await;
    let insert = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (?, 'x', TRUE, x'00', 0)";
    sqlx::query(insert).bind(version).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[track_caller]
fn check_says(error: &OpenDatabaseError, path: &Path, advice: &str) {
    let message = error.to_string();
    assert!(message.contains(&*path.to_string_lossy()) && message.contains(advice), "{message}");
}

fn files_in(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
