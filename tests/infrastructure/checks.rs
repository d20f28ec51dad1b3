//! Active checks of a composed gateway, over real sockets.

use std::{sync::Arc, time::Duration};

use layered_tests::upstream::{FaultyUpstream, deserted_url};
use tidegate::Gateway;
use tidegate_domain::{name::PoolName, pool::InstanceStatistics};

/// A gateway whose pool is checked by opening connections.
async fn checked_at(url: &str) -> Gateway {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("tidegate.toml");
    let text = format!(
        "[providers.up]\nprotocol = \"openai\"\nbase_url = \"{url}\"\n\
         [pools.p]\nhealth_check = {{ kind = \"tcp\", interval = 1 }}\n[[pools.p.instances]]\nmodel = \"up:gpt\"\n"
    );
    std::fs::write(&file, text).unwrap();
    Gateway::builder().config(file).unwrap().build().await.unwrap()
}

/// Runs the checks until one is over, and returns how the instance is then.
async fn first_check(gateway: &Gateway) -> InstanceStatistics {
    let checks = Arc::clone(gateway.health_checks());
    let running = tokio::spawn(async move { checks.run().await });
    let seen = async {
        loop {
            let mut pool = gateway.pools().statistics(&PoolName::new("p").unwrap()).unwrap();
            let instance = pool.instances.remove(0);
            if instance.last_check.is_some() {
                return instance;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // How long a check may take is no test's to say; that it comes, is.
    let seen = tokio::time::timeout(Duration::from_secs(30), seen).await.expect("a check is made");
    running.abort();
    seen
}

#[tokio::test]
async fn a_tcp_check_opens_a_connection_and_asks_nothing() {
    let upstream = FaultyUpstream::start("up").await;
    let gateway = checked_at(&upstream.base_url()).await;
    assert_eq!(first_check(&gateway).await.last_check.unwrap().fault, None);
    assert!(upstream.connection_count() > 0);
    assert_eq!(upstream.request_count(), 0);
}

#[tokio::test]
async fn a_tcp_check_of_a_place_where_nobody_listens_fails() {
    let gateway = checked_at(&deserted_url().await).await;
    let seen = first_check(&gateway).await;
    assert_eq!(seen.last_check.unwrap().fault.unwrap().as_str(), "transport_connect");
    assert_eq!(seen.attempts, 0);
}
