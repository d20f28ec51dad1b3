//! The gate: counts the instructions of each step, and compares them with the committed ones.
//!
//! Instructions are counted by valgrind, so that neither other work on the machine nor its clock matters. What a step costs is
//! the difference between doing it often and doing it a few times more: what comes before, and the program's start, cancel
//! out. The figures hold for one compiler and one kind of processor: libraries choose their loops by what it offers.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::PathBuf, process::Command};

use anyhow::{Context, bail, ensure};
use tidegate_bench::cases;

/// How often a step is done so that it has done everything once that is done only once.
const FEW: u64 = 50;
/// How much more often it is done to be counted.
const COUNTED: u64 = 200;
/// How much more than before a step may take, in percent. What depends on chance (hashes, the time) is below one; what the compiler makes
/// of a change elsewhere, by putting other functions in place, can be a few.
const TOLERANCE: u64 = 10;

/// What the gate does.
#[derive(Debug, clap::Args)]
pub struct GateArgs {
    /// Write what is counted as what is allowed from now on.
    #[arg(long)]
    renew: bool,
}

/// One step, done so often.
#[derive(Debug, clap::Args)]
pub struct StepArgs {
    /// Its name.
    name: String,
    /// How often.
    times: u64,
}

/// Counts every gated step. Fails if one takes more than the committed figure, or has none.
pub fn gate(args: &GateArgs) -> anyhow::Result<()> {
    let mut counted = BTreeMap::new();
    for case in cases::gated() {
        let count = instructions(case.name()).with_context(|| format!("counting '{}'", case.name()))?;
        println!("{count:>10}  {}", case.name());
        counted.insert(case.name().to_owned(), count);
    }
    if args.renew {
        return Ok(fs::write(baseline_file(), written(&counted))?);
    }
    let findings = compare(&read(&fs::read_to_string(baseline_file())?)?, &counted);
    if findings.is_empty() {
        println!("no step takes more than {TOLERANCE} % more instructions than bench/instructions.txt says");
        return Ok(());
    }
    bail!(
        "{}\nfind out why, or, if it is worth it: cargo run --profile profiling -p tidegate-bench -- gate --renew",
        findings.join("\n")
    );
}

/// Does one step so often.
pub fn step(args: &StepArgs) -> anyhow::Result<()> {
    let case = cases::all().into_iter().find(|case| case.name() == args.name).context("no such step")?;
    let mut step = case.prepare();
    (0..args.times).for_each(|_| step());
    Ok(())
}

fn baseline_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.txt")
}

/// The instructions of one step.
fn instructions(name: &str) -> anyhow::Result<u64> {
    let (few, many) = (run(name, FEW)?, run(name, FEW + COUNTED)?);
    Ok(many.saturating_sub(few) / COUNTED)
}

/// The instructions of a process that does a step so often.
fn run(name: &str, times: u64) -> anyhow::Result<u64> {
    let valgrind = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"];
    let own = env::current_exe()?;
    let output = Command::new("valgrind").args(valgrind).arg(own).args(["step", name, &times.to_string()]).output();
    let output = output.context("valgrind cannot be started (apt-get install valgrind)")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind failed: {said}");
    count(&said).with_context(|| format!("valgrind counted nothing: {said}"))
}

/// The figure of the line `==1== I   refs:      1,234`.
fn count(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains(" I ") && line.contains("refs:"))?;
    let (_, figure) = line.split_once("refs:")?;
    figure.trim().replace(',', "").parse().ok()
}

fn written(counted: &BTreeMap<String, u64>) -> String {
    let mut text = "# Instructions that each step may take, with some tolerance; see docs/performance.md.\n".to_owned();
    for (name, count) in counted {
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{count:>10}  {name}");
    }
    text
}

fn read(text: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let (count, name) = line.trim().split_once("  ").with_context(|| format!("'{line}' is no figure"))?;
            Ok((name.to_owned(), count.parse()?))
        })
        .collect()
}

/// What is wrong with the counted figures.
fn compare(allowed: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, &count) in counted {
        match allowed.get(name) {
            None => findings.push(format!("'{name}' has no figure in bench/instructions.txt")),
            Some(&allowed) if count * 100 > allowed * (100 + TOLERANCE) => {
                let more = (count - allowed) as f64 / allowed as f64 * 100.0;
                findings.push(format!("'{name}' takes {count} instructions, {more:.1} % more than {allowed}"));
            }
            Some(_) => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(text: &str) -> BTreeMap<String, u64> {
        read(text).unwrap()
    }

    #[test]
    fn a_step_that_takes_more_is_found_and_one_that_takes_a_little_more_is_not() {
        let allowed = figures("# a comment\n  1000  a step\n  20  another\n");
        assert!(compare(&allowed, &figures("1100  a step\n5  another\n")).is_empty());
        let found = compare(&allowed, &figures("1101  a step\n20  another\n"));
        assert_eq!(found, ["'a step' takes 1101 instructions, 10.1 % more than 1000"]);
    }

    #[test]
    fn a_step_without_a_figure_is_found() {
        assert_eq!(compare(&BTreeMap::new(), &figures("1  new")), ["'new' has no figure in bench/instructions.txt"]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let counted = figures("7  one\n8  two, or three\n");
        assert_eq!(figures(&written(&counted)), counted);
    }

    #[test]
    fn the_figure_is_read_from_what_valgrind_says() {
        assert_eq!(count("==12== \n==12== I   refs:      1,234,567\n"), Some(1_234_567));
        assert_eq!(count("==12== I refs:      9\n"), Some(9));
        assert_eq!(count("==12== nothing\n"), None);
    }
}
