//! Callers of every protocol before Vertex AI: Google's words, below a project and a location, with a token.

use std::net::SocketAddr;

use layered_tests::upstream::{Behaviour, FaultyUpstream};
use serde_json::{Value, json};
use tidegate::{
    domain::{
        config::Declared,
        name::{InstanceId, PoolName},
        pool::{InstanceSpec, Pool, PoolMember, PoolPolicy},
    },
    infrastructure::provider::{GoogleCloud, GoogleCredentials, Protocol, ProviderSettings},
};

use super::{CHAT, MESSAGES, asked, data, events, gateway, gemini, message, message_events, pool, provider, says};
use crate::wire::{Answer, exchange, post};

const MODEL: &str = "/v1/projects/p/locations/global/publishers/google/models/model";
const CLAUDE: &str = "publishers/anthropic/models/claude@1";

/// A gateway before Vertex AI, which is given tokens by the same upstream, and before somebody of OpenAI's protocol who steps in for it in the
/// pool `both`.
struct Border {
    vertex: FaultyUpstream,
    address: SocketAddr,
    _stand_in: FaultyUpstream,
}

impl Border {
    async fn start() -> Self {
        Self::given(says("application/json", r#"{"access_token":"t1","expires_in":3600}"#)).await
    }

    /// One that is given this in place of a token.
    async fn given(token: Behaviour) -> Self {
        let (vertex, stand_in) = (FaultyUpstream::start("vertex").await, FaultyUpstream::start("stand-in").await);
        let json = json!({
            "type": "authorized_user", "client_id": "id", "client_secret": "canary", "refresh_token": "canary",
            "token_uri": format!("http://{}/token", vertex.address()),
        });
        let settings = ProviderSettings {
            google_cloud: Some(GoogleCloud { project: "p".to_owned(), location: "global".to_owned() }),
            google_credentials: Some(GoogleCredentials::from_json(&json.to_string().into()).unwrap()),
            api_key: None,
            ..provider("vertex", Protocol::Vertex, vertex.base_url())
        };
        let claude = InstanceSpec::new(InstanceId::new("claude").unwrap(), format!("vertex:{CLAUDE}").parse().unwrap());
        let claude = vec![PoolMember::Instance(claude)];
        let claude = Pool::new(PoolName::new("claude").unwrap(), claude, PoolPolicy::default()).unwrap();
        let claude = Declared { value: claude, file: "tidegate.toml".into() };
        let pools = vec![pool("vertex", &["vertex"]), pool("both", &["vertex", "openai"]), claude];
        let address = gateway([settings, provider("openai", Protocol::OpenAi, stand_in.base_url())], pools).await;
        vertex.enqueue(token);
        Self { vertex, address, _stand_in: stand_in }
    }

    async fn ask(&self, path: &str, body: &Value) -> Answer {
        exchange(self.address, &post(path, body.to_string().as_bytes(), "")).await
    }

    /// The last path that was asked for, and the token that went there.
    fn last(&self) -> (String, Option<String>) {
        let last = self.vertex.requests().pop().unwrap();
        (last.path.clone(), last.header("authorization").map(str::to_owned))
    }
}

#[tokio::test]
async fn within_googles_every_byte_is_the_upstreams_and_the_callers() {
    let border = Border::start().await;
    let whole = gemini::answer().to_string().replace("\"Hello\"", "\"Hello\",\"unknown\":1e400");
    border.vertex.enqueue(says("application/json", &whole));
    let body = r#" {"contents":[{"role":"user","parts":[{"text":"Hi"}]}], "x":1e400,"safetySettings":[]}"#;
    let answered = exchange(border.address, &post("/v1beta/models/vertex:generateContent", body.as_bytes(), "")).await;
    assert_eq!((answered.status, &answered.body[..]), (200, whole.as_bytes()));
    assert_eq!(border.vertex.requests()[1].body, body.as_bytes());
    assert_eq!(border.last(), (format!("{MODEL}:generateContent"), Some("Bearer t1".to_owned())));

    border.vertex.enqueue(says("text/event-stream", &gemini::stream()));
    let answered = border.ask("/v1beta/models/vertex:streamGenerateContent?alt=sse", &gemini::contents()).await;
    assert_eq!((answered.status, &answered.body[..]), (200, gemini::stream().as_bytes()));
    assert_eq!(border.last().0, format!("{MODEL}:streamGenerateContent?alt=sse"));
}

#[tokio::test]
async fn what_is_counted_is_said_in_its_own_way() {
    let border = Border::start().await;
    let count = r#"{"totalTokens":3,"totalBillableCharacters":9}"#;
    let wrapped = json!({ "generateContentRequest": { "model": "models/vertex", "contents": [] } });
    for body in [json!({ "contents": [] }), wrapped] {
        border.vertex.enqueue(says("application/json", count));
        let answered = border.ask("/v1beta/models/vertex:countTokens", &body).await;
        assert_eq!(answered.body, count.as_bytes());
        assert_eq!(border.last().0, format!("{MODEL}:countTokens"));
        assert_eq!(border.vertex.requests().pop().unwrap().json(), json!({ "contents": [] }));
    }
}

#[tokio::test]
async fn callers_of_others_get_their_grammar_from_it() {
    let border = Border::start().await;
    for path in [CHAT, MESSAGES] {
        border.vertex.enqueue(says("application/json", &gemini::answer().to_string()));
        let answer = border.ask(path, &asked("vertex", false)).await.json();
        let text = answer.pointer("/choices/0/message/content").or(answer.pointer("/content/0/text"));
        assert_eq!(text, Some(&json!("Hello")), "{answer}");
        assert_eq!(border.vertex.requests().pop().unwrap().json(), gemini::contents());
    }
    border.vertex.enqueue(says("text/event-stream", &gemini::stream()));
    let chunks = data(&border.ask(CHAT, &asked("vertex", true)).await);
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), chunks.last().unwrap()), ("Hello", &json!("[DONE]")));
}

#[tokio::test]
async fn anthropics_models_are_asked_in_anthropics_words() {
    let border = Border::start().await;
    border.vertex.enqueue(says("application/json", &message().to_string()));
    let body = r#" {"max_tokens":9, "model" : "claude","messages":[{"role":"user","content":"Hi"}],"x":1e400}"#;
    let headers = "anthropic-version: 2023-06-01\r\nanthropic-beta: b\r\n";
    let answered = exchange(border.address, &post(MESSAGES, body.as_bytes(), headers)).await;
    assert_eq!((answered.status, answered.json()), (200, message()));
    let sent = border.vertex.requests().pop().unwrap();
    let arrived = body.replace(r#""model" : "claude""#, r#""anthropic_version":"vertex-2023-10-16""#);
    assert_eq!(String::from_utf8(sent.body.clone()).unwrap(), arrived);
    assert_eq!((sent.header("anthropic-version"), sent.header("anthropic-beta")), (None, Some("b")));
    let place = format!("/v1/projects/p/locations/global/{CLAUDE}");
    assert_eq!(border.last(), (format!("{place}:rawPredict"), Some("Bearer t1".to_owned())));

    border.vertex.enqueue(events(&message_events()));
    let chunks = data(&border.ask(CHAT, &asked("claude", true)).await);
    let text: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), chunks.last().unwrap()), ("Hello", &json!("[DONE]")));
    assert_eq!(border.last().0, format!("{place}:streamRawPredict"));
    assert_eq!(border.vertex.requests().pop().unwrap().json()["stream"], true);
}

#[tokio::test]
async fn without_a_token_somebody_else_answers() {
    let refused = r#"{"error":"invalid_grant","error_description":"canary"}"#;
    let border = Border::given(Behaviour::status(400).with_body(refused)).await;
    let answer = border.ask(CHAT, &asked("both", false)).await;
    assert_eq!((answer.status, answer.header("x-tidegate-instance")), (200, Some("both/openai")));
    let answer = border.ask(CHAT, &asked("vertex", false)).await;
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (502, &json!("upstream_auth")));
    assert!(!String::from_utf8_lossy(&answer.body).contains("canary"));
    assert_eq!(border.vertex.request_count(), 1, "a refused credential is not shown again at once");
}
