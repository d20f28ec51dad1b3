//! The comparison: every contestant on the same core, one after another within a round, medians over the rounds.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use anyhow::Context;
use tidegate_bench::exchange::{Exchange, Protocol, Shape};

use crate::{
    contestant::{Contestant, Layout, Setting, installed},
    load::{Task, closed, learnt, open, streams},
    process::{self, Affinity, Process},
    stage::{LoadCore, Pace, port, with_cpu},
    table::{self, Row},
};

/// What is compared, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareArgs {
    /// A gateway as `NAME=PATH`; several builds can be compared. Without any, the release binary beside this one.
    #[arg(long = "gateway", value_name = "NAME=PATH")]
    gateways: Vec<String>,
    /// The program of onwards; without it, the one on the path.
    #[arg(long)]
    onwards: Option<PathBuf>,
    /// The program of sglang's router; without it, the one on the path.
    #[arg(long)]
    sglang_router: Option<PathBuf>,
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
    /// Only nginx and ours, and neither latency nor memory.
    #[arg(long)]
    quick: bool,
}

/// Measures and prints the tables.
pub fn compare(args: &CompareArgs) -> anyhow::Result<()> {
    process::move_to(args.load_core)?;
    let directory = tempfile::tempdir()?;
    let instances = [port(9101), port(9102)];
    let core = LoadCore::start(instances, Pace::default())?;
    // The upstream answers meanwhile: some look for it before they serve.
    let (own, own_directory) = (args.clone(), directory.path().to_owned());
    let starting = move || contestants(&own, &own_directory, instances);
    let contestants = core.run(async { tokio::task::spawn_blocking(starting).await? })?;
    let mut rows: Vec<_> = contestants.iter().map(|contestant| Row::new(&contestant.name)).collect();
    if !args.quick {
        thread::sleep(Duration::from_secs(3));
        for (row, contestant) in rows.iter_mut().zip(&contestants) {
            row.idle = contestant.process.as_deref().map(Process::resident).transpose()?;
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
    let cores = Affinity::core(args.core);
    let setting = |port_number| Setting { directory, cores: &cores, address: port(port_number), instances };
    let mut contestants = vec![Contestant::direct(instances), Contestant::nginx(&setting(9201))?];
    if !args.quick {
        contestants.push(Contestant::haproxy(&setting(9203))?);
        contestants.extend(other_gateways(args, &setting)?);
    }
    let beside = std::env::current_exe()?.with_file_name("tidegate");
    let gateways =
        if args.gateways.is_empty() { vec![("tidegate".to_owned(), beside)] } else { named(&args.gateways)? };
    for (at, (name, binary)) in (0_u16..).zip(&gateways) {
        let own = directory.join(name);
        std::fs::create_dir(&own)?;
        let setting = Setting { directory: &own, ..setting(9211 + 2 * at) };
        let gateway = Contestant::gateway(name, (binary, Layout::default()), &setting)?;
        let translated = gateway.translated();
        contestants.extend([gateway, translated]);
    }
    Ok(contestants)
}

/// Other gateways for models, as far as they are installed; says how the others are.
fn other_gateways<'a>(args: &CompareArgs, setting: &impl Fn(u16) -> Setting<'a>) -> anyhow::Result<Vec<Contestant>> {
    let mut found = Vec::new();
    match installed("onwards", args.onwards.as_ref()) {
        Some(binary) => found.push(Contestant::onwards(&binary, &setting(9205))?),
        None => eprintln!("without onwards: cargo install onwards, or --onwards PATH"),
    }
    match installed("sglang-router", args.sglang_router.as_ref()) {
        Some(binary) => found.push(Contestant::sglang_router(&binary, &setting(9207))?),
        None => eprintln!("without sglang-router: pip install sglang-router, or --sglang-router PATH"),
    }
    Ok(found)
}

fn named(gateways: &[String]) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let split = |text: &String| text.split_once('=').map(|(name, path)| (name.to_owned(), PathBuf::from(path)));
    gateways.iter().map(|text| split(text).with_context(|| format!("'{text}' is not NAME=PATH"))).collect()
}

/// The task of a contestant.
fn task((args, core): (&CompareArgs, &LoadCore), contestant: &Contestant, shape: Shape) -> anyhow::Result<Task> {
    let requests = if shape == Shape::Whole { args.requests } else { args.streams };
    let exchange = core.run(learnt(contestant.address, shape, contestant.protocol, "fast"))?;
    Ok(Task { address: contestant.address, exchange: Arc::new(exchange), connections: args.connections, requests })
}

fn measure((args, core): (&CompareArgs, &LoadCore), contestant: &Contestant, row: &mut Row) -> anyhow::Result<()> {
    let whole = task((args, core), contestant, Shape::Whole)?;
    core.run_awake(closed(&Task { requests: args.requests / 10, ..whole.clone() }))?;
    let (times, cpu) = with_cpu(contestant, || core.run_awake(closed(&whole)))?;
    row.per_request.push(cpu / times.count() as f64);
    let stream = task((args, core), contestant, Shape::Stream)?;
    let (times, cpu) = with_cpu(contestant, || core.run_awake(streams(&stream, Duration::from_millis(300))))?;
    row.per_stream.push(cpu / times.first.count() as f64);
    row.first.push(times.first.quantile(0.5));
    row.gap.push(times.gaps.quantile(0.99));
    Ok(())
}

/// The median time at 500 requests a second, over three rounds.
fn latency(core: &LoadCore, contestants: &[Contestant], rows: &mut [Row]) -> anyhow::Result<()> {
    let exchange = Arc::new(Exchange::new(Shape::Whole, Protocol::Chat, "fast"));
    for _ in 0..3 {
        for (row, contestant) in rows.iter_mut().zip(contestants).filter(|(_, it)| it.protocol == Protocol::Chat) {
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
        row.loaded = contestant.process.as_deref().map(Process::peak).transpose()?;
    }
    thread::sleep(Duration::from_secs(40));
    for (row, contestant) in rows.iter_mut().zip(contestants) {
        row.recovered = contestant.process.as_deref().map(Process::resident).transpose()?;
    }
    Ok(())
}
