//! How much is served when more is asked for than can be: what is refused must cost little.
//!
//! The capacity is the upstreams': so many requests at once, each of which takes its time. What the gateway lets wait is
//! bounded, and what finds no room is refused.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tidegate_bench::exchange::{Exchange, Protocol, Shape};

use super::{ScaleArgs, upstreams};
use crate::{
    contestant::{Contestant, Layout},
    load::{Task, open},
    stage::{LoadCore, Pace, with_cpu},
    table::shown,
};

/// Requests that are served at once.
const PLACES: usize = 32;
/// Milliseconds that each takes.
const DELAY_MS: u64 = 20;
/// How long each rate is kept up.
const LASTING: Duration = Duration::from_secs(5);
/// Requests that can be under way at once.
const CONNECTIONS: usize = 256;
const POLICY: &str = "[pools.fast.limits]\nmax_concurrency = 32\nqueue_size = 64\nmax_wait = 1\n";

pub(super) fn measure(args: &ScaleArgs) -> anyhow::Result<()> {
    let core = LoadCore::start(upstreams(), Pace { delay_ms: DELAY_MS, gap_ms: 0 })?;
    let capacity = PLACES as f64 * 1000.0 / DELAY_MS as f64;
    println!("{} requests a second can be served: {PLACES} at once, {DELAY_MS} ms each.\n", shown(capacity, 0));
    println!(
        "| asked for | x capacity | answered a second | of the most | refused | p50, ms | p99 | CPU us per request |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    let started = args.start(Layout { policy: POLICY, ..Layout::default() }, 0)?;
    let mut best = 0.0_f64;
    for factor in [0.5, 0.9, 1.0, 1.5, 2.0, 3.0] {
        let Run { goodput, refused, p50, p99, cost } = run(&core, &started.gateway, capacity * factor)?;
        best = best.max(goodput);
        println!(
            "| {} | {factor} | {} | {} % | {refused} | {} | {} | {} |",
            shown(capacity * factor, 0),
            shown(goodput, 0),
            shown(goodput / best * 100.0, 0),
            shown(p50, 1),
            shown(p99, 1),
            shown(cost, 1)
        );
    }
    Ok(())
}

/// What came of one rate.
struct Run {
    goodput: f64,
    refused: usize,
    p50: f64,
    p99: f64,
    cost: f64,
}

fn run(core: &LoadCore, gateway: &Contestant, rate: f64) -> anyhow::Result<Run> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some ten thousand")]
    let requests = (rate * LASTING.as_secs_f64()) as usize;
    let exchange = Arc::new(Exchange::new(Shape::Whole, Protocol::Chat, "fast"));
    let task = Task { address: gateway.address, exchange, connections: CONNECTIONS, requests };
    let began = Instant::now();
    let asking = || core.run(async move { tokio::task::spawn_blocking(move || open(&task, rate)).await? });
    let (opened, cpu) = with_cpu(gateway, asking)?;
    let took = began.elapsed().as_secs_f64();
    Ok(Run {
        goodput: opened.answered.count() as f64 / took,
        refused: opened.refused,
        p50: opened.answered.quantile(0.5),
        p99: opened.answered.quantile(0.99),
        cost: cpu / requests as f64,
    })
}
