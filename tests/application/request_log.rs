//! Requests that are over: found again with what was decided, stored behind their backs, and never slowed down by it.

use std::{sync::Arc, time::Duration};

use layered_tests::{
    kept::{KeptRequests, Mood},
    scripted::Act,
    world::{Diary, Plan, World, read, streamed},
};
use tidegate_application::{RequestLog, RequestLogPolicy, RequestStore, RequestWriter};
use tidegate_domain::{
    fault::FaultKind,
    inference::RequestId,
    observe::Outcome,
    routing::{RequestQuery, RequestRecord},
};
use tidegate_infrastructure::clock::TokioClock;
use tokio::{sync::oneshot, time::Instant};

const ALL: RequestLogPolicy =
    RequestLogPolicy { memory: 8, sample: 1.0, retention: Duration::from_hours(1), max_stored: 100 };

fn stored(policy: RequestLogPolicy, store: &KeptRequests, diary: &Diary) -> (Arc<RequestLog>, RequestWriter) {
    let store = RequestStore {
        repository: Arc::new(store.clone()),
        observer: Arc::new(diary.clone()),
        clock: Arc::new(TokioClock),
    };
    let (log, writer) = RequestLog::stored(policy, store);
    (Arc::new(log), writer)
}

async fn world(log: &Arc<RequestLog>) -> World {
    Plan::default().pool("p", &["a", "b"]).logging_to(Arc::clone(log)).start().await
}

/// Asks under an id of its own.
async fn ask(world: &World, id: &str) {
    let _ = world.send_as(id, r#"{"model":"p"}"#).await;
}

fn latest(log: &RequestLog) -> Arc<RequestRecord> {
    log.recent().first().expect("a request is over").clone()
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_over_is_found_with_what_was_decided() {
    let log = Arc::new(RequestLog::in_memory(ALL));
    let world = world(&log).await;
    world.scripts.next("a", Act::fail(FaultKind::Transient));
    ask(&world, "req_1").await;
    let document = log.document(&RequestId::new("req_1")).await.unwrap().unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["outcome"], &document["target"]), (&"completed".into(), &"pool:p".into()));
    assert_eq!(
        (&document["attempts"][0]["fault"], &document["attempts"][1]["instance"]),
        (&"transient".into(), &"p/b".into())
    );
    let decisions: Vec<_> = document["decisions"].as_array().unwrap().iter().map(|it| it["decision"].clone()).collect();
    assert_eq!(decisions, ["pick", "pick", "attempt", "failed", "pick", "pick", "budget", "attempt"]);
    assert_eq!(log.document(&RequestId::new("req_2")).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_over_when_its_caller_has_it_all() {
    let log = Arc::new(RequestLog::in_memory(ALL));
    let world = world(&log).await;
    let stream = streamed(world.stream("p").await.unwrap());
    assert!(log.recent().is_empty());
    read(stream).await;
    let record = latest(&log);
    assert_eq!(record.outcome, Outcome::Completed);
    let attempt = &record.trace.attempts[0];
    assert_eq!((record.trace.committed, attempt.ended), (Some(attempt.took), Some(record.took)));
    assert_eq!(attempt.usage, record.usage);
}

#[tokio::test(start_paused = true)]
async fn memory_holds_the_latest_and_forgets_the_rest() {
    let log = Arc::new(RequestLog::in_memory(ALL));
    let world = world(&log).await;
    for number in 0..20 {
        ask(&world, &format!("req_{number}")).await;
    }
    let recent: Vec<_> = log.recent().iter().map(|record| record.trace.request_id.to_string()).collect();
    assert_eq!(recent, (12..20).rev().map(|number| format!("req_{number}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn without_room_nothing_is_kept() {
    let log = Arc::new(RequestLog::in_memory(RequestLogPolicy { memory: 0, ..ALL }));
    ask(&world(&log).await, "req_1").await;
    assert!(log.recent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_out_of_the_ordinary_is_stored_and_a_share_of_the_rest() {
    let (store, diary) = (KeptRequests::default(), Diary::default());
    let (log, writer) =
        stored(RequestLogPolicy { memory: 1000, sample: 0.25, max_stored: 1000, ..ALL }, &store, &diary);
    let world = world(&log).await;
    tokio::spawn(writer.run(std::future::pending()));
    for number in 0..400 {
        ask(&world, &format!("req_{number}")).await;
    }
    world.scripts.next("a", Act::fail(FaultKind::Client));
    world.scripts.next("b", Act::fail(FaultKind::Client));
    ask(&world, "req_failed").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    // A seed below a quarter of all begins with two zeroes.
    let is_wanted = |record: &&Arc<RequestRecord>| record.trace.seed >> 62 == 0 || record.outcome != Outcome::Completed;
    let mut wanted: Vec<_> = log.recent().iter().filter(is_wanted).map(|record| record.summary()).collect();
    wanted.reverse();
    let kept: Vec<_> = store.all().into_iter().map(|request| request.summary).collect();
    assert_eq!(kept, wanted);
    assert!(wanted.iter().any(|summary| summary.outcome == "failed"));
    assert!(wanted.iter().any(|summary| summary.outcome == "completed"));
}

#[tokio::test(start_paused = true)]
async fn a_list_is_of_memory_and_store_together() {
    let (store, diary) = (KeptRequests::default(), Diary::default());
    let (log, writer) = stored(RequestLogPolicy { memory: 2, ..ALL }, &store, &diary);
    let world = world(&log).await;
    tokio::spawn(writer.run(std::future::pending()));
    for number in 0..5 {
        ask(&world, &format!("req_{number}")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let listed = log.list(&RequestQuery { limit: 10, ..RequestQuery::default() }).await.unwrap();
    let mut ids: Vec<_> = listed.iter().map(|summary| summary.id.to_string()).collect();
    ids.sort();
    assert_eq!(ids, ["req_0", "req_1", "req_2", "req_3", "req_4"]);
    store.set_mood(Mood::Fails);
    assert!(log.list(&RequestQuery { limit: 10, ..RequestQuery::default() }).await.is_err());
    assert!(log.document(&RequestId::new("req_0")).await.is_err());
    assert!(log.document(&RequestId::new("req_4")).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_costs_requests_nothing_and_what_finds_no_room_is_counted() {
    let (store, diary) = (KeptRequests::default(), Diary::default());
    store.set_mood(Mood::Hangs);
    let (log, writer) = stored(ALL, &store, &diary);
    let world = world(&log).await;
    tokio::spawn(writer.run(std::future::pending()));
    tokio::task::yield_now().await;
    let began = Instant::now();
    for number in 0..3000 {
        ask(&world, &format!("req_{number}")).await;
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    // At most 1024 wait in the queue, and 256 in the batch before it.
    let dropped = diary.not_stored();
    assert!((3000 - 1024 - 256..=3000 - 1024).contains(&dropped), "{dropped}");
    assert!(world.diary.outcomes().iter().all(|outcome| *outcome == Outcome::Completed));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_tried_again_and_then_given_up() {
    let (store, diary) = (KeptRequests::default(), Diary::default());
    store.set_mood(Mood::Fails);
    let (log, writer) = stored(ALL, &store, &diary);
    let world = world(&log).await;
    tokio::spawn(writer.run(std::future::pending()));
    ask(&world, "req_1").await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!((store.batches(), diary.not_stored()), (3, 1));
    ask(&world, "req_2").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    store.set_mood(Mood::Works);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(diary.not_stored(), 1);
    assert_eq!(store.all()[0].summary.id.as_str(), "req_2");
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_stored_on_the_way_out() {
    let (store, diary) = (KeptRequests::default(), Diary::default());
    let (log, writer) = stored(ALL, &store, &diary);
    let world = world(&log).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let writing = tokio::spawn(writer.run(async move { drop(stopped.await) }));
    for number in 0..600 {
        ask(&world, &format!("req_{number}")).await;
    }
    drop(stop);
    writing.await.unwrap();
    assert_eq!((store.all().len(), diary.not_stored()), (600, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_does_not_hold_up_the_end() {
    let (store, diary) = (KeptRequests::default(), Diary::default());
    store.set_mood(Mood::Hangs);
    let (log, writer) = stored(ALL, &store, &diary);
    let world = world(&log).await;
    ask(&world, "req_1").await;
    let began = Instant::now();
    writer.run(async {}).await;
    assert_eq!((began.elapsed(), diary.not_stored()), (Duration::from_secs(5), 1));
}

#[tokio::test(start_paused = true)]
async fn the_store_is_rid_of_what_is_too_old_every_minute() {
    let (store, diary) = (KeptRequests::default(), Diary::default());
    let (_log, writer) = stored(ALL, &store, &diary);
    tokio::spawn(writer.run(std::future::pending()));
    tokio::time::sleep(Duration::from_secs(61)).await;
    let (before, keep) = store.pruned().expect("it was pruned");
    assert_eq!(keep, 100);
    assert!(before > 0);
}
