//! `/admin/v1/config`: what is in force, what was, and changing it.
//!
//! | path | does |
//! |---|---|
//! | `GET /admin/v1/config` | the revision in force, with its files |
//! | `GET /admin/v1/config/revisions?limit=N` | the latest revisions, newest first |
//! | `GET /admin/v1/config/revisions/N` | one of them, with its files |
//! | `POST /admin/v1/config/check` | what would keep the files from being put in force |
//! | `POST /admin/v1/config/reload` | puts the files in force |
//! | `POST /admin/v1/config/revisions/N/rollback` | puts earlier files in place and in force |
//!
//! What changes something takes JSON, `{"who": "...", "why": "..."}`, and nothing else: no page in an operator's browser can send that
//! here without being asked first.

use std::{sync::Arc, time::SystemTime};

use axum::{
    Json, Router,
    body::Body,
    extract::{FromRequest, Path, RawQuery, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tidegate_application::{
    ConfigControl, RollbackError,
    domain::{
        config::{Accepted, ConfigRevision, Document, Reason, ReloadOutcome},
        repository::RepositoryError,
    },
};

use super::refusal::Refusal;
use crate::problem::{ProblemWire, problems};

/// What looks at and changes the configuration.
pub type Control = Arc<dyn ConfigControl>;

/// Serves the configuration.
pub(super) fn routes(control: Control) -> Router {
    Router::new()
        .route("/admin/v1/config", get(current))
        .route("/admin/v1/config/check", post(check))
        .route("/admin/v1/config/reload", post(reload))
        .route("/admin/v1/config/revisions", get(revisions))
        .route("/admin/v1/config/revisions/{number}", get(revision))
        .route("/admin/v1/config/revisions/{number}/rollback", post(roll_back))
        .with_state(control)
}

async fn current(State(control): State<Control>) -> Result<Response, Response> {
    let latest = control.history().ok_or_else(no_revision)?.latest(1).await.map_err(|error| store_failed(&error))?;
    let Some(latest) = latest.into_iter().next() else { return Err(no_revision()) };
    Ok(Json(RevisionWire::whole(latest)).into_response())
}

async fn revisions(State(control): State<Control>, RawQuery(query): RawQuery) -> Result<Response, Response> {
    let query = query.unwrap_or_default();
    let limit =
        query.split('&').find_map(|pair| pair.strip_prefix("limit=")?.parse().ok()).unwrap_or(20_usize).clamp(1, 200);
    let latest =
        control.history().ok_or_else(no_revision)?.latest(limit).await.map_err(|error| store_failed(&error))?;
    let revisions: Vec<_> = latest.into_iter().map(RevisionWire::brief).collect();
    Ok(Json(serde_json::json!({ "revisions": revisions })).into_response())
}

async fn revision(State(control): State<Control>, Path(number): Path<u64>) -> Result<Response, Response> {
    let found = control.history().ok_or_else(no_revision)?.find(number).await.map_err(|error| store_failed(&error))?;
    Ok(Json(RevisionWire::whole(found.ok_or_else(no_revision)?)).into_response())
}

async fn check(State(control): State<Control>, request: Request) -> Result<Response, Response> {
    reason(request).await?;
    Ok(Json(serde_json::json!({ "problems": problems(&control.check().await) })).into_response())
}

async fn reload(State(control): State<Control>, request: Request) -> Result<Response, Response> {
    let reason = reason(request).await?;
    Ok(told(&control.reload(reason).await))
}

async fn roll_back(
    State(control): State<Control>,
    Path(number): Path<u64>,
    request: Request,
) -> Result<Response, Response> {
    let reason = reason(request).await?;
    match control.roll_back(number, reason).await {
        Ok(outcome) => Ok(told(&outcome)),
        Err(RollbackError::NoHistory | RollbackError::NoSuchRevision { .. }) => Err(no_revision()),
        Err(RollbackError::Repository(error)) => Err(store_failed(&error)),
        Err(error @ RollbackError::Restore(_)) => Err(Refusal::conflict(error.to_string()).into_response()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonWire {
    #[serde(default)]
    who: String,
    #[serde(default)]
    why: String,
}

async fn reason(request: Request) -> Result<Reason, Response> {
    let help = "send JSON such as {\"who\": \"me\", \"why\": \"to try it\"}, as application/json";
    let read = Json::<ReasonWire>::from_request(request, &()).await;
    let Json(ReasonWire { who, why }) =
        read.map_err(|_| Refusal::unsupported_media_type(help).into_response::<Body>())?;
    let or = |text: String, other: &str| if text.trim().is_empty() { other.to_owned() } else { text };
    Ok(Reason::new(or(who, "an operator"), or(why, "no reason given")))
}

fn no_revision() -> Response {
    Refusal::no_such_revision().into_response()
}

fn store_failed(error: &RepositoryError) -> Response {
    tracing::error!(%error, "the history of the configuration cannot be read");
    Refusal::store_failed().into_response()
}

#[derive(Serialize)]
struct OutcomeWire {
    result: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<ProblemWire>,
}

fn told(outcome: &ReloadOutcome) -> Response {
    let (status, problems) = match outcome {
        ReloadOutcome::Applied { .. } | ReloadOutcome::Unchanged => (StatusCode::OK, Vec::new()),
        ReloadOutcome::Rejected(report) => (StatusCode::UNPROCESSABLE_ENTITY, problems(report)),
    };
    let told = OutcomeWire { result: outcome.as_str(), message: outcome.to_string(), problems };
    (status, Json(told)).into_response()
}

/// A revision as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RevisionWire {
    /// Its number.
    pub(crate) number: u64,
    /// When it came into force, in milliseconds since 1970.
    pub(crate) at_ms: u64,
    /// Who wanted it.
    pub(crate) who: String,
    /// Why.
    pub(crate) why: String,
    /// The hash of everything that was read.
    pub(crate) content_hash: String,
    /// What it changed.
    pub(crate) changes: String,
    /// The files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<FileWire>,
}

/// A file of a revision as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileWire {
    /// Where it was.
    pub(crate) path: String,
    /// What it said, without secrets.
    pub(crate) text: String,
}

impl RevisionWire {
    /// The revision with its files.
    pub(crate) fn whole(revision: ConfigRevision) -> Self {
        let ConfigRevision { number, accepted } = revision;
        let Accepted { at, reason: Reason { who, why }, content_hash, changes, documents } = accepted;
        let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let file = |Document { path, text }: Document| FileWire { path: path.display().to_string(), text };
        Self {
            number,
            at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            who,
            why,
            content_hash,
            changes,
            files: documents.into_iter().map(file).collect(),
        }
    }

    /// The revision without its files.
    pub(crate) fn brief(revision: ConfigRevision) -> Self {
        Self { files: Vec::new(), ..Self::whole(revision) }
    }
}
