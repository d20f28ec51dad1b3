//! Names to addresses, without those that are off limits.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    vec,
};

use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use crate::provider::reach::is_off_limits;

/// A resolver whose every answer is looked at before it is connected to: these addresses and no others, so that a name that means something else
/// a moment later changes nothing.
#[derive(Debug, Clone)]
pub(super) struct Resolver<R> {
    pub(super) inner: R,
    pub(super) allow_link_local: bool,
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    /// Nobody knows the name.
    #[error("the host name was not resolved")]
    Unknown(#[source] io::Error),
    /// It leads where no provider is.
    #[error("the host name leads to link-local or metadata addresses only")]
    OffLimits,
}

impl<R> Service<Name> for Resolver<R>
where
    R: Service<Name, Error = io::Error>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Future: Send + 'static,
{
    type Response = vec::IntoIter<SocketAddr>;
    type Error = ResolveError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ResolveError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ResolveError>> {
        self.inner.poll_ready(context).map_err(ResolveError::Unknown)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (resolving, allow_link_local) = (self.inner.call(name), self.allow_link_local);
        Box::pin(async move {
            let found = resolving.await.map_err(ResolveError::Unknown)?;
            let (off_limits, fine): (Vec<_>, Vec<_>) =
                found.partition(|address| !allow_link_local && is_off_limits(address.ip()));
            if fine.is_empty() && !off_limits.is_empty() {
                return Err(ResolveError::OffLimits);
            }
            Ok(fine.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        future::{Ready, ready},
        net::Ipv4Addr,
        sync::{Arc, Mutex},
    };

    use hyper_util::client::legacy::connect::HttpConnector;
    use tokio::net::TcpListener;

    use super::*;

    /// Answers with one set of addresses after the other.
    #[derive(Clone)]
    struct Scripted(Arc<Mutex<VecDeque<Vec<&'static str>>>>);

    impl Service<Name> for Scripted {
        type Response = vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let addresses = self.0.lock().unwrap().pop_front().unwrap();
            let addresses: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect();
            ready(Ok(addresses.into_iter()))
        }
    }

    fn scripted(answers: &[&[&'static str]], allow_link_local: bool) -> Resolver<Scripted> {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        Resolver { inner: Scripted(Arc::new(Mutex::new(answers))), allow_link_local }
    }

    async fn resolve(resolver: &mut Resolver<Scripted>) -> Result<Vec<String>, ResolveError> {
        let found = resolver.call("name.example".parse().unwrap()).await?;
        Ok(found.map(|address| address.ip().to_string()).collect())
    }

    #[tokio::test]
    async fn a_name_that_leads_off_limits_leads_nowhere_unless_that_is_allowed() {
        let answer: &[&str] = &["169.254.169.254", "fe80::1"];
        assert!(matches!(resolve(&mut scripted(&[answer], false)).await, Err(ResolveError::OffLimits)));
        assert_eq!(resolve(&mut scripted(&[answer], true)).await.unwrap(), answer);
    }

    #[tokio::test]
    async fn only_the_addresses_that_are_fine_are_left() {
        let answer: &[&str] = &["169.254.169.254", "10.0.0.1", "::ffff:169.254.169.254", "::1"];
        assert_eq!(resolve(&mut scripted(&[answer], false)).await.unwrap(), ["10.0.0.1", "::1"]);
    }

    #[tokio::test]
    async fn a_name_that_is_rebound_is_looked_at_again_with_every_connection() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url: http::Uri = format!("http://name.example:{}", listener.local_addr().unwrap().port()).parse().unwrap();
        let mut connector = HttpConnector::new_with_resolver(scripted(&[&["127.0.0.1"], &["169.254.169.254"]], false));
        connector.call(url.clone()).await.unwrap();
        let error = connector.call(url).await.unwrap_err();
        let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
        assert!(matches!(cause, Some(ResolveError::OffLimits)), "{error:?}");
    }
}
