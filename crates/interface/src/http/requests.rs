//! `GET /admin/v1/requests` and `GET /admin/v1/requests/{id}`: requests that are over, and everything that was decided for
//! them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
    routing::get,
};
use http::header;
use serde::{Deserialize, Serialize};
use tidegate_application::{
    RequestLog,
    domain::{
        inference::RequestId,
        repository::RepositoryError,
        routing::{RequestQuery, RequestSummary},
    },
};

use super::refusal::Refusal;

const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 1000;

/// The routes.
pub(super) fn routes(requests: Arc<RequestLog>) -> Router {
    Router::new()
        .route("/admin/v1/requests", get(list))
        .route("/admin/v1/requests/{id}", get(show))
        .with_state(requests)
}

async fn show(State(requests): State<Arc<RequestLog>>, Path(id): Path<String>) -> Response {
    match requests.document(&RequestId::new(&id)).await {
        Ok(Some(document)) => ([(header::CONTENT_TYPE, "application/json")], document).into_response(),
        Ok(None) => Refusal::no_such_request(&id).into_response(),
        Err(error) => unavailable(&error),
    }
}

async fn list(State(requests): State<Arc<RequestLog>>, query: Result<Query<QueryWire>, QueryRejection>) -> Response {
    let query = match query {
        Ok(Query(query)) => RequestQuery::from(query),
        Err(rejection) => return Refusal::invalid_value("query", rejection.body_text()).into_response(),
    };
    match requests.list(&query).await {
        Ok(found) => Json(ListWire { requests: found.into_iter().map(SummaryWire::from).collect() }).into_response(),
        Err(error) => unavailable(&error),
    }
}

fn unavailable(error: &RepositoryError) -> Response {
    tracing::warn!(%error, "the store of requests did not answer");
    Refusal::store_unavailable().into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueryWire {
    target: Option<String>,
    outcome: Option<String>,
    fault: Option<String>,
    instance: Option<String>,
    #[serde(default)]
    min_attempts: u32,
    before_ms: Option<u64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct ListWire {
    requests: Vec<SummaryWire>,
}

#[derive(Serialize)]
struct SummaryWire {
    id: String,
    received_ms: u64,
    target: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    attempts: u32,
    took_ms: u64,
}

impl From<QueryWire> for RequestQuery {
    fn from(wire: QueryWire) -> Self {
        let QueryWire { target, outcome, fault, instance, min_attempts, before_ms, limit } = wire;
        let limit = limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
        Self { target, outcome, fault, instance, min_attempts, before_ms, limit }
    }
}

impl From<RequestSummary> for SummaryWire {
    fn from(summary: RequestSummary) -> Self {
        let RequestSummary { id, received_ms, target, outcome, fault, instance, attempts, took_ms } = summary;
        Self { id: id.to_string(), received_ms, target, outcome, fault, instance, attempts, took_ms }
    }
}
