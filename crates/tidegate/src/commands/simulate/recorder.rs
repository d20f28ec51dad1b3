//! What a simulation has shown, from the engine's own events.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidegate_domain::{
    observe::{Event, Observer, Outcome},
    pool::HealthStatus,
    routing::Trace,
};
use tidegate_infrastructure::simulation::{Outage, Scenario};
use tidegate_interface::cli::{Bucket, InstanceRow, Progress, SimulatedOutage, SimulationReport, TimelineEntry};
use tokio::time::Instant;

/// The parts that the time is divided into for the plot.
const BUCKETS: u32 = 60;

/// Listens to the engine.
#[derive(Debug)]
pub(super) struct Recorder {
    started: Instant,
    heard: Mutex<Heard>,
    progress: Progress,
}

#[derive(Debug, Default)]
struct Heard {
    requests: Vec<Request>,
    /// How long streams took to show something.
    first_contents: Vec<Duration>,
    instances: BTreeMap<String, (u64, u64)>,
    timeline: Vec<TimelineEntry>,
}

#[derive(Debug)]
struct Request {
    /// When it came.
    at: Duration,
    took: Duration,
    outcome: &'static str,
    is_answered: bool,
    attempts: usize,
    micro_dollars: Option<u64>,
}

impl Recorder {
    /// Begins to listen; `progress` is told how far the time has come.
    pub(super) fn start(progress: Progress) -> Arc<Self> {
        Arc::new(Self { started: Instant::now(), heard: Mutex::default(), progress })
    }

    /// A stream has shown its first content, so long after it was asked for.
    pub(super) fn first_content(&self, took: Duration) {
        self.heard().first_contents.push(took);
    }

    /// What came of it all, and of so many health checks.
    pub(super) fn report(&self, scenario: &Scenario, checks: u64) -> SimulationReport {
        let Heard { requests, first_contents, instances, timeline } = std::mem::take(&mut *self.heard());
        let Scenario { description, duration, outages, .. } = scenario;
        let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
        for request in &requests {
            *outcomes.entry(request.outcome.to_owned()).or_default() += 1;
        }
        let answered = requests.iter().filter(|it| it.is_answered).map(|it| it.took).collect();
        let costs: Vec<u64> = requests.iter().filter_map(|request| request.micro_dollars).collect();
        let of_instance = |(instance, (attempts, failures))| InstanceRow { instance, attempts, failures };
        SimulationReport {
            description: description.clone(),
            seconds: duration.as_secs_f64(),
            requests: requests.len() as u64,
            answered: requests.iter().filter(|request| request.is_answered).count() as u64,
            outcomes,
            attempts: requests.iter().map(|request| request.attempts as u64).sum(),
            checks,
            latency_ms: quantiles(answered),
            first_content_ms: quantiles(first_contents),
            micro_dollars: (!costs.is_empty()).then(|| costs.iter().sum()),
            instances: instances.into_iter().map(of_instance).collect(),
            timeline,
            outages: outages.iter().map(outage).collect(),
            buckets: buckets(&requests, *duration),
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outage(outage: &Outage) -> SimulatedOutage {
    let Outage { upstream, from, until, behaviour: _ } = outage;
    SimulatedOutage { upstream: upstream.clone(), from: from.as_secs_f64(), until: until.as_secs_f64() }
}

impl Observer for Recorder {
    fn observe(&self, event: &Event<'_>) {
        let at = self.started.elapsed();
        self.progress.at(at);
        let mut heard = self.heard();
        match *event {
            Event::AttemptFinished { instance, fault, .. } => {
                let (attempts, failures) = heard.instances.entry(instance.to_string()).or_default();
                *attempts += 1;
                *failures += u64::from(fault.is_some());
            }
            Event::RequestFinished { outcome, took, trace, .. } => {
                heard.requests.push(request(at.saturating_sub(took), took, (outcome, trace)));
            }
            Event::Breaker { instance, transition } => {
                let change = format!("circuit {} -> {}", transition.from.as_str(), transition.to.as_str());
                heard.timeline.push(entry(at, instance.to_string(), change));
            }
            // That an instance failed once is no event: the table counts it.
            Event::Health { instance, transition }
                if transition.from == HealthStatus::Unhealthy || transition.to == HealthStatus::Unhealthy =>
            {
                let change = format!("health {} -> {}", transition.from, transition.to);
                heard.timeline.push(entry(at, instance.to_string(), change));
            }
            // Nothing that a simulated gateway does.
            _ => {}
        }
    }
}

fn request(at: Duration, took: Duration, (outcome, trace): (Outcome, &Trace)) -> Request {
    Request {
        at,
        took,
        outcome: outcome.as_str(),
        is_answered: outcome == Outcome::Completed,
        attempts: trace.attempts.len(),
        micro_dollars: trace.cost().map(|cost| cost.micro_dollars),
    }
}

fn entry(at: Duration, instance: String, change: String) -> TimelineEntry {
    TimelineEntry { at: at.as_secs_f64(), instance, change }
}

/// These times in milliseconds, at a few shares of them.
fn quantiles(mut times: Vec<Duration>) -> BTreeMap<String, u64> {
    times.sort_unstable();
    let shares = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("max", 100)];
    shares.iter().filter_map(|(name, share)| Some(((*name).to_owned(), quantile(&times, *share)?))).collect()
}

/// By nearest rank.
fn quantile(sorted: &[Duration], share: usize) -> Option<u64> {
    let rank = (sorted.len() * share).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}

fn buckets(requests: &[Request], duration: Duration) -> Vec<Bucket> {
    let width = duration / BUCKETS;
    let of = |number: u32| {
        let (from, until) = (width * number, width * (number + 1));
        let within: Vec<&Request> = requests.iter().filter(|request| (from..until).contains(&request.at)).collect();
        let mut took: Vec<Duration> = within.iter().filter(|it| it.is_answered).map(|it| it.took).collect();
        took.sort_unstable();
        Bucket {
            from: from.as_secs_f64(),
            requests: within.len() as u64,
            answered: took.len() as u64,
            p50_ms: quantile(&took, 50),
            p95_ms: quantile(&took, 95),
        }
    };
    (0..BUCKETS).map(of).collect()
}
