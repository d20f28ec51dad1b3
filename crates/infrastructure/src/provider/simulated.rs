//! A provider inside the gateway: no network, no key, the same run for the same seed.
//!
//! Good enough to try the gateway with and to test it against: answers are real JSON and real event streams, they take time,
//! cost tokens, and fail at a set rate in a set way. Its failures are classified by the same table as everybody's.

mod speech;
mod stream;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::HeaderMap;
use serde_json::json;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{Call, LlmClient, Reply, WholeAnswer},
};

use self::speech::Speech;
pub use self::stream::SimulatedStream;
use super::{SimulatedFailure, SimulatedSettings, openai::faults};

/// What the instances of one simulated provider share: the settings, and how far its luck is drawn.
#[derive(Debug)]
pub(super) struct Simulation {
    settings: SimulatedSettings,
    sent: AtomicU64,
    checked: AtomicU64,
}

/// Answers out of its seed.
#[derive(Debug, Clone)]
pub struct SimulatedClient {
    simulation: Arc<Simulation>,
}

impl Simulation {
    pub(super) fn new(settings: SimulatedSettings) -> Self {
        Self { settings, sent: AtomicU64::new(0), checked: AtomicU64::new(0) }
    }

    pub(super) fn settings(&self) -> &SimulatedSettings {
        &self.settings
    }

    /// Whether the next draw of `drawn` fails. Checks and requests draw apart, so that neither changes the other's luck.
    fn draw(&self, drawn: &AtomicU64) -> Option<SimulatedFailure> {
        let turn = drawn.fetch_add(1, Ordering::Relaxed);
        let luck = fastrand::Rng::with_seed(self.settings.seed ^ turn.wrapping_mul(0x9E37_79B9_7F4A_7C15)).f64();
        (luck < self.settings.failure_rate).then_some(self.settings.failure)
    }
}

impl SimulatedClient {
    pub(super) fn new(simulation: Arc<Simulation>) -> Self {
        Self { simulation }
    }
}

impl LlmClient for SimulatedClient {
    type Stream = SimulatedStream;

    async fn send(&self, call: Call<'_>) -> Result<Reply<SimulatedStream>, Fault> {
        let Simulation { settings, sent, .. } = &*self.simulation;
        let failure = self.simulation.draw(sent);
        if failure == Some(SimulatedFailure::Hang) {
            return std::future::pending().await;
        }
        let speech = Speech::compose(&call, settings);
        let streams = call.request.envelope().stream();
        if streams && !matches!(failure, Some(SimulatedFailure::Status(_))) {
            return Ok(Reply::Stream(SimulatedStream::new(speech, settings, failure)));
        }
        tokio::time::sleep(settings.latency).await;
        if let Some(failure) = failure {
            return Err(fault_of(failure).await);
        }
        tokio::time::sleep(settings.token_interval * speech.output_tokens()).await;
        Ok(Reply::Whole(WholeAnswer::json(speech.whole(), Some(speech.usage()))))
    }

    async fn check(&self) -> Result<(), Fault> {
        let failure = self.simulation.draw(&self.simulation.checked);
        tokio::time::sleep(self.simulation.settings.latency).await;
        match failure {
            Some(failure) => Err(fault_of(failure).await),
            None => Ok(()),
        }
    }
}

/// The fault that a whole answer fails with; what hangs has none and never resolves.
async fn fault_of(failure: SimulatedFailure) -> Fault {
    match failure {
        SimulatedFailure::Status(status) => status_fault(status),
        SimulatedFailure::Hang | SimulatedFailure::Stall => std::future::pending().await,
        SimulatedFailure::Cut => Fault::new(FaultKind::Malformed, Work::Ambiguous, "the answer was cut"),
        SimulatedFailure::Malformed => {
            Fault::new(FaultKind::Malformed, Work::Ambiguous, "the answer is not JSON of the protocol")
        }
    }
}

/// The fault of an error answer with that status.
pub(crate) fn status_fault(status: u16) -> Fault {
    let error =
        json!({ "error": { "message": "a simulated failure", "type": "simulated", "param": null, "code": null } });
    faults::answered(status, &HeaderMap::new(), &error.to_string().into())
}
