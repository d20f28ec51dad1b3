//! What `tidegate simulate` prints.

mod plot;

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use comfy_table::{Table, presets};
pub use plot::plot;
use serde::Serialize;

use super::Colour;

/// The arguments of `simulate`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SimulateArgs {
    /// The scenario: a TOML file that names a configuration, the traffic, and what fails when.
    pub scenario: PathBuf,
    /// Draw every choice from this instead of the scenario's seed.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write a plot there, as SVG.
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What came of a simulation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimulationReport {
    /// What it was about.
    pub description: String,
    /// How long requests arrived.
    pub seconds: f64,
    /// Requests.
    pub requests: u64,
    /// Those that were answered in full.
    pub answered: u64,
    /// Requests by how they ended.
    pub outcomes: BTreeMap<String, u64>,
    /// Attempts of all requests together.
    pub attempts: u64,
    /// Health checks, beside the attempts.
    pub checks: u64,
    /// Latencies of what was answered, to the end of the answer, in milliseconds, by quantile.
    pub latency_ms: BTreeMap<String, u64>,
    /// Times to the first content of streams, in milliseconds, by quantile; empty if nobody asked for one.
    pub first_content_ms: BTreeMap<String, u64>,
    /// What it cost, in micro-dollars; `None` if no model has a price.
    pub micro_dollars: Option<u64>,
    /// Who was asked how often.
    pub instances: Vec<InstanceRow>,
    /// What changed about instances, in order.
    pub timeline: Vec<TimelineEntry>,
    /// What failed when, by the scenario.
    pub outages: Vec<SimulatedOutage>,
    /// How it went over time, by the arrival of the requests.
    pub buckets: Vec<Bucket>,
}

/// Who was asked how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstanceRow {
    /// The instance.
    pub instance: String,
    /// How often it was asked.
    pub attempts: u64,
    /// How often it failed.
    pub failures: u64,
}

/// A change of an instance.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelineEntry {
    /// When, in seconds.
    pub at: f64,
    /// The instance.
    pub instance: String,
    /// What changed.
    pub change: String,
}

/// A time in which an upstream behaves otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimulatedOutage {
    /// The upstream.
    pub upstream: String,
    /// When it begins, in seconds.
    pub from: f64,
    /// When it is over, in seconds.
    pub until: f64,
}

/// A part of the time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bucket {
    /// When it begins, in seconds.
    pub from: f64,
    /// Requests that arrived.
    pub requests: u64,
    /// Those that were answered.
    pub answered: u64,
    /// The median latency of those.
    pub p50_ms: Option<u64>,
    /// The latency that one in twenty of those is above.
    pub p95_ms: Option<u64>,
}

/// Renders a report for people; ends with a line break.
pub fn render_simulation(report: &SimulationReport, colour: Colour) -> String {
    let parts = [summary(report, colour), instances(report), timeline(report, colour)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn summary(report: &SimulationReport, colour: Colour) -> String {
    let SimulationReport {
        description,
        seconds,
        requests,
        answered,
        outcomes,
        attempts,
        checks,
        latency_ms,
        first_content_ms,
        micro_dollars,
        ..
    } = report;
    let percent = share(*answered, *requests);
    let answered = if answered == requests { colour.green(&percent) } else { colour.yellow(&percent) };
    let outcomes: Vec<_> = outcomes.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
    let mut lines = vec![format!("{requests} requests in {seconds}s: {answered} answered ({})", outcomes.join(", "))];
    let times = [("latency   ", latency_ms), ("content   ", first_content_ms)];
    let known = times.iter().filter(|(_, times)| !times.is_empty());
    lines.extend(known.map(|(name, times)| format!("{name}{}", quantiles(times))));
    lines.push(format!("attempts  {attempts}, {} for each request", ratio(*attempts, *requests)));
    if *checks > 0 {
        lines.push(format!("checks    {checks}"));
    }
    lines.extend(micro_dollars.map(|cost| format!("cost      ${}.{:06}", cost / 1_000_000, cost % 1_000_000)));
    if !description.is_empty() {
        lines.insert(0, format!("{}\n", description.trim()));
    }
    lines.join("\n") + "\n"
}

fn quantiles(times: &BTreeMap<String, u64>) -> String {
    let said = |name: &&str| times.get(*name).map(|took| format!("{name} {took}ms"));
    ["p50", "p90", "p95", "p99", "max"].iter().filter_map(said).collect::<Vec<_>>().join(", ")
}

fn instances(report: &SimulationReport) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["instance", "attempts", "share", "failed"]);
    table.add_rows(report.instances.iter().map(|row| {
        let InstanceRow { instance, attempts, failures } = row;
        [instance.clone(), attempts.to_string(), share(*attempts, report.attempts), share(*failures, *attempts)]
    }));
    let lines: Vec<_> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n") + "\n"
}

fn timeline(report: &SimulationReport, colour: Colour) -> String {
    let line = |entry: &TimelineEntry| {
        let TimelineEntry { at, instance, change } = entry;
        let change = if change.ends_with("open") && !change.ends_with("half_open") {
            colour.red(change)
        } else {
            change.clone()
        };
        format!("{at:>9.1}s  {instance}  {change}\n")
    };
    report.timeline.iter().map(line).collect()
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let thousandths = part.saturating_mul(100_000) / whole;
    format!("{}.{:03}%", thousandths / 1000, thousandths % 1000)
}

fn ratio(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(1000).checked_div(whole).unwrap_or_default();
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}
