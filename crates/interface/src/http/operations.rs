//! The operations endpoints, for orchestrators, scrapers and people; on a listener of their own, since they name what the
//! callers must not know.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use tidegate_application::{domain::inference::LlmClient, health::HealthService};

use super::{
    Gateway, HealthWire, MetricsText, configuration, explanation, instances, refusal::Refusal, requests, selection,
    statistics,
};
use crate::server::Lifecycle;

/// Serves `gateway`'s operations endpoints.
pub(crate) fn operations<C: LlmClient>(gateway: &Gateway<C>, lifecycle: Lifecycle) -> Router {
    let configuration = gateway.configuration.clone().map(configuration::routes).unwrap_or_default();
    Router::new()
        .merge(configuration)
        .merge(explanation::routes(&gateway.orchestration))
        .merge(instances::routes(Arc::clone(&gateway.pools)))
        .merge(selection::routes(Arc::clone(&gateway.task_groups)))
        .merge(statistics::routes(Arc::clone(&gateway.statistics)))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready).with_state(lifecycle))
        .route("/healthz", get(health::<C>).with_state(Arc::clone(&gateway.health)))
        .route("/metrics", get(metrics).with_state(Arc::clone(&gateway.metrics)))
        .merge(requests::routes(Arc::clone(gateway.orchestration.requests())))
        .fallback(async || Refusal::no_such_route().into_response::<axum::body::Body>())
        .method_not_allowed_fallback(async || Refusal::wrong_method("GET").into_response::<axum::body::Body>())
}

async fn ready(State(lifecycle): State<Lifecycle>) -> (StatusCode, &'static str) {
    if lifecycle.is_serving() { (StatusCode::OK, "ok\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "draining\n") }
}

async fn health<C: LlmClient>(State(health): State<Arc<HealthService<C>>>) -> Response {
    let report = HealthWire::from(health.report().await);
    let status = if report.is_serving() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

async fn metrics(State(render): State<MetricsText>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response()
}
