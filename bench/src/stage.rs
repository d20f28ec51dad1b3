//! Where measurements happen: one core for upstream and load, and the account of what a contestant used meanwhile.

use std::net::SocketAddr;

use tokio::{runtime::Runtime, task::LocalSet};

use crate::{
    contestant::{Contestant, Instances},
    mock::{self, MockArgs},
};

/// The core of upstream and load: one thread for both.
pub struct LoadCore {
    runtime: Runtime,
    local: LocalSet,
}

/// How fast the upstream answers.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Milliseconds until a whole answer.
    pub delay_ms: u64,
    /// Milliseconds between two pieces of a stream.
    pub gap_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { delay_ms: 0, gap_ms: 10 }
    }
}

impl LoadCore {
    /// Starts the upstream.
    pub fn start([listen, also_listen]: Instances, Pace { delay_ms, gap_ms }: Pace) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let local = LocalSet::new();
        local.spawn_local(mock::serve(MockArgs { listen, also_listen, delay_ms, gap_ms }));
        Ok(Self { runtime, local })
    }

    /// Runs `work` beside the upstream.
    pub fn run<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        self.local.block_on(&self.runtime, work)
    }

    /// Runs `work` without ever falling asleep: to wake a thread on another core costs whoever writes to its socket as much as everything
    /// else, and how often that happens depends on how busy this core is, and not on the contestant.
    pub fn run_awake<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
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

/// Runs `work`; and how many microseconds of a core the contestant had meanwhile.
pub fn with_cpu<T>(contestant: &Contestant, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, f64)> {
    let Some(process) = &contestant.process else { return Ok((work()?, f64::NAN)) };
    let before = process.cpu()?;
    let done = work()?;
    Ok((done, process.cpu()?.saturating_sub(before).as_secs_f64() * 1e6))
}

/// A port of this machine.
pub fn port(number: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], number))
}
