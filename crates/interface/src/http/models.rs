//! `GET /v1/models` and `GET /v1/models/{id}`: every name a caller may use.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use tidegate_application::{
    domain::inference::LlmClient,
    orchestration::{ModelEntry, OrchestrationService},
};

use super::refusal::Refusal;

/// The routes.
pub(super) fn routes<C: LlmClient>(orchestration: Arc<OrchestrationService<C>>) -> Router {
    Router::new()
        .route("/v1/models", get(list::<C>))
        // A name may hold slashes: `provider:organisation/model`.
        .route("/v1/models/{*id}", get(show::<C>))
        .with_state(orchestration)
}

async fn list<C: LlmClient>(State(orchestration): State<Arc<OrchestrationService<C>>>) -> Json<ListWire> {
    Json(ListWire { object: "list", data: orchestration.models().into_iter().map(ModelWire::from).collect() })
}

async fn show<C: LlmClient>(
    State(orchestration): State<Arc<OrchestrationService<C>>>,
    Path(id): Path<String>,
) -> Response {
    match orchestration.models().into_iter().find(|entry| entry.name == id) {
        Some(entry) => Json(ModelWire::from(entry)).into_response(),
        None => Refusal::unknown_model(&id, &[]).into_response(),
    }
}

#[derive(Serialize)]
struct ListWire {
    object: &'static str,
    data: Vec<ModelWire>,
}

/// OpenAI's shape, which SDKs parse strictly, and the kind as an extension of it.
#[derive(Serialize)]
struct ModelWire {
    id: String,
    object: &'static str,
    created: u64,
    owned_by: &'static str,
    kind: &'static str,
}

impl From<ModelEntry> for ModelWire {
    fn from(entry: ModelEntry) -> Self {
        let ModelEntry { name, kind } = entry;
        Self { id: name, object: "model", created: 0, owned_by: "tidegate", kind }
    }
}
