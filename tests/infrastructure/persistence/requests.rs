//! What every store of requests promises.

use layered_tests::kept::KeptRequests;
use tidegate_domain::{
    inference::RequestId,
    routing::{RequestQuery, RequestRepository, RequestSummary, StoredRequest},
};
use tidegate_infrastructure::persistence::SqliteRequestRepository;

use super::subject::TemporaryDatabase;

macro_rules! contract {
    ($($sentence:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $sentence() {
                super::$sentence(&super::KeptRequests::default()).await;
            })+
        }

        mod in_sqlite {
            $(#[tokio::test]
            async fn $sentence() {
                let store = super::TemporaryDatabase::open().await;
                super::$sentence(&super::SqliteRequestRepository::new(store.database.clone())).await;
                store.database.close().await;
            })+
        }
    };
}

contract! {
    what_was_appended_is_found_as_it_was,
    an_id_is_kept_once_and_the_first_one_stays,
    a_list_is_of_what_was_asked_for_the_latest_first,
    pruning_removes_what_is_old_and_what_is_too_much,
}

const EVERYTHING: RequestQuery = RequestQuery {
    target: None,
    outcome: None,
    fault: None,
    instance: None,
    min_attempts: 0,
    before_ms: None,
    limit: 100,
};

fn request(number: u64) -> StoredRequest {
    let failed = number % 2 == 1;
    StoredRequest {
        summary: RequestSummary {
            id: RequestId::new(&format!("req_{number}")),
            received_ms: number * 10,
            target: format!("pool:{}", number % 3),
            outcome: if failed { "failed" } else { "completed" }.to_owned(),
            fault: failed.then(|| "transient".to_owned()),
            instance: (number > 0).then(|| "p/a".to_owned()),
            attempts: u32::try_from(number).unwrap(),
            took_ms: 5,
        },
        document: format!("{{\"number\":{number}}}"),
    }
}

fn requests(numbers: impl IntoIterator<Item = u64>) -> Vec<StoredRequest> {
    numbers.into_iter().map(request).collect()
}

async fn listed(repository: &impl RequestRepository, query: RequestQuery) -> Vec<u64> {
    let found = repository.list(&query).await.unwrap();
    found.into_iter().map(|summary| summary.received_ms / 10).collect()
}

async fn what_was_appended_is_found_as_it_was(repository: &impl RequestRepository) {
    repository.append(&requests(0..3)).await.unwrap();
    for number in 0..3 {
        let found = repository.find(&RequestId::new(&format!("req_{number}"))).await.unwrap();
        assert_eq!(found, Some(request(number)));
    }
    assert_eq!(repository.find(&RequestId::new("req_3")).await.unwrap(), None);
    assert_eq!(repository.list(&RequestQuery { limit: 1, ..EVERYTHING }).await.unwrap(), [request(2).summary]);
}

async fn an_id_is_kept_once_and_the_first_one_stays(repository: &impl RequestRepository) {
    let again = StoredRequest { document: "{}".to_owned(), ..request(1) };
    repository.append(&[request(1), again.clone()]).await.unwrap();
    repository.append(&[again, request(2)]).await.unwrap();
    assert_eq!(repository.find(&RequestId::new("req_1")).await.unwrap(), Some(request(1)));
    assert_eq!(listed(repository, EVERYTHING).await, [2, 1]);
}

async fn a_list_is_of_what_was_asked_for_the_latest_first(repository: &impl RequestRepository) {
    repository.append(&requests([3, 0, 5, 1, 4, 2])).await.unwrap();
    let word = |word: &str| Some(word.to_owned());
    for (query, expected) in [
        (EVERYTHING, vec![5, 4, 3, 2, 1, 0]),
        (RequestQuery { limit: 2, ..EVERYTHING }, vec![5, 4]),
        (RequestQuery { target: word("pool:1"), ..EVERYTHING }, vec![4, 1]),
        (RequestQuery { outcome: word("completed"), ..EVERYTHING }, vec![4, 2, 0]),
        (RequestQuery { fault: word("transient"), ..EVERYTHING }, vec![5, 3, 1]),
        (RequestQuery { instance: word("p/a"), min_attempts: 4, ..EVERYTHING }, vec![5, 4]),
        (RequestQuery { before_ms: Some(20), ..EVERYTHING }, vec![1, 0]),
        (RequestQuery { before_ms: Some(u64::MAX), limit: 1, ..EVERYTHING }, vec![5]),
        (RequestQuery { target: word("pool:9"), ..EVERYTHING }, vec![]),
    ] {
        assert_eq!(listed(repository, query.clone()).await, expected, "{query:?}");
    }
}

async fn pruning_removes_what_is_old_and_what_is_too_much(repository: &impl RequestRepository) {
    repository.append(&requests(0..6)).await.unwrap();
    assert_eq!(repository.prune(0, 6).await.unwrap(), 0);
    assert_eq!(repository.prune(20, 100).await.unwrap(), 2);
    assert_eq!(listed(repository, EVERYTHING).await, [5, 4, 3, 2]);
    assert_eq!(repository.prune(20, 3).await.unwrap(), 1);
    assert_eq!(listed(repository, EVERYTHING).await, [5, 4, 3]);
}
