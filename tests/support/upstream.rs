//! An upstream that fails on command.
//!
//! It speaks HTTP/1.1 and OpenAI's protocol over real sockets, byte by byte its own, since no mocking crate can reset a
//! connection between two chunks. It behaves as told, remembers what it was asked, and notices when a client goes away.
//!
//! ```ignore
//! let upstream = FaultyUpstream::start("a").await;
//! upstream.enqueue(Behaviour::status(429).with_header("retry-after", "7"));
//! upstream.always(Behaviour::Fail { at: Phase::AfterTokens(2), how: Failure::Reset });
//! // ... ask upstream.base_url() ...
//! upstream.wait_for_disconnect().await;
//! ```

mod behaviour;
mod connection;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

pub use self::behaviour::{Answer, Behaviour, Failure, OnPrefill, Phase, Step};

/// A scriptable upstream; it stops, and drops its connections, when it is dropped.
#[derive(Debug)]
pub struct FaultyUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Transcript {
    pub method: String,
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Transcript {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Shared {
    name: String,
    script: Mutex<ScriptState>,
    requests: Mutex<Vec<Transcript>>,
    counts: watch::Sender<Counts>,
}

#[derive(Debug)]
struct ScriptState {
    always: Behaviour,
    queue: VecDeque<Behaviour>,
    improviser: Option<Improviser>,
    farewell: Option<Farewell>,
}

/// Makes up what to do with a request.
struct Improviser(Box<dyn FnMut(&Transcript) -> Behaviour + Send>);

impl std::fmt::Debug for Improviser {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Improviser")
    }
}

/// Is told which request a client left before its answer was complete.
struct Farewell(Box<dyn FnMut(&Transcript) + Send>);

impl std::fmt::Debug for Farewell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Farewell")
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    connections: usize,
    requests: usize,
    disconnects: usize,
}

impl FaultyUpstream {
    /// Starts an upstream that answers every request; its answers carry `name`.
    ///
    /// # Panics
    /// If no local port is free.
    pub async fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a local port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            script: Mutex::new(ScriptState {
                always: Behaviour::default(),
                queue: VecDeque::new(),
                improviser: None,
                farewell: None,
            }),
            requests: Mutex::default(),
            counts: watch::Sender::new(Counts::default()),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, accepting }
    }

    /// The base URL of a provider that is this upstream.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Behaves like this once nothing is queued. A health check (`GET`) gets this too, and never uses up the queue.
    pub fn always(&self, behaviour: Behaviour) {
        self.shared.script().always = behaviour;
    }

    /// Behaves like this once.
    pub fn enqueue(&self, behaviour: Behaviour) {
        self.shared.script().queue.push_back(behaviour);
    }

    /// Makes up what to do with each request that nothing is queued for. What it was asked is not remembered from then on: a
    /// long run would fill the memory.
    pub fn improvise(&self, behaviour: impl FnMut(&Transcript) -> Behaviour + Send + 'static) {
        self.shared.script().improviser = Some(Improviser(Box::new(behaviour)));
    }

    /// Tells of each request that a client leaves before its answer is complete.
    pub fn when_left(&self, tell: impl FnMut(&Transcript) + Send + 'static) {
        self.shared.script().farewell = Some(Farewell(Box::new(tell)));
    }

    /// All requests so far.
    ///
    /// # Panics
    /// If a connection panicked before.
    pub fn requests(&self) -> Vec<Transcript> {
        self.shared.requests.lock().expect("no holder panics").clone()
    }

    /// How many requests came.
    pub fn request_count(&self) -> usize {
        self.shared.counts.borrow().requests
    }

    /// How many connections were opened.
    pub fn connection_count(&self) -> usize {
        self.shared.counts.borrow().connections
    }

    /// How many clients went away before their answer was complete.
    pub fn disconnect_count(&self) -> usize {
        self.shared.counts.borrow().disconnects
    }

    /// Waits until `count` requests came.
    pub async fn wait_for_requests(&self, count: usize) {
        self.wait_until(|counts| counts.requests >= count).await;
    }

    /// Waits until a client has gone away before its answer was complete.
    pub async fn wait_for_disconnect(&self) {
        self.wait_until(|counts| counts.disconnects > 0).await;
    }

    async fn wait_until(&self, reached: impl Fn(&Counts) -> bool) {
        let mut counts = self.shared.counts.subscribe();
        counts.wait_for(|counts| reached(counts)).await.expect("the upstream holds the sender");
    }
}

impl Drop for FaultyUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A base URL at which nobody listens.
///
/// # Panics
/// If no local port is free.
pub async fn deserted_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a local port is free");
    format!("http://{}/v1", listener.local_addr().expect("a listener has an address"))
}

impl Shared {
    fn script(&self) -> std::sync::MutexGuard<'_, ScriptState> {
        self.script.lock().expect("no holder panics")
    }

    /// Takes note of a request and says how to answer it.
    fn admit(&self, request: &Transcript) -> Vec<Step> {
        let (behaviour, is_remembered) = {
            let mut script = self.script();
            let once = if request.method == "GET" { None } else { script.queue.pop_front() };
            let made_up = |script: &mut ScriptState| script.improviser.as_mut().map(|it| (it.0)(request));
            let behaviour = once.or_else(|| made_up(&mut script)).unwrap_or_else(|| script.always.clone());
            (behaviour, script.improviser.is_none())
        };
        let steps = behaviour.steps(&self.name, request);
        if is_remembered {
            self.requests.lock().expect("no holder panics").push(request.clone());
        }
        self.counts.send_modify(|counts| counts.requests += 1);
        steps
    }

    /// Takes note that a client left before its answer was complete.
    fn left(&self, request: &Transcript) {
        if let Some(farewell) = &mut self.script().farewell {
            (farewell.0)(request);
        }
        self.counts.send_modify(|counts| counts.disconnects += 1);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.counts.send_modify(|counts| counts.connections += 1);
        connections.spawn(connection::serve(stream, Arc::clone(&shared)));
    }
}
