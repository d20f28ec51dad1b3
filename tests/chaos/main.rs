//! The chaos run: many requests over real sockets while three attempts in ten fail in every way, half of the answers stream,
//! one caller in twenty vanishes, and the configuration changes, to the better and to the worse.
//!
//! ```sh
//! cargo run -p layered-tests --bin chaos                        # 4000 requests, as CI does
//! cargo run -p layered-tests --bin chaos -- --requests 1000000  # the real one; build it with --profile profiling
//! ```
//!
//! Every answer of an upstream carries the request it was made for, the upstream, a serial number and how long it is, in
//! each of its pieces. So the callers see what is not theirs, out of order, or too short. The exit code is 1 if
//! anything was wrong.

mod caller;
mod departures;
mod fleet;
mod oracle;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use caller::{Caller, Fate};
use fleet::Fleet;
use tidegate_domain::pool::Random;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// What the command line says.
#[derive(Debug, Clone, Copy)]
struct Options {
    requests: u64,
    callers: u64,
    seed: u64,
    /// Whatever has not been asked by then is not.
    at_most: Duration,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut options = Self { requests: 4000, callers: 64, seed: 1, at_most: Duration::from_hours(2) };
        while let Some(word) = words.next() {
            let value = words.next().with_context(|| format!("{word} takes a number"))?.parse()?;
            match word.as_str() {
                "--requests" => options.requests = value,
                "--callers" => options.callers = value.max(1),
                "--seed" => options.seed = value,
                "--at-most-seconds" => options.at_most = Duration::from_secs(value),
                other => bail!("unknown: {other}; known: --requests, --callers, --seed, --at-most-seconds"),
            }
        }
        Ok(options)
    }
}

/// What became of the requests.
#[derive(Debug, Default)]
struct Tally {
    begun: AtomicU64,
    whole: AtomicU64,
    streamed: AtomicU64,
    told: AtomicU64,
    refused: AtomicU64,
    vanished: AtomicU64,
    wrong: AtomicU64,
}

impl Tally {
    /// All requests that were made.
    fn all(&self) -> u64 {
        let parts = [&self.whole, &self.streamed, &self.told, &self.refused, &self.vanished, &self.wrong];
        parts.iter().map(|part| part.load(Relaxed)).sum()
    }

    /// Every request has one outcome; one whose caller vanished before it was read may have none.
    fn check_outcomes(&self, outcomes: u64) -> Option<String> {
        let (all, vanished) = (self.all(), self.vanished.load(Relaxed));
        let is_right = (all - vanished..=all).contains(&outcomes);
        (!is_right).then(|| format!("{outcomes} outcomes of {all} requests, {vanished} of which vanished"))
    }

    fn count(&self, fate: &Fate) {
        let counter = match fate {
            Fate::Whole => &self.whole,
            Fate::Streamed => &self.streamed,
            Fate::Told => &self.told,
            Fate::Refused => &self.refused,
            Fate::Vanished => &self.vanished,
            Fate::Wrong(what) => {
                eprintln!("WRONG: {what}");
                &self.wrong
            }
        };
        counter.fetch_add(1, Relaxed);
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse(std::env::args().skip(1))?;
    let fleet = Fleet::start(options.seed).await?;
    let tally = Arc::new(Tally::default());
    let began = Instant::now();
    let changes = tokio::spawn(fleet.keep_changing(Random::with_seed(options.seed ^ 1)));
    call_all(options, &fleet, &tally, began + options.at_most).await;
    changes.abort();
    let took = began.elapsed();
    let mut problems = fleet.settle().await;
    problems.extend(tally.check_outcomes(fleet.outcome_count()));
    report(&tally, &fleet, took);
    for problem in &problems {
        println!("WRONG      {problem}");
    }
    let is_clean = problems.is_empty() && tally.wrong.load(Relaxed) == 0;
    println!("{}", if is_clean { "clean" } else { "NOT CLEAN" });
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn call_all(options: Options, fleet: &Fleet, tally: &Arc<Tally>, end: Instant) {
    let mut callers = JoinSet::new();
    for number in 0..options.callers {
        let mut caller = Caller::new(
            (fleet.address(), fleet.departures()),
            Random::with_seed(options.seed.wrapping_mul(31) + number),
        );
        let tally = Arc::clone(tally);
        callers.spawn(async move {
            while tally.begun.fetch_add(1, Relaxed) < options.requests && Instant::now() < end {
                let fate = caller.call().await;
                tally.count(&fate);
                if matches!(fate, Fate::Refused) {
                    // Nobody hammers on a closed door.
                    sleep(Duration::from_millis(2)).await;
                }
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        if let Err(error) = ended {
            eprintln!("WRONG: a caller broke off: {error}");
            tally.wrong.fetch_add(1, Relaxed);
        }
    }
}

fn report(tally: &Tally, fleet: &Fleet, took: Duration) {
    let of = |counter: &AtomicU64| counter.load(Relaxed);
    let (whole, streamed, told) = (of(&tally.whole), of(&tally.streamed), of(&tally.told));
    let (refused, vanished, wrong) = (of(&tally.refused), of(&tally.vanished), of(&tally.wrong));
    println!("requests   {} in {:.1} s", tally.all(), took.as_secs_f64());
    println!("answered   {} ({whole} whole, {streamed} streamed)", whole + streamed);
    println!("told       {told} streams broke off and said so");
    println!("refused    {refused} with an error");
    println!("vanished   {vanished} callers");
    println!("stopped    {}", fleet.departures());
    println!("wrong      {wrong}");
    println!("attempts   {} of which {} were made to fail", fleet.attempts(), fleet.faults());
    println!("reloads    {} applied, {} rejected", fleet.applied(), fleet.rejected());
    println!("outcomes   {}", fleet.outcomes());
    println!("replayed   {} traces", fleet.replayed());
}
