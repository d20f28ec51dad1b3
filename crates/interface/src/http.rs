//! What is served over HTTP: the data plane for callers, and the operations endpoints for those who run the gateway.
//!
//! | module | concept |
//! |---|---|
//! | `data_plane` | `/v1/*`: the way in, and where a request goes |
//! | `ingress` | which path stands for which operation |
//! | `completions` | every operation that is answered by a model |
//! | `wishes`, `marks` | what a caller's headers ask for; what the gateway itself says in a stream |
//! | `models` | `GET /v1/models` |
//! | `configuration` | `/admin/v1/config` |
//! | `explanation` | `POST /admin/v1/explain` |
//! | `instances` | `/admin/v1/pools/{pool}/instances` |
//! | `selection` | `POST /admin/v1/task-groups/{group}/select` |
//! | `statistics` | `/admin/v1/statistics` |
//! | `operations` | `/livez`, `/readyz`, `/healthz`, `/metrics` |
//! | `requests` | `/admin/v1/requests`: what was decided for requests that are over |
//! | `refusal` | every error a caller can see |

mod body;
mod completions;
mod configuration;
mod data_plane;
mod explanation;
mod headers;
mod health;
mod ingress;
mod instances;
mod intake;
mod latency;
mod marks;
mod models;
mod operations;
mod refusal;
mod requests;
mod selection;
mod statistics;
mod wishes;

use std::{fmt, sync::Arc};

use tidegate_application::{
    PoolService, TargetStatistics, TaskGroupService, domain::inference::LlmClient, health::HealthService,
    orchestration::OrchestrationService,
};

pub use self::configuration::Control;
pub(crate) use self::{
    body::ResponseBody,
    configuration::RevisionWire,
    data_plane::DataPlane,
    explanation::{CandidateWire, ExplanationWire, LegWire},
    health::{EntryWire, HealthWire, Status},
    intake::Intake,
    operations::operations,
};

/// Renders the metrics in the text format of Prometheus.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// What the HTTP API speaks for.
pub struct Gateway<C: LlmClient> {
    /// Answers requests.
    pub orchestration: Arc<OrchestrationService<C>>,
    /// Knows how everything is.
    pub health: Arc<HealthService<C>>,
    /// Knows the pools, and does to their instances what operators say.
    pub pools: Arc<PoolService<C>>,
    /// Knows the task groups, and selects models from them.
    pub task_groups: Arc<TaskGroupService<C>>,
    /// Counts what becomes of requests, by target.
    pub statistics: Arc<TargetStatistics>,
    /// Renders the metrics.
    pub metrics: MetricsText,
    /// Looks at and changes the configuration, if it is of files.
    pub configuration: Option<Control>,
}

impl<C: LlmClient> fmt::Debug for Gateway<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gateway").finish_non_exhaustive()
    }
}
