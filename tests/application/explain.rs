//! Where a request would go, said beforehand.

use std::time::Duration;

use bytes::Bytes;
use layered_tests::{
    scripted::Act,
    world::{Plan, World, served_by},
};
use tidegate_application::Explanation;
use tidegate_domain::{
    fault::{Fault, FaultKind, Work},
    inference::InferenceRequest,
    pool::{PoolPolicy, RotationKind},
    routing::Reach,
    task_group::Exclusion,
};

fn explain(world: &World, model: &str) -> Result<Explanation, Vec<String>> {
    let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
    world.orchestration.explain(&InferenceRequest::parse(Bytes::from(body)).unwrap())
}

/// The instances of each leg that would be asked, in order.
fn order(explanation: &Explanation) -> Vec<Vec<String>> {
    let of_leg = |leg: &tidegate_application::LegExplanation| {
        let asked = leg.candidates.iter().filter(|candidate| candidate.turn.is_some());
        asked.map(|candidate| candidate.model.model().to_owned()).collect()
    };
    explanation.legs.iter().map(of_leg).collect()
}

#[tokio::test(start_paused = true)]
async fn who_is_named_first_is_who_is_asked() {
    for rotation in [RotationKind::RoundRobin, RotationKind::Random, RotationKind::Declared] {
        let policy = PoolPolicy { rotation, ..PoolPolicy::default() };
        let world = Plan::default().pool_with("p", &["a", "b", "c"], policy).start().await;
        for _ in 0..20 {
            let said = explain(&world, "p").unwrap();
            assert_eq!(said, explain(&world, "p").unwrap(), "asking takes a turn");
            let completion = world.complete("p").await.unwrap();
            let served = served_by(&completion);
            assert_eq!(served, order(&said)[0][0], "{rotation:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_leg_lists_its_candidates_and_the_walk_its_bounds() {
    let world = Plan::default().pool("p", &["x", "y"]).group("g", &[&["sim:a", "pool:p"], &["sim:b"]]).start().await;
    let said = explain(&world, "g").unwrap();
    assert_eq!(said.target.to_string(), "group:g");
    assert_eq!((said.reach, said.max_attempts), (Reach::Route, 3));
    assert_eq!(order(&said), [vec!["a", "x", "y"], vec!["b"]]);
    let pools: Vec<_> =
        said.legs[0].candidates.iter().map(|it| it.pool.as_ref().map(|(name, _)| name.as_str())).collect();
    assert_eq!(pools, [None, Some("p"), Some("p")]);
    assert_eq!(said.legs[1].tier.as_ref().unwrap().as_str(), "tier2");
}

#[tokio::test(start_paused = true)]
async fn who_is_left_alone_is_named_with_the_reason_and_the_wait() {
    let world = Plan::default().pool("p", &["a", "b"]).start().await;
    let retry_after = Some(Duration::from_secs(90));
    let fault = Fault { retry_after, ..Fault::new(FaultKind::RateLimited, Work::Refused, "scripted") };
    world.scripts.next("a", Act::Fail(fault));
    world.complete("p").await.unwrap();
    let said = explain(&world, "p").unwrap();
    assert_eq!(order(&said), [["b"]]);
    let benched = said.legs[0].candidates.last().unwrap();
    let excluded = benched.exclusion.unwrap();
    assert!(matches!(excluded.reason, Exclusion::CoolingDown(_)), "{excluded:?}");
    assert!(excluded.wait.is_some_and(|wait| wait > Duration::from_secs(80)), "{excluded:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_leads_nowhere_gets_the_nearest() {
    let world = Plan::default().pool("fast", &["a"]).start().await;
    assert_eq!(explain(&world, "fsat").unwrap_err(), ["fast"]);
}
