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
    for name in ["slow-provider.toml", "broken-streams.toml"] {
        let (one, again, other) = (run(name, 2), run(name, 2), run(name, 3));
        assert_eq!(one, again);
        assert_ne!(one, other);
    }
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
fn streams_show_something_before_they_end_and_break_off_where_the_scenario_cuts_them() {
    let report = run("broken-streams.toml", 4);
    let (first, whole) = (report.first_content_ms["p50"], report.latency_ms["p50"]);
    // Three hundred tokens at eighty in a second.
    assert!(first < 700 && (first + 3_700..first + 4_000).contains(&whole), "{first} and {whole}");
    let broken_off = report.outcomes["broken_off"];
    assert!(broken_off > 0 && broken_off < 100, "{:?}", report.outcomes);
    assert_eq!(report.answered + broken_off, report.requests, "{:?}", report.outcomes);
    let opened = report.timeline.iter().find(|entry| entry.change == "circuit closed -> open").unwrap();
    assert!((180.0..220.0).contains(&opened.at) && opened.instance.contains("sim-a"), "{opened:?}");
    assert!(render_simulation(&report, Colour::Never).contains("\ncontent   p50 "));
}

/// A scenario about one pool of the models `sim:a` and `sim:b`, which are checked every five seconds.
fn of_checked_pool(rest: &str) -> SimulationReport {
    let directory = tempfile::TempDir::new().unwrap();
    let config = r#"
[providers.sim]
protocol = "simulated"
[models.a]
provider = "sim"
model = "a"
[models.a.prices]
input = 1.0
output = 10.0
[pools.p]
instances = [{ id = "a", model = "sim:a" }, { id = "b", model = "sim:b" }]
health_check = { kind = "models_endpoint", interval = 5, failure_threshold = 2 }
"#;
    std::fs::write(directory.path().join("config.toml"), config).unwrap();
    let path = directory.path().join("scenario.toml");
    let traffic = "[[traffic]]\nmodel = \"p\"\nprompt_tokens = 1000\nanswer_tokens = 100\n";
    std::fs::write(&path, format!("config = \"config.toml\"\nseconds = 120\n{traffic}{rest}")).unwrap();
    simulate(&Scenario::read(&path).unwrap()).unwrap()
}

#[test]
fn health_checks_find_an_outage_that_nobody_asks_into() {
    let outage = "[[outages]]\nupstream = \"b\"\nfrom = 20\nuntil = 60\n";
    let report = of_checked_pool(&format!("requests_per_second = 5\nfrom = 119\n{outage}"));
    assert!(report.checks > 20, "{}", report.checks);
    let unhealthy = report.timeline.iter().find(|entry| entry.change.ends_with("-> unhealthy")).unwrap();
    assert!((20.0..40.0).contains(&unhealthy.at) && unhealthy.instance == "p/b", "{unhealthy:?}");
    assert!(render_simulation(&report, Colour::Never).contains(&format!("\nchecks    {}\n", report.checks)));
}

#[test]
fn the_cost_of_a_run_is_what_its_attempts_cost() {
    let report = of_checked_pool("requests_per_second = 2\n[upstreams.b]\nfailure_rate = 1\n");
    let of_a = report.instances.iter().find(|row| row.instance == "p/a").unwrap();
    // A thousand tokens of a prompt for a dollar a million, a hundred of an answer for ten; what is around the prompt counts too.
    let each = report.micro_dollars.unwrap() / of_a.attempts;
    assert!((2_000..2_100).contains(&each), "{each}");
    assert_eq!(report.first_content_ms.len(), 0);
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
    assert_eq!(seen, 4);
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
    check_refused(&format!("{base}[upstreams.a]\ncut_rate = 2\n"), "'cut_rate' must be from 0 to 1");
    check_refused(&format!("{base}[upstreams.a]\ntokens_per_second = 0\n"), "'tokens_per_second' must be from 0.1");
    check_refused(&base.replace("second = 1", "second = 99999"), "more than 2000000");
}
