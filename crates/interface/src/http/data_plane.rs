//! The way into the data plane: names the request, and sends it where it belongs.
//!
//! The one hot route is matched here and keeps its own body type, so that no chunk of a stream passes a boxed body. All
//! others go through a router.

use std::sync::Arc;

use axum::Router;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use tidegate_application::{
    domain::inference::{LlmClient, RequestId},
    orchestration::OrchestrationService,
};
use tower::ServiceExt;

use super::{Gateway, Intake, body::ResponseBody, headers, models, refusal::Refusal};
use crate::server::Lifecycle;

const CHAT_COMPLETIONS: &str = "/v1/chat/completions";

/// Answers the callers.
pub(crate) struct DataPlane<C: LlmClient> {
    pub(super) orchestration: Arc<OrchestrationService<C>>,
    pub(super) intake: Intake,
    pub(super) lifecycle: Lifecycle,
    others: Router,
}

impl<C: LlmClient> DataPlane<C> {
    /// Serves `gateway` until `lifecycle` ends.
    pub(crate) fn new(gateway: &Gateway<C>, intake: Intake, lifecycle: Lifecycle) -> Self {
        let orchestration = Arc::clone(&gateway.orchestration);
        Self { others: others(Arc::clone(&orchestration)), orchestration, intake, lifecycle }
    }

    /// Answers one request; there is no request without an answer.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<ResponseBody<C::Stream>> {
        let id = RequestId::from_bits(fastrand::u128(..));
        let is_completion = request.method() == Method::POST && request.uri().path() == CHAT_COMPLETIONS;
        let mut response = if is_completion {
            self.complete(request, &id).await.unwrap_or_else(Refusal::into_response)
        } else {
            let Ok(response) = self.others.clone().oneshot(request).await;
            response.map(ResponseBody::Routed)
        };
        headers::identify(response.headers_mut(), &id);
        tracing::debug!(%id, status = response.status().as_u16(), "answered");
        response
    }
}

fn others<C: LlmClient>(orchestration: Arc<OrchestrationService<C>>) -> Router {
    models::routes(orchestration)
        .route(CHAT_COMPLETIONS, axum::routing::any(async || wrong_method("POST")))
        .fallback(async || Refusal::no_such_route().into_response::<axum::body::Body>())
        .method_not_allowed_fallback(async || wrong_method("GET"))
}

fn wrong_method(allow: &'static str) -> Response<axum::body::Body> {
    Refusal::wrong_method(allow).into_response()
}
