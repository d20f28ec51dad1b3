//! What every repository promises, whatever it keeps and wherever.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tidegate_domain::repository::{RepositoryError, Version, Versioned};
use tidegate_infrastructure::persistence::{
    InMemoryPoolRepository, InMemoryTaskGroupRepository, SqlitePoolRepository, SqliteTaskGroupRepository,
};

use super::subject::{Pools, Subject, TaskGroups, TemporaryDatabase};

macro_rules! contract {
    ($($sentence:ident),+ $(,)?) => {
        mod in_memory {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                super::$sentence(&Pools::new(InMemoryPoolRepository::default())).await;
                super::$sentence(&TaskGroups::new(InMemoryTaskGroupRepository::default())).await;
            })+
        }

        mod in_sqlite {
            use super::*;

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                let store = TemporaryDatabase::open().await;
                super::$sentence(&Pools::new(SqlitePoolRepository::new(store.database.clone()))).await;
                super::$sentence(&TaskGroups::new(SqliteTaskGroupRepository::new(store.database.clone()))).await;
                store.database.close().await;
            })+
        }
    };
}

contract! {
    what_was_inserted_is_found_at_the_first_version,
    what_was_never_inserted_is_absent,
    a_name_is_inserted_once,
    a_replacement_counts_the_version_up,
    a_stale_replacement_or_removal_changes_nothing,
    what_is_absent_can_be_neither_replaced_nor_removed,
    a_removed_name_is_free_again,
    the_list_is_in_the_order_of_the_bytes_of_the_names,
    every_clone_sees_the_same_entities,
    one_of_two_simultaneous_replacements_wins,
    a_removal_and_a_replacement_do_not_both_win,
    one_of_many_simultaneous_inserts_wins,
    no_update_is_lost_among_many_writers,
    a_change_that_is_dropped_on_the_way_happens_whole_or_not_at_all,
}

async fn what_was_inserted_is_found_at_the_first_version<S: Subject>(repository: &S) {
    let entity = S::entity("x", "described");
    assert_eq!(repository.insert(&entity).await.unwrap(), Version::FIRST);
    let found = Versioned { value: entity, version: Version::FIRST };
    assert_eq!(repository.lookup("x").await.unwrap().as_ref(), Some(&found));
    assert_eq!(repository.list().await.unwrap(), [found]);
}

async fn what_was_never_inserted_is_absent<S: Subject>(repository: &S) {
    assert_eq!(repository.list().await.unwrap(), []);
    repository.insert(&S::entity("Name", "")).await.unwrap();
    for other in ["name", "Nam", "Names"] {
        assert_eq!(repository.lookup(other).await.unwrap(), None);
    }
}

async fn a_name_is_inserted_once<S: Subject>(repository: &S) {
    repository.insert(&S::entity("x", "first")).await.unwrap();
    let error = repository.insert(&S::entity("x", "second")).await.unwrap_err();
    assert!(
        matches!(&error, RepositoryError::AlreadyExists { kind, name } if *kind == S::KIND && name == "x"),
        "{error:?}"
    );
    check_stored(repository, "x", "first", 1).await;
}

async fn a_replacement_counts_the_version_up<S: Subject>(repository: &S) {
    let mut version = repository.insert(&S::entity("x", "1")).await.unwrap();
    repository.insert(&S::entity("bystander", "as it was")).await.unwrap();
    for number in 2..=5 {
        let description = number.to_string();
        version = repository.replace(&S::entity("x", &description), version).await.unwrap();
        assert_eq!(version, Version::new(number));
        check_stored(repository, "x", &description, number).await;
    }
    check_stored(repository, "bystander", "as it was", 1).await;
}

async fn a_stale_replacement_or_removal_changes_nothing<S: Subject>(repository: &S) {
    repository.insert(&S::entity("x", "1")).await.unwrap();
    repository.replace(&S::entity("x", "2"), Version::FIRST).await.unwrap();
    for stale in [0, 1, 3, u64::MAX] {
        let stale = Version::new(stale);
        check_conflict::<S>(&repository.replace(&S::entity("x", "stale"), stale).await.unwrap_err(), stale, 2);
        check_conflict::<S>(&repository.remove("x", stale).await.unwrap_err(), stale, 2);
    }
    check_stored(repository, "x", "2", 2).await;
}

async fn what_is_absent_can_be_neither_replaced_nor_removed<S: Subject>(repository: &S) {
    check_not_found::<S>(&repository.replace(&S::entity("x", ""), Version::FIRST).await.unwrap_err());
    check_not_found::<S>(&repository.remove("x", Version::FIRST).await.unwrap_err());
    assert_eq!(repository.list().await.unwrap(), []);
}

async fn a_removed_name_is_free_again<S: Subject>(repository: &S) {
    repository.insert(&S::entity("x", "old")).await.unwrap();
    repository.insert(&S::entity("bystander", "")).await.unwrap();
    let version = repository.replace(&S::entity("x", "old"), Version::FIRST).await.unwrap();
    repository.remove("x", version).await.unwrap();
    assert_eq!(repository.lookup("x").await.unwrap(), None);
    check_not_found::<S>(&repository.remove("x", version).await.unwrap_err());
    assert_eq!(repository.insert(&S::entity("x", "new")).await.unwrap(), Version::FIRST);
    check_stored(repository, "x", "new", 1).await;
    check_stored(repository, "bystander", "", 1).await;
}

async fn the_list_is_in_the_order_of_the_bytes_of_the_names<S: Subject>(repository: &S) {
    for name in ["b", "a", "_", "Z", "a-b", "10", "9", "aa"] {
        repository.insert(&S::entity(name, "")).await.unwrap();
    }
    let listed = repository.list().await.unwrap();
    let names: Vec<_> = listed.iter().map(|entity| S::name(&entity.value)).collect();
    assert_eq!(names, ["10", "9", "Z", "_", "a", "a-b", "aa", "b"]);
}

async fn every_clone_sees_the_same_entities<S: Subject>(repository: &S) {
    let other = repository.clone();
    other.insert(&S::entity("x", "shared")).await.unwrap();
    check_stored(repository, "x", "shared", 1).await;
}

async fn one_of_two_simultaneous_replacements_wins<S: Subject>(repository: &S) {
    let mut version = repository.insert(&S::entity("x", "")).await.unwrap();
    for round in 0..50 {
        let [left, right] = [format!("{round} left"), format!("{round} right")];
        let results = tokio::join!(
            spawned(repository, move |repository| async move { replace(&repository, &left, version).await }),
            spawned(repository, move |repository| async move { replace(&repository, &right, version).await }),
        );
        let (winner, error) = match results {
            (Ok(_), Err(error)) => ("left", error),
            (Err(error), Ok(_)) => ("right", error),
            both => panic!("round {round}: {both:?}"),
        };
        check_conflict::<S>(&error, version, version.next().number());
        version = version.next();
        check_stored(repository, "x", &format!("{round} {winner}"), version.number()).await;
    }
}

async fn a_removal_and_a_replacement_do_not_both_win<S: Subject>(repository: &S) {
    for round in 0..25 {
        let version = repository.insert(&S::entity("x", "")).await.unwrap();
        let results = tokio::join!(
            spawned(repository, move |repository| async move { replace(&repository, "kept", version).await }),
            spawned(repository, move |repository| async move { repository.remove("x", version).await }),
        );
        match results {
            (Ok(kept), Err(error)) => {
                check_conflict::<S>(&error, version, 2);
                repository.remove("x", kept).await.unwrap();
            }
            (Err(error), Ok(())) => check_not_found::<S>(&error),
            both => panic!("round {round}: {both:?}"),
        }
        assert_eq!(repository.lookup("x").await.unwrap(), None);
    }
}

async fn one_of_many_simultaneous_inserts_wins<S: Subject>(repository: &S) {
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let repository = repository.clone();
        let insert = async move { (number, repository.insert(&S::entity("x", &number.to_string())).await) };
        tasks.spawn(insert);
    }
    let mut winners = Vec::new();
    for (number, result) in tasks.join_all().await {
        match result {
            Ok(_) => winners.push(number),
            Err(RepositoryError::AlreadyExists { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    check_stored(repository, "x", &winners[0].to_string(), 1).await;
}

async fn no_update_is_lost_among_many_writers<S: Subject>(repository: &S) {
    const WRITERS: u64 = 12;
    const UPDATES: u64 = 5;
    repository.insert(&S::entity("x", "0")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let repository = repository.clone();
        tasks.spawn(async move {
            for _ in 0..UPDATES {
                count_up(&repository).await;
            }
        });
    }
    tasks.join_all().await;
    check_stored(repository, "x", &(WRITERS * UPDATES).to_string(), 1 + WRITERS * UPDATES).await;
}

async fn count_up<S: Subject>(repository: &S) {
    loop {
        let Versioned { value, version } = repository.lookup("x").await.unwrap().unwrap();
        let counted: u64 = S::description(&value).parse().unwrap();
        match replace(repository, &(counted + 1).to_string(), version).await {
            Ok(_) => return,
            Err(RepositoryError::Conflict { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn a_change_that_is_dropped_on_the_way_happens_whole_or_not_at_all<S: Subject>(repository: &S) {
    let entity = S::entity("x", "inserted");
    let successor = S::entity("x", "replaced");
    for polls in 0..1000 {
        let inserted = dropped_after(polls, repository.insert(&entity)).await;
        settle(repository).await;
        let found = repository.lookup("x").await.unwrap();
        assert!(found.is_none_or(|found| found.value == entity && found.version == Version::FIRST));
        repository.insert(&entity).await.ok();

        let replaced = dropped_after(polls, repository.replace(&successor, Version::FIRST)).await;
        settle(repository).await;
        let Versioned { value, version } = repository.lookup("x").await.unwrap().unwrap();
        assert_eq!(value, if version == Version::FIRST { entity.clone() } else { successor.clone() });

        let removed = dropped_after(polls, repository.remove("x", version)).await;
        settle(repository).await;
        if let Some(found) = repository.lookup("x").await.unwrap() {
            assert_eq!(found, Versioned { value, version });
            repository.remove("x", version).await.unwrap();
        }
        if let (Some(inserted), Some(replaced), Some(removed)) = (inserted, replaced, removed) {
            inserted.unwrap();
            replaced.unwrap();
            removed.unwrap();
            return;
        }
    }
    panic!("the changes never came to an end");
}

/// Polls at most so often and then drops the future.
async fn dropped_after<F: Future>(polls: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Waits for whatever a dropped change left under way: changes queue up, so one more comes after it.
async fn settle<S: Subject>(repository: &S) {
    repository.insert(&S::entity("fence", "")).await.unwrap();
    repository.remove("fence", Version::FIRST).await.unwrap();
}

async fn replace<S: Subject>(repository: &S, description: &str, version: Version) -> Result<Version, RepositoryError> {
    repository.replace(&S::entity("x", description), version).await
}

async fn spawned<S, F, T>(repository: &S, work: impl FnOnce(S) -> F) -> T
where
    S: Subject,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    tokio::spawn(work(repository.clone())).await.unwrap()
}

async fn check_stored<S: Subject>(repository: &S, name: &str, description: &str, version: u64) {
    let stored = repository.lookup(name).await.unwrap();
    let expected = Versioned { value: S::entity(name, description), version: Version::new(version) };
    assert_eq!(stored, Some(expected));
}

#[track_caller]
fn check_conflict<S: Subject>(error: &RepositoryError, read: Version, now: u64) {
    let RepositoryError::Conflict { kind, name, expected, actual } = error else { panic!("{error:?}") };
    assert_eq!((*kind, name.as_str(), *expected, actual.number()), (S::KIND, "x", read, now));
}

#[track_caller]
fn check_not_found<S: Subject>(error: &RepositoryError) {
    let RepositoryError::NotFound { kind, name } = error else { panic!("{error:?}") };
    assert_eq!((*kind, name.as_str()), (S::KIND, "x"));
}
