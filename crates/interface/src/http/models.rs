//! `GET /v1/models` and `GET /v1/models/{id}`: every name a caller may use, in the shape of the protocol that the
//! caller speaks. Google's has a path of its own, `GET /v1beta/models`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use http::HeaderMap;
use serde::Serialize;
use tidegate_application::{
    domain::inference::{Family, LlmClient},
    orchestration::{ModelEntry, OrchestrationService},
};

use super::refusal::Refusal;

/// The routes.
pub(super) fn routes<C: LlmClient>(orchestration: Arc<OrchestrationService<C>>) -> Router {
    Router::new()
        .route("/v1/models", get(list::<C>))
        // A name may hold slashes: `provider:organisation/model`.
        .route("/v1/models/{*id}", get(show::<C>))
        .route("/v1beta/models", get(list_for_google::<C>))
        .route("/v1beta/models/{*id}", get(show_for_google::<C>).fallback(unknown_method))
        .with_state(orchestration)
}

async fn list<C: LlmClient>(State(orchestration): State<Arc<OrchestrationService<C>>>, headers: HeaderMap) -> Response {
    let models = orchestration.models().into_iter();
    if speaks_anthropics(&headers) {
        let data: Vec<AnthropicModelWire> = models.map(AnthropicModelWire::from).collect();
        let id = |model: Option<&AnthropicModelWire>| model.map(|model| model.id.clone());
        let (first_id, last_id) = (id(data.first()), id(data.last()));
        return Json(AnthropicListWire { data, has_more: false, first_id, last_id }).into_response();
    }
    Json(ListWire { object: "list", data: models.map(ModelWire::from).collect() }).into_response()
}

async fn show<C: LlmClient>(
    State(orchestration): State<Arc<OrchestrationService<C>>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let found = orchestration.models().into_iter().find(|entry| entry.name == id);
    match found {
        Some(entry) if speaks_anthropics(&headers) => Json(AnthropicModelWire::from(entry)).into_response(),
        Some(entry) => Json(ModelWire::from(entry)).into_response(),
        None if speaks_anthropics(&headers) => {
            Refusal::unknown_model(&id, &[]).worded_by::<axum::body::Body>(Family::Anthropic)
        }
        None => Refusal::unknown_model(&id, &[]).into_response(),
    }
}

async fn list_for_google<C: LlmClient>(
    State(orchestration): State<Arc<OrchestrationService<C>>>,
) -> Json<GoogleListWire> {
    Json(GoogleListWire { models: orchestration.models().into_iter().map(GoogleModelWire::from).collect() })
}

async fn show_for_google<C: LlmClient>(
    State(orchestration): State<Arc<OrchestrationService<C>>>,
    Path(id): Path<String>,
) -> Response {
    match orchestration.models().into_iter().find(|entry| entry.name == id) {
        Some(entry) => Json(GoogleModelWire::from(entry)).into_response(),
        None => Refusal::unknown_model(&id, &[]).worded_by(Family::Google),
    }
}

/// What is asked of a model by a method that is not served.
async fn unknown_method() -> Response {
    Refusal::no_such_route().worded_by(Family::Google)
}

/// Every request in Anthropic's protocol names its version, and no other does.
fn speaks_anthropics(headers: &HeaderMap) -> bool {
    headers.contains_key("anthropic-version")
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

/// All there is on one page: nobody has so many models.
#[derive(Serialize)]
struct AnthropicListWire {
    data: Vec<AnthropicModelWire>,
    has_more: bool,
    first_id: Option<String>,
    last_id: Option<String>,
}

/// Anthropic's shape, and the kind as an extension of it.
#[derive(Serialize)]
struct AnthropicModelWire {
    r#type: &'static str,
    id: String,
    display_name: String,
    created_at: &'static str,
    kind: &'static str,
}

impl From<ModelEntry> for AnthropicModelWire {
    fn from(entry: ModelEntry) -> Self {
        let ModelEntry { name, kind } = entry;
        // The beginning of time stands for one that is not known, there as here.
        let created_at = "1970-01-01T00:00:00Z";
        Self { r#type: "model", display_name: name.clone(), id: name, created_at, kind }
    }
}

#[derive(Serialize)]
struct GoogleListWire {
    models: Vec<GoogleModelWire>,
}

/// Google's shape; a name stands behind the collection that it belongs to.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoogleModelWire {
    name: String,
    display_name: String,
    description: &'static str,
    supported_generation_methods: [&'static str; 2],
}

impl From<ModelEntry> for GoogleModelWire {
    fn from(entry: ModelEntry) -> Self {
        let ModelEntry { name, kind } = entry;
        Self {
            name: format!("models/{name}"),
            display_name: name,
            description: kind,
            supported_generation_methods: ["generateContent", "streamGenerateContent"],
        }
    }
}

impl From<ModelEntry> for ModelWire {
    fn from(entry: ModelEntry) -> Self {
        let ModelEntry { name, kind } = entry;
        Self { id: name, object: "model", created: 0, owned_by: "tidegate", kind }
    }
}
