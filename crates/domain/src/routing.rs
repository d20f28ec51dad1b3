//! How one request walks over its candidates, the trace of what was decided, and what is kept of it.

mod decision;
mod document;
mod exclusions;
mod record;
mod repository;
mod tape;
mod trace;
mod walk;

pub use decision::{Decision, Divergence};
pub use exclusions::{ExclusionRecord, Exclusions};
pub use record::{RequestQuery, RequestRecord, RequestSummary};
pub use repository::{RequestRepository, StoredRequest};
pub use tape::{Answer, Asked};
pub use trace::{AttemptRecord, AttemptRole, Trace};
pub use walk::{Reach, Step, StopReason, Walk, WalkPolicy};
