//! What a connection serves: requests in, responses out.

use std::{error::Error, future::Future, sync::Arc};

use axum::Router;
use bytes::Bytes;
use http::{Method, Request, Response, Uri};
use http_body::Body;
use tidegate_application::domain::inference::LlmClient;
use tidegate_http1::Fields;
use tower::ServiceExt;

use super::{RequestBody, response_head::Head};
use crate::http::{DataPlane, ResponseBody};

/// A request, its header fields as they came.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    pub(crate) target: Uri,
    pub(crate) fields: Fields,
    pub(crate) body: RequestBody,
}

impl Incoming {
    /// The request as routers take it.
    pub(crate) fn into_request(self) -> Request<RequestBody> {
        let mut request = Request::new(self.body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target;
        *request.headers_mut() = self.fields.to_map();
        request
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Outgoing<B> {
    pub(crate) head: Head,
    pub(crate) body: B,
}

impl<B> From<Response<B>> for Outgoing<B> {
    fn from(response: Response<B>) -> Self {
        let (parts, body) = response.into_parts();
        Self { head: Head::from(parts), body }
    }
}

/// A service that answers whatever it is asked.
pub(super) trait HttpService: Clone + Send + Sync + 'static {
    /// The body of its responses.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers one request. Dropping the future gives the request up.
    fn answer(&self, incoming: Incoming) -> impl Future<Output = Outgoing<Self::Body>> + Send;
}

impl<C: LlmClient> HttpService for Arc<DataPlane<C>> {
    type Body = ResponseBody<C::Stream>;

    fn answer(&self, incoming: Incoming) -> impl Future<Output = Outgoing<Self::Body>> + Send {
        DataPlane::answer(self, incoming)
    }
}

impl HttpService for Router {
    type Body = axum::body::Body;

    async fn answer(&self, incoming: Incoming) -> Outgoing<Self::Body> {
        let Ok(response) = self.clone().oneshot(incoming.into_request()).await;
        Outgoing::from(response)
    }
}
