//! What goes out, and how clients are made.

use layered_tests::upstream::{Answer, Behaviour, FaultyUpstream};
use secrecy::SecretString;
use tidegate_domain::{
    fault::FaultKind,
    inference::{BuildClientError, ClientFactory, LlmClient},
    pool::InstanceSpec,
};
use tidegate_infrastructure::provider::{Protocol, ProviderSettings, Providers};

use super::{STREAM, WHOLE, client, client_with, instance, outcome, settings, settle, usage};

#[tokio::test]
async fn a_whole_answer_comes_back_as_it_was_sent() {
    let upstream = FaultyUpstream::start("a").await;
    let outcome = outcome(&client(&upstream.base_url()), WHOLE).await;
    assert!(outcome.text.contains(&Answer::default().text("a")), "{}", outcome.text);
    assert_eq!((outcome.signals.usage, outcome.fault), (Some(usage(5, 3)), None));
}

#[tokio::test]
async fn the_callers_body_goes_out_with_our_model_and_our_headers() {
    let upstream = FaultyUpstream::start("a").await;
    let mut settings = settings(&upstream.base_url());
    settings.headers = vec![("X-Team".to_owned(), SecretString::from("blue"))];
    outcome(&client_with(settings), WHOLE).await;
    let request = upstream.requests().remove(0);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(request.body, WHOLE.replace("pool:fast", "gpt-4o").as_bytes());
    assert_eq!(request.header("authorization"), Some("Bearer sk-canary"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.header("x-request-id"), Some("req_1"));
    assert_eq!(request.header("x-team"), Some("blue"));
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let upstream = FaultyUpstream::start("a").await;
    let client = client(&upstream.base_url());
    for body in [WHOLE, STREAM, WHOLE] {
        assert_eq!(outcome(&client, body).await.fault, None);
        settle().await;
    }
    assert_eq!((upstream.request_count(), upstream.connection_count()), (3, 1));
}

#[tokio::test]
async fn an_instance_may_stand_elsewhere_than_its_provider() {
    let (provider, elsewhere) = (FaultyUpstream::start("a").await, FaultyUpstream::start("b").await);
    let mut instance = instance();
    instance.base_url = Some(elsewhere.base_url().into());
    let client = Providers::new(vec![settings(&provider.base_url())]).unwrap().client(&instance).unwrap();
    outcome(&client, WHOLE).await;
    assert_eq!((provider.request_count(), elsewhere.request_count()), (0, 1));
}

#[tokio::test]
async fn an_instance_is_asked_with_the_key_that_it_names() {
    let upstream = FaultyUpstream::start("a").await;
    let mut settings = settings(&upstream.base_url());
    settings.keys = vec![("team-b".parse().unwrap(), SecretString::from("sk-canary-b"))];
    let providers = Providers::new(vec![settings]).unwrap();
    for key in [None, Some("team-b")] {
        let named = InstanceSpec { key: key.map(|key| key.parse().unwrap()), ..instance() };
        outcome(&providers.client(&named).unwrap(), WHOLE).await;
    }
    let keys: Vec<_> = upstream.requests().iter().map(|it| it.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(keys, ["Bearer sk-canary", "Bearer sk-canary-b"]);
    assert!(!format!("{providers:?}").contains("canary"), "no key is printed");
    let unknown = providers.client(&InstanceSpec { key: Some("team-c".parse().unwrap()), ..instance() }).unwrap_err();
    let expected = "'up:gpt-4o' is asked with the key 'team-c', which its provider does not have; known: team-b";
    assert_eq!(unknown.to_string(), expected);
}

#[tokio::test]
async fn a_check_lists_the_models() {
    let upstream = FaultyUpstream::start("a").await;
    let client = client(&upstream.base_url());
    assert_eq!(client.check().await, Ok(()));
    assert_eq!(upstream.requests()[0].path, "/v1/models");
    upstream.always(Behaviour::status(404));
    assert_eq!(client.check().await, Ok(()));
    upstream.always(Behaviour::status(500));
    assert_eq!(client.check().await.unwrap_err().kind, FaultKind::Transient);
}

#[test]
fn a_provider_that_is_not_configured_is_named_with_those_that_are() {
    let providers = Providers::new(vec![settings("http://localhost")]).unwrap();
    let mut stranger = instance();
    stranger.model = "elsewhere:gpt-4o".parse().unwrap();
    let error = providers.client(&stranger).unwrap_err();
    assert_eq!(error.to_string(), "'elsewhere:gpt-4o' names a provider that is not configured; known: up");
}

#[test]
fn a_base_url_is_checked_and_required_of_a_protocol_without_a_home() {
    let without = |protocol| ProviderSettings { protocol, base_url: None, ..settings("") };
    for settings in [without(Protocol::Azure), settings("ftp://host")] {
        let error = Providers::new(vec![settings]).unwrap().client(&instance()).unwrap_err();
        assert!(matches!(error, BuildClientError::BaseUrl { .. }), "{error}");
    }
    for protocol in [Protocol::OpenAi, Protocol::Anthropic] {
        Providers::new(vec![without(protocol)]).unwrap().client(&instance()).unwrap();
    }
}

#[test]
fn a_provider_cannot_be_defined_twice() {
    let error = Providers::new(vec![settings("http://a"), settings("http://b")]).unwrap_err();
    assert_eq!(error.to_string(), "provider 'up' is defined twice; rename one");
}

#[test]
fn nothing_prints_the_key() {
    let settings = settings("http://localhost");
    assert!(!format!("{settings:?}").contains("canary"));
    let providers = Providers::new(vec![settings]).unwrap();
    assert!(!format!("{providers:?} {:?}", providers.client(&instance())).contains("canary"));
}
