//! The plot of a simulation: the share of answered requests and two latencies over time, with the outages behind them and the
//! openings of circuits below.

use std::fmt::Write;

use super::{Bucket, SimulationReport};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
/// Top and height of the two panels.
const ANSWERED: (f64, f64) = (50.0, 150.0);
const LATENCY: (f64, f64) = (240.0, 180.0);
const EVENTS: f64 = 440.0;
const HEIGHT: f64 = 490.0;

/// Draws a report as SVG.
pub fn plot(report: &SimulationReport) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let title = report.description.lines().next().unwrap_or_default();
    text(&mut svg, (LEFT, 24.0), &escaped(title));
    for outage in &report.outages {
        let (from, until) = (x(report, outage.from), x(report, outage.until.min(report.seconds)));
        let (top, height) = (ANSWERED.0, EVENTS - ANSWERED.0);
        let _ = writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{height}\" fill=\"#fbe3e4\"><title>{}</title></rect>",
            (until - from).max(0.0),
            escaped(&outage.upstream)
        );
    }
    answered(&mut svg, report);
    latencies(&mut svg, report);
    events(&mut svg, report);
    svg.push_str("</svg>\n");
    svg
}

fn answered(svg: &mut String, report: &SimulationReport) {
    frame(svg, ANSWERED, ("answered", "100%", "0%"));
    #[expect(clippy::cast_precision_loss, reason = "a share is drawn to a tenth of a pixel")]
    let share = |bucket: &Bucket| (bucket.requests > 0).then(|| bucket.answered as f64 / bucket.requests as f64);
    line(svg, (report, ANSWERED), "#1a7f37", share);
}

fn latencies(svg: &mut String, report: &SimulationReport) {
    let longest = report.buckets.iter().filter_map(|bucket| bucket.p95_ms).max().unwrap_or(1).max(1);
    frame(svg, LATENCY, ("latency: p50 blue, p95 orange", &format!("{longest}ms"), "0"));
    #[expect(clippy::cast_precision_loss, reason = "a latency is drawn to a tenth of a pixel")]
    let part = |took: Option<u64>| took.map(|took| took as f64 / longest as f64);
    line(svg, (report, LATENCY), "#d97706", |bucket| part(bucket.p95_ms));
    line(svg, (report, LATENCY), "#1f6feb", |bucket| part(bucket.p50_ms));
}

/// A mark for each change of a circuit.
fn events(svg: &mut String, report: &SimulationReport) {
    for entry in report.timeline.iter().filter(|entry| entry.change.starts_with("circuit")) {
        let colour = if entry.change.ends_with("-> open") { "#cf222e" } else { "#8c959f" };
        let _ = writeln!(
            svg,
            "<circle cx=\"{:.1}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"><title>{:.1}s {} {}</title></circle>",
            x(report, entry.at.min(report.seconds)),
            EVENTS + 12.0,
            entry.at,
            escaped(&entry.instance),
            escaped(&entry.change)
        );
    }
    text(
        svg,
        (LEFT, HEIGHT - 12.0),
        &format!("0s to {}s; circuits that open are red; outages are shaded", report.seconds),
    );
}

fn frame(svg: &mut String, (top, height): (f64, f64), (title, most, least): (&str, &str, &str)) {
    let width = WIDTH - LEFT - RIGHT;
    let _ = writeln!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" fill=\"none\" stroke=\"#d0d7de\"/>"
    );
    text(svg, (LEFT, top - 6.0), title);
    text(svg, (8.0, top + 10.0), most);
    text(svg, (8.0, top + height), least);
}

/// A line over the buckets that have a value, from 0 to 1.
fn line(
    svg: &mut String,
    (report, (top, height)): (&SimulationReport, (f64, f64)),
    colour: &str,
    of: impl Fn(&Bucket) -> Option<f64>,
) {
    let point =
        |bucket: &Bucket| Some(format!("{:.1},{:.1}", x(report, bucket.from), top + height * (1.0 - of(bucket)?)));
    let points: Vec<String> = report.buckets.iter().filter_map(point).collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
        points.join(" ")
    );
}

fn x(report: &SimulationReport, seconds: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT) * seconds / report.seconds.max(0.001)
}

fn text(svg: &mut String, (x, y): (f64, f64), words: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" fill=\"#1f2328\">{words}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
