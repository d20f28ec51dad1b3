//! Who is let in, and who waits: the limits of the gateway, its pools, task groups and tiers at work.
//!
//! A level with limits has a gate; whoever passes it holds a place until the request is over, and dropping a place
//! gives everything back. A request passes the gate of its target first and that of the whole gateway last, so that whoever
//! waits for a saturated pool holds nothing that the others need. The gates of tiers, and of pools within tiers, are passed
//! by each attempt, without waiting: the next tier may have room.
//!
//! Gates outlive the routing table: what is being served, and what was let in a moment ago, counts after a change too.

mod gate;
mod level;
#[cfg(all(test, loom_model))]
mod models;
mod place;
mod refusal;
mod waiting;

pub(crate) use gate::Gate;
pub(crate) use level::Level;
pub(crate) use place::{Place, Places};
pub use refusal::{AdmissionError, RefusalReason, Scope};
use tidegate_domain::admission::Priority;

/// Whose request it is: callers take turns where requests wait. It is a digest of whatever tells them apart, no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Caller(pub u64);

/// What a request asks of a gate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// What it may cost in tokens.
    pub(crate) tokens: u32,
    pub(crate) caller: Caller,
    pub(crate) priority: Priority,
}
