//! The gateway under test, between its callers and fifteen upstreams that fail three times in ten.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use layered_tests::{
    served::{Served, serve},
    upstream::{Answer, Behaviour, Failure, FaultyUpstream, Phase, Transcript},
};
use tempfile::TempDir;
use tidegate::{
    Gateway,
    application::RequestLog,
    domain::{
        config::ReloadOutcome,
        observe::{Event, Observer},
        pool::Random,
    },
    infrastructure::config::{Attempt, ConfigLocation, Environment, TomlConfigSource, TomlReloadSource},
};
use tokio::time::sleep;

use super::{departures::Departures, oracle};

const POOLS: usize = 3;
const INSTANCES: usize = 5;
/// Who fails three times in ten would be left alone all day: here they come back at once, so that much is attempted.
const PATIENT: &str = "health_check = { failure_threshold = 20, recovery_time = 0.1, max_recovery_time = 0.1 }\n\
    circuit_breaker = { failure_threshold = 10, recovery_time = 0.1, max_recovery_time = 0.1, half_open_requests = 3 }";

/// The gateway, its upstreams, and what was seen of both.
pub struct Fleet {
    address: SocketAddr,
    gateway: Gateway,
    directory: TempDir,
    bases: Vec<String>,
    reloads: Arc<tidegate::application::ReloadService<TomlReloadSource>>,
    requests: Arc<RequestLog>,
    watched: Arc<Watched>,
    departures: Arc<Departures>,
    /// They stop when they are dropped.
    _upstreams: Vec<FaultyUpstream>,
}

/// What was seen.
#[derive(Debug, Default)]
struct Watched {
    attempts: AtomicU64,
    faults: AtomicU64,
    applied: AtomicU64,
    rejected: AtomicU64,
    replayed: AtomicU64,
    diverged: Mutex<Option<String>>,
    outcomes: Mutex<HashMap<&'static str, u64>>,
}

impl Observer for Watched {
    fn observe(&self, event: &Event<'_>) {
        if let Event::RequestFinished { outcome, .. } = event {
            *self.outcomes.lock().unwrap().entry(outcome.as_str()).or_default() += 1;
        }
    }
}

impl Fleet {
    pub async fn start(seed: u64) -> anyhow::Result<Self> {
        let watched = Arc::new(Watched::default());
        let departures = Arc::new(Departures::default());
        let mut upstreams = Vec::new();
        for number in 0..POOLS * INSTANCES {
            let upstream = upstream(number, seed, &watched).await;
            let departures = Arc::clone(&departures);
            upstream.when_left(move |request| departures.followed(&nonce(request)));
            upstreams.push(upstream);
        }
        let bases: Vec<_> = upstreams.iter().map(FaultyUpstream::base_url).collect();
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("tidegate.toml");
        fs::write(&path, configuration(&bases, 1))?;
        let source = TomlConfigSource::new(ConfigLocation { path, environment: None }, Environment::of_process());
        let Attempt { footprint, outcome } = source.attempt();
        let loaded = outcome.map_err(|report| anyhow::anyhow!("{report}"))?;
        let source = TomlReloadSource::new(source, &loaded, footprint);
        let gateway = Gateway::builder()
            .configuration(loaded.configuration)
            .providers(loaded.settings.providers)
            .observer(Arc::clone(&watched) as Arc<dyn Observer>)
            .build()
            .await?;
        let Served { address, .. } = serve(&gateway, Arc::new(String::new))?;
        let requests = Arc::clone(gateway.orchestration().requests());
        let reloads = Arc::new(gateway.reload_service(source));
        Ok(Self { address, gateway, directory, bases, reloads, requests, watched, departures, _upstreams: upstreams })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn departures(&self) -> Arc<Departures> {
        Arc::clone(&self.departures)
    }

    /// Reloads, two times in three what can be used; and makes the decisions of the latest requests again.
    pub fn keep_changing(&self, mut random: Random) -> impl Future<Output = ()> + Send + use<> {
        let path: PathBuf = self.directory.path().join("tidegate.toml");
        let (bases, reloads) = (self.bases.clone(), Arc::clone(&self.reloads));
        let (watched, requests) = (Arc::clone(&self.watched), Arc::clone(&self.requests));
        async move {
            loop {
                sleep(Duration::from_millis(random.u64(100..500))).await;
                let text = match random.u32(..3) {
                    0 => "[pools.p0]\nnonsense = true\n".to_owned(),
                    _ => configuration(&bases, random.u32(1..5)),
                };
                // A change that is not written in one piece is what a reload must bear as well.
                let _ = fs::write(&path, text);
                match reloads.reload().await {
                    ReloadOutcome::Applied { .. } => watched.applied.fetch_add(1, Relaxed),
                    ReloadOutcome::Rejected(_) => watched.rejected.fetch_add(1, Relaxed),
                    ReloadOutcome::Unchanged => 0,
                };
                replay(&watched, &requests);
            }
        }
    }

    /// Waits until all is quiet, and says what is not as it should be.
    pub async fn settle(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut busy = self.busy();
        for _ in 0..100 {
            if busy.is_empty() {
                break;
            }
            sleep(Duration::from_millis(100)).await;
            busy = self.busy();
        }
        problems.extend(busy);
        replay(&self.watched, &self.requests);
        problems.extend(self.watched.diverged.lock().unwrap().take());
        problems
    }

    fn busy(&self) -> Vec<String> {
        let pools = (0..POOLS).map(|pool| format!("p{pool}").parse().unwrap());
        let statistics = pools.filter_map(|pool| self.gateway.pools().statistics(&pool));
        let instances = statistics.flat_map(|statistics| statistics.instances);
        let busy = instances.filter(|instance| instance.in_flight > 0);
        busy.map(|instance| format!("{} has {} requests in flight", instance.id, instance.in_flight)).collect()
    }

    pub fn attempts(&self) -> u64 {
        self.watched.attempts.load(Relaxed)
    }

    pub fn faults(&self) -> u64 {
        self.watched.faults.load(Relaxed)
    }

    pub fn applied(&self) -> u64 {
        self.watched.applied.load(Relaxed)
    }

    pub fn rejected(&self) -> u64 {
        self.watched.rejected.load(Relaxed)
    }

    pub fn replayed(&self) -> u64 {
        self.watched.replayed.load(Relaxed)
    }

    /// How requests ended, by the gateway's own account.
    pub fn outcomes(&self) -> String {
        let mut outcomes: Vec<_> = self.watched.outcomes.lock().unwrap().clone().into_iter().collect();
        outcomes.sort_unstable();
        outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect::<Vec<_>>().join(", ")
    }

    /// How many outcomes there were.
    pub fn outcome_count(&self) -> u64 {
        self.watched.outcomes.lock().unwrap().values().sum()
    }
}

fn replay(watched: &Watched, requests: &RequestLog) {
    for record in requests.recent() {
        watched.replayed.fetch_add(1, Relaxed);
        if let Err(divergence) = record.trace.replay() {
            let what = format!("{} does not replay: {divergence}", record.trace.request_id);
            watched.diverged.lock().unwrap().get_or_insert(what);
        }
    }
}

/// Three pools of five, each instance at a provider of its own, and a task group over the three.
fn configuration(bases: &[String], weight: u32) -> String {
    let mut text = String::from("[defaults.deadlines]\nheaders = 0.4\nfirst_content = 0.4\nidle = 0.4\ntotal = 5\n");
    for pool in 0..POOLS {
        let _ = writeln!(text, "[task_groups.all.tiers.t{pool}]\npriority = {pool}\nmodels = [\"pool:p{pool}\"]");
    }
    for (number, base) in bases.iter().enumerate() {
        let _ = writeln!(text, "[providers.u{number}]\nprotocol = \"openai\"\nbase_url = \"{base}\"");
    }
    for pool in 0..POOLS {
        let _ = writeln!(
            text,
            "[pools.p{pool}]\nrotation_strategy = {{ type = \"{}\" }}\n{PATIENT}",
            ["weighted", "response_time", "least_connections"][pool]
        );
        for instance in 0..INSTANCES {
            let number = pool * INSTANCES + instance;
            let weight = if instance == 0 { weight } else { 1 };
            let _ = writeln!(text, "[[pools.p{pool}.instances]]\nmodel = \"u{number}:m\"\nweight = {weight}");
        }
    }
    text
}

async fn upstream(number: usize, seed: u64, watched: &Arc<Watched>) -> FaultyUpstream {
    let upstream = FaultyUpstream::start(&format!("u{number}")).await;
    let luck = Mutex::new(Random::with_seed(seed.wrapping_mul(1009) + number as u64));
    let watched = Arc::clone(watched);
    upstream.improvise(move |request| {
        let serial = watched.attempts.fetch_add(1, Relaxed);
        let mut luck = luck.lock().unwrap();
        let tokens = luck.usize(1..8);
        let name = oracle::name(&nonce(request), number, serial, tokens);
        let behaviour = misfortune(&mut luck, tokens);
        if behaviour.is_some() {
            watched.faults.fetch_add(1, Relaxed);
        }
        let right = || {
            let interval = Duration::from_millis(luck_interval(serial));
            Behaviour::Answer(Answer { tokens, interval, piece: Some(37), ..Answer::default() })
        };
        behaviour.unwrap_or_else(right).named(name)
    });
    upstream
}

/// One answer in eight takes its time between the pieces.
fn luck_interval(serial: u64) -> u64 {
    if serial.is_multiple_of(8) { 3 } else { 0 }
}

fn nonce(request: &Transcript) -> String {
    request.json()["messages"][0]["content"].as_str().unwrap_or_default().to_owned()
}

/// The ways to fail, in per cent of all attempts: thirty together.
fn misfortune(luck: &mut Random, tokens: usize) -> Option<Behaviour> {
    let fail = |at, how| Some(Behaviour::Fail { at, how });
    let status = |status| Some(Behaviour::status(status));
    let midway = Phase::AfterTokens(luck.usize(..tokens));
    match luck.u32(..100) {
        0..3 => fail(Phase::BeforeHeaders, Failure::Reset),
        3..5 => fail(Phase::BeforeHeaders, Failure::Close),
        5..7 => Some(Behaviour::status(429).with_header("retry-after-ms", "10")),
        7..9 => Some(Behaviour::status(429).with_header("retry-after", "0.02")),
        9..12 => status(500),
        12..14 => status(502),
        14..16 => status(503),
        16..18 => Some(Behaviour::status(529).with_header("retry-after-ms", "5")),
        18..19 => status(400),
        19..20 => fail(Phase::BeforeHeaders, Failure::Hang),
        20..21 => fail(midway, Failure::Hang),
        21..23 => fail(midway, Failure::Reset),
        23..25 => fail(midway, Failure::Close),
        25..27 => fail(midway, Failure::End),
        27..28 => fail(midway, Failure::Say("data: {\"error\":{\"message\":\"told to\"}}\n\n".to_owned())),
        28..29 => fail(midway, Failure::Say("data: {\"choices\":[{\n\n".to_owned())),
        29..30 => fail(Phase::AfterHeaders, Failure::End),
        _ => None,
    }
}
