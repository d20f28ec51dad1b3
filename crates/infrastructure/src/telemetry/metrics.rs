//! Events as Prometheus series.
//!
//! They are counted here and nowhere else: two gateways in one process do not mix, and a request adds to a few counters of its thread that are
//! found by the name of its target and of its instance. Whoever reads them adds the threads' up.

mod configuration;

use std::{
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tidegate_domain::{
    fault::FaultKind,
    inference::Usage,
    name::{InstanceId, NamedMap, Target, with_named},
    observe::{Event, NotStored, Observer, Outcome},
    sharded::{Sharded, add_each},
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
pub struct PrometheusObserver(Arc<Metrics>);

/// Renders the series that a [`PrometheusObserver`] counts.
#[derive(Debug, Clone)]
pub struct MetricsHandle(Arc<Metrics>);

#[derive(Debug, Default)]
struct Metrics {
    counts: Sharded<Counts>,
    configuration: OfConfiguration,
    revision: AtomicU64,
}

/// What is counted for requests.
#[derive(Debug, Default)]
struct Counts {
    targets: NamedMap<Target, OfTarget>,
    instances: NamedMap<InstanceId, OfInstance>,
    input_tokens: u64,
    output_tokens: u64,
    /// Answers whose upstream counted.
    reported: u64,
    /// Answers whose cost is a guess.
    estimated: u64,
    cost: u64,
    queue_full: u64,
    store_failed: u64,
}

/// What became of the requests of a target.
#[derive(Debug, Default)]
struct OfTarget {
    outcomes: [u64; OUTCOMES.len()],
    durations: Durations,
}

/// What became of the attempts at an instance.
#[derive(Debug, Default)]
struct OfInstance {
    answered: u64,
    faults: [u64; FaultKind::ALL.len()],
    panics: u64,
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
        let Metrics { counts, configuration, revision } = &*self.0;
        match event {
            Event::AttemptFinished { instance, fault, took, .. } => counts.own().attempt(instance, *fault, *took),
            Event::RequestFinished { target, outcome, took, usage, trace } => {
                let mut counts = counts.own();
                counts.request(target, *outcome, *took);
                counts.usage(*usage);
                counts.cost += trace.cost().map_or(0, |cost| cost.micro_dollars);
            }
            Event::Panic { instance } => with_named(&mut counts.own().instances, instance, |of| of.panics += 1),
            // A state is read when somebody looks: see `state`.
            Event::Breaker { .. } | Event::Health { .. } => {}
            Event::RequestsNotStored { count, reason: NotStored::QueueFull } => counts.own().queue_full += count,
            Event::RequestsNotStored { count, reason: NotStored::StoreFailed } => counts.own().store_failed += count,
            Event::Reloaded { outcome, .. } => configuration.reloaded(outcome),
            Event::Configured { number, accepted } => configuration.in_force(*number, accepted),
            Event::Published { revision: published } => revision.store(*published, Relaxed),
        }
    }
}

impl OfTarget {
    fn add(&mut self, other: &Self) {
        add_each(&mut self.outcomes, &other.outcomes);
        self.durations.add(&other.durations);
    }
}

impl OfInstance {
    fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        add_each(&mut self.faults, &other.faults);
        self.panics += other.panics;
        self.durations.add(&other.durations);
    }
}

impl Counts {
    fn request(&mut self, target: &Target, outcome: Outcome, took: Duration) {
        with_named(&mut self.targets, target, |of| {
            of.outcomes[place(outcome)] += 1;
            of.durations.observe(took);
        });
    }

    fn attempt(&mut self, instance: &InstanceId, fault: Option<FaultKind>, took: Duration) {
        with_named(&mut self.instances, instance, |of| {
            *fault.map_or(&mut of.answered, |kind| &mut of.faults[kind.index()]) += 1;
            of.durations.observe(took);
        });
    }

    fn usage(&mut self, usage: Option<Usage>) {
        let Some(Usage { input_tokens, output_tokens, estimated, .. }) = usage else { return };
        self.input_tokens += input_tokens;
        self.output_tokens += output_tokens;
        *if estimated { &mut self.estimated } else { &mut self.reported } += 1;
    }

    /// Counts whatever `other` has counted.
    fn add(&mut self, other: &Self) {
        other.targets.iter().for_each(|(name, of)| with_named(&mut self.targets, name, |sum| sum.add(of)));
        other.instances.iter().for_each(|(name, of)| with_named(&mut self.instances, name, |sum| sum.add(of)));
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.reported += other.reported;
        self.estimated += other.estimated;
        self.cost += other.cost;
        self.queue_full += other.queue_full;
        self.store_failed += other.store_failed;
    }
}

impl MetricsHandle {
    /// The series in the text format of Prometheus.
    pub fn render(&self) -> String {
        let (mut counts, mut text) = (Counts::default(), Text::default());
        self.0.counts.each().for_each(|of_thread| counts.add(&of_thread));
        let (targets, instances) = (sorted(&counts.targets), sorted(&counts.instances));
        text.family(REQUESTS, |series| {
            for (target, of) in &targets {
                for (word, count) in OUTCOMES.iter().zip(&of.outcomes) {
                    add_if_any(series, &[("target", target), ("outcome", word)], *count);
                }
            }
        });
        text.family(ATTEMPTS, |series| {
            for (instance, of) in &instances {
                add_if_any(series, &[("instance", instance), ("class", &"ok")], of.answered);
                for (kind, count) in FaultKind::ALL.iter().zip(&of.faults) {
                    add_if_any(series, &[("instance", instance), ("class", &kind.as_str())], *count);
                }
            }
        });
        text.family(PANICS, |series| {
            for (instance, of) in &instances {
                add_if_any(series, &[("instance", instance)], of.panics);
            }
        });
        counts.render(&mut text);
        self.0.configuration.write(&mut text);
        text.single(REVISION, self.0.revision.load(Relaxed));
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
        text.family(TOKENS, |series| {
            series.add("", &[("type", &"input")], self.input_tokens);
            series.add("", &[("type", &"output")], self.output_tokens);
        });
        text.family(USAGE, |series| {
            series.add("", &[("source", &"reported")], self.reported);
            series.add("", &[("source", &"estimated")], self.estimated);
        });
        text.single(COST, self.cost);
        text.family(NOT_STORED, |series| {
            add_if_any(series, &[("reason", &NotStored::QueueFull.as_str())], self.queue_full);
            add_if_any(series, &[("reason", &NotStored::StoreFailed.as_str())], self.store_failed);
        });
    }
}

fn add_if_any(series: &mut Series<'_>, labels: &[(&str, &dyn Display)], count: u64) {
    if count > 0 {
        series.add("", labels, count);
    }
}

fn sorted<K: Display, V>(counters: &NamedMap<K, V>) -> Vec<(&K, &V)> {
    let mut sorted: Vec<_> = counters.iter().collect();
    sorted.sort_by_key(|(name, _)| name.to_string());
    sorted
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
        observer.0.counts.own().request(&target, Outcome::Refused, Duration::from_millis(15));
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
