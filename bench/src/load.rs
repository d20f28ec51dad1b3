//! The load: closed loops of whole answers or of streams, and an open loop.

mod closed;
mod open;
mod streams;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use closed::{closed, learnt};
pub use open::open;
pub use streams::streams;

use tidegate_bench::exchange::Exchange;

/// What is asked of whom.
#[derive(Debug, Clone)]
pub struct Task {
    /// The proxy.
    pub address: SocketAddr,
    /// The exchange.
    pub exchange: Arc<Exchange>,
    /// Connections at once.
    pub connections: usize,
    /// Requests in all.
    pub requests: usize,
}

/// The times of a run, sorted.
#[derive(Debug, Default, Clone)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Sorts them.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The time that a share of them stays within, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
        let at = (self.0.len() as f64 * share) as usize;
        self.0.get(at.min(self.0.len().saturating_sub(1))).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
    }
}
