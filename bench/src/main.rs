//! Measures the gateway beside proxies that know nothing of models; see `docs/performance.md`.

mod compare;
mod contestant;
mod gate;
mod load;
mod mock;
mod process;
mod reader;
mod scale;
mod stage;
mod table;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::{Parser, Subcommand};

use tidegate_bench::exchange::{Protocol, Shape};

use crate::{
    compare::{CompareArgs, compare},
    gate::{GateArgs, StepArgs, gate, step},
    load::{Task, closed, learnt, open, streams},
    mock::MockArgs,
    scale::{ScaleArgs, scale},
    stage::on_this_core,
};

#[derive(Debug, Parser)]
#[command(about = "Measures the gateway beside proxies that know nothing of models")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures everybody and prints the tables.
    Compare(CompareArgs),
    /// Measures what becomes of cost, memory and goodput as everything grows.
    Scale(ScaleArgs),
    /// Serves as the upstream.
    Mock(MockArgs),
    /// Puts load on an address.
    Load(LoadArgs),
    /// Counts the instructions of each step of a request, and fails if there are more than before.
    Gate(GateArgs),
    /// Does one step of a request: what the gate counts.
    #[command(hide = true)]
    Step(StepArgs),
}

#[derive(Debug, clap::Args)]
struct LoadArgs {
    /// Whom to ask.
    address: SocketAddr,
    /// For what.
    #[arg(long, value_enum, default_value = "whole")]
    shape: Shape,
    /// In which protocol.
    #[arg(long, value_enum, default_value = "chat")]
    protocol: Protocol,
    /// Under which name.
    #[arg(long, default_value = "fast")]
    model: String,
    /// Over how many connections.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How often.
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
    /// At how many requests a second; without it, as fast as they are answered.
    #[arg(long)]
    rate: Option<f64>,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Compare(args) => compare(&args),
        Command::Scale(args) => scale(&args),
        Command::Mock(args) => on_this_core(mock::serve(args)),
        Command::Load(args) => load(&args),
        Command::Gate(args) => gate(&args),
        Command::Step(args) => step(&args),
    }
}

fn load(args: &LoadArgs) -> anyhow::Result<()> {
    let exchange = Arc::new(on_this_core(learnt(args.address, args.shape, args.protocol, &args.model))?);
    let task = Task { address: args.address, exchange, connections: args.connections, requests: args.requests };
    let (times, refused) = match (args.shape, args.rate) {
        (Shape::Whole, Some(rate)) => {
            let opened = open(&task, rate)?;
            (opened.answered, opened.refused)
        }
        (Shape::Whole, None) => (on_this_core(closed(&task))?, 0),
        (Shape::Stream, _) => (on_this_core(streams(&task, Duration::from_millis(300)))?.first, 0),
    };
    let at = |share| times.quantile(share);
    println!("{} answered, {refused} refused, ms: p50 {:.3} p99 {:.3}", times.count(), at(0.5), at(0.99));
    Ok(())
}
