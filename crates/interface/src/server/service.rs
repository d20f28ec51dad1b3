//! What a connection serves: requests in, responses out.

use std::{error::Error, future::Future, sync::Arc};

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tidegate_application::domain::inference::LlmClient;
use tower::ServiceExt;

use super::RequestBody;
use crate::http::{DataPlane, ResponseBody};

/// A service that answers whatever it is asked.
pub(super) trait HttpService: Clone + Send + Sync + 'static {
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers one request. Dropping the future gives the request up.
    fn answer(&self, request: Request<RequestBody>) -> impl Future<Output = Response<Self::Body>> + Send;
}

impl<C: LlmClient> HttpService for Arc<DataPlane<C>> {
    type Body = ResponseBody<C::Stream>;

    async fn answer(&self, request: Request<RequestBody>) -> Response<Self::Body> {
        DataPlane::answer(self, request).await
    }
}

impl HttpService for Router {
    type Body = axum::body::Body;

    async fn answer(&self, request: Request<RequestBody>) -> Response<Self::Body> {
        let Ok(response) = self.clone().oneshot(request).await;
        response
    }
}
