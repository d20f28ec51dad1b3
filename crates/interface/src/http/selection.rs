//! `POST /admin/v1/task-groups/{group}/select`: which models of a group meet what is required, in order, and why the others do not.
//! Nothing is sent and nobody's turn is taken.
//!
//! ```json
//! {"needs": ["tools"], "prompt_tokens": 20000, "max_output": 1000, "max_dollars_per_1k": 0.02, "max_latency": "moderate",
//!  "preferred_providers": ["local"], "excluded_models": ["openai:o3"], "urgency": "high", "region": "eu"}
//! ```
//!
//! Every field may be left out; `{}` requires nothing.

use std::{str::FromStr, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::{FromRequest, Path, Request, State},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use tidegate_application::{
    TaskGroupService,
    domain::{
        inference::LlmClient,
        model::{Capability, RequestNeeds},
        name::GroupName,
        task_group::{Exclusion, LatencyClass, ModelRequirements, RankedModel, Urgency},
    },
};

use super::refusal::Refusal;

/// Serves selections.
pub(super) fn routes<C: LlmClient>(groups: Arc<TaskGroupService<C>>) -> Router {
    Router::new().route("/admin/v1/task-groups/{group}/select", post(select::<C>)).with_state(groups)
}

async fn select<C: LlmClient>(
    State(groups): State<Arc<TaskGroupService<C>>>,
    Path(group): Path<String>,
    request: Request,
) -> Result<Response, Response> {
    let read = Json::<RequirementsWire>::from_request(request, &()).await;
    let Json(wire) = read.map_err(|error| Refusal::invalid_value("body", error.body_text()).into_response::<Body>())?;
    let requirements = ModelRequirements::try_from(wire)
        .map_err(|Invalid { field, problem }| Refusal::invalid_value(field, problem).into_response::<Body>())?;
    let selection = GroupName::new(&group).ok().and_then(|name| groups.select_model(&name, &requirements));
    let selection = selection.ok_or_else(|| {
        let shown: String = group.chars().take(80).collect();
        Refusal::no_such_instance(format!("there is no task group '{shown}'")).into_response::<Body>()
    })?;
    let models = selection.models.into_iter().map(ModelWire::from).collect();
    Ok(Json(SelectionWire { group, models }).into_response())
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RequirementsWire {
    needs: Vec<String>,
    prompt_tokens: u32,
    max_output: Option<u32>,
    max_dollars_per_1k: Option<f64>,
    max_latency: Option<LatencyWord>,
    preferred_providers: Vec<String>,
    excluded_models: Vec<String>,
    urgency: UrgencyWord,
    region: Option<Box<str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum LatencyWord {
    Fast,
    Moderate,
    Slow,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum UrgencyWord {
    Low,
    #[default]
    Normal,
    High,
}

/// A field that means nothing.
struct Invalid {
    field: &'static str,
    problem: String,
}

impl TryFrom<RequirementsWire> for ModelRequirements {
    type Error = Invalid;

    fn try_from(wire: RequirementsWire) -> Result<Self, Invalid> {
        let RequirementsWire {
            needs,
            prompt_tokens,
            max_output,
            max_dollars_per_1k,
            max_latency,
            preferred_providers,
            excluded_models,
            urgency,
            region,
        } = wire;
        let capabilities = needs.iter().map(|word| capability(word)).collect::<Result<_, _>>()?;
        Ok(Self {
            preferred_providers: names("preferred_providers", &preferred_providers)?,
            excluded_models: names("excluded_models", &excluded_models)?,
            needs: RequestNeeds { capabilities, prompt_tokens, max_output },
            max_cost_per_1k: max_dollars_per_1k.map(micro_dollars).transpose()?,
            max_latency: max_latency.map(|word| match word {
                LatencyWord::Fast => LatencyClass::Fast,
                LatencyWord::Moderate => LatencyClass::Moderate,
                LatencyWord::Slow => LatencyClass::Slow,
            }),
            urgency: match urgency {
                UrgencyWord::Low => Urgency::Low,
                UrgencyWord::Normal => Urgency::Normal,
                UrgencyWord::High => Urgency::High,
            },
            region,
        })
    }
}

fn capability(word: &str) -> Result<Capability, Invalid> {
    Capability::of_name(word).ok_or_else(|| {
        let known = Capability::ALL.map(Capability::as_str).join(", ");
        Invalid { field: "needs", problem: format!("'{word}' is no capability; use some of: {known}") }
    })
}

fn names<T: FromStr<Err: ToString>>(field: &'static str, words: &[String]) -> Result<Vec<T>, Invalid> {
    let name = |word: &String| word.parse().map_err(|error: T::Err| Invalid { field, problem: error.to_string() });
    words.iter().map(name).collect()
}

fn micro_dollars(dollars: f64) -> Result<u64, Invalid> {
    if !(0.0..=1e6).contains(&dollars) {
        let problem = "a price is from 0 to 1000000 dollars".to_owned();
        return Err(Invalid { field: "max_dollars_per_1k", problem });
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies from 0 to 10^12")]
    let whole = (dollars * 1e6).round() as u64;
    Ok(whole)
}

#[derive(Serialize)]
struct SelectionWire {
    group: String,
    /// Those first that would be asked first; excluded ones last.
    models: Vec<ModelWire>,
}

#[derive(Serialize)]
struct ModelWire {
    tier: String,
    instance: String,
    model: String,
    score: u32,
    /// Why it would not be asked now.
    #[serde(skip_serializing_if = "Option::is_none")]
    excluded: Option<&'static str>,
}

impl From<RankedModel> for ModelWire {
    fn from(ranked: RankedModel) -> Self {
        let RankedModel { tier, instance, model, score, exclusion } = ranked;
        Self {
            tier: tier.to_string(),
            instance: instance.to_string(),
            model: model.to_string(),
            score,
            excluded: exclusion.map(Exclusion::as_str),
        }
    }
}
