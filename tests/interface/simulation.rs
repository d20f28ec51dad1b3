//! Traffic and failures over virtual time, through the engine that serves.

use std::path::{Path, PathBuf};

use tidegate::commands::simulate;
use tidegate_infrastructure::simulation::Scenario;
use tidegate_interface::cli::{Colour, SimulationReport, plot, render_simulation};

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios")
}

/// A shipped scenario, shortened so that many tests can run it.
fn run(name: &str, seed: u64) -> SimulationReport {
    let scenario = Scenario { seed, ..Scenario::read(&scenarios().join(name)).unwrap() };
    simulate(&scenario).unwrap()
}

#[test]
fn an_outage_of_one_provider_is_hidden_and_its_circuits_open_and_close() {
    let report = run("provider-outage.toml", 1);
    assert!(report.requests > 2_500, "{report:?}");
    assert_eq!(report.answered, report.requests);
    assert!(report.attempts > report.requests && report.attempts < report.requests * 11 / 10, "{}", report.attempts);
    let changes: Vec<&str> = report.timeline.iter().map(|entry| &*entry.change).collect();
    assert!(changes.contains(&"circuit closed -> open"), "{changes:?}");
    let opened = report.timeline.iter().find(|entry| entry.change == "circuit closed -> open").unwrap();
    assert!((180.0..200.0).contains(&opened.at) && opened.instance.contains("sim-a"), "{opened:?}");
    let last = report.timeline.iter().rfind(|entry| entry.change.starts_with("circuit")).unwrap();
    assert!(last.change.ends_with("-> closed") && last.at > 300.0, "{last:?}");
}

#[test]
fn the_same_seed_makes_the_same_run_and_another_one_another() {
    let (one, again, other) =
        (run("slow-provider.toml", 2), run("slow-provider.toml", 2), run("slow-provider.toml", 3));
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[test]
fn when_nobody_answers_the_load_does_not_multiply() {
    let report = run("everything-down.toml", 3);
    assert!(report.answered < report.requests);
    let during: u64 = report.buckets.iter().filter(|it| (125.0..175.0).contains(&it.from)).map(|it| it.answered).sum();
    assert_eq!(during, 0, "{:?}", report.buckets);
    assert!(report.attempts < report.requests * 3 / 2, "{} of {}", report.attempts, report.requests);
}

#[test]
fn a_report_is_a_table_and_a_plot() {
    let report = run("provider-outage.toml", 1);
    let text = render_simulation(&report, Colour::Never);
    for words in ["100.000% answered", "latency   p50 ", "attempts  ", "circuit closed -> open"] {
        assert!(text.contains(words), "no '{words}' in\n{text}");
    }
    let svg = plot(&report);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!((svg.matches("<polyline").count(), svg.matches("fill=\"#fbe3e4\"").count()), (3, 1));
    assert!(svg.contains("fill=\"#cf222e\""), "no circuit opens in the plot");
}

#[test]
fn every_scenario_that_ships_can_be_read() {
    let mut seen = 0;
    for file in std::fs::read_dir(scenarios()).unwrap() {
        let scenario = Scenario::read(&file.unwrap().path()).unwrap();
        assert!(!scenario.description.is_empty());
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[track_caller]
fn check_refused(text: &str, words: &str) {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("scenario.toml");
    std::fs::write(&path, text).unwrap();
    let message = Scenario::read(&path).unwrap_err().to_string();
    assert!(message.contains(words), "{message}");
}

#[test]
fn a_scenario_that_makes_no_sense_says_so() {
    let base = "config = \"x\"\nseconds = 60\n[[traffic]]\nmodel = \"m\"\nrequests_per_second = 1\n";
    check_refused("config = \"x\"\nseconds = 1\n", "missing field `traffic`");
    check_refused(&base.replace("seconds = 60", "seconds = 0"), "'seconds' must be from 0.001");
    check_refused(&format!("{base}rate = 1\n"), "unknown field `rate`");
    check_refused(
        &format!("{base}[upstreams.a]\nfailure = \"maybe\"\n"),
        "an HTTP status from 400 to 599, or \"hang\"",
    );
    check_refused(&base.replace("second = 1", "second = 99999"), "more than 2000000");
}
