//! Access tokens that end: fetched once for everybody, renewed ahead of their end, and replaced where a provider refuses one.

use std::{pin::pin, task::Poll, time::Duration};

use layered_tests::upstream::{Behaviour, FaultyUpstream};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use serde_json::json;
use tidegate_domain::{
    fault::{FaultKind, Work},
    inference::{ClientFactory, LlmClient, Succession},
    name::ProviderName,
};
use tidegate_infrastructure::provider::{
    GoogleCloud, GoogleCredentials, Protocol, ProviderClient, ProviderSettings, Providers,
};

use super::{WHOLE, instance, outcome, send, settle};

const MODEL: &str = "/v1/projects/p/locations/l/publishers/google/models/gpt-4o:generateContent";

/// Vertex AI, and the place that gives out its tokens: `t1`, `t2` and so on, each for an hour.
struct Cloud {
    api: FaultyUpstream,
    tokens: FaultyUpstream,
    client: ProviderClient,
}

fn json_of(status: u16, body: &serde_json::Value) -> Behaviour {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Behaviour::Status { status, headers, body: body.to_string() }
}

fn token(number: usize) -> Behaviour {
    json_of(200, &json!({ "access_token": format!("t{number}"), "expires_in": 3600, "token_type": "Bearer" }))
}

fn user(tokens: &FaultyUpstream, secret: &str) -> GoogleCredentials {
    let uri = format!("{}/token", tokens.base_url());
    let json = json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "canary", "refresh_token": secret, "token_uri": uri
    });
    GoogleCredentials::from_json(&json.to_string().into()).unwrap()
}

fn settings(api: &FaultyUpstream, credentials: GoogleCredentials) -> ProviderSettings {
    ProviderSettings {
        base_url: Some(api.base_url()),
        google_cloud: Some(GoogleCloud { project: "p".to_owned(), location: "l".to_owned() }),
        google_credentials: Some(credentials),
        ..ProviderSettings::new(ProviderName::new("up").unwrap(), Protocol::Vertex)
    }
}

async fn upstreams(count: usize) -> (FaultyUpstream, FaultyUpstream) {
    let (api, tokens) = (FaultyUpstream::start("api").await, FaultyUpstream::start("tokens").await);
    let part = json!({ "text": "Hello" });
    api.always(json_of(200, &json!({ "candidates": [{ "content": { "parts": [part] }, "finishReason": "STOP" }] })));
    for number in 1..=count {
        tokens.enqueue(token(number));
    }
    (api, tokens)
}

impl Cloud {
    async fn start() -> Self {
        Self::with(9).await
    }

    /// One that gives out so many tokens.
    async fn with(count: usize) -> Self {
        let (api, tokens) = upstreams(count).await;
        let client =
            Providers::new(vec![settings(&api, user(&tokens, "canary"))]).unwrap().client(&instance()).unwrap();
        Self { api, tokens, client }
    }

    /// Asks; the fault if there is one.
    async fn ask(&self) -> Option<(FaultKind, Work)> {
        outcome(&self.client, WHOLE).await.fault
    }

    /// The tokens that the requests so far carried.
    fn carried(&self) -> Vec<String> {
        let requests = self.api.requests();
        requests
            .iter()
            .map(|request| request.header("authorization").unwrap_or_default().replace("Bearer ", ""))
            .collect()
    }
}

/// Lets time pass for the gateway, and none for the sockets.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_hundred_callers_wait_for_one_token() {
    let Cloud { api, tokens, client } = Cloud::start().await;
    let asking: Vec<_> = (0..100)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { outcome(&client, WHOLE).await.fault })
        })
        .collect();
    for asked in asking {
        assert_eq!(asked.await.unwrap(), None);
    }
    assert_eq!((api.request_count(), tokens.request_count()), (100, 1));
    let request = &api.requests()[0];
    assert_eq!((request.path.as_str(), request.header("authorization")), (MODEL, Some("Bearer t1")));
    let body = String::from_utf8(tokens.requests()[0].body.clone()).unwrap();
    assert_eq!(body, "grant_type=refresh_token&client_id=id&client_secret=canary&refresh_token=canary");
}

#[tokio::test]
async fn a_token_is_renewed_ahead_of_its_end_and_nobody_waits() {
    let cloud = Cloud::start().await;
    cloud.ask().await;
    pass(55 * MINUTE).await;
    cloud.ask().await;
    assert_eq!(cloud.tokens.request_count(), 1);
    pass(2 * MINUTE).await;
    // The one who comes when it is due goes with what there is.
    cloud.ask().await;
    cloud.tokens.wait_for_requests(2).await;
    while cloud.carried().last().unwrap() != "t2" {
        assert_eq!(cloud.ask().await, None);
    }
    assert_eq!(cloud.carried()[..3], ["t1", "t1", "t1"]);
    assert_eq!(cloud.tokens.request_count(), 2);
}

#[tokio::test]
async fn an_endpoint_that_is_down_fails_nobody_before_the_token_ends_and_is_not_hammered_then() {
    let cloud = Cloud::with(1).await;
    cloud.ask().await;
    cloud.tokens.always(json_of(503, &json!({ "error": "unavailable" })));
    pass(57 * MINUTE).await;
    assert_eq!(cloud.ask().await, None);
    cloud.tokens.wait_for_requests(2).await;

    pass(3 * MINUTE).await;
    let down = Some((FaultKind::Overloaded, Work::NotSent));
    assert_eq!(cloud.ask().await, down);
    let asked = cloud.tokens.request_count();
    tokio::time::pause();
    for _ in 0..50 {
        assert_eq!(cloud.ask().await, down);
    }
    let fault = send(&cloud.client, WHOLE).await.err().unwrap();
    assert!(fault.retry_after.is_some_and(|wait| wait <= Duration::from_secs(2)), "{fault:?}");
    tokio::time::resume();
    assert_eq!((cloud.api.request_count(), cloud.tokens.request_count()), (2, asked));

    pass(Duration::from_secs(2)).await;
    cloud.tokens.always(token(2));
    assert_eq!(cloud.ask().await, None);
    assert_eq!(cloud.carried(), ["t1", "t1", "t2"]);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_asked_with_once_more() {
    let cloud = Cloud::start().await;
    cloud.ask().await;
    let refusal = || json_of(401, &json!({ "error": { "code": 401, "status": "UNAUTHENTICATED", "message": "no" } }));
    cloud.api.enqueue(refusal());
    assert_eq!(cloud.ask().await, None);
    assert_eq!(cloud.carried(), ["t1", "t1", "t2"]);

    // What refuses the new one too refuses something else.
    pass(2 * MINUTE).await;
    cloud.api.always(refusal());
    assert_eq!(cloud.ask().await, Some((FaultKind::Auth, Work::Refused)));
    assert_eq!(
        (cloud.carried()[3..].to_vec(), cloud.tokens.request_count()),
        (vec!["t2".to_owned(), "t3".to_owned()], 3)
    );
    assert_eq!(cloud.ask().await, Some((FaultKind::Auth, Work::Refused)));
    assert_eq!((cloud.api.request_count(), cloud.tokens.request_count()), (6, 3));
}

#[tokio::test]
async fn credentials_that_are_refused_are_a_fault_of_ours_that_names_no_secret() {
    let (api, tokens) = (FaultyUpstream::start("api").await, FaultyUpstream::start("tokens").await);
    tokens.always(json_of(400, &json!({ "error": "invalid_grant", "error_description": "canary" })));
    let client = Providers::new(vec![settings(&api, user(&tokens, "canary"))]).unwrap().client(&instance()).unwrap();
    let fault = send(&client, WHOLE).await.err().unwrap();
    assert_eq!((fault.kind, fault.work), (FaultKind::Auth, Work::NotSent));
    assert_eq!(fault.detail, "no access token: the place that gives it out answered 400 (invalid_grant)");
    for body in [json!({ "error": "Some canary" }), json!({ "error": { "canary": 1 } })] {
        pass(2 * MINUTE).await;
        tokens.always(json_of(403, &body));
        let fault = send(&client, WHOLE).await.err().unwrap();
        assert_eq!(fault.detail, "no access token: the place that gives it out answered 403");
    }
    pass(2 * MINUTE).await;
    tokens.always(json_of(200, &json!({ "id_token": "canary" })));
    assert_eq!(send(&client, WHOLE).await.err().unwrap().kind, FaultKind::Malformed);
    assert_eq!(api.request_count(), 0);
}

#[tokio::test]
async fn a_place_of_tokens_that_is_not_reached_is_a_fault_of_the_way() {
    let (api, tokens) = upstreams(9).await;
    let client = Providers::new(vec![settings(&api, user(&tokens, "canary"))]).unwrap().client(&instance()).unwrap();
    drop(tokens);
    settle().await;
    let fault = send(&client, WHOLE).await.err().unwrap();
    assert!(matches!(fault.kind, FaultKind::Transport(_)), "{fault:?}");
    assert!(fault.detail.starts_with("no access token: on the way to the place that gives it out, "), "{fault:?}");
    assert_eq!(fault.work, Work::NotSent);
}

#[tokio::test]
async fn whoever_goes_away_at_any_moment_leaves_the_next_one_a_token() {
    let (api, tokens) = upstreams(9).await;
    tokens.always(token(9));
    for polls in 0.. {
        let providers = Providers::new(vec![settings(&api, user(&tokens, "canary"))]).unwrap();
        let client = providers.client(&instance()).unwrap();
        let is_done = {
            let mut asking = pin!(send(&client, WHOLE));
            let mut is_done = false;
            for _ in 0..polls {
                is_done |= !is_done
                    && std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context).is_ready())).await;
                tokio::task::yield_now().await;
            }
            is_done
        };
        assert_eq!(outcome(&client, WHOLE).await.fault, None, "after {polls} polls");
        if is_done {
            return;
        }
    }
}

#[tokio::test]
async fn an_account_proves_itself_and_a_machine_is_asked_for() {
    let (api, tokens) = upstreams(9).await;
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().serialize_pem();
    let account = json!({
        "type": "service_account", "client_email": "me@p", "private_key": key, "token_uri": format!("{}/token", tokens.base_url())
    });
    let account = GoogleCredentials::from_json(&account.to_string().into()).unwrap();
    let client = Providers::new(vec![settings(&api, account)]).unwrap().client(&instance()).unwrap();
    assert_eq!(outcome(&client, WHOLE).await.fault, None);
    let asked = tokens.requests().pop().unwrap();
    assert!(asked.body.starts_with(b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey"));

    tokens.always(token(7));
    let machine = GoogleCredentials::from_metadata_server(&format!("http://{}", tokens.address())).unwrap();
    let client = Providers::new(vec![settings(&api, machine)]).unwrap().client(&instance()).unwrap();
    assert_eq!(outcome(&client, WHOLE).await.fault, None);
    let asked = tokens.requests().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.header("metadata-flavor")), ("GET", Some("Google")));
    assert_eq!(asked.path, "/computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(api.requests()[1].header("authorization"), Some("Bearer t7"));
}

#[tokio::test]
async fn a_reload_goes_on_with_the_token_unless_the_credentials_are_others() {
    let (api, tokens) = upstreams(9).await;
    let before = Providers::new(vec![settings(&api, user(&tokens, "canary"))]).unwrap();
    let client = before.client(&instance()).unwrap();
    outcome(&client, WHOLE).await;
    let same = before.succeeded_by(vec![settings(&api, user(&tokens, "canary"))]).unwrap().client(&instance()).unwrap();
    assert_eq!((outcome(&same, WHOLE).await.fault, tokens.request_count()), (None, 1));
    assert_eq!(same.succession(&client), Succession::Same);
    let other = before.succeeded_by(vec![settings(&api, user(&tokens, "other"))]).unwrap().client(&instance()).unwrap();
    assert_eq!((outcome(&other, WHOLE).await.fault, tokens.request_count()), (None, 2));
    assert_eq!(other.succession(&client), Succession::OtherCredential);
}

#[tokio::test]
async fn a_check_takes_a_token_and_no_more() {
    let cloud = Cloud::start().await;
    cloud.api.always(Behaviour::status(404));
    assert_eq!(cloud.client.check().await, Ok(()));
    let asked = &cloud.api.requests()[0];
    assert_eq!(asked.path, "/v1/projects/p/locations/l/publishers/google/models");
    assert_eq!(asked.header("authorization"), Some("Bearer t1"));
}
