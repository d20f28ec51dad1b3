//! The sixteen ways in which upstreams are known to fail, each for a whole answer and for a stream, end to end: one primary,
//! one fallback, the policies that a gateway has when nobody configures any. Times are scaled: the budget of a request is
//! three seconds instead of thirty, and what takes an upstream twenty seconds takes it two.
//!
//! What cannot be hidden is an error that the caller sees; never is a part passed off as the whole.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use layered_tests::{
    served::{Served, serve},
    upstream::{Answer as Reply, Behaviour, Failure, FaultyUpstream, OnPrefill, Phase},
};
use tidegate::{
    Gateway,
    domain::{
        admission::{Limits, QueuePolicy},
        config::{Configuration, Declared},
        inference::Prefill,
        name::{GroupName, ProviderName, TierName},
        resilience::{Deadlines, HedgePolicy, MidStream},
        task_group::{FallbackPolicy, TaskGroup, Tier, TierModel, TierPolicy},
    },
    infrastructure::{
        provider::{Protocol, ProviderSettings},
        telemetry::PrometheusObserver,
    },
};

use crate::wire::{Answer, chat, exchange, get};

const BUDGET: Duration = Duration::from_secs(3);

/// A gateway between a caller and two upstreams, or three.
pub(crate) struct Pair {
    pub(crate) primary: FaultyUpstream,
    pub(crate) fallback: FaultyUpstream,
    /// Asked last, where there are two fallbacks.
    third: FaultyUpstream,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Pair {
    pub(crate) async fn start() -> Self {
        Self::with(MidStream::Error, &["primary", "fallback"]).await
    }

    /// The same with another policy for broken streams, and so many tiers.
    pub(crate) async fn with(mid_stream: MidStream, tiers: &[&str]) -> Self {
        Self::of(configuration(mid_stream, tiers)).await
    }

    /// The same with both in one tier, where a second attempt is made at once.
    pub(crate) async fn hedged() -> Self {
        let policy = TierPolicy { hedge: Some(HedgePolicy::After(Duration::from_millis(1))), ..TierPolicy::default() };
        Self::of(of_tiers(vec![tier("tier", &["primary", "fallback"], policy)])).await
    }

    /// The same, serving one request at a time.
    pub(crate) async fn narrow() -> Self {
        let queue = QueuePolicy { size: 9, ..QueuePolicy::default() };
        let limits = Limits { max_concurrency: Some(NonZeroU32::MIN), queue, ..Limits::default() };
        Self::of(Configuration { limits, ..configuration(MidStream::Error, &["primary", "fallback"]) }).await
    }

    async fn of(configuration: Configuration) -> Self {
        let (primary, fallback) = (FaultyUpstream::start("primary").await, FaultyUpstream::start("fallback").await);
        let third = FaultyUpstream::start("third").await;
        let metrics = Arc::new(PrometheusObserver::default());
        let rendered = metrics.handle();
        let gateway = Gateway::builder()
            .provider(provider("primary", &primary))
            .provider(provider("fallback", &fallback))
            .provider(provider("third", &third))
            .configuration(configuration)
            .observer(metrics)
            .build()
            .await
            .unwrap();
        let Served { address, admin } = serve(&gateway, Arc::new(move || rendered.render())).unwrap();
        Self { primary, fallback, third, address, admin }
    }

    async fn ask(&self, stream: bool) -> Answer {
        let body = format!(r#"{{"model":"chat","stream":{stream},"messages":[{{"role":"user","content":"hi"}}]}}"#);
        exchange(self.address, &chat(body.as_bytes(), "")).await
    }
}

fn provider(name: &str, upstream: &FaultyUpstream) -> ProviderSettings {
    ProviderSettings {
        base_url: Some(upstream.base_url()),
        prefill: Some(Prefill::ContinueFinalMessage),
        ..ProviderSettings::new(ProviderName::new(name).unwrap(), Protocol::OpenAi)
    }
}

fn configuration(mid_stream: MidStream, tiers: &[&str]) -> Configuration {
    let policy = || TierPolicy { mid_stream, ..TierPolicy::default() };
    of_tiers(tiers.iter().map(|name| tier(name, &[name], policy())).collect())
}

/// A tier of one model at each of these providers.
fn tier(name: &str, providers: &[&str], policy: TierPolicy) -> Tier {
    let models = providers.iter().map(|name| TierModel::Direct(format!("{name}:model").parse().unwrap()));
    Tier::new(TierName::new(name).unwrap(), models.collect(), policy).unwrap()
}

fn of_tiers(tiers: Vec<Tier>) -> Configuration {
    let group = TaskGroup::new(GroupName::new("chat").unwrap(), tiers, FallbackPolicy::default()).unwrap();
    Configuration {
        task_groups: vec![Declared { value: group, file: "tidegate.toml".into() }],
        deadlines: Deadlines { total: BUDGET, ..Deadlines::default() },
        ..Configuration::default()
    }
}

/// The text of a whole answer or of a complete stream.
#[track_caller]
fn text(answer: &Answer, stream: bool) -> String {
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    if !stream {
        return answer.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    }
    let body = String::from_utf8(answer.body.clone()).unwrap();
    assert_eq!(body.matches("[DONE]").count(), 1, "{body}");
    assert!(body.trim_end().ends_with("data: [DONE]"), "the stream is not complete:\n{body}");
    assert!(!body.contains(r#""error""#), "an error stands in a complete stream:\n{body}");
    let deltas = chunks(answer).into_iter();
    deltas.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

/// The chunks of a stream.
fn chunks(answer: &Answer) -> Vec<serde_json::Value> {
    let body = String::from_utf8(answer.body.clone()).unwrap();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The fallback answers, and the caller notices nothing but a header.
async fn hidden(behaviour: Behaviour) {
    for stream in [false, true] {
        let pair = Pair::start().await;
        pair.primary.always(behaviour.clone());
        let answer = pair.ask(stream).await;
        assert_eq!(text(&answer, stream), Reply::default().text("fallback"), "stream: {stream}");
        assert_eq!(answer.header("x-tidegate-attempts"), Some("2"));
        assert_eq!((pair.primary.request_count(), pair.fallback.request_count()), (1, 1));
    }
}

/// A stream that has begun to show its answer ends with an error and without `[DONE]`.
async fn told(behaviour: Behaviour) {
    let pair = Pair::start().await;
    pair.primary.always(behaviour);
    let answer = pair.ask(true).await;
    let body = String::from_utf8(answer.body).unwrap();
    assert_eq!(answer.status, 200);
    assert!(body.contains("primary-0"), "the caller has seen a part:\n{body}");
    assert!(!body.contains("[DONE]"), "a part was passed off as the whole:\n{body}");
    assert!(body.trim_end().lines().last().unwrap().contains("upstream_stream_error"), "{body}");
    assert_eq!(pair.fallback.request_count(), 0, "nothing is asked again once a part was shown");
}

/// The primary breaks off, and the fallback goes on where it did: the caller gets the whole answer and no error, all of it from the
/// one it began with, as far as it can see.
async fn continued(behaviour: Behaviour) {
    let pair = Pair::with(MidStream::Continue, &["primary", "fallback"]).await;
    pair.primary.always(behaviour);
    pair.fallback.always(Behaviour::Answer(sixty()));
    let answer = pair.ask(true).await;
    assert_eq!(text(&answer, true), sixty().text("primary"));
    let chunks = chunks(&answer);
    assert!(chunks.iter().all(|chunk| chunk["id"] == "chatcmpl-primary" && chunk["model"] == "model"), "{chunks:?}");
    let finishes = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"] == "stop").count();
    let roles = chunks.iter().filter(|chunk| chunk["choices"][0]["delta"]["role"] == "assistant").count();
    assert_eq!((finishes, roles), (1, 1));
    let body = String::from_utf8(answer.body).unwrap();
    assert!(body.contains("\n\n: tidegate continues at chat.fallback/fallback:model\n\n"), "{body}");
    assert_eq!((pair.primary.request_count(), pair.fallback.request_count()), (1, 1));
}

/// Sixty tokens in the words of the primary.
fn sixty() -> Reply {
    Reply { tokens: 60, words_of: Some("primary"), ..Reply::default() }
}

/// The caller's own mistake goes back in the upstream's words, and to nobody else.
async fn relayed(status: u16, code: &str) {
    for stream in [false, true] {
        let pair = Pair::start().await;
        let body =
            format!(r#"{{"error":{{"message":"no","type":"invalid_request_error","param":null,"code":"{code}"}}}}"#);
        pair.primary.always(Behaviour::status(status).with_body(&body));
        let answer = pair.ask(stream).await;
        assert_eq!((answer.status, answer.code()), (status, code.to_owned()));
        assert_eq!(pair.fallback.request_count(), 0);
    }
}

#[tokio::test]
async fn s01_a_rate_limit_with_retry_after_is_hidden_and_respected() {
    for stream in [false, true] {
        let pair = Pair::start().await;
        pair.primary.enqueue(Behaviour::status(429).with_header("retry-after", "20"));
        for _ in 0..3 {
            let answer = pair.ask(stream).await;
            assert_eq!(text(&answer, stream), Reply::default().text("fallback"));
        }
        assert_eq!(pair.primary.request_count(), 1, "nobody is asked before the time it named");
    }
}

#[tokio::test]
async fn s02_a_persistent_rate_limit_is_hidden() {
    hidden(Behaviour::status(429)).await;
}

#[tokio::test]
async fn s03_one_500_is_hidden() {
    hidden(Behaviour::status(500)).await;
}

#[tokio::test]
async fn s04_a_503_is_hidden() {
    hidden(Behaviour::status(503)).await;
}

#[tokio::test]
async fn s05_a_reset_is_hidden() {
    hidden(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Reset }).await;
}

#[tokio::test]
async fn s06_a_silent_upstream_is_hidden_within_the_budget() {
    hidden(Behaviour::Fail { at: Phase::BeforeHeaders, how: Failure::Hang }).await;
    hidden(Behaviour::Fail { at: Phase::AfterHeaders, how: Failure::Hang }).await;
}

#[tokio::test]
async fn s07_a_first_token_that_takes_most_of_the_budget_is_answered_within_it() {
    for stream in [false, true] {
        let pair = Pair::start().await;
        pair.primary.always(Behaviour::Answer(Reply { interval: Duration::from_secs(2), ..Reply::default() }));
        let answer = pair.ask(stream).await;
        let from = if stream { "fallback" } else { "primary" };
        assert_eq!(text(&answer, stream), Reply::default().text(from));
    }
}

#[tokio::test]
async fn s08_a_cut_is_told_to_a_stream_and_hidden_from_a_whole_answer() {
    told(Behaviour::Fail { at: Phase::AfterTokens(40), how: Failure::Close }).await;
    cut_whole(Failure::Close).await;
}

#[tokio::test]
async fn s08_a_cut_is_mended_where_streams_are_continued() {
    for how in [Failure::Close, Failure::Reset, Failure::End] {
        continued(Behaviour::Fail { at: Phase::AfterTokens(40), how }).await;
    }
}

#[tokio::test]
async fn s09_a_stall_is_told_to_a_stream_and_hidden_from_a_whole_answer() {
    told(Behaviour::Fail { at: Phase::AfterTokens(5), how: Failure::Hang }).await;
    cut_whole(Failure::Hang).await;
}

#[tokio::test]
async fn s09_a_stall_is_mended_where_streams_are_continued() {
    continued(Behaviour::Fail { at: Phase::AfterTokens(5), how: Failure::Hang }).await;
}

async fn cut_whole(how: Failure) {
    let pair = Pair::start().await;
    pair.primary.always(Behaviour::Fail { at: Phase::AfterTokens(1), how });
    assert_eq!(text(&pair.ask(false).await, false), Reply::default().text("fallback"));
}

#[tokio::test]
async fn s10_a_malformed_chunk_is_told_after_content_and_hidden_before_it() {
    let broken = || Failure::Say("data: {\"choices\":[{\n\n".to_owned());
    told(Behaviour::Fail { at: Phase::AfterTokens(5), how: broken() }).await;
    hidden(Behaviour::Fail { at: Phase::AfterHeaders, how: broken() }).await;
}

#[tokio::test]
async fn s11_a_stream_without_its_done_is_complete_only_if_it_has_its_finish() {
    let pair = Pair::start().await;
    pair.primary.always(Behaviour::Answer(Reply { done: false, ..Reply::default() }));
    assert_eq!(text(&pair.ask(true).await, true), Reply::default().text("primary"));
    told(Behaviour::Answer(Reply { done: false, finish: false, ..Reply::default() })).await;
    // A `[DONE]` is where callers stop reading: it must not stand behind a part.
    told(Behaviour::Answer(Reply { finish: false, ..Reply::default() })).await;
}

#[tokio::test]
async fn s12_a_prompt_that_does_not_fit_is_the_callers_to_mend() {
    relayed(400, "context_length_exceeded").await;
}

#[tokio::test]
async fn s13_a_refusal_of_the_content_is_not_routed_around() {
    relayed(400, "content_filter").await;
}

#[tokio::test]
async fn s14_a_fallback_that_rejects_a_prefill_is_never_sent_one() {
    let pair = Pair::start().await;
    pair.primary.always(Behaviour::Fail { at: Phase::AfterTokens(5), how: Failure::Reset });
    pair.fallback.always(Behaviour::status(400));
    let body = String::from_utf8(pair.ask(true).await.body).unwrap();
    assert!(body.contains("upstream_stream_error") && !body.contains("[DONE]"), "{body}");
    assert_eq!(pair.fallback.request_count(), 0);
}

#[tokio::test]
async fn s14_a_fallback_that_rejects_a_prefill_is_passed_over_for_the_next_one() {
    let pair = Pair::with(MidStream::Continue, &["primary", "fallback", "third"]).await;
    pair.primary.always(Behaviour::Fail { at: Phase::AfterTokens(5), how: Failure::Reset });
    pair.fallback.always(Behaviour::Answer(Reply { prefill: OnPrefill::Reject, ..sixty() }));
    pair.third.always(Behaviour::Answer(sixty()));
    assert_eq!(text(&pair.ask(true).await, true), sixty().text("primary"));
    assert_eq!((pair.fallback.request_count(), pair.third.request_count()), (1, 1));
}

#[tokio::test]
async fn s15_a_flapping_primary_goes_unseen() {
    for stream in [false, true] {
        let pair = Pair::start().await;
        for request in 0..20 {
            if request % 2 == 0 {
                pair.primary.enqueue(Behaviour::status(500));
            }
            let answer = pair.ask(stream).await;
            text(&answer, stream);
        }
    }
}

#[tokio::test]
async fn s16_every_attempt_is_accounted_for() {
    let pair = Pair::start().await;
    pair.primary.enqueue(Behaviour::status(500));
    pair.ask(false).await;
    pair.ask(true).await;
    let metrics = exchange(pair.admin, &get("/metrics")).await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    let expected = [
        r#"tidegate_attempts_total{instance="chat.primary/primary:model",class="transient"} 1"#,
        r#"tidegate_attempts_total{instance="chat.primary/primary:model",class="ok"} 1"#,
        r#"tidegate_attempts_total{instance="chat.fallback/fallback:model",class="ok"} 1"#,
        r#"tidegate_requests_total{target="group:chat",outcome="completed"} 2"#,
        r#"tidegate_tokens_total{type="input"} 10"#,
        r#"tidegate_tokens_total{type="output"} 6"#,
    ];
    for line in expected {
        assert!(metrics.contains(line), "no {line} in\n{metrics}");
    }
}
