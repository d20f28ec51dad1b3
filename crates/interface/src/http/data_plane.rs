//! The way into the data plane: names the request, and sends it where it belongs.
//!
//! What a model answers is matched here and keeps its own body type, so that no chunk of a stream passes a boxed body. All
//! other routes go through a router.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use axum::Router;
use http::{Response, Uri};
use tidegate_application::{
    domain::inference::{LlmClient, RequestId},
    orchestration::OrchestrationService,
};
use tower::ServiceExt;

use super::{Gateway, Intake, body::ResponseBody, headers, ingress, models, refusal::Refusal};
use crate::server::{Incoming, Lifecycle, Outgoing};

/// Answers the callers.
pub(crate) struct DataPlane<C: LlmClient> {
    pub(super) orchestration: Arc<OrchestrationService<C>>,
    pub(super) intake: Intake,
    pub(super) lifecycle: Lifecycle,
    /// After so much silence a stream says that it is still there.
    pub(super) keep_alive: Option<Duration>,
    others: Router,
}

impl<C: LlmClient> DataPlane<C> {
    /// Serves `gateway` until `lifecycle` ends.
    pub(crate) fn new(gateway: &Gateway<C>, intake: Intake, lifecycle: Lifecycle) -> Self {
        let orchestration = Arc::clone(&gateway.orchestration);
        Self { others: others(Arc::clone(&orchestration)), orchestration, intake, lifecycle, keep_alive: None }
    }

    /// The same, whose streams say after so much silence that they are still there.
    pub(crate) fn with_keep_alive(self, keep_alive: Option<Duration>) -> Self {
        Self { keep_alive, ..self }
    }

    /// Answers one request; there is no request without an answer. No `async fn`, which would keep what it is given twice.
    pub(crate) fn answer(&self, incoming: Incoming) -> impl Future<Output = Outgoing<ResponseBody<C::Stream>>> {
        let id = RequestId::from_bits(fastrand::u128(..));
        let Incoming { method, target, fields, body } = incoming;
        async move {
            let mut outgoing = if let Some(asked) = ingress::asked(&method, &target) {
                let answered = unless_it_panics(pin!(self.complete((asked, &fields, body), &id))).await;
                answered.unwrap_or_else(|refusal| Outgoing::from(refusal.worded_by(asked.family)))
            } else {
                // Boxed, as all that is rare: the future of a request is no larger than its usual way.
                Box::pin(self.routed(Incoming { method, target, fields, body })).await
            };
            headers::identify(&mut outgoing.head.lines, &id);
            tracing::debug!(%id, status = outgoing.head.status.as_u16(), "answered");
            outgoing
        }
    }

    /// Answers what asks for no operation.
    async fn routed(&self, incoming: Incoming) -> Outgoing<ResponseBody<C::Stream>> {
        let Ok(response) = self.others.clone().oneshot(incoming.into_request()).await;
        Outgoing::from(response.map(ResponseBody::Routed))
    }
}

fn others<C: LlmClient>(orchestration: Arc<OrchestrationService<C>>) -> Router {
    let routes = ingress::paths().fold(models::routes(orchestration), |routes, path| {
        routes.route(path, axum::routing::any(async || wrong_method("POST")))
    });
    routes
        .fallback(async |uri: Uri| {
            Refusal::no_such_route().worded_by::<axum::body::Body>(ingress::family_of(uri.path()))
        })
        .method_not_allowed_fallback(async || wrong_method("GET"))
}

/// Turns a panic into a refusal: the caller gets an answer, and the state behind the request is given back by its guards.
async fn unless_it_panics<T>(mut work: Pin<&mut impl Future<Output = Result<T, Refusal>>>) -> Result<T, Refusal> {
    poll_fn(move |context| {
        // Nothing reads the future after a panic, and the locks behind it are made to outlive one.
        catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))).unwrap_or_else(|_| {
            tracing::error!("a request ended in a panic");
            Poll::Ready(Err(Refusal::internal_error()))
        })
    })
    .await
}

fn wrong_method(allow: &'static str) -> Response<axum::body::Body> {
    Refusal::wrong_method(allow).into_response()
}
