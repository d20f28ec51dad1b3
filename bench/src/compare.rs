//! The comparison: every contestant on the same core, one after another within a round, medians over the rounds.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::Context;
use tokio::{runtime::Runtime, task::LocalSet};

use crate::{
    contestant::{Contestant, Setting},
    exchange::{Exchange, Shape},
    load::{Task, closed, open, streams},
    mock::{self, MockArgs},
    process::{self, Process},
    table::{self, Row},
};

/// What is compared, and for how long.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// A gateway as `NAME=PATH`; several builds can be compared. Without any, the release binary beside this one.
    #[arg(long = "gateway", value_name = "NAME=PATH")]
    gateways: Vec<String>,
    /// Rounds.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Whole answers in a round.
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// Streams in a round.
    #[arg(long, default_value_t = 640)]
    streams: usize,
    /// Connections at once.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// The core of the contestant.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// The core of upstream and load.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
    /// Only nginx and the gateways, and neither latency nor memory.
    #[arg(long)]
    quick: bool,
}

/// Measures and prints the tables.
pub fn compare(args: &CompareArgs) -> anyhow::Result<()> {
    process::move_to(args.load_core)?;
    let directory = tempfile::tempdir()?;
    let instances = [port(9101), port(9102)];
    let core = LoadCore::start(instances)?;
    let contestants = contestants(args, directory.path(), instances)?;
    let mut rows: Vec<_> = contestants.iter().map(|contestant| Row::new(&contestant.name)).collect();
    if !args.quick {
        thread::sleep(Duration::from_secs(3));
        for (row, contestant) in rows.iter_mut().zip(&contestants) {
            row.idle = contestant.process.as_ref().map(Process::resident).transpose()?;
        }
    }
    for round in 0..args.rounds {
        for (row, contestant) in rows.iter_mut().zip(&contestants) {
            measure((args, &core), contestant, row).with_context(|| format!("{} in round {round}", contestant.name))?;
        }
        eprintln!("round {} of {}", round + 1, args.rounds);
    }
    if !args.quick {
        latency(&core, &contestants, &mut rows)?;
        memory(&contestants, &mut rows)?;
    }
    table::print(&rows, "nginx");
    Ok(())
}

fn contestants(args: &CompareArgs, directory: &Path, instances: [SocketAddr; 2]) -> anyhow::Result<Vec<Contestant>> {
    let setting = |port_number| Setting { directory, core: args.core, address: port(port_number), instances };
    let mut contestants = vec![Contestant::direct(instances), Contestant::nginx(&setting(9201))?];
    if !args.quick {
        contestants.push(Contestant::haproxy(&setting(9203))?);
    }
    let beside = std::env::current_exe()?.with_file_name("tidegate");
    let gateways =
        if args.gateways.is_empty() { vec![("tidegate".to_owned(), beside)] } else { named(&args.gateways)? };
    for (at, (name, binary)) in (0_u16..).zip(&gateways) {
        let own = directory.join(name);
        std::fs::create_dir(&own)?;
        contestants.push(Contestant::gateway(name, binary, &Setting { directory: &own, ..setting(9211 + 2 * at) })?);
    }
    Ok(contestants)
}

fn named(gateways: &[String]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let split = |text: &String| text.split_once('=').map(|(name, path)| (name.to_owned(), PathBuf::from(path)));
    gateways.iter().map(|text| split(text).with_context(|| format!("'{text}' is not NAME=PATH"))).collect()
}

fn port(number: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], number))
}

fn task(args: &CompareArgs, address: SocketAddr, shape: Shape) -> Task {
    let requests = if shape == Shape::Whole { args.requests } else { args.streams };
    let exchange = Arc::new(Exchange::new(shape, "/v1/chat/completions", "fast"));
    Task { address, exchange, connections: args.connections, requests }
}

fn measure((args, core): (&CompareArgs, &LoadCore), contestant: &Contestant, row: &mut Row) -> anyhow::Result<()> {
    let whole = task(args, contestant.address, Shape::Whole);
    core.run_awake(closed(&Task { requests: args.requests / 10, ..whole.clone() }))?;
    let (times, cpu) = with_cpu(contestant, || core.run_awake(closed(&whole)))?;
    row.per_request.push(cpu / times.count() as f64);
    let stream = task(args, contestant.address, Shape::Stream);
    let (times, cpu) = with_cpu(contestant, || core.run_awake(streams(&stream, Duration::from_millis(300))))?;
    row.per_stream.push(cpu / times.first.count() as f64);
    row.first.push(times.first.quantile(0.5));
    row.gap.push(times.gaps.quantile(0.99));
    Ok(())
}

/// Runs `work`; and how many microseconds of a core the contestant had meanwhile.
fn with_cpu<T>(contestant: &Contestant, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let Some(process) = &contestant.process else { return Ok((work()?, f64::NAN)) };
    let before = process.cpu()?;
    let done = work()?;
    Ok((done, process.cpu()?.saturating_sub(before).as_secs_f64() * 1e6))
}

/// The core of upstream and load: one thread for both.
struct LoadCore {
    runtime: Runtime,
    local: LocalSet,
}

impl LoadCore {
    /// Starts the upstream.
    fn start([listen, also_listen]: [SocketAddr; 2]) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = LocalSet::new();
        local.spawn_local(mock::serve(MockArgs { listen, also_listen, delay_ms: 0, gap_ms: 10 }));
        Ok(Self { runtime, local })
    }

    fn run<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        self.local.block_on(&self.runtime, work)
    }

    /// Runs `work` without ever falling asleep: to wake a thread on another core costs whoever writes to its socket as much as everything
    /// else, and how often that happens depends on how busy this core is, and not on the contestant.
    fn run_awake<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        self.run(async {
            tokio::select! {
                done = work => done,
                () = stay_awake() => unreachable!("it has no end"),
            }
        })
    }
}

async fn stay_awake() {
    loop {
        tokio::task::yield_now().await;
    }
}

/// Runs `work` on a runtime of one thread.
pub fn on_this_core<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}

/// The median time at 500 requests a second, over three rounds.
fn latency(core: &LoadCore, contestants: &[Contestant], rows: &mut [Row]) -> anyhow::Result<()> {
    let exchange = Arc::new(Exchange::new(Shape::Whole, "/v1/chat/completions", "fast"));
    for _ in 0..3 {
        for (row, contestant) in rows.iter_mut().zip(contestants) {
            let task =
                Task { address: contestant.address, exchange: Arc::clone(&exchange), connections: 16, requests: 1500 };
            let opened = core.run(async move { tokio::task::spawn_blocking(move || open(&task, 500.0)).await? })?;
            row.latency.push(opened.answered.quantile(0.5));
        }
    }
    Ok(())
}

fn memory(contestants: &[Contestant], rows: &mut [Row]) -> anyhow::Result<()> {
    for (row, contestant) in rows.iter_mut().zip(contestants) {
        row.loaded = contestant.process.as_ref().map(Process::peak).transpose()?;
    }
    thread::sleep(Duration::from_secs(40));
    for (row, contestant) in rows.iter_mut().zip(contestants) {
        row.recovered = contestant.process.as_ref().map(Process::resident).transpose()?;
    }
    Ok(())
}
