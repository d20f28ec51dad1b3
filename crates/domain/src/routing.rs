//! How one request walks over its candidates, the trace of what was decided, and what is kept of it.

mod decision;
mod document;
mod record;
mod repository;
mod tape;
mod trace;
mod walk;

pub use decision::{Decision, Divergence};
pub use record::{RequestQuery, RequestRecord, RequestSummary};
pub use repository::{RequestRepository, StoredRequest};
pub use tape::{Answer, Asked};
pub use trace::{AttemptRecord, AttemptRole, ExclusionRecord, Trace};
pub use walk::{Reach, Step, StopReason, Walk, WalkPolicy};
