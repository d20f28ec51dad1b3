//! `/admin/v1/config`: who may change it how, and what the answers look like.

use std::{
    sync::{Arc, Mutex},
    time::SystemTime,
};

use async_trait::async_trait;
use serde_json::json;
use tidegate_application::{ConfigControl, ConfigHistory, RollbackError};
use tidegate_domain::{
    config::{Accepted, Document, Problem, Reason, ReloadOutcome, Report, RestoreError, RevisionRepository},
    observe::NoObserver,
};
use tidegate_infrastructure::{clock::TokioClock, persistence::InMemoryRevisionRepository};

use crate::{
    stage::Stage,
    wire::{Answer, exchange, get},
};

/// Does nothing, but remembers why it was asked to.
struct Scripted {
    history: ConfigHistory,
    reasons: Arc<Mutex<Vec<String>>>,
    report: Report,
}

#[async_trait]
impl ConfigControl for Scripted {
    async fn reload(&self, reason: Reason) -> ReloadOutcome {
        self.reasons.lock().unwrap().push(reason.to_string());
        if self.report.errors() == 0 { ReloadOutcome::Unchanged } else { ReloadOutcome::Rejected(self.report.clone()) }
    }

    async fn check(&self) -> Report {
        self.report.clone()
    }

    async fn roll_back(&self, number: u64, reason: Reason) -> Result<ReloadOutcome, RollbackError> {
        match number {
            1 => Ok(self.reload(reason).await),
            2 => Err(RestoreError::Secrets { keys: vec!["providers.x.api_key".to_owned()] }.into()),
            number => Err(RollbackError::NoSuchRevision { number }),
        }
    }

    fn history(&self) -> Option<&ConfigHistory> {
        Some(&self.history)
    }
}

struct Site {
    stage: Stage,
    reasons: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn new(report: Report) -> Self {
        let (revisions, reasons) = (InMemoryRevisionRepository::default(), Arc::<Mutex<Vec<String>>>::default());
        let document = Document { path: "a.toml".into(), text: "x = 1".to_owned() };
        let accepted = Accepted {
            at: SystemTime::UNIX_EPOCH,
            reason: Reason::new("me", "to try"),
            content_hash: "h".to_owned(),
            changes: "started".to_owned(),
            documents: vec![document],
        };
        revisions.record(&accepted).await.unwrap();
        let history = ConfigHistory::new(Arc::new(revisions), Arc::new(TokioClock), Arc::new(NoObserver));
        let control = Scripted { history, reasons: Arc::clone(&reasons), report };
        Self { stage: Stage::configured(Arc::new(control)), reasons }
    }

    async fn get(&self, path: &str) -> Answer {
        exchange(self.stage.admin, &get(path)).await
    }

    async fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {length}\r\n");
        exchange(self.stage.admin, format!("{head}content-type: {content_type}\r\n\r\n{body}").as_bytes()).await
    }
}

#[tokio::test]
async fn the_history_is_listed_briefly_and_a_revision_whole() {
    let site = Site::new(Report::default()).await;
    let brief =
        json!({"number": 1, "at_ms": 0, "who": "me", "why": "to try", "content_hash": "h", "changes": "started"});
    assert_eq!(site.get("/admin/v1/config/revisions?limit=5").await.json(), json!({"revisions": [brief]}));
    let whole = site.get("/admin/v1/config/revisions/1").await.json();
    assert_eq!(whole["files"], json!([{"path": "a.toml", "text": "x = 1"}]));
    assert_eq!(site.get("/admin/v1/config").await.json(), whole);
    let missing = site.get("/admin/v1/config/revisions/9").await;
    assert_eq!((missing.status, &*missing.code()), (404, "revision_not_found"));
}

#[tokio::test]
async fn a_change_takes_a_reason_and_only_as_json() {
    let site = Site::new(Report::default()).await;
    let done = site.post("/admin/v1/config/reload", "application/json", r#"{"who":"ann","why":"new keys"}"#).await;
    assert_eq!((done.status, &done.json()["result"]), (200, &json!("unchanged")));
    site.post("/admin/v1/config/revisions/1/rollback", "application/json", "{}").await;
    // What a form on any page could send.
    let form = site.post("/admin/v1/config/reload", "text/plain", "{}").await;
    assert_eq!((form.status, &*form.code()), (415, "unsupported_media_type"));
    assert_eq!(*site.reasons.lock().unwrap(), ["ann: new keys", "an operator: no reason given"]);
}

#[tokio::test]
async fn what_is_rejected_comes_with_its_problems() {
    let site = Site::new(Problem::error("pools.p", "is no pool").help("write one").into()).await;
    let rejected = site.post("/admin/v1/config/reload", "application/json", "{}").await;
    let problems = rejected.json()["problems"].clone();
    assert_eq!((rejected.status, &problems[0]["message"]), (422, &json!("is no pool")));
    let checked = site.post("/admin/v1/config/check", "application/json", "{}").await;
    assert_eq!((checked.status, &checked.json()["problems"]), (200, &problems));
}

#[tokio::test]
async fn a_rollback_that_cannot_be_says_why() {
    let site = Site::new(Report::default()).await;
    let secrets = site.post("/admin/v1/config/revisions/2/rollback", "application/json", "{}").await;
    assert_eq!((secrets.status, &*secrets.code()), (409, "conflict"));
    assert!(secrets.json()["error"]["message"].as_str().unwrap().contains("providers.x.api_key"));
    let missing = site.post("/admin/v1/config/revisions/3/rollback", "application/json", "{}").await;
    assert_eq!(missing.status, 404);
}
