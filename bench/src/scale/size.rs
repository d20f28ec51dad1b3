//! What a request costs by the number of instances and pools, and by rotation.

use std::sync::Arc;

use tidegate_bench::exchange::{Exchange, Protocol, Shape};

use super::{ScaleArgs, Started, upstreams};
use crate::{
    contestant::{Contestant, Layout},
    load::{Task, closed},
    process::Process,
    stage::{LoadCore, Pace, with_cpu},
    table::{median, ratio, shown},
};

/// Every rotation, over ten thousand instances.
const ROTATIONS: [&str; 9] = [
    "random",
    "weighted",
    "weighted_random",
    "least_connections",
    "least_recently_used",
    "response_time",
    "performance_weighted",
    "cheapest",
    "declared",
];

pub(super) fn measure(args: &ScaleArgs) -> anyhow::Result<()> {
    let core = LoadCore::start(upstreams(), Pace::default())?;
    let started = layouts().into_iter().zip(0..).map(|(layout, number)| Ok((layout, args.start(layout, number)?)));
    let started: Vec<(Layout, Started)> = started.collect::<anyhow::Result<_>>()?;
    let mut costs = vec![Vec::new(); started.len()];
    for _ in 0..args.rounds {
        for (costs, (_, started)) in costs.iter_mut().zip(&started) {
            costs.push(cost(args, &core, &started.gateway)?);
        }
    }
    println!("| rotation | pools | instances of each | CPU us per request | x the first row | MiB |");
    println!("|---|--:|--:|--:|--:|--:|");
    for (own, (Layout { pools, instances, rotation, .. }, started)) in costs.iter().zip(&started) {
        let memory = started.gateway.process.as_deref().map(Process::resident).transpose()?;
        println!(
            "| `{rotation}` | {pools} | {instances} | {} | {} | {} |",
            shown(median(own), 1),
            shown(ratio(own, &costs[0]), 2),
            shown(memory.unwrap_or(f64::NAN), 1)
        );
    }
    Ok(())
}

fn layouts() -> Vec<Layout> {
    let of = |(pools, instances)| Layout { pools, instances, ..Layout::default() };
    let sizes = [(1, 1), (1, 2), (1, 100), (1, 1000), (1, 10_000), (1000, 10)].map(of);
    let many = Layout { instances: 10_000, ..Layout::default() };
    sizes.into_iter().chain(ROTATIONS.map(|rotation| Layout { rotation, ..many })).collect()
}

/// Microseconds of a core for a whole answer.
fn cost(args: &ScaleArgs, core: &LoadCore, gateway: &Contestant) -> anyhow::Result<f64> {
    let exchange = Arc::new(Exchange::new(Shape::Whole, Protocol::Chat, "fast"));
    let task = Task { address: gateway.address, exchange, connections: 64, requests: args.requests };
    core.run_awake(closed(&Task { requests: args.requests / 10, ..task.clone() }))?;
    let (times, cpu) = with_cpu(gateway, || core.run_awake(closed(&task)))?;
    Ok(cpu / times.count() as f64)
}
