//! The simulated provider, on paused time.

use std::time::Duration;

use tidegate_domain::{
    fault::{FaultKind, Work},
    inference::{LlmClient, Reply, Signals},
};
use tidegate_infrastructure::provider::{Protocol, ProviderClient, SimulatedFailure, SimulatedSettings};
use tokio::time::{Instant, timeout};

use super::{STREAM, STREAM_WITH_USAGE, WHOLE, client_with, next, outcome, send, settings, usage};

const LONG: Duration = Duration::from_hours(24);

fn simulated(simulated: SimulatedSettings) -> ProviderClient {
    let mut settings = settings("");
    (settings.protocol, settings.base_url, settings.simulated) = (Protocol::Simulated, None, Some(simulated));
    client_with(settings)
}

fn failing(failure: SimulatedFailure) -> ProviderClient {
    simulated(SimulatedSettings { failure_rate: 1.0, failure, ..SimulatedSettings::default() })
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_says_the_same() {
    let say = |seed| async move {
        outcome(&simulated(SimulatedSettings { seed, ..SimulatedSettings::default() }), WHOLE).await.text
    };
    assert_eq!(say(1).await, say(1).await);
    assert_ne!(say(1).await, say(2).await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_counted_in_words() {
    let settings = SimulatedSettings { reply: Some("three words here".to_owned()), ..SimulatedSettings::default() };
    let outcome = outcome(&simulated(settings), WHOLE).await;
    let body: serde_json::Value = serde_json::from_str(&outcome.text).unwrap();
    assert_eq!(body["choices"][0]["message"]["content"], "three words here");
    assert_eq!(body["model"], "gpt-4o");
    assert_eq!(outcome.signals.usage, Some(usage(2, 3)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_a_role_tokens_a_finish_and_an_end() {
    let client = simulated(SimulatedSettings { tokens: 4, ..SimulatedSettings::default() });
    let without = outcome(&client, STREAM).await;
    assert_eq!(
        without.signals,
        Signals { content: true, finished: true, done: true, usage: Some(usage(2, 4)), tokens: 4 }
    );
    assert_eq!(without.text.matches("data: ").count(), 7);
    assert!(without.text.ends_with("data: [DONE]\n\n"));
    assert_eq!(outcome(&client, STREAM_WITH_USAGE).await.text.matches("data: ").count(), 8);
}

#[tokio::test(start_paused = true)]
async fn tokens_come_at_the_set_pace() {
    let (latency, token_interval) = (Duration::from_millis(300), Duration::from_millis(20));
    let client = simulated(SimulatedSettings { latency, token_interval, tokens: 3, ..SimulatedSettings::default() });
    let start = Instant::now();
    let Reply::Stream(mut stream) = send(&client, STREAM).await.unwrap() else { panic!("a stream was asked for") };
    let mut times = Vec::new();
    while let Some(chunk) = next(&mut stream).await {
        chunk.unwrap();
        times.push(start.elapsed().as_millis());
    }
    assert_eq!(times, [300, 300, 320, 340, 360]);
}

#[tokio::test(start_paused = true)]
async fn a_status_is_classified_as_everybodys() {
    for (status, kind) in [(429, FaultKind::RateLimited), (503, FaultKind::Transient), (401, FaultKind::Auth)] {
        let client = failing(SimulatedFailure::Status(status));
        for body in [WHOLE, STREAM] {
            assert_eq!(outcome(&client, body).await.fault, Some((kind, Work::Refused)));
        }
        assert_eq!(client.check().await.unwrap_err().kind, kind);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_fails_midway() {
    for failure in [SimulatedFailure::Cut, SimulatedFailure::Malformed] {
        let outcome = outcome(&failing(failure), STREAM).await;
        assert_eq!(outcome.fault, Some((FaultKind::Malformed, Work::Partial)));
        assert_eq!(outcome.text.matches("data: ").count(), 1 + 12);
    }
}

#[tokio::test(start_paused = true)]
async fn what_hangs_never_answers() {
    for body in [WHOLE, STREAM] {
        for failure in [SimulatedFailure::Hang, SimulatedFailure::Stall] {
            assert!(timeout(LONG, outcome(&failing(failure), body)).await.is_err());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failures_come_at_the_set_rate_and_in_the_same_order() {
    let run = || async {
        let client = simulated(SimulatedSettings { failure_rate: 0.3, seed: 7, ..SimulatedSettings::default() });
        let mut failed = Vec::new();
        for _ in 0..1000 {
            failed.push(outcome(&client, WHOLE).await.fault.is_some());
        }
        failed
    };
    let first = run().await;
    assert_eq!(first, run().await);
    let failures = first.iter().filter(|failed| **failed).count();
    assert!((250..350).contains(&failures), "{failures}");
}
