//! The provider adapters, over real sockets and on simulated time.

mod connecting;
mod disconnects;
mod faults;
mod requests;
mod simulated;
mod streaming;
mod tokens;

use std::{future::poll_fn, pin::Pin, sync::OnceLock};

use futures_core::Stream;
use secrecy::SecretString;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::{
        Call, ClientFactory, InferenceRequest, LlmClient, ParameterDefaults, Part, Quota, Reply, RequestId, Signals,
        StreamChunk, Usage,
    },
    name::{InstanceId, ProviderName},
    pool::InstanceSpec,
};
use tidegate_infrastructure::provider::{Protocol, ProviderClient, ProviderSettings, ProviderStream, Providers};

const WHOLE: &str = r#"{"model":"pool:fast","messages":[{"role":"user","content":"Hello there"}]}"#;
const STREAM: &str = r#"{"model":"pool:fast","stream":true,"messages":[{"role":"user","content":"Hello there"}]}"#;
const STREAM_WITH_USAGE: &str =
    r#"{"model":"pool:fast","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#;

fn settings(base_url: &str) -> ProviderSettings {
    ProviderSettings {
        base_url: Some(base_url.to_owned()),
        api_key: Some(SecretString::from("sk-canary")),
        ..ProviderSettings::new(ProviderName::new("up").unwrap(), Protocol::OpenAi)
    }
}

fn instance() -> InstanceSpec {
    InstanceSpec::new(InstanceId::new("one").unwrap(), "up:gpt-4o".parse().unwrap())
}

fn client_with(settings: ProviderSettings) -> ProviderClient {
    Providers::new(vec![settings]).unwrap().client(&instance()).unwrap()
}

fn client(base_url: &str) -> ProviderClient {
    client_with(settings(base_url))
}

async fn send(client: &ProviderClient, body: &'static str) -> Result<Reply<ProviderStream>, Fault> {
    send_and_tell(client, body).await.0
}

/// Sends, and returns what the answer says is left of our rate, too.
async fn send_and_tell(
    client: &ProviderClient,
    body: &'static str,
) -> (Result<Reply<ProviderStream>, Fault>, Option<Quota>) {
    let request = InferenceRequest::parse(body.as_bytes().into()).unwrap();
    let defaults = ParameterDefaults::default();
    let request_id = RequestId::new("req_1");
    let quota = OnceLock::new();
    let reply = client
        .send(Call {
            request: &request,
            model: "gpt-4o",
            defaults: &defaults,
            request_id: &request_id,
            received: std::time::UNIX_EPOCH,
            max_output: None,
            part: Part::Whole,
            quota: &quota,
        })
        .await;
    (reply, quota.into_inner())
}

async fn next(stream: &mut ProviderStream) -> Option<Result<StreamChunk, Fault>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

/// All that came of a request.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    text: String,
    signals: Signals,
    fault: Option<(FaultKind, Work)>,
}

async fn outcome(client: &ProviderClient, body: &'static str) -> Outcome {
    let mut outcome = Outcome::default();
    let fault = match send(client, body).await {
        Ok(Reply::Whole(answer)) => {
            outcome.text = String::from_utf8(answer.body.to_vec()).unwrap();
            outcome.signals.usage = answer.usage;
            None
        }
        Ok(Reply::Stream(mut stream)) => loop {
            match next(&mut stream).await {
                Some(Ok(chunk)) => {
                    outcome.text.push_str(str::from_utf8(&chunk.bytes).unwrap());
                    outcome.signals.merge(chunk.signals);
                }
                Some(Err(fault)) => break Some(fault),
                None => break None,
            }
        },
        Err(fault) => Some(fault),
    };
    outcome.fault = fault.map(|fault| (fault.kind, fault.work));
    outcome
}

/// Lets the tasks behind a connection finish with it: all of them are ready, on this very thread.
async fn settle() {
    for _ in 0..16 {
        tokio::task::yield_now().await;
    }
}

fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens, ..Usage::default() }
}
