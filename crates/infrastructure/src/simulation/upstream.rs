//! Upstreams that answer and fail as a scenario says.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use serde::Deserialize;
use tidegate_domain::{
    fault::Fault,
    inference::{BuildClientError, Call, ClientFactory, LlmClient, Reply, Usage, WholeAnswer},
    pool::InstanceSpec,
};
use tokio::time::Instant;

use super::{
    Outage, Scenario, ScenarioStream,
    scenario::{Behaviour, Failure},
    stream::Flow,
};
use crate::provider::status_fault;

/// Makes the clients of a simulation.
#[derive(Debug, Clone)]
pub struct SimulatedUpstreams {
    world: Arc<World>,
}

#[derive(Debug)]
struct World {
    started: Instant,
    seed: u64,
    upstreams: BTreeMap<String, Behaviour>,
    outages: Vec<Outage>,
    /// How often a health check has asked.
    checks: AtomicU64,
}

/// Answers as one instance of a scenario.
#[derive(Debug)]
pub struct SimulatedUpstreamClient {
    world: Arc<World>,
    /// The names that the scenario may call it by, the most exact first.
    names: [String; 4],
    calls: AtomicU64,
}

impl SimulatedUpstreams {
    /// The upstreams of `scenario`, which begins now.
    pub fn new(scenario: &Scenario) -> Self {
        let Scenario { seed, upstreams, outages, .. } = scenario;
        let (upstreams, outages) = (upstreams.clone(), outages.clone());
        let world = World { started: Instant::now(), seed: *seed, upstreams, outages, checks: AtomicU64::default() };
        Self { world: Arc::new(world) }
    }

    /// How often health checks have asked so far.
    pub fn checks(&self) -> u64 {
        self.world.checks.load(Relaxed)
    }
}

impl ClientFactory for SimulatedUpstreams {
    type Client = SimulatedUpstreamClient;

    fn client(&self, instance: &InstanceSpec) -> Result<SimulatedUpstreamClient, BuildClientError> {
        let (model, provider) = (instance.model.to_string(), instance.model.provider().to_string());
        let names = [instance.id.to_string(), model, provider, "*".to_owned()];
        Ok(SimulatedUpstreamClient { world: Arc::clone(&self.world), names, calls: AtomicU64::new(0) })
    }
}

impl SimulatedUpstreamClient {
    /// How it behaves now: as the last outage that concerns it says, or as usual.
    fn behaviour(&self) -> Behaviour {
        let World { started, upstreams, outages, .. } = &*self.world;
        let now = started.elapsed();
        let is_on =
            |outage: &&Outage| (outage.from..outage.until).contains(&now) && self.names.contains(&outage.upstream);
        if let Some(outage) = outages.iter().rev().find(is_on) {
            return outage.behaviour;
        }
        self.names.iter().find_map(|name| upstreams.get(name)).copied().unwrap_or_default()
    }

    /// The luck of the next call: the same for the same seed, instance and turn.
    fn luck(&self) -> fastrand::Rng {
        let turn = self.calls.fetch_add(1, Relaxed);
        let start = self.world.seed ^ turn.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let hash = |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        fastrand::Rng::with_seed(self.names[0].bytes().chain(self.names[1].bytes()).fold(start, hash))
    }
}

impl LlmClient for SimulatedUpstreamClient {
    type Stream = ScenarioStream;

    async fn send(&self, call: Call<'_>) -> Result<Reply<ScenarioStream>, Fault> {
        let mut luck = self.luck();
        let Behaviour { latency, spread, failure_rate, failure, tokens_per_second, cut_rate } = self.behaviour();
        let fails = luck.f64() < failure_rate;
        let latency = drawn(latency, spread, &mut luck);
        if fails && failure == Failure::Hang {
            return std::future::pending().await;
        }
        tokio::time::sleep(latency).await;
        if let Failure::Status(status) = failure
            && fails
        {
            return Err(status_fault(status));
        }
        let usage = usage(&call);
        if !call.request.envelope().stream() {
            return Ok(Reply::Whole(answer(usage)));
        }
        #[expect(clippy::cast_precision_loss, reason = "a scenario has a million tokens for an answer at most")]
        let takes = Duration::from_secs_f64(usage.output_tokens as f64 / tokens_per_second);
        let is_cut = luck.f64() < cut_rate;
        Ok(Reply::Stream(ScenarioStream::new(usage, Flow { takes, is_cut })))
    }

    async fn check(&self) -> Result<(), Fault> {
        self.world.checks.fetch_add(1, Relaxed);
        let Behaviour { failure_rate, failure, .. } = self.behaviour();
        match failure {
            Failure::Status(status) if failure_rate >= 0.5 => Err(status_fault(status)),
            Failure::Hang if failure_rate >= 0.5 => std::future::pending().await,
            Failure::Status(_) | Failure::Hang => Ok(()),
        }
    }

    /// Whoever fails or hangs still takes connections.
    async fn connect(&self) -> Result<(), Fault> {
        self.world.checks.fetch_add(1, Relaxed);
        Ok(())
    }
}

#[derive(Deserialize)]
struct RequestWire {
    #[serde(default)]
    max_tokens: u64,
}

fn usage(call: &Call<'_>) -> Usage {
    let output_tokens = serde_json::from_slice(call.request.body()).map_or(0, |RequestWire { max_tokens }| max_tokens);
    Usage { input_tokens: call.request.prompt_tokens().into(), output_tokens, ..Usage::default() }
}

fn answer(usage: Usage) -> WholeAnswer {
    WholeAnswer::json(Bytes::from_static(br#"{"object":"chat.completion","choices":[]}"#), Some(usage))
}

/// A log-normal latency about the median: Box and Muller's way to a normal deviate.
fn drawn(median: Duration, spread: f64, luck: &mut fastrand::Rng) -> Duration {
    let (one, other) = (1.0 - luck.f64(), luck.f64());
    let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
    median.mul_f64((spread.ln_1p() * normal.clamp(-4.0, 4.0)).exp())
}
