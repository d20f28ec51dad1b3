//! How one request walks over its candidates, and the trace of what was decided.

mod trace;
mod walk;

pub use trace::{AttemptRecord, ExclusionRecord, Trace};
pub use walk::{Reach, Step, StopReason, Walk, WalkPolicy};
