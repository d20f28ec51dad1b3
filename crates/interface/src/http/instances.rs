//! `/admin/v1/pools/{pool}/instances`: how the instances of a pool are, and what an operator does to them.
//!
//! | path | does |
//! |---|---|
//! | `GET /admin/v1/pools/{pool}/instances` | how each is, and what it has done |
//! | `POST ../instances/{instance}:maintenance` | takes it out |
//! | `POST ../instances/{instance}:drain` | lets it finish what it serves, and sends it nothing more |
//! | `POST ../instances/{instance}:resume` | lets it serve again |
//! | `POST ../instances/{instance}:reset` | makes it healthy and forgets what it has been through |
//! | `POST ../instances/{instance}:breaker`, `{"state": "open"}` | holds its circuit `open` or `closed`, or leaves it to itself: `auto` |
//!
//! What changes something takes JSON, if only `{}`, and nothing else: no page in an operator's browser can send that here
//! without being asked first. An instance's name is the last part of the path; a `/` in it is written `%2F`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{FromRequest, Path, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use tidegate_application::{
    InstanceOperation, PoolService,
    domain::{
        inference::LlmClient,
        name::{InstanceId, PoolName},
        pool::{Duty, InstanceStatistics},
        resilience::BreakerOverride,
        task_group::Exclusion,
    },
};

use super::{latency::LatencyWire, refusal::Refusal};

/// Serves the instances of pools.
pub(super) fn routes<C: LlmClient>(pools: Arc<PoolService<C>>) -> Router {
    Router::new()
        .route("/admin/v1/pools/{pool}/instances", get(list::<C>))
        .route("/admin/v1/pools/{pool}/instances/{operation}", post(operate::<C>))
        .with_state(pools)
}

async fn list<C: LlmClient>(
    State(pools): State<Arc<PoolService<C>>>,
    Path(pool): Path<String>,
) -> Result<Response, Response> {
    let name = PoolName::new(&pool).map_err(|_| no_such_pool(&pool))?;
    let statistics = pools.statistics(&name).ok_or_else(|| no_such_pool(&pool))?;
    let as_of = statistics.as_of;
    let instances: Vec<_> =
        statistics.instances.into_iter().map(|instance| InstanceWire::new(instance, as_of)).collect();
    Ok(Json(serde_json::json!({ "pool": pool, "status": statistics.status.as_str(), "instances": instances }))
        .into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationWire {
    #[serde(default)]
    state: Option<StateWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateWire {
    Open,
    Closed,
    Auto,
}

async fn operate<C: LlmClient>(
    State(pools): State<Arc<PoolService<C>>>,
    Path((pool, target)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Response> {
    let help = "send JSON: {}, or for a breaker {\"state\": \"open\"}, \"closed\" or \"auto\", as application/json";
    let read = Json::<OperationWire>::from_request(request, &()).await;
    let Json(OperationWire { state }) =
        read.map_err(|_| Refusal::unsupported_media_type(help).into_response::<Body>())?;
    let no_route = || Refusal::no_such_route().into_response::<Body>();
    let (instance, verb) = target.rsplit_once(':').ok_or_else(no_route)?;
    let operation = match (verb, state) {
        ("maintenance", None) => InstanceOperation::PutOn(Duty::Maintenance),
        ("drain", None) => InstanceOperation::PutOn(Duty::Draining),
        ("resume", None) => InstanceOperation::PutOn(Duty::Serving),
        ("reset", None) => InstanceOperation::Reset,
        ("breaker", Some(StateWire::Open)) => InstanceOperation::HoldBreaker(Some(BreakerOverride::Open)),
        ("breaker", Some(StateWire::Closed)) => InstanceOperation::HoldBreaker(Some(BreakerOverride::Closed)),
        ("breaker", Some(StateWire::Auto)) => InstanceOperation::HoldBreaker(None),
        ("maintenance" | "drain" | "resume" | "reset" | "breaker", _) => {
            return Err(Refusal::unsupported_media_type(help).into_response::<Body>());
        }
        _ => return Err(no_route()),
    };
    let name = PoolName::new(&pool).map_err(|_| no_such_pool(&pool))?;
    let instance = InstanceId::new(instance).map_err(|_| no_route())?;
    let (now, seen) = pools
        .operate(&name, &instance, operation)
        .map_err(|error| Refusal::no_such_instance(error.to_string()).into_response::<Body>())?;
    tracing::info!(audit = "instance", pool = %name, %instance, ?operation, "an operator has spoken");
    Ok(Json(InstanceWire::new(seen, now)).into_response())
}

fn no_such_pool(name: &str) -> Response {
    Refusal::no_such_instance(format!("there is no pool '{}'", name.chars().take(80).collect::<String>()))
        .into_response()
}

/// How an instance is, and what it has done.
#[derive(Serialize)]
struct InstanceWire {
    id: String,
    model: String,
    /// The name of the key that it is asked with, if it is not its provider's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    health: &'static str,
    breaker: &'static str,
    /// What an operator holds the circuit at.
    #[serde(skip_serializing_if = "Option::is_none")]
    breaker_held: Option<&'static str>,
    available: bool,
    /// Why no request would be sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    excluded: Option<&'static str>,
    /// For how long at least, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    excluded_for_seconds: Option<f64>,
    in_flight: u32,
    /// The most of them at once, if that is limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency_limit: Option<u32>,
    attempts: u64,
    successes: u64,
    failures: u64,
    failures_by_kind: serde_json::Map<String, serde_json::Value>,
    consecutive_faults: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_fault: Option<HappenedWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_check: Option<HappenedWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_content_seconds: Option<LatencyWire>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<LatencyWire>,
    input_tokens: u64,
    output_tokens: u64,
    /// The last changes of the circuit, oldest first.
    breaker_changes: Vec<HappenedWire>,
}

/// Something that happened some seconds ago: a kind of fault, `ok`, or a state.
#[derive(Serialize)]
struct HappenedWire {
    what: &'static str,
    seconds_ago: f64,
}

impl InstanceWire {
    fn new(seen: InstanceStatistics, now: Instant) -> Self {
        let happened = |what, at| HappenedWire { what, seconds_ago: now.saturating_duration_since(at).as_secs_f64() };
        let until = seen.exclusion.and_then(Exclusion::until);
        Self {
            id: seen.id.to_string(),
            model: seen.spec.model.to_string(),
            key: seen.spec.key.map(|key| key.to_string()),
            health: seen.health.as_str(),
            breaker: seen.breaker.as_str(),
            breaker_held: seen.held.map(|word| match word {
                BreakerOverride::Open => "open",
                BreakerOverride::Closed => "closed",
            }),
            available: seen.available,
            excluded: seen.exclusion.map(Exclusion::as_str),
            excluded_for_seconds: until
                .map(|until| until.checked_duration_since(now).unwrap_or(Duration::ZERO).as_secs_f64()),
            in_flight: seen.in_flight,
            concurrency_limit: seen.concurrency_limit,
            attempts: seen.attempts,
            successes: seen.successes,
            failures: seen.failures,
            failures_by_kind: seen
                .failures_by_kind
                .into_iter()
                .map(|(kind, count)| (kind.as_str().to_owned(), count.into()))
                .collect(),
            consecutive_faults: seen.consecutive_faults,
            last_fault: seen.last_fault.map(|last| happened(last.kind.as_str(), last.at)),
            last_check: seen.last_check.map(|last| happened(last.fault.map_or("ok", |fault| fault.as_str()), last.at)),
            first_content_seconds: seen.first_content.map(Into::into),
            duration_seconds: seen.duration.map(Into::into),
            input_tokens: seen.input_tokens,
            output_tokens: seen.output_tokens,
            breaker_changes: seen.timeline.into_iter().map(|(at, state)| happened(state.as_str(), at)).collect(),
        }
    }
}
