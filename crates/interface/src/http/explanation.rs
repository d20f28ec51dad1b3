//! `POST /admin/v1/explain`: where a request would go, and why not elsewhere. It takes the body of a chat request; nothing is sent.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use tidegate_application::{
    CandidateExplanation, Excluded, Explanation, LegExplanation, Scores,
    domain::inference::{InferenceRequest, LlmClient},
    orchestration::OrchestrationService,
};

use super::refusal::Refusal;

/// Serves explanations.
pub(super) fn routes<C: LlmClient>(orchestration: &Arc<OrchestrationService<C>>) -> Router {
    Router::new().route("/admin/v1/explain", post(explain::<C>)).with_state(Arc::clone(orchestration))
}

async fn explain<C: LlmClient>(State(orchestration): State<Arc<OrchestrationService<C>>>, body: Bytes) -> Response {
    let request = match InferenceRequest::parse(body) {
        Ok(request) => request,
        Err(invalid) => return Refusal::from(invalid).into_response(),
    };
    match orchestration.explain(&request) {
        Ok(explanation) => Json(ExplanationWire::from(explanation)).into_response(),
        Err(nearest) => Refusal::unknown_model(request.envelope().model(), &nearest).into_response(),
    }
}

/// An explanation as JSON.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ExplanationWire {
    pub(crate) target: String,
    pub(crate) revision: u64,
    pub(crate) reach: String,
    pub(crate) max_attempts: u32,
    pub(crate) tokens: u32,
    pub(crate) legs: Vec<LegWire>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LegWire {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tier: Option<String>,
    pub(crate) rotation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at_limit: Option<ReasonWire>,
    pub(crate) candidates: Vec<CandidateWire>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CandidateWire {
    pub(crate) instance: String,
    pub(crate) model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pool_rotation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) turn: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) excluded: Option<ReasonWire>,
    pub(crate) weight: u32,
    pub(crate) in_flight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) concurrency_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latency_ms: Option<u64>,
    pub(crate) success_percent: u32,
}

/// Why somebody is not asked.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ReasonWire {
    pub(crate) reason: String,
    /// Until it may pass, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait_ms: Option<u64>,
}

impl From<Excluded> for ReasonWire {
    fn from(Excluded { reason, wait }: Excluded) -> Self {
        let wait_ms = wait.and_then(|wait| u64::try_from(wait.as_millis()).ok());
        Self { reason: reason.as_str().to_owned(), wait_ms }
    }
}

impl ReasonWire {
    /// The reason, and for how long it holds.
    pub(crate) fn words(&self) -> String {
        let Self { reason, wait_ms } = self;
        wait_ms.map_or_else(|| reason.clone(), |wait| format!("{reason} for {}s", wait.div_ceil(1000)))
    }
}

impl From<Explanation> for ExplanationWire {
    fn from(explanation: Explanation) -> Self {
        let Explanation { target, revision, reach, max_attempts, tokens, legs } = explanation;
        Self {
            target: target.to_string(),
            revision,
            reach: reach.as_str().to_owned(),
            max_attempts,
            tokens,
            legs: legs.into_iter().map(LegWire::from).collect(),
        }
    }
}

impl From<LegExplanation> for LegWire {
    fn from(leg: LegExplanation) -> Self {
        let LegExplanation { tier, rotation, at_limit, candidates } = leg;
        Self {
            tier: tier.map(|tier| tier.to_string()),
            rotation: rotation.as_str().to_owned(),
            at_limit: at_limit.map(ReasonWire::from),
            candidates: candidates.into_iter().map(CandidateWire::from).collect(),
        }
    }
}

impl From<CandidateExplanation> for CandidateWire {
    fn from(candidate: CandidateExplanation) -> Self {
        let CandidateExplanation { instance, model, pool, turn, exclusion, scores } = candidate;
        let Scores { weight, in_flight, concurrency_limit, latency_ms, success_percent } = scores;
        let (pool, rotation) = pool.map(|(pool, rotation)| (pool.to_string(), rotation.as_str().to_owned())).unzip();
        Self {
            instance: instance.to_string(),
            model: model.to_string(),
            pool,
            pool_rotation: rotation,
            turn,
            excluded: exclusion.map(ReasonWire::from),
            weight,
            in_flight,
            concurrency_limit,
            latency_ms,
            success_percent,
        }
    }
}
