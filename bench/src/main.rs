//! Measures the gateway beside proxies that know nothing of models; see `docs/performance.md`.

mod compare;
mod contestant;
mod exchange;
mod load;
mod mock;
mod process;
mod reader;
mod table;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use clap::{Parser, Subcommand};

use crate::{
    compare::{CompareArgs, compare, on_this_core},
    exchange::{Exchange, Shape},
    load::{Task, closed, open, streams},
    mock::MockArgs,
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
    /// Serves as the upstream.
    Mock(MockArgs),
    /// Puts load on an address.
    Load(LoadArgs),
}

#[derive(Debug, clap::Args)]
struct LoadArgs {
    /// Whom to ask.
    address: SocketAddr,
    /// For what.
    #[arg(long, value_enum, default_value = "whole")]
    shape: Shape,
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
        Command::Mock(args) => on_this_core(mock::serve(args)),
        Command::Load(args) => load(&args),
    }
}

fn load(args: &LoadArgs) -> anyhow::Result<()> {
    let exchange = Arc::new(Exchange::new(args.shape, "/v1/chat/completions", &args.model));
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
