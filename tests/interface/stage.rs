//! A served gateway over a scripted upstream. How the services are put together is known here only.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use tidegate_application::{
    domain::{
        fault::{Fault, FaultKind, TransportFault, UpstreamError, Work},
        inference::{Call, LlmClient, Reply, Signals, StreamChunk, WholeAnswer},
        name::{InstanceId, PoolName, WrapperName},
        pool::PoolStatus,
    },
    health::{GroupHealth, HealthReport, HealthService, PoolHealth, WrapperHealth},
    orchestration::{ModelEntry, OrchestrationService},
};
use tidegate_interface::{
    http::Gateway,
    server::{Ended, Lifecycle, Server, ServerOptions},
};
use tokio::{sync::mpsc, task::JoinHandle};

/// The answer of a model that answers whole.
pub const WHOLE: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[]}"#;

/// A gateway that serves on free ports.
pub struct Stage {
    pub address: SocketAddr,
    pub admin: SocketAddr,
    pub lifecycle: Lifecycle,
    pub upstream: Upstream,
    running: JoinHandle<Ended>,
}

impl Stage {
    /// With limits that no test runs into.
    pub fn new() -> Self {
        Self::with(ServerOptions::default(), healthy())
    }

    /// With the given limits; the addresses are chosen here.
    pub fn limited(options: ServerOptions) -> Self {
        Self::with(options, healthy())
    }

    /// With the given limits and health.
    pub fn with(mut options: ServerOptions, health: HealthReport) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        (options.listen, options.admin_listen) = (free, free);
        let server = Server::bind(options).unwrap();
        let upstream = Upstream::default();
        let gateway = Gateway {
            orchestration: Arc::new(orchestration(upstream.clone())),
            health: Arc::new(HealthService::stand_in(health)),
            metrics: Arc::new(|| "requests_total 1\n".to_owned()),
        };
        let lifecycle = Lifecycle::default();
        let (address, admin) = (server.address(), server.admin_address());
        let running = tokio::spawn(server.serve(gateway, lifecycle.clone()));
        Self { address, admin, lifecycle, upstream, running }
    }

    /// Waits for the server to end.
    pub async fn ended(self) -> Ended {
        self.running.await.unwrap()
    }
}

fn orchestration(upstream: Upstream) -> OrchestrationService<Upstream> {
    const MODELS: [(&str, &str); 10] = [
        ("fast", "pool"),
        ("stream", "model"),
        ("silent", "model"),
        ("openai:org/model", "model"),
        ("limited", "model"),
        ("broken", "model"),
        ("unreachable", "model"),
        ("locked", "model"),
        ("invalid", "model"),
        ("filtered", "model"),
    ];
    let models = MODELS.map(|(name, kind)| ModelEntry { name: name.to_owned(), kind }).to_vec();
    OrchestrationService::stand_in(upstream, InstanceId::new("primary").unwrap(), models)
}

/// Everything usable.
pub fn healthy() -> HealthReport {
    let pool = PoolName::new("fast").unwrap();
    HealthReport {
        revision: 7,
        pools: vec![PoolHealth { name: pool.clone(), status: PoolStatus::Active, usable: 2, instances: 2 }],
        task_groups: vec![GroupHealth { name: "chat".parse().unwrap(), usable_tiers: 1, tiers: 1 }],
        wrappers: vec![WrapperHealth {
            name: WrapperName::new("gpt").unwrap(),
            target: "pool:fast".parse().unwrap(),
            usable: true,
        }],
        store: Ok(()),
    }
}

type Receiver = mpsc::UnboundedReceiver<Result<StreamChunk, Fault>>;

/// An upstream whose behaviour is the model's name. A stream says what the test feeds it.
#[derive(Clone, Default)]
pub struct Upstream {
    bodies: Arc<Mutex<Vec<Bytes>>>,
    feeds: Arc<Mutex<Option<Receiver>>>,
}

impl Upstream {
    /// The bodies that reached it.
    pub fn bodies(&self) -> Vec<Bytes> {
        self.bodies.lock().unwrap().clone()
    }

    /// What the next stream will say. Closed once the gateway has dropped the stream.
    pub fn feed(&self) -> mpsc::UnboundedSender<Result<StreamChunk, Fault>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.feeds.lock().unwrap() = Some(receiver);
        sender
    }
}

/// A piece of a stream.
pub fn piece(text: &str) -> StreamChunk {
    StreamChunk { bytes: Bytes::copy_from_slice(text.as_bytes()), signals: Signals::default() }
}

/// The stream of an [`Upstream`].
pub struct Feed(Receiver);

impl Stream for Feed {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

impl LlmClient for Upstream {
    type Stream = Feed;

    async fn send(&self, call: Call<'_>) -> Result<Reply<Feed>, Fault> {
        self.bodies.lock().unwrap().push(call.request.body().clone());
        let fault = |kind| Fault::new(kind, Work::Refused, "said 10.0.0.7");
        match call.model {
            "stream" => Ok(Reply::Stream(Feed(self.feeds.lock().unwrap().take().expect("a stream is fed")))),
            // Waits for the test to say anything, so that dropping the wait can be seen.
            "silent" => {
                let mut feed = self.feeds.lock().unwrap().take().expect("a wait is fed");
                feed.recv().await.expect("the wait is dropped first").map(|_| whole())
            }
            "limited" => Err(Fault { retry_after: Some(Duration::from_millis(2500)), ..fault(FaultKind::RateLimited) }),
            "broken" => Err(fault(FaultKind::Transient)),
            "unreachable" => Err(fault(FaultKind::Transport(TransportFault::Connect))),
            "locked" => Err(fault(FaultKind::Auth)),
            "invalid" => Err(Fault { upstream: Some(in_its_own_words(422)), ..fault(FaultKind::Client) }),
            "filtered" => Err(Fault { upstream: Some(in_its_own_words(400)), ..fault(FaultKind::ContentFilter) }),
            _ => Ok(whole()),
        }
    }

    async fn check(&self) -> Result<(), Fault> {
        Ok(())
    }
}

fn whole() -> Reply<Feed> {
    Reply::Whole(WholeAnswer { body: Bytes::from_static(WHOLE.as_bytes()), usage: None })
}

fn in_its_own_words(status: u16) -> UpstreamError {
    let body = Bytes::from_static(br#"{"error":{"message":"theirs","type":"t","param":null,"code":"theirs"}}"#);
    UpstreamError { status, body }
}
