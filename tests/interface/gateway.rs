//! The composed gateway: every storage composes, the shipped configuration serves, and what is created stays created.

use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use bytes::Bytes;
use tempfile::TempDir;
use tidegate::{
    BuildGatewayError, Gateway,
    application::{Answer, ChangeError, Owner, RequestContext},
    domain::{
        inference::{InferenceRequest, RequestId},
        name::{InstanceId, PoolName, ProviderName},
        pool::{InstanceSpec, Pool, PoolMember, PoolPolicy},
        repository::{RepositoryError, Version},
    },
    infrastructure::{
        config::StorageSettings,
        provider::{Protocol, ProviderSettings, SimulatedSettings},
    },
};
use tokio::runtime::Runtime;

const THIS_TEST: &str = "gateway::a_pool_that_was_created_survives_a_kill_and_a_restart";
const STORE: &str = "TIDEGATE_TEST_GATEWAY_STORE";

fn simulated(name: &str) -> ProviderSettings {
    ProviderSettings {
        base_url: None,
        connect_timeout: std::time::Duration::from_secs(1),
        simulated: Some(SimulatedSettings { latency: std::time::Duration::ZERO, ..SimulatedSettings::default() }),
        ..ProviderSettings::new(ProviderName::new(name).unwrap(), Protocol::Simulated)
    }
}

fn pool(name: &str, model: &str) -> Pool {
    let instance = InstanceSpec::new(InstanceId::new("one").unwrap(), model.parse().unwrap());
    Pool::new(PoolName::new(name).unwrap(), vec![PoolMember::Instance(instance)], PoolPolicy::default()).unwrap()
}

async fn gateway(storage: StorageSettings) -> Gateway {
    Gateway::builder().provider(simulated("sim")).storage(storage).build().await.unwrap()
}

async fn ask(gateway: &Gateway, model: &str) -> Bytes {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"hi"}}]}}"#);
    let context = RequestContext::new(RequestId::new("test"));
    let request = InferenceRequest::parse(body.into()).unwrap();
    let completion = gateway.orchestration().complete(request, context).await.unwrap();
    let Answer::Whole(answer) = completion.answer else { panic!("no stream was asked for") };
    answer.body
}

#[tokio::test]
async fn every_storage_composes_and_serves() {
    let directory = TempDir::new().unwrap();
    let sqlite = StorageSettings::Sqlite { path: directory.path().join("deep/tidegate.db") };
    for storage in [StorageSettings::Memory, sqlite] {
        let gateway = gateway(storage).await;
        gateway.pools().create(pool("p", "sim:echo")).await.unwrap();
        assert!(ask(&gateway, "p").await.starts_with(b"{"));
        gateway.close().await;
    }
}

#[tokio::test]
async fn the_shipped_configuration_serves_every_name_it_defines() {
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../config");
    let builder = Gateway::builder().config(config).unwrap().storage(StorageSettings::Memory);
    let gateway = builder.build().await.unwrap();
    for model in ["fast", "smart", "chat", "chat.tier3", "assistant"] {
        assert!(ask(&gateway, model).await.starts_with(b"{"), "{model}");
    }
    assert!(gateway.health().report().await.can_serve());
}

#[tokio::test]
async fn two_writers_of_one_pool_get_one_success_and_one_conflict() {
    let directory = TempDir::new().unwrap();
    let gateway = gateway(StorageSettings::Sqlite { path: directory.path().join("tidegate.db") }).await;
    gateway.pools().create(pool("p", "sim:first")).await.unwrap();
    let change = |model| gateway.pools().change(pool("p", model), Version::FIRST);
    let (a, b) = tokio::join!(change("sim:a"), change("sim:b"));
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    assert_eq!(won.unwrap().version, Version::new(2));
    assert!(matches!(lost, Err(ChangeError::Repository(RepositoryError::Conflict { .. }))), "{lost:?}");
    gateway.close().await;
}

#[tokio::test]
async fn a_pool_whose_provider_is_gone_keeps_the_gateway_from_starting_and_is_named() {
    let directory = TempDir::new().unwrap();
    let storage = StorageSettings::Sqlite { path: directory.path().join("tidegate.db") };
    let first = gateway(storage.clone()).await;
    first.pools().create(pool("p", "sim:echo")).await.unwrap();
    first.close().await;
    let error = Gateway::builder().provider(simulated("other")).storage(storage).build().await.unwrap_err();
    assert!(matches!(error, BuildGatewayError::Definitions(_)));
    let message = error.to_string();
    assert!(message.contains("sim:echo") && message.contains("other"), "{message}");
}

#[test]
fn a_pool_that_was_created_survives_a_kill_and_a_restart() {
    let runtime = Runtime::new().unwrap();
    if let Some(store) = env::var_os(STORE) {
        runtime.block_on(create_and_wait(Path::new(&store)));
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("tidegate.db");
    let mut creator = Command::new(env::current_exe().unwrap())
        .args(["--exact", THIS_TEST, "--nocapture"])
        .env(STORE, &path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = BufReader::new(creator.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    assert_eq!(line, "created");
    creator.kill().unwrap();
    creator.wait().unwrap();

    runtime.block_on(async {
        let gateway = gateway(StorageSettings::Sqlite { path }).await;
        let view = gateway.pools().get(&PoolName::new("kept").unwrap()).await.unwrap().unwrap();
        assert_eq!(view.owner, Owner::Store(Version::FIRST));
        assert!(ask(&gateway, "kept").await.starts_with(b"{"));
        gateway.close().await;
    });
}

async fn create_and_wait(store: &Path) {
    let gateway = gateway(StorageSettings::Sqlite { path: store.to_owned() }).await;
    gateway.pools().create(pool("kept", "sim:echo")).await.unwrap();
    // The test harness has standard output for itself.
    eprintln!("created");
    std::future::pending::<()>().await;
}
