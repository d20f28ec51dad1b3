//! Events as Prometheus series.
//!
//! They are counted here and nowhere else: two gateways in one process do not mix, and a request adds to a few counters that are found by the
//! name of its target and of its instance.

mod configuration;

use std::{
    fmt::Display,
    hash::Hash,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tidegate_domain::{
    fault::FaultKind,
    inference::Usage,
    name::{InstanceId, NamedMap, Target},
    observe::{Event, NotStored, Observer, Outcome},
};

use self::configuration::OfConfiguration;
use super::{
    durations::Durations,
    text::{Family, Kind, Series, Text},
};

const REQUESTS: Family = ("tidegate_requests_total", "Requests by target and outcome", Kind::Counter);
const ATTEMPTS: Family =
    ("tidegate_attempts_total", "Attempts by instance and class of fault ('ok' if there was none)", Kind::Counter);
const PANICS: Family = (
    "tidegate_panic_attempts_total",
    "Attempts past an open circuit, for want of better instances, by instance",
    Kind::Counter,
);
const TOKENS: Family = ("tidegate_tokens_total", "Tokens of answers, by type", Kind::Counter);
const USAGE: Family =
    ("tidegate_usage_total", "Answers by whether an upstream reported their usage or it was estimated", Kind::Counter);
const COST: Family = (
    "tidegate_cost_micro_dollars_total",
    "Cost of all attempts whose models have prices, in micro-dollars",
    Kind::Counter,
);
const NOT_STORED: Family =
    ("tidegate_requests_not_stored_total", "Requests that the request log could not store, by reason", Kind::Counter);
const REVISION: Family = ("tidegate_routing_table_revision", "Revision of the routing table in force", Kind::Gauge);
const REQUEST_DURATION: Family = (
    "tidegate_request_duration_seconds",
    "Time from a request's arrival to its end, streaming included",
    Kind::Histogram,
);
const ATTEMPT_DURATION: Family = (
    "tidegate_attempt_duration_seconds",
    "Time from an attempt's start to its answer or first content",
    Kind::Histogram,
);

/// Counts events for Prometheus.
#[derive(Debug, Default)]
pub struct PrometheusObserver(Arc<Counts>);

/// Renders the series that a [`PrometheusObserver`] counts.
#[derive(Debug, Clone)]
pub struct MetricsHandle(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    targets: Named<Target, OfTarget>,
    instances: Named<InstanceId, OfInstance>,
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
    /// Answers whose upstream counted.
    reported: AtomicU64,
    /// Answers whose cost is a guess.
    estimated: AtomicU64,
    cost: AtomicU64,
    queue_full: AtomicU64,
    store_failed: AtomicU64,
    configuration: OfConfiguration,
    revision: AtomicU64,
}

/// What became of the requests of a target.
#[derive(Debug, Default)]
struct OfTarget {
    outcomes: [AtomicU64; OUTCOMES.len()],
    durations: Durations,
}

/// What became of the attempts at an instance.
#[derive(Debug, Default)]
struct OfInstance {
    answered: AtomicU64,
    faults: [AtomicU64; FaultKind::ALL.len()],
    panics: AtomicU64,
    durations: Durations,
}

/// The words of outcomes, in the order of [`place`].
const OUTCOMES: [&str; 6] = ["completed", "failed", "none_available", "refused", "broken_off", "abandoned"];

fn place(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Completed => 0,
        Outcome::Failed(_) => 1,
        Outcome::NoneAvailable => 2,
        Outcome::Refused => 3,
        Outcome::BrokenOff(_) => 4,
        Outcome::Abandoned => 5,
    }
}

impl PrometheusObserver {
    /// What renders the series: cheap to clone, independent of the observer's life.
    pub fn handle(&self) -> MetricsHandle {
        MetricsHandle(Arc::clone(&self.0))
    }
}

impl Observer for PrometheusObserver {
    fn observe(&self, event: &Event<'_>) {
        let counts = &*self.0;
        match event {
            Event::AttemptFinished { instance, fault, took, .. } => counts.attempt(instance, *fault, *took),
            Event::RequestFinished { target, outcome, took, usage, trace } => {
                counts.request(target, *outcome, *took);
                counts.usage(*usage);
                counts.cost.fetch_add(trace.cost().map_or(0, |cost| cost.micro_dollars), Relaxed);
            }
            Event::Panic { instance } => counts.instances.with(instance, |of| add_one(&of.panics)),
            // A state is read when somebody looks: see `state`.
            Event::Breaker { .. } | Event::Health { .. } => {}
            Event::RequestsNotStored { count, reason } => {
                let counter = match reason {
                    NotStored::QueueFull => &counts.queue_full,
                    NotStored::StoreFailed => &counts.store_failed,
                };
                counter.fetch_add(*count, Relaxed);
            }
            Event::Reloaded { outcome, .. } => counts.configuration.reloaded(outcome),
            Event::Configured { number, accepted } => counts.configuration.in_force(*number, accepted),
            Event::Published { revision } => counts.revision.store(*revision, Relaxed),
        }
    }
}

impl Counts {
    fn request(&self, target: &Target, outcome: Outcome, took: Duration) {
        self.targets.with(target, |of| {
            add_one(&of.outcomes[place(outcome)]);
            of.durations.observe(took);
        });
    }

    fn attempt(&self, instance: &InstanceId, fault: Option<FaultKind>, took: Duration) {
        self.instances.with(instance, |of| {
            add_one(fault.map_or(&of.answered, |kind| &of.faults[kind.index()]));
            of.durations.observe(took);
        });
    }

    fn usage(&self, usage: Option<Usage>) {
        let Some(Usage { input_tokens, output_tokens, estimated, .. }) = usage else { return };
        self.input_tokens.fetch_add(input_tokens, Relaxed);
        self.output_tokens.fetch_add(output_tokens, Relaxed);
        add_one(if estimated { &self.estimated } else { &self.reported });
    }
}

impl MetricsHandle {
    /// The series in the text format of Prometheus.
    pub fn render(&self) -> String {
        let (counts, mut text) = (&*self.0, Text::default());
        let (targets, instances) = (counts.targets.all(), counts.instances.all());
        text.family(REQUESTS, |series| {
            for (target, of) in &targets {
                for (word, count) in OUTCOMES.iter().zip(&of.outcomes) {
                    add_if_any(series, &[("target", target), ("outcome", word)], count);
                }
            }
        });
        text.family(ATTEMPTS, |series| {
            for (instance, of) in &instances {
                add_if_any(series, &[("instance", instance), ("class", &"ok")], &of.answered);
                for (kind, count) in FaultKind::ALL.iter().zip(&of.faults) {
                    add_if_any(series, &[("instance", instance), ("class", &kind.as_str())], count);
                }
            }
        });
        text.family(PANICS, |series| {
            for (instance, of) in &instances {
                add_if_any(series, &[("instance", instance)], &of.panics);
            }
        });
        counts.render(&mut text);
        text.family(REQUEST_DURATION, |series| {
            for (target, of) in &targets {
                of.durations.write(series, ("target", target));
            }
        });
        text.family(ATTEMPT_DURATION, |series| {
            for (instance, of) in &instances {
                of.durations.write(series, ("instance", instance));
            }
        });
        text.into_string()
    }
}

impl Counts {
    /// Writes what is neither a target's nor an instance's.
    fn render(&self, text: &mut Text) {
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        text.family(TOKENS, |series| {
            series.add("", &[("type", &"input")], load(&self.input_tokens));
            series.add("", &[("type", &"output")], load(&self.output_tokens));
        });
        text.family(USAGE, |series| {
            series.add("", &[("source", &"reported")], load(&self.reported));
            series.add("", &[("source", &"estimated")], load(&self.estimated));
        });
        text.single(COST, load(&self.cost));
        text.family(NOT_STORED, |series| {
            add_if_any(series, &[("reason", &NotStored::QueueFull.as_str())], &self.queue_full);
            add_if_any(series, &[("reason", &NotStored::StoreFailed.as_str())], &self.store_failed);
        });
        self.configuration.write(text);
        text.single(REVISION, load(&self.revision));
    }
}

fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

fn add_if_any(series: &mut Series<'_>, labels: &[(&str, &dyn Display)], counter: &AtomicU64) {
    let count = counter.load(Relaxed);
    if count > 0 {
        series.add("", labels, count);
    }
}

/// Counters by name, each made when it is first needed.
#[derive(Debug)]
struct Named<K, V>(RwLock<NamedMap<K, Arc<V>>>);

impl<K, V> Default for Named<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Clone + Eq + Hash + Display, V: Default> Named<K, V> {
    /// Lets `count` add to the counters of `name`.
    fn with(&self, name: &K, count: impl FnOnce(&V)) {
        if let Some(counters) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return count(counters);
        }
        count(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default());
    }

    /// All of them, sorted by name.
    fn all(&self) -> Vec<(K, Arc<V>)> {
        let counters = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = counters.iter().map(|(name, counters)| (name.clone(), Arc::clone(counters))).collect();
        all.sort_by_key(|(name, _)| name.to_string());
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_word() {
        let fault = FaultKind::Client;
        for outcome in [
            Outcome::Completed,
            Outcome::Failed(fault),
            Outcome::NoneAvailable,
            Outcome::Refused,
            Outcome::BrokenOff(fault),
            Outcome::Abandoned,
        ] {
            assert_eq!(OUTCOMES[place(outcome)], outcome.as_str());
        }
    }

    #[test]
    fn a_request_counts_for_its_target_alone() {
        let observer = PrometheusObserver::default();
        let target: Target = "pool:fast".parse().unwrap();
        observer.0.request(&target, Outcome::Refused, Duration::from_millis(15));
        let text = observer.handle().render();
        for line in [
            r#"tidegate_requests_total{target="pool:fast",outcome="refused"} 1"#,
            r#"tidegate_request_duration_seconds_bucket{target="pool:fast",le="0.02"} 1"#,
            r#"tidegate_request_duration_seconds_count{target="pool:fast"} 1"#,
        ] {
            assert!(text.contains(&format!("{line}\n")), "{line} in {text}");
        }
        assert!(!text.contains("tidegate_attempts_total"), "{text}");
    }
}
