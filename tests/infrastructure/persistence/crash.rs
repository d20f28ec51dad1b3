//! A process that is killed while it writes: every acknowledged change is there afterwards, and none by half.
//!
//! The test starts its own binary again as the writer. Writer and test make the same changes in the same order, the
//! test in memory; after a kill the file holds the acknowledged changes, or those and the one that was under way.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use sqlx::Connection;
use tempfile::TempDir;
use tidegate_domain::{
    name::PoolName,
    pool::{Pool, PoolRepository, Random},
    repository::{Version, Versioned},
};
use tidegate_infrastructure::persistence::{Database, DatabaseOptions, InMemoryPoolRepository, SqlitePoolRepository};
use tokio::runtime::Runtime;

use super::{opening::connect, subject::pool};

const THIS_TEST: &str = "persistence::crash::every_acknowledged_change_survives_a_kill";
const WRITER_FILE: &str = "TIDEGATE_TEST_WRITER_FILE";
const WRITER_START: &str = "TIDEGATE_TEST_WRITER_START";
const KILLS: u64 = 20;

#[test]
fn every_acknowledged_change_survives_a_kill() {
    let runtime = Runtime::new().unwrap();
    if let (Some(file), Ok(start)) = (env::var_os(WRITER_FILE), env::var(WRITER_START)) {
        runtime.block_on(write_until_killed(Path::new(&file), start.parse().unwrap()));
    }
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("tidegate.db");
    let oracle = InMemoryPoolRepository::default();
    let mut done = 0;
    for seed in 0..KILLS {
        let acknowledged = run_writer_and_kill_it(&file, done, &mut Random::with_seed(seed));
        assert!(acknowledged > done, "the writer got nowhere");
        done = runtime.block_on(check_file(&file, &oracle, done..acknowledged));
    }
}

async fn write_until_killed(file: &Path, start: u64) {
    let pools = SqlitePoolRepository::new(Database::open(&DatabaseOptions::file(file)).await.unwrap());
    for step in start.. {
        change(&pools, step).await;
        // One past the change: how many are done. The test harness has standard output for itself.
        eprintln!("{}", step + 1);
    }
}

/// One change of an endless sequence: each of five pools is inserted, replaced twice and removed, over and over. The
/// documents span several pages, so that a torn write could show.
async fn change(pools: &impl PoolRepository, step: u64) {
    let name = format!("pool-{}", step % 5);
    let value = pool(&name, &format!("step {step} ").repeat(2_000));
    match step / 5 % 4 {
        0 => pools.insert(&value).await.map(drop),
        3 => pools.remove(&PoolName::new(&name).unwrap(), Version::new(3)).await,
        version => pools.replace(&value, Version::new(version)).await.map(drop),
    }
    .unwrap();
}

/// Returns how many changes are acknowledged in the end.
fn run_writer_and_kill_it(file: &Path, start: u64, random: &mut Random) -> u64 {
    let mut writer = spawn_writer(file, start);
    let mut lines = BufReader::new(writer.stderr.take().unwrap()).lines().map(|line| line.unwrap());
    let acknowledge = |line: String| line.parse::<u64>().unwrap_or_else(|_| panic!("the writer failed: {line}"));
    let until = random.usize(1..25);
    let seen = lines.by_ref().take(until).map(acknowledge).last().unwrap();
    // The moment within the next change is random too.
    for _ in 0..random.u32(..300_000) {
        std::hint::spin_loop();
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    lines.map(acknowledge).last().unwrap_or(seen)
}

fn spawn_writer(file: &Path, start: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", THIS_TEST, "--nocapture"])
        .env(WRITER_FILE, file)
        .env(WRITER_START, start.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Compares the file with the oracle, and returns how many changes it holds.
async fn check_file(file: &Path, oracle: &InMemoryPoolRepository, acknowledged: std::ops::Range<u64>) -> u64 {
    let end = acknowledged.end;
    for step in acknowledged {
        change(oracle, step).await;
    }
    let database = Database::open(&DatabaseOptions::file(file)).await.unwrap();
    let found = SqlitePoolRepository::new(database.clone()).list().await.unwrap();
    database.close().await;
    check_integrity(file).await;
    if found == oracle.list().await.unwrap() {
        return end;
    }
    change(oracle, end).await;
    let with_the_next: Vec<Versioned<Pool>> = oracle.list().await.unwrap();
    assert!(found == with_the_next, "after {end} acknowledged changes the file holds something else");
    end + 1
}

async fn check_integrity(file: &Path) {
    let mut connection = connect(file).await;
    let verdict: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(verdict, "ok");
}
