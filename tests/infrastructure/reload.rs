//! A composed gateway over real files and real sockets, whose files change.

use std::{fs, path::PathBuf, sync::Arc};

use bytes::Bytes;
use layered_tests::upstream::{Behaviour, FaultyUpstream};
use tempfile::TempDir;
use tidegate::Gateway;
use tidegate_application::{CompletionError, ReloadService, RequestContext};
use tidegate_domain::{
    config::ReloadOutcome,
    fault::FaultKind,
    inference::{InferenceRequest, RequestId},
    name::PoolName,
    pool::InstanceStatistics,
};
use tidegate_infrastructure::config::{ConfigLocation, Environment, TomlConfigSource, TomlReloadSource};

/// A gateway with one provider and the pool `p`, and the files that it was loaded from.
struct Site {
    directory: TempDir,
    gateway: Arc<Gateway>,
    reloads: ReloadService<TomlReloadSource>,
}

/// What the files say of the provider.
#[derive(Clone, Copy)]
struct Provider<'a> {
    url: &'a str,
    key: &'a str,
    timeout: u32,
}

impl Site {
    async fn new(provider: Provider<'_>) -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("pools")).unwrap();
        write(&directory, provider, "");
        let location = ConfigLocation { path: directory.path().to_owned(), environment: None };
        let source = TomlConfigSource::new(location, Environment::default());
        let attempt = source.attempt();
        let loaded = attempt.outcome.unwrap();
        let gateway = Gateway::builder().config(directory.path()).unwrap().build().await.unwrap();
        let reloads = gateway.reload_service(TomlReloadSource::new(source, &loaded, attempt.footprint));
        Self { directory, gateway: Arc::new(gateway), reloads }
    }

    /// Writes the files again and reloads them.
    async fn reload(&self, provider: Provider<'_>, more: &str) -> ReloadOutcome {
        write(&self.directory, provider, more);
        self.reloads.reload().await
    }

    fn instance(&self) -> InstanceStatistics {
        self.gateway.pools().statistics(&PoolName::new("p").unwrap()).unwrap().instances.remove(0)
    }
}

fn write(directory: &TempDir, Provider { url, key, timeout }: Provider<'_>, more: &str) {
    let place = |name: &str| -> PathBuf { directory.path().join(name) };
    fs::write(place("key"), key).unwrap();
    let provider = format!(
        "[providers.up]\nprotocol = \"openai\"\nbase_url = \"{url}\"\napi_key = \"${{file:key}}\"\nconnect_timeout = {timeout}\n"
    );
    fs::write(place("tidegate.toml"), format!("{provider}{more}")).unwrap();
    fs::write(place("pools/p.toml"), "[[instances]]\nid = \"one\"\nmodel = \"up:gpt\"\n").unwrap();
}

async fn ask(gateway: &Gateway) -> Result<(), CompletionError> {
    ask_for("p", gateway).await
}

async fn ask_for(model: &str, gateway: &Gateway) -> Result<(), CompletionError> {
    let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
    let request = InferenceRequest::parse(Bytes::from(body)).unwrap();
    let context = RequestContext::new(RequestId::new("req"));
    gateway.orchestration().complete(request, context).await.map(drop)
}

#[tokio::test]
async fn another_key_goes_out_at_once_over_the_connection_that_stands() {
    let upstream = FaultyUpstream::start("up").await;
    let url = upstream.base_url();
    let provider = Provider { url: &url, key: "old", timeout: 5 };
    let site = Site::new(provider).await;
    ask(&site.gateway).await.unwrap();
    // The secret's file alone changes.
    let outcome = site.reload(Provider { key: "new", ..provider }, "").await;
    assert_eq!(outcome.to_string(), "revision 2: no definition changed");
    ask(&site.gateway).await.unwrap();
    let keys: Vec<_> =
        upstream.requests().iter().map(|request| request.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(keys, ["Bearer old", "Bearer new"]);
    assert_eq!(upstream.connection_count(), 1);
    assert_eq!(site.instance().successes, 2);
    // Other ways to connect need other connections.
    site.reload(Provider { timeout: 6, ..provider }, "").await;
    ask(&site.gateway).await.unwrap();
    assert_eq!(upstream.connection_count(), 2);
}

#[tokio::test]
async fn a_refused_key_that_is_replaced_is_forgiven_and_another_url_forgets_everything() {
    let (upstream, other) = (FaultyUpstream::start("up").await, FaultyUpstream::start("other").await);
    let (url, other_url) = (upstream.base_url(), other.base_url());
    let provider = Provider { url: &url, key: "old", timeout: 5 };
    let site = Site::new(provider).await;
    upstream.enqueue(Behaviour::status(401));
    let refused = ask(&site.gateway).await.unwrap_err();
    assert!(matches!(refused, CompletionError::Upstream { fault, .. } if fault.kind == FaultKind::Auth));
    assert!(!site.instance().available);

    assert_eq!(site.reload(provider, "").await, ReloadOutcome::Unchanged);
    assert!(!site.instance().available);
    site.reload(Provider { key: "new", ..provider }, "").await;
    assert_eq!((site.instance().available, site.instance().failures), (true, 1));
    site.reload(Provider { url: &other_url, ..provider }, "").await;
    assert_eq!(site.instance().failures, 0);
    ask(&site.gateway).await.unwrap();
    assert_eq!(other.request_count(), 1);
}

/// A pool over two keys of the provider.
fn two_keys(second: &str) -> String {
    let instance = |key| format!("[[pools.q.instances]]\nmodel = \"up:gpt\"\nkey = \"{key}\"\n");
    let keys = format!("[providers.up.keys]\nfirst = \"k1\"\nsecond = \"{second}\"\n");
    format!("{keys}[pools.q]\nrotation = \"declared\"\n{}{}", instance("second"), instance("first"))
}

#[tokio::test]
async fn keys_of_one_provider_fail_by_themselves_and_one_that_is_replaced_is_forgiven_alone() {
    let upstream = FaultyUpstream::start("up").await;
    let url = upstream.base_url();
    let provider = Provider { url: &url, key: "own", timeout: 5 };
    let site = Site::new(provider).await;
    site.reload(provider, &two_keys("k2")).await;
    let available = || {
        let instances = site.gateway.pools().statistics(&PoolName::new("q").unwrap()).unwrap().instances;
        instances.into_iter().map(|instance| instance.available).collect::<Vec<_>>()
    };
    upstream.enqueue(Behaviour::status(401));
    ask_for("q", &site.gateway).await.unwrap();
    assert_eq!(available(), [false, true], "the other one has answered in its place");
    let sent: Vec<_> = upstream.requests().iter().map(|it| it.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(sent, ["Bearer k2", "Bearer k1"]);

    upstream.enqueue(Behaviour::status(401));
    ask_for("q", &site.gateway).await.unwrap_err();
    assert_eq!(available(), [false, false]);
    site.reload(provider, &two_keys("k3")).await;
    assert_eq!(available(), [true, false]);
    assert_eq!(upstream.connection_count(), 1);
}

#[tokio::test]
async fn what_takes_effect_at_the_next_start_is_said_and_the_rest_is_in_force() {
    let upstream = FaultyUpstream::start("up").await;
    let url = upstream.base_url();
    let provider = Provider { url: &url, key: "k", timeout: 5 };
    let site = Site::new(provider).await;
    let more = "[server]\nlisten = \"127.0.0.1:1\"\n[storage]\nbackend = \"sqlite\"\npath = \"x.db\"\n\
        [global]\nreload_interval = 5\n[wrappers.w]\ntype = \"pool\"\npool = \"p\"\n";
    let outcome = site.reload(provider, more).await;
    let expected =
        "revision 2: wrappers +w; takes effect at the next start: server.listen, storage, global.reload_interval";
    assert_eq!(outcome.to_string(), expected);
    assert_eq!(site.reload(provider, "").await.to_string(), "revision 3: wrappers -w");
}

#[tokio::test]
async fn reloads_half_of_them_broken_fail_no_request_and_leave_no_connection_behind() {
    let upstream = FaultyUpstream::start("up").await;
    let url = upstream.base_url();
    let provider = Provider { url: &url, key: "k", timeout: 5 };
    let site = Site::new(provider).await;
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let gateway = Arc::clone(&site.gateway);
            tokio::spawn(async move {
                for _ in 0..100 {
                    ask(&gateway).await.unwrap();
                }
            })
        })
        .collect();
    for number in 0..100 {
        let broken = site.reload(provider, "[pools.q]\ntask_groups = [\"nowhere\"]\n").await;
        assert!(matches!(broken, ReloadOutcome::Rejected(_)), "{number}: {broken}");
        let whole = format!("[models.m{number}]\nprovider = \"up\"\nmodel = \"gpt\"\n");
        let applied = site.reload(provider, &whole).await;
        assert!(matches!(applied, ReloadOutcome::Applied { .. }), "{number}: {applied}");
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!((site.instance().successes, site.instance().failures), (400, 0));
    assert!(upstream.connection_count() <= 4, "{}", upstream.connection_count());
    assert_eq!(site.gateway.health().report().await.revision, 101);
}
