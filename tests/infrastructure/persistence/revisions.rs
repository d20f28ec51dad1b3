//! What every history of configurations promises, wherever it is kept.

use std::time::{Duration, SystemTime};

use tidegate_domain::config::{Accepted, ConfigRevision, Document, KEPT_REVISIONS, Reason, RevisionRepository};
use tidegate_infrastructure::persistence::{InMemoryRevisionRepository, SqliteRevisionRepository};

use super::subject::TemporaryDatabase;

fn accepted(hash: &str) -> Accepted {
    Accepted {
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_123),
        reason: Reason::new("me", "to \"try\" it"),
        content_hash: hash.to_owned(),
        changes: "pools +p".to_owned(),
        documents: vec![Document { path: "config/tidegate.toml".into(), text: "a = \"ä\"\n".to_owned() }],
    }
}

macro_rules! contract {
    ($($sentence:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $sentence() {
            self::contract::$sentence(&InMemoryRevisionRepository::default()).await;
            let store = TemporaryDatabase::open().await;
            self::contract::$sentence(&SqliteRevisionRepository::new(store.database.clone())).await;
            store.database.close().await;
        })+
    };
}

contract! {
    what_was_recorded_is_found_as_it_was,
    what_is_the_same_as_the_latest_is_not_recorded_again,
    the_latest_come_first,
    the_oldest_are_forgotten_and_numbers_never_come_back,
}

mod contract {
    use super::*;

    pub(super) async fn what_was_recorded_is_found_as_it_was<R: RevisionRepository>(revisions: &R) {
        assert_eq!(revisions.latest(9).await.unwrap(), []);
        assert_eq!(revisions.record(&accepted("a")).await.unwrap(), 1);
        let expected = ConfigRevision { number: 1, accepted: accepted("a") };
        assert_eq!(revisions.find(1).await.unwrap(), Some(expected.clone()));
        assert_eq!(revisions.latest(9).await.unwrap(), [expected]);
        assert_eq!(revisions.find(2).await.unwrap(), None);
        assert_eq!(revisions.find(u64::MAX).await.unwrap(), None);
    }

    pub(super) async fn what_is_the_same_as_the_latest_is_not_recorded_again<R: RevisionRepository>(revisions: &R) {
        for (hash, number) in [("a", 1), ("a", 1), ("b", 2), ("a", 3)] {
            assert_eq!(revisions.record(&accepted(hash)).await.unwrap(), number, "{hash}");
        }
        assert_eq!(revisions.latest(9).await.unwrap().len(), 3);
    }

    pub(super) async fn the_latest_come_first<R: RevisionRepository>(revisions: &R) {
        for hash in ["a", "b", "c"] {
            revisions.record(&accepted(hash)).await.unwrap();
        }
        let latest: Vec<_> = revisions.latest(2).await.unwrap().iter().map(|revision| revision.number).collect();
        assert_eq!(latest, [3, 2]);
    }

    pub(super) async fn the_oldest_are_forgotten_and_numbers_never_come_back<R: RevisionRepository>(revisions: &R) {
        let more = u64::try_from(KEPT_REVISIONS).unwrap() + 3;
        for number in 1..=more {
            assert_eq!(revisions.record(&accepted(&number.to_string())).await.unwrap(), number);
        }
        assert_eq!(revisions.latest(usize::MAX).await.unwrap().len(), KEPT_REVISIONS);
        assert_eq!(revisions.find(3).await.unwrap(), None);
        assert!(revisions.find(4).await.unwrap().is_some());
    }
}
