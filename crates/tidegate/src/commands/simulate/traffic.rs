//! Requests at random moments: the time between two of them is exponential, so that they come as those of many callers do.

use std::{future::poll_fn, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_core::Stream as _;
use tidegate_application::{Answer, Completion, OrchestrationService, RequestContext};
use tidegate_domain::inference::{InferenceRequest, LlmClient, RequestId};
use tidegate_infrastructure::simulation::{Scenario, Traffic};
use tokio::{task::JoinSet, time::Instant};

use super::recorder::Recorder;

/// Sends every request of the scenario and waits for the last answer.
pub(super) async fn send<C: LlmClient>(
    scenario: &Scenario,
    engine: &Arc<OrchestrationService<C>>,
    recorder: &Arc<Recorder>,
) -> anyhow::Result<()> {
    let mut streams = JoinSet::new();
    for (number, traffic) in scenario.traffic.iter().enumerate() {
        let request = request(traffic)?;
        if let Err(nearest) = engine.explain(&request) {
            anyhow::bail!("the traffic's model '{}' leads nowhere; near it: {}", traffic.model, nearest.join(", "));
        }
        let seed = scenario.seed.wrapping_add(number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let caller = Caller { engine: Arc::clone(engine), recorder: Arc::clone(recorder), request };
        let stream = Stream { traffic: traffic.clone(), number, caller };
        streams.spawn(stream.send(fastrand::Rng::with_seed(seed)));
    }
    while let Some(ended) = streams.join_next().await {
        ended?;
    }
    Ok(())
}

/// Requests of one kind, one after another.
struct Stream<C> {
    traffic: Traffic,
    number: usize,
    caller: Caller<C>,
}

/// Who sends one of them.
struct Caller<C> {
    engine: Arc<OrchestrationService<C>>,
    recorder: Arc<Recorder>,
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
            requests.spawn(self.caller.clone().ask(context));
            while requests.try_join_next().is_some() {}
        }
        requests.join_all().await;
    }
}

impl<C: LlmClient> Caller<C> {
    /// Asks, and reads to the end. The observer hears what became of it.
    async fn ask(self, context: RequestContext) {
        let asked = Instant::now();
        let Ok(Completion { answer: Answer::Stream(mut stream), .. }) =
            self.engine.complete(self.request, context).await
        else {
            return;
        };
        self.recorder.first_content(asked.elapsed());
        while let Some(Ok(_)) = poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await {}
    }
}

impl<C> Clone for Caller<C> {
    fn clone(&self) -> Self {
        let Self { engine, recorder, request } = self;
        Self { engine: Arc::clone(engine), recorder: Arc::clone(recorder), request: request.clone() }
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
        "stream": traffic.stream,
    });
    Ok(InferenceRequest::parse(Bytes::from(body.to_string()))?)
}
