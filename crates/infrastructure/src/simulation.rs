//! Simulated traffic and upstreams, for trying a configuration before anybody depends on it.
//!
//! A [`Scenario`] is a file: who asks how often, how the upstreams behave, and what fails when. [`SimulatedUpstreams`] make the clients of
//! instances from it. Everything else is the real engine, on a clock that jumps from event to event. Each choice comes from the
//! scenario's seed, so that a run can be repeated to the last bit.
//!
//! Deliberately absent: what answers say. What routing decides is decided by when an answer begins, at what pace it goes on and whether it ends.

mod scenario;
mod stream;
mod upstream;

pub use scenario::{Failure, Outage, ReadScenarioError, Scenario, Traffic};
pub use stream::ScenarioStream;
pub use upstream::{SimulatedUpstreamClient, SimulatedUpstreams};
