//! One question to a running gateway, for the commands that ask one.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header, uri::InvalidUri};
use tidegate_domain::fault::Fault;

use crate::provider::{TlsError, get};

/// How long the gateway may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why a gateway did not answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL is none.
    #[error("'{url}' is no URL; write http://host:port")]
    Url {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: InvalidUri,
    },
    /// TLS is not available.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nobody answered.
    #[error("no gateway answers at {url}: {fault}; is it running, and is this its admin_listen address?")]
    Unreachable {
        /// The URL.
        url: String,
        /// What happened.
        fault: Fault,
    },
    /// It took too long.
    #[error("the gateway at {url} did not answer within {}s", TIMEOUT.as_secs())]
    TimedOut {
        /// The URL.
        url: String,
    },
}

/// Gets `url` once and returns the status and the body.
///
/// # Errors
/// [`FetchError`] says what to look at.
pub async fn fetch(url: &str) -> Result<(StatusCode, Bytes), FetchError> {
    ask(url, Request::new(Bytes::new())).await
}

/// Posts JSON to `url` once and returns the status and the body.
///
/// # Errors
/// [`FetchError`] says what to look at.
pub async fn post(url: &str, json: String) -> Result<(StatusCode, Bytes), FetchError> {
    let mut request = Request::new(Bytes::from(json));
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ask(url, request).await
}

async fn ask(url: &str, mut request: Request<Bytes>) -> Result<(StatusCode, Bytes), FetchError> {
    *request.uri_mut() = url.parse::<Uri>().map_err(|source| FetchError::Url { url: url.to_owned(), source })?;
    let answer = tokio::time::timeout(TIMEOUT, get(request, TIMEOUT)).await;
    let answer = answer.map_err(|_| FetchError::TimedOut { url: url.to_owned() })?;
    answer?.map_err(|fault| FetchError::Unreachable { url: url.to_owned(), fault })
}
