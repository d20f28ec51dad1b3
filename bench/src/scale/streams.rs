//! What streams at once take of memory, and whether they stay smooth.

use std::{sync::Arc, time::Duration};

use tidegate_bench::exchange::{CHUNKS, Exchange, Protocol, Shape};

use super::{ScaleArgs, upstreams};
use crate::{
    contestant::Layout,
    load::{Task, streams},
    process::Process,
    stage::{LoadCore, Pace, with_cpu},
    table::shown,
};

/// Milliseconds between two pieces: ten thousand streams are ten thousand pieces a second then.
const GAP_MS: u64 = 1000;

pub(super) fn measure(args: &ScaleArgs) -> anyhow::Result<()> {
    let core = LoadCore::start(upstreams(), Pace { delay_ms: 0, gap_ms: GAP_MS })?;
    println!(
        "| streams at once | CPU us per stream | first piece p50, ms | p99 | late by p99, ms | MiB idle | at the most | KiB per stream |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    for count in [args.streams / 100, args.streams / 10, args.streams] {
        // A gateway of its own for each: the most that was ever resident cannot be reset.
        let started = args.start(Layout::default(), 0)?;
        let gateway = &started.gateway;
        let resident = |what: fn(&Process) -> anyhow::Result<f64>| gateway.process.as_deref().map(what).transpose();
        let idle = resident(Process::resident)?.unwrap_or(f64::NAN);
        let exchange = Arc::new(Exchange::new(Shape::Stream, Protocol::Chat, "fast"));
        let task = Task { address: gateway.address, exchange, connections: count, requests: count };
        let lasting = Duration::from_millis(GAP_MS);
        let (times, cpu) = with_cpu(gateway, || core.run(streams(&task, lasting)))?;
        anyhow::ensure!(times.gaps.count() <= count * CHUNKS, "more pieces than were sent");
        let peak = resident(Process::peak)?.unwrap_or(f64::NAN);
        println!(
            "| {count} | {} | {} | {} | {} | {} | {} | {} |",
            shown(cpu / count as f64, 0),
            shown(times.first.quantile(0.5), 2),
            shown(times.first.quantile(0.99), 2),
            shown(times.gaps.quantile(0.99) - GAP_MS as f64, 2),
            shown(idle, 1),
            shown(peak, 1),
            shown((peak - idle) * 1024.0 / count as f64, 1)
        );
    }
    Ok(())
}
