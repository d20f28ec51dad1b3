//! How long it takes, from the moment at which a caller leaves, until the upstream that works for it sees that.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The callers who left, and what was stopped for it.
#[derive(Debug, Default)]
pub struct Departures(Mutex<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// By the request that was left.
    left: HashMap<String, Instant>,
    took: Vec<Duration>,
}

impl Departures {
    /// The caller of this request is about to leave.
    pub fn note(&self, nonce: &str) {
        self.with(|noted| noted.left.insert(nonce.to_owned(), Instant::now()));
    }

    /// The gateway left an upstream that was working on this request. What it left for another reason, before the caller did, does not count.
    pub fn followed(&self, nonce: &str) {
        self.with(|noted| {
            if let Some(at) = noted.left.remove(nonce) {
                noted.took.push(at.elapsed());
            }
        });
    }

    fn with<T>(&self, then: impl FnOnce(&mut Noted) -> T) -> T {
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Display for Departures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut took = self.with(|noted| noted.took.clone());
        took.sort_unstable();
        let Some(longest) = took.last() else { return formatter.write_str("none") };
        let at = |thousandth: usize| took[(took.len() * thousandth / 1000).min(took.len() - 1)].as_secs_f64() * 1000.0;
        let within = took.iter().filter(|took| **took <= Duration::from_millis(100)).count();
        write!(
            formatter,
            "{} upstreams after their caller left: half within {:.2} ms, 99 % within {:.2} ms, 99.9 % within {:.2} ms, all within {:.2} ms; \
             {within} within 100 ms",
            took.len(),
            at(500),
            at(990),
            at(999),
            longest.as_secs_f64() * 1000.0
        )
    }
}
