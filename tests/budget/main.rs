//! What a request may cost: allocations, counted on the thread that serves. They do not depend on the machine or on what else it does.
//!
//! The figures are a baseline: a change that needs more fails here, and either finds another way or raises the figure with a
//! reason. One that needs fewer lowers it.

mod peers;

use std::sync::Arc;

use allocation_counter::measure;
use layered_tests::served::serve;
use tidegate::{
    Gateway,
    domain::{
        name::{InstanceId, PoolName, ProviderName},
        pool::{InstanceSpec, Pool, PoolMember, PoolPolicy},
    },
    infrastructure::provider::{Protocol, ProviderSettings},
};
use tokio::runtime::{Builder, Runtime};

use self::peers::{Caller, start_upstream};

/// Allocations for a whole answer, connections and routing table being there: 9 when they were counted, and room for one change of a
/// few.
const PER_REQUEST: u64 = 12;
/// Allocations for each further piece of a stream.
const PER_CHUNK: u64 = 0;

/// A gateway that serves on this thread, whenever the runtime is driven.
struct Stage {
    runtime: Runtime,
    caller: Caller,
}

impl Stage {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let upstream = start_upstream();
        let address = runtime.block_on(async {
            let gateway = gateway(&format!("http://{upstream}/v1")).await;
            serve(&gateway, Arc::new(String::new)).unwrap().address
        });
        Self { runtime, caller: Caller::start(address) }
    }

    /// Allocations of this thread while the caller makes `requests` requests for `pieces` pieces each; 0 for a whole answer.
    fn allocations(&self, requests: usize, pieces: usize) -> u64 {
        let done = self.caller.ask(requests, pieces);
        measure(|| self.runtime.block_on(done).unwrap()).count_total
    }
}

async fn gateway(base_url: &str) -> Gateway {
    let provider = ProviderSettings {
        base_url: Some(base_url.to_owned()),
        api_key: Some("sk-test".into()),
        ..ProviderSettings::new(ProviderName::new("upstream").unwrap(), Protocol::OpenAi)
    };
    let instance = InstanceSpec::new(InstanceId::new("one").unwrap(), "upstream:model".parse().unwrap());
    let pool = Pool::new(PoolName::new("fast").unwrap(), vec![PoolMember::Instance(instance)], PoolPolicy::default());
    Gateway::builder().provider(provider).pool(pool.unwrap()).build().await.unwrap()
}

#[test]
fn a_whole_answer_costs_no_more_allocations_than_it_did() {
    let stage = Stage::new();
    stage.allocations(100, 0);
    let (few, many) = (stage.allocations(100, 0), stage.allocations(300, 0));
    let each = (many - few) / 200;
    assert!(each <= PER_REQUEST, "{each} allocations for a request, more than {PER_REQUEST}");
}

#[test]
fn a_piece_of_a_stream_costs_no_allocation() {
    let stage = Stage::new();
    stage.allocations(20, 10);
    let (short, long) = (stage.allocations(10, 10), stage.allocations(10, 210));
    let each = long.saturating_sub(short) / 2000;
    assert_eq!(each, PER_CHUNK, "allocations for a piece");
}
