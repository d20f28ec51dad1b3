//! Events as Prometheus series.
//!
//! The recorder is the gateway's own, not the process's global one: two gateways in one process do not mix. Handles are
//! looked up once per target, outcome and instance, and kept.

use std::{
    fmt,
    hash::Hash,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tidegate_domain::{
    config::ReloadOutcome,
    fault::FaultKind,
    inference::Usage,
    name::{InstanceId, NamedMap, Target},
    observe::{Event, Observer, Outcome},
};

/// Upper bounds of the duration buckets, in seconds: those of the OpenTelemetry conventions for generative AI.
const DURATION_BUCKETS: [f64; 14] =
    [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
#[error("the metrics recorder cannot be built")]
pub struct MetricsError(#[from] BuildError);

/// Counts events for Prometheus.
pub struct PrometheusObserver {
    recorder: PrometheusRecorder,
    requests: Handles<(Target, &'static str), (Counter, Histogram)>,
    attempts: Handles<(InstanceId, &'static str), (Counter, Histogram)>,
    panics: Handles<InstanceId, Counter>,
    tokens: Tokens,
    cost: Counter,
    revision: Gauge,
    reloads: Reloads,
    not_stored: Handles<&'static str, Counter>,
}

/// Renders the series that a [`PrometheusObserver`] counts.
#[derive(Clone)]
pub struct MetricsHandle(PrometheusHandle);

impl MetricsHandle {
    /// The series in the text format of Prometheus.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds samples into their buckets. To be called every few seconds, or they pile up between two renderings.
    pub fn fold(&self) {
        self.0.run_upkeep();
    }
}

impl fmt::Debug for MetricsHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MetricsHandle").finish_non_exhaustive()
    }
}

struct Tokens {
    input: Counter,
    output: Counter,
    /// Answers whose upstream counted.
    reported: Counter,
    /// Answers whose cost is a guess.
    estimated: Counter,
}

impl Tokens {
    fn new(recorder: &PrometheusRecorder) -> Self {
        let tokens = |of| counter(recorder, "tidegate_tokens_total", vec![Label::new("type", of)]);
        let usage = |source| counter(recorder, "tidegate_usage_total", vec![Label::new("source", source)]);
        Self {
            input: tokens("input"),
            output: tokens("output"),
            reported: usage("reported"),
            estimated: usage("estimated"),
        }
    }

    fn count(&self, usage: Option<Usage>) {
        let Some(Usage { input_tokens, output_tokens, estimated, .. }) = usage else { return };
        self.input.increment(input_tokens);
        self.output.increment(output_tokens);
        if estimated { self.estimated.increment(1) } else { self.reported.increment(1) }
    }
}

struct Reloads {
    applied: Counter,
    unchanged: Counter,
    rejected: Counter,
    last_successful: Gauge,
}

impl Reloads {
    fn new(recorder: &PrometheusRecorder) -> Self {
        let result = |word| counter(recorder, "tidegate_config_reloads_total", vec![Label::new("result", word)]);
        let last_successful = gauge(recorder, "tidegate_config_last_reload_successful", vec![]);
        // What the gateway was started with was loaded.
        last_successful.set(1.0);
        Self {
            applied: result("applied"),
            unchanged: result("unchanged"),
            rejected: result("rejected"),
            last_successful,
        }
    }

    fn count(&self, outcome: &ReloadOutcome) {
        let (counter, successful) = match outcome {
            ReloadOutcome::Applied { .. } => (&self.applied, 1.0),
            ReloadOutcome::Unchanged => (&self.unchanged, 1.0),
            ReloadOutcome::Rejected(_) => (&self.rejected, 0.0),
        };
        counter.increment(1);
        self.last_successful.set(successful);
    }
}

impl PrometheusObserver {
    /// An observer that has counted nothing.
    ///
    /// # Errors
    /// [`MetricsError`] if the recorder refuses the bucket bounds.
    pub fn new() -> Result<Self, MetricsError> {
        let recorder = PrometheusBuilder::new().set_buckets(&DURATION_BUCKETS)?.build_recorder();
        describe(&recorder);
        let tokens = Tokens::new(&recorder);
        let cost = counter(&recorder, "tidegate_cost_micro_dollars_total", vec![]);
        let revision = gauge(&recorder, "tidegate_routing_table_revision", vec![]);
        let reloads = Reloads::new(&recorder);
        Ok(Self {
            recorder,
            requests: Handles::default(),
            attempts: Handles::default(),
            panics: Handles::default(),
            tokens,
            cost,
            revision,
            reloads,
            not_stored: Handles::default(),
        })
    }

    /// What renders the series: cheap to clone, independent of the observer's life.
    pub fn handle(&self) -> MetricsHandle {
        MetricsHandle(self.recorder.handle())
    }

    fn request(&self, target: &Target, outcome: Outcome, took: Duration) {
        let (counter, histogram) = self.requests.get((target.clone(), outcome.as_str()), |(target, outcome)| {
            let target = Label::new("target", target.to_string());
            let labels = vec![target.clone(), Label::new("outcome", *outcome)];
            (
                counter(&self.recorder, "tidegate_requests_total", labels),
                histogram(&self.recorder, "tidegate_request_duration_seconds", vec![target]),
            )
        });
        counter.increment(1);
        histogram.record(took.as_secs_f64());
    }

    fn attempt(&self, instance: &InstanceId, fault: Option<FaultKind>, took: Duration) {
        let class = fault.map_or("ok", FaultKind::as_str);
        let (counter, histogram) = self.attempts.get((instance.clone(), class), |(instance, class)| {
            let instance = Label::new("instance", instance.to_string());
            let labels = vec![instance.clone(), Label::new("class", *class)];
            (
                counter(&self.recorder, "tidegate_attempts_total", labels),
                histogram(&self.recorder, "tidegate_attempt_duration_seconds", vec![instance]),
            )
        });
        counter.increment(1);
        histogram.record(took.as_secs_f64());
    }

    fn panic(&self, instance: &InstanceId) {
        let counter = self.panics.get(instance.clone(), |instance| {
            counter(&self.recorder, "tidegate_panic_attempts_total", vec![Label::new("instance", instance.to_string())])
        });
        counter.increment(1);
    }
}

impl Observer for PrometheusObserver {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::AttemptFinished { instance, fault, took, .. } => self.attempt(instance, *fault, *took),
            Event::RequestFinished { target, outcome, took, usage, trace } => {
                self.request(target, *outcome, *took);
                self.tokens.count(*usage);
                self.cost.increment(trace.cost().map_or(0, |cost| cost.micro_dollars));
            }
            Event::Panic { instance } => self.panic(instance),
            // A state is read when somebody looks: see `state`.
            Event::Breaker { .. } | Event::Health { .. } => {}
            Event::RequestsNotStored { count, reason } => {
                let counter = self.not_stored.get(reason.as_str(), |reason| {
                    let labels = vec![Label::new("reason", *reason)];
                    counter(&self.recorder, "tidegate_requests_not_stored_total", labels)
                });
                counter.increment(*count);
            }
            Event::Reloaded(outcome) => self.reloads.count(outcome),
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a double; 2^53 reloads are out of reach")]
            Event::Published { revision } => self.revision.set(*revision as f64),
        }
    }
}

impl fmt::Debug for PrometheusObserver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PrometheusObserver").finish_non_exhaustive()
    }
}

/// Handles by label values, each made once.
struct Handles<K, H>(RwLock<NamedMap<K, H>>);

impl<K, H> Default for Handles<K, H> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + Hash, H: Clone> Handles<K, H> {
    fn get(&self, key: K, make: impl FnOnce(&K) -> H) -> H {
        if let Some(handle) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return handle.clone();
        }
        let handle = make(&key);
        self.0.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(handle).clone()
    }
}

const METADATA: Metadata<'static> = Metadata::new("tidegate", Level::INFO, None);

fn counter(recorder: &PrometheusRecorder, name: &'static str, labels: Vec<Label>) -> Counter {
    recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
}

fn gauge(recorder: &PrometheusRecorder, name: &'static str, labels: Vec<Label>) -> Gauge {
    recorder.register_gauge(&Key::from_parts(name, labels), &METADATA)
}

fn histogram(recorder: &PrometheusRecorder, name: &'static str, labels: Vec<Label>) -> Histogram {
    recorder.register_histogram(&Key::from_parts(name, labels), &METADATA)
}

fn describe(recorder: &PrometheusRecorder) {
    let text = SharedString::const_str;
    let counter = |name: &'static str, help| recorder.describe_counter(KeyName::from(name), None, text(help));
    let seconds =
        |name: &'static str, help| recorder.describe_histogram(KeyName::from(name), Some(Unit::Seconds), text(help));
    let gauge = |name: &'static str, help| recorder.describe_gauge(KeyName::from(name), None, text(help));
    counter("tidegate_requests_total", "Requests by target and outcome");
    counter("tidegate_attempts_total", "Attempts by instance and class of fault ('ok' if there was none)");
    counter("tidegate_tokens_total", "Tokens of answers, by type");
    counter("tidegate_usage_total", "Answers by whether an upstream reported their usage or it was estimated");
    counter("tidegate_cost_micro_dollars_total", "Cost of all attempts whose models have prices, in micro-dollars");
    seconds("tidegate_request_duration_seconds", "Time from a request's arrival to its end, streaming included");
    seconds("tidegate_attempt_duration_seconds", "Time from an attempt's start to its answer or first content");
    counter(
        "tidegate_panic_attempts_total",
        "Attempts past an open circuit, for want of better instances, by instance",
    );
    counter("tidegate_requests_not_stored_total", "Requests that the request log could not store, by reason");
    counter("tidegate_config_reloads_total", "Reloads of the configuration by result");
    gauge(
        "tidegate_config_last_reload_successful",
        "Whether the files' configuration is in force: 0 after a rejected reload",
    );
    gauge("tidegate_routing_table_revision", "Revision of the routing table in force");
}

#[cfg(test)]
mod tests {
    use tidegate_domain::config::{ConfigDiff, Problem};

    use super::*;

    #[test]
    fn reloads_are_counted_by_result_and_the_last_one_stands_for_the_files() {
        let observer = PrometheusObserver::new().unwrap();
        let applied = ReloadOutcome::Applied { revision: 2, diff: ConfigDiff::default(), deferred: Vec::new() };
        let rejected = ReloadOutcome::Rejected(Problem::error("", "broken").into());
        let steps =
            [(None, "1"), (Some(&applied), "1"), (Some(&rejected), "0"), (Some(&ReloadOutcome::Unchanged), "1")];
        for (outcome, successful) in steps {
            if let Some(outcome) = outcome {
                observer.observe(&Event::Reloaded(outcome));
            }
            let text = observer.handle().render();
            assert!(text.contains(&format!("\ntidegate_config_last_reload_successful {successful}\n")), "{text}");
        }
        let text = observer.handle().render();
        for result in ["applied", "rejected", "unchanged"] {
            assert!(text.contains(&format!("tidegate_config_reloads_total{{result=\"{result}\"}} 1\n")), "{text}");
        }
    }
}
