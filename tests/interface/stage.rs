//! A served gateway: the composed engine, between real sockets and a scripted upstream.

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use layered_tests::world::{Diary, Plan};
use tidegate_application::{
    Catalog, CatalogParts, HealthService, OrchestrationService, PoolService, Routes, TargetStatistics, TaskGroupService,
};
use tidegate_domain::{
    admission::{Limits, RateLimitAlgorithm, RateLimitPolicy},
    config::Configuration,
    fault::{Fault, FaultKind, TransportFault, UpstreamError, Work},
    inference::{
        AnswerStream, BuildClientError, Call, ClientFactory, LlmClient, Reply, Signals, StreamChunk, WholeAnswer,
    },
    pool::{InstanceSpec, PoolFallback, PoolPolicy},
};
use tidegate_infrastructure::{
    clock::TokioClock,
    persistence::{InMemoryPoolRepository, InMemoryTaskGroupRepository},
    telemetry::Observers,
};
use tidegate_interface::{
    http::{Control, Gateway},
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
    /// With a configuration that can be looked at and changed.
    pub fn configured(control: Control) -> Self {
        Self::composed(ServerOptions::default(), Some(control))
    }

    /// With limits that no test runs into.
    pub fn new() -> Self {
        Self::limited(ServerOptions::default())
    }

    /// With the given limits; the addresses are chosen here.
    pub fn limited(options: ServerOptions) -> Self {
        Self::composed(options, None)
    }

    fn composed(mut options: ServerOptions, configuration: Option<Control>) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        (options.listen, options.admin_listen) = (free, free);
        let server = Server::bind(options).unwrap();
        let upstream = Upstream::default();
        let lifecycle = Lifecycle::default();
        let (address, admin) = (server.address(), server.admin_address());
        let (catalog, gateway) = compose(&upstream);
        let gateway = Gateway { configuration, ..gateway };
        let ended = lifecycle.clone();
        let running = tokio::spawn(async move {
            // Who connects before the table is there waits in the backlog.
            catalog.load(definitions()).await.unwrap();
            server.serve(gateway, ended).await
        });
        Self { address, admin, lifecycle, upstream, running }
    }

    /// Waits for the server to end.
    pub async fn ended(self) -> Ended {
        self.running.await.unwrap()
    }
}

fn compose(upstream: &Upstream) -> (Arc<Catalog<Upstream>>, Gateway<Upstream>) {
    let (routes, clock, statistics) =
        (Arc::new(Routes::empty()), Arc::new(TokioClock), Arc::<TargetStatistics>::default());
    let observer = Arc::new(Observers::new(vec![Arc::new(Diary::default()), Arc::clone(&statistics) as _]));
    let catalog = Arc::new(Catalog::new(CatalogParts {
        pools: Arc::new(InMemoryPoolRepository::default()),
        task_groups: Arc::new(InMemoryTaskGroupRepository::default()),
        factory: Arc::new(upstream.clone()),
        routes: Arc::clone(&routes),
        observer: observer.clone(),
    }));
    let gateway = Gateway {
        orchestration: Arc::new(OrchestrationService::new(Arc::clone(&routes), clock.clone(), observer)),
        health: Arc::new(HealthService::new(Arc::clone(&catalog), Arc::clone(&routes), clock.clone())),
        pools: Arc::new(PoolService::new(Arc::clone(&catalog), Arc::clone(&routes), clock.clone())),
        task_groups: Arc::new(TaskGroupService::new(Arc::clone(&catalog), routes, clock)),
        statistics,
        metrics: Arc::new(|| "requests_total 1\n".to_owned()),
        configuration: None,
    };
    (catalog, gateway)
}

/// A pool for every behaviour, with one instance of the same name and one attempt; and one of each other kind of name.
fn definitions() -> Configuration {
    const BEHAVIOURS: [&str; 10] =
        ["fast", "stream", "silent", "limited", "broken", "unreachable", "locked", "invalid", "filtered", "panicking"];
    let once = PoolPolicy { fallback: PoolFallback::FailFast, ..PoolPolicy::default() };
    let pools = |plan: Plan, name: &&str| plan.pool_with(name, &[name], once.clone());
    BEHAVIOURS
        .iter()
        .fold(Plan::default(), pools)
        .group("chat", &[&["openai:org/model"]])
        .wrapper("gpt", "pool:fast")
        .pool_with("rationed", &["fast"], PoolPolicy { limits: once_an_hour(), ..PoolPolicy::default() })
        .configuration()
}

fn once_an_hour() -> Limits {
    let (algorithm, capacity) = (RateLimitAlgorithm::FixedWindow, NonZeroU32::MIN);
    let hourly = RateLimitPolicy { algorithm, capacity, period: Duration::from_hours(1) };
    Limits { requests: Some(hourly), ..Limits::default() }
}

type Receiver = mpsc::UnboundedReceiver<Result<StreamChunk, Fault>>;

/// An upstream whose behaviour is the model's name. A stream says what the test feeds it.
#[derive(Clone, Default)]
pub struct Upstream {
    bodies: Arc<Mutex<Vec<Bytes>>>,
    feeds: Arc<Mutex<Option<Receiver>>>,
}

impl Upstream {
    /// The bodies that reached it, as the callers sent them.
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

/// A piece of a stream that carries content.
pub fn piece(text: &str) -> StreamChunk {
    chunk(text, Signals { content: true, ..Signals::default() })
}

/// A piece of a stream that carries none.
pub fn aside(text: &str) -> StreamChunk {
    chunk(text, Signals::default())
}

/// The last piece of a whole stream.
pub fn done() -> StreamChunk {
    chunk("data: [DONE]\n\n", Signals { finished: true, done: true, ..Signals::default() })
}

fn chunk(text: &str, signals: Signals) -> StreamChunk {
    StreamChunk { bytes: Bytes::copy_from_slice(text.as_bytes()), signals }
}

/// The stream of an [`Upstream`].
pub struct Feed(Receiver);

impl AnswerStream for Feed {}

impl Stream for Feed {
    type Item = Result<StreamChunk, Fault>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

impl ClientFactory for Upstream {
    type Client = Self;

    fn client(&self, _: &InstanceSpec) -> Result<Self, BuildClientError> {
        Ok(self.clone())
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
            "panicking" => panic!("a mistake of ours"),
            _ => Ok(whole()),
        }
    }

    async fn check(&self) -> Result<(), Fault> {
        Ok(())
    }
}

fn whole() -> Reply<Feed> {
    Reply::Whole(WholeAnswer::json(Bytes::from_static(WHOLE.as_bytes()), None))
}

fn in_its_own_words(status: u16) -> UpstreamError {
    let body = Bytes::from_static(br#"{"error":{"message":"theirs","type":"t","param":null,"code":"theirs"}}"#);
    UpstreamError { status, body }
}
