//! The use cases of Tidegate: pools, task groups, wrappers and orchestration.
//!
//! A program that depends on this crate alone gets the whole engine. It brings a [`ClientFactory`] (how to reach its
//! models), repositories (where definitions are kept) and an [`Observer`] (who watches), and composes:
//!
//! | service | use cases |
//! |---|---|
//! | [`Catalog`] | holds every definition; validates, compiles and publishes a [`RoutingTable`] as one |
//! | [`PoolService`] | create, get, list, change, remove, check health, statistics of pools |
//! | [`TaskGroupService`] | the same for task groups, and [`select_model`](TaskGroupService::select_model) |
//! | [`WrapperService`] | public names: list, get, where they lead |
//! | [`OrchestrationService`] | answers a request: resolve the name, admit, drive attempts, account |
//! | [`HealthService`] | how all of it is doing |
//! | [`HealthChecks`] | checks instances in the background |
//! | [`RequestLog`] | finds requests that are over, with everything that was decided for them |
//! | [`TargetStatistics`] | counts what becomes of requests, by target |
//! | [`ReloadService`] | puts another configuration in force while all of it serves |
//!
//! The services are generic over the client, so that an attempt costs no boxed future and a chunk no dynamic dispatch.
//!
//! [`ClientFactory`]: tidegate_domain::inference::ClientFactory
//! [`Observer`]: tidegate_domain::observe::Observer

pub mod admission;
mod catalog;
mod explain;
mod fallback_policies;
pub mod health;
mod health_checks;
#[cfg(feature = "shaku")]
mod injection;
mod instance_check;
mod live;
mod operation;
pub mod orchestration;
mod pool_service;
mod reload_service;
pub mod request_log;
mod routing_table;
mod sync;
mod target_statistics;
mod task_group_service;
mod wrapper_service;
mod wrappers;

pub use admission::{AdmissionError, Caller, RefusalReason, Scope};
pub use catalog::{Catalog, CatalogParts, ChangeError, Definitions, Owner};
pub use explain::{CandidateExplanation, Excluded, Explanation, LegExplanation, Scores};
pub use health::{ConfigurationHealth, GroupHealth, HealthReport, HealthService, PoolHealth, WrapperHealth};
pub use health_checks::HealthChecks;
pub use instance_check::InstanceCheck;
pub use operation::{InstanceOperation, OperateError};
pub use orchestration::{
    Answer, Completion, CompletionError, CompletionHead, CompletionStream, Consent, ModelEntry, OrchestrationService,
    RequestContext, StreamMarks,
};
pub use pool_service::{PoolService, PoolStatistics, PoolView};
pub use reload_service::{ConfigControl, ConfigHistory, ReloadService, RollbackError};
pub use request_log::{RequestLog, RequestLogPolicy, RequestStore, RequestWriter};
pub use routing_table::{CompileError, Routes, RoutingTable};
pub use target_statistics::{LegTally, TargetStatistics, TargetTally};
pub use task_group_service::{TaskGroupService, TaskGroupStatistics, TaskGroupView, TierStatistics};
pub use tidegate_domain as domain;
pub use wrapper_service::{WrapperService, WrapperView};
