//! One question to a running gateway, for the commands that ask one.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri, uri::InvalidUri};
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
    let uri: Uri = url.parse().map_err(|source| FetchError::Url { url: url.to_owned(), source })?;
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = uri;
    let answer = tokio::time::timeout(TIMEOUT, get(request, TIMEOUT)).await;
    let answer = answer.map_err(|_| FetchError::TimedOut { url: url.to_owned() })?;
    answer?.map_err(|fault| FetchError::Unreachable { url: url.to_owned(), fault })
}
