//! Requests at random moments: the time between two of them is exponential, so that they come as those of many callers do.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tidegate_application::{Answer, CompletionError, OrchestrationService, RequestContext};
use tidegate_domain::inference::{InferenceRequest, LlmClient, RequestId};
use tidegate_infrastructure::simulation::{Scenario, Traffic};
use tokio::{task::JoinSet, time::Instant};

/// Sends every request of the scenario and waits for the last answer.
pub(super) async fn send<C: LlmClient>(
    scenario: &Scenario,
    engine: &Arc<OrchestrationService<C>>,
) -> anyhow::Result<()> {
    let mut streams = JoinSet::new();
    for (number, traffic) in scenario.traffic.iter().enumerate() {
        let request = request(traffic)?;
        if let Err(nearest) = engine.explain(&request) {
            anyhow::bail!("the traffic's model '{}' leads nowhere; near it: {}", traffic.model, nearest.join(", "));
        }
        let seed = scenario.seed.wrapping_add(number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let stream = Stream { traffic: traffic.clone(), number, engine: Arc::clone(engine), request };
        streams.spawn(stream.send(fastrand::Rng::with_seed(seed)));
    }
    while let Some(ended) = streams.join_next().await {
        ended?;
    }
    Ok(())
}

struct Stream<C> {
    traffic: Traffic,
    number: usize,
    engine: Arc<OrchestrationService<C>>,
    request: InferenceRequest,
}

impl<C: LlmClient> Stream<C> {
    async fn send(self, mut luck: fastrand::Rng) {
        let started = Instant::now();
        let mut at = self.traffic.from;
        let mut requests = JoinSet::new();
        for turn in 0_u64.. {
            at += Duration::from_secs_f64(-(1.0 - luck.f64()).ln() / self.traffic.rate);
            if at >= self.traffic.until {
                break;
            }
            tokio::time::sleep_until(started + at).await;
            let context = RequestContext::new(RequestId::new(&format!("{}-{turn}", self.number)));
            requests.spawn(answer(Arc::clone(&self.engine), self.request.clone(), context));
            while requests.try_join_next().is_some() {}
        }
        requests.join_all().await;
    }
}

/// The observer hears what became of it.
async fn answer<C: LlmClient>(
    engine: Arc<OrchestrationService<C>>,
    request: InferenceRequest,
    context: RequestContext,
) {
    let completion: Result<_, CompletionError> = engine.complete(request, context).await;
    if let Ok(completion) = completion {
        match completion.answer {
            Answer::Whole(_) | Answer::Stream(_) => {}
        }
    }
}

/// A chat request of the size that the traffic has.
fn request(traffic: &Traffic) -> anyhow::Result<InferenceRequest> {
    // About four bytes to a token.
    let prompt = "tide ".repeat(traffic.prompt_tokens as usize * 4 / 5);
    let body = serde_json::json!({
        "model": traffic.model,
        "messages": [{ "role": "user", "content": prompt }],
        "max_tokens": traffic.answer_tokens,
    });
    Ok(InferenceRequest::parse(Bytes::from(body.to_string()))?)
}
