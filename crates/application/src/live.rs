//! What serves: instances and pools with the state that changes while they do.
//!
//! Definitions and clients are replaced when the routing table is; the state behind an [`Arc`](std::sync::Arc) is carried
//! over for every instance whose identity did not change. Each instance has its own lock, held for a decision and never
//! across an await.

mod budget;
mod checking;
mod concurrency;
mod hedge;
mod instance;
#[cfg(all(test, loom_model))]
mod models;
mod permit;
mod pool;
mod state;
mod tally;
mod waiting_room;

pub(crate) use budget::{Budgets, SharedBudget};
pub(crate) use checking::{Checking, day_of};
pub(crate) use hedge::Hedge;
pub(crate) use instance::{InstancePolicies, LiveInstance, Occasion, Owned};
pub(crate) use permit::{Answering, Permit};
pub(crate) use pool::{LivePool, Picker};
pub(crate) use state::InstanceState;
pub(crate) use waiting_room::{Bell, WaitingRoom};
