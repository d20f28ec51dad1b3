//! What a request and a stream cost by the number of threads that serve: the gateway starts one for each core it may use.

use std::{sync::Arc, time::Duration};

use tidegate_bench::exchange::{Exchange, Protocol, Shape};

use super::{ScaleArgs, Started, upstreams};
use crate::{
    contestant::Layout,
    load::{Task, closed, streams},
    process::Affinity,
    stage::{LoadCore, Pace, with_cpu},
    table::{median, ratio, shown},
};

pub(super) fn measure(args: &ScaleArgs, available: usize) -> anyhow::Result<()> {
    let core = LoadCore::start(upstreams(), Pace::default())?;
    let counts = [1, 2, 4, 8, 16].into_iter().filter(|count| *count <= available);
    let start = |(count, number)| {
        anyhow::Ok((count, args.start_on(&Affinity::cores(args.core, count), Layout::default(), number)?))
    };
    let started: Vec<(usize, Started)> = counts.zip(0..).map(start).collect::<anyhow::Result<_>>()?;
    let (mut whole, mut streamed) = (vec![Vec::new(); started.len()], vec![Vec::new(); started.len()]);
    for _ in 0..args.rounds {
        for (at, (_, Started { gateway, .. })) in started.iter().enumerate() {
            let task = |shape, requests| Task {
                address: gateway.address,
                exchange: Arc::new(Exchange::new(shape, Protocol::Chat, "fast")),
                connections: 64,
                requests,
            };
            let (times, cpu) = with_cpu(gateway, || core.run(closed(&task(Shape::Whole, args.requests))))?;
            whole[at].push(cpu / times.count() as f64);
            let stream = task(Shape::Stream, 256);
            let (times, cpu) = with_cpu(gateway, || core.run(streams(&stream, Duration::from_millis(300))))?;
            streamed[at].push(cpu / times.first.count() as f64);
        }
    }
    println!("| threads | CPU us per request | x one thread | CPU us per stream | x one thread |");
    println!("|--:|--:|--:|--:|--:|");
    for (at, (count, _)) in started.iter().enumerate() {
        println!(
            "| {count} | {} | {} | {} | {} |",
            shown(median(&whole[at]), 1),
            shown(ratio(&whole[at], &whole[0]), 2),
            shown(median(&streamed[at]), 0),
            shown(ratio(&streamed[at], &streamed[0]), 2)
        );
    }
    Ok(())
}
