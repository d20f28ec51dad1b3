//! What becomes of cost, memory and goodput as everything grows: the configuration, the streams, the load and the cores.

mod cores;
mod overload;
mod size;
mod streams;

use std::{
    path::{Path, PathBuf},
    thread,
};

use clap::ValueEnum;
use tempfile::TempDir;

use crate::{
    contestant::{Contestant, Instances, Layout, Setting},
    process::{self, Affinity},
    stage::port,
};

/// What is measured, and how much of it.
#[derive(Debug, Clone, clap::Args)]
pub struct ScaleArgs {
    /// The gateway; without it, the release binary beside this one.
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// Only this part.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Rounds of each measurement of CPU.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Whole answers in a round.
    #[arg(long, default_value_t = 5000)]
    requests: usize,
    /// The most streams at once.
    #[arg(long, default_value_t = 10_000)]
    streams: usize,
    /// The first core of the gateway.
    #[arg(long, default_value_t = 0)]
    core: usize,
    /// The core of upstream and load.
    #[arg(long, default_value_t = 1)]
    load_core: usize,
}

/// Files beside those of streams: of the other parts, and of the programs themselves.
const SPARE_FILES: usize = 1024;

/// A part of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Instances, pools and rotations.
    Size,
    /// Streams at once.
    Streams,
    /// More requests than can be served.
    Overload,
    /// Threads that serve.
    Cores,
}

/// Measures and prints the tables.
pub fn scale(args: &ScaleArgs) -> anyhow::Result<()> {
    let available = thread::available_parallelism()?.get();
    // A stream is a connection on either side, both of the gateway and of upstream and load.
    process::raise_file_limit(2 * args.streams + SPARE_FILES)?;
    process::move_to(args.load_core)?;
    for part in Part::value_variants() {
        if args.only.is_some_and(|only| only != *part) {
            continue;
        }
        match part {
            Part::Size => size::measure(args)?,
            Part::Streams => streams::measure(args)?,
            Part::Overload => overload::measure(args)?,
            Part::Cores => cores::measure(args, available)?,
        }
        println!();
    }
    Ok(())
}

/// A gateway that is started for one part, and its directory, which must outlive it.
struct Started {
    gateway: Contestant,
    _directory: TempDir,
}

impl ScaleArgs {
    /// Starts a gateway on its first core, at a port of its own.
    fn start(&self, layout: Layout, number: u16) -> anyhow::Result<Started> {
        self.start_on(&Affinity::core(self.core), layout, number)
    }

    fn start_on(&self, cores: &Affinity, layout: Layout, number: u16) -> anyhow::Result<Started> {
        let directory = tempfile::tempdir()?;
        let beside = std::env::current_exe()?.with_file_name("tidegate");
        let binary: &Path = self.gateway.as_deref().unwrap_or(&beside);
        let address = port(9301 + 2 * number);
        let setting = Setting { directory: directory.path(), cores, address, instances: upstreams() };
        let gateway = Contestant::gateway("tidegate", (binary, layout), &setting)?;
        Ok(Started { gateway, _directory: directory })
    }
}

fn upstreams() -> Instances {
    [port(9101), port(9102)]
}
