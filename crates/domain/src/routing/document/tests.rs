use std::time::SystemTime;

use super::*;
use crate::{
    fault::{Fault, FaultKind, Work},
    inference::RequestId,
    observe::Outcome,
    pool::{Random, Rotation, RotationKind, rotation_tests::Fleet},
    resilience::Backoff,
    routing::{Reach, WalkPolicy},
    task_group::Exclusion,
};

#[expect(clippy::disallowed_methods, reason = "an instant has no other origin; nothing depends on which one it is")]
fn record() -> RequestRecord {
    let opened = Instant::now();
    let mut trace = Trace::new(RequestId::new("req_1"), "group:g.t".parse().unwrap(), (3, 255));
    let backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(30) };
    let mut walk = trace.set_out(WalkPolicy {
        reach: Reach::Route,
        max_attempts: std::num::NonZeroU32::MIN,
        max_retries: 0,
        max_ambiguous_repeats: 1,
        backoff,
    });
    let mut rotation = Rotation::new(RotationKind::RoundRobin);
    trace.pick(&mut rotation, &Fleet::weighing([2]), &mut Random::with_seed(16));
    trace.paid(true);
    trace.attempting(&mut walk, crate::routing::AttemptRole::Ordinary);
    trace.attempts.push(AttemptRecord {
        instance: "p/a".parse().unwrap(),
        model: "sim:a".parse().unwrap(),
        leg: 0,
        role: crate::routing::AttemptRole::Ordinary,
        started: Duration::from_micros(1500),
        took: Duration::from_millis(20),
        ended: None,
        fault: Some(FaultKind::Transient),
        usage: None,
        cost: Some(Cost { micro_dollars: 12, estimated: true }),
    });
    trace.failed(&mut walk, &Fault::new(FaultKind::Transient, Work::Refused, "unspoken"));
    trace.exclude(&"p/b".parse().unwrap(), Exclusion::CoolingDown(opened + Duration::from_secs(2)));
    RequestRecord {
        trace,
        outcome: Outcome::Failed(FaultKind::Transient),
        usage: Some(Usage { input_tokens: 3, ..Usage::default() }),
        received: SystemTime::UNIX_EPOCH + Duration::from_millis(77),
        opened,
        took: Duration::from_millis(25),
    }
}

#[test]
fn a_document_says_what_was_decided_and_from_what() {
    let document: serde_json::Value = serde_json::from_str(&record().document()).unwrap();
    let expected = serde_json::json!({
        "id": "req_1", "received_ms": 77, "target": "group:g.t", "revision": 3, "seed": "00000000000000ff",
        "outcome": "failed", "fault": "transient", "took_ms": 25.0,
        "usage": {
            "input_tokens": 3, "output_tokens": 0, "cached_tokens": 0, "reasoning_tokens": 0, "estimated": false
        },
        "attempts": [{
            "instance": "p/a", "model": "sim:a", "leg": 0, "role": "ordinary",
            "started_ms": 1.5, "took_ms": 20.0, "fault": "transient",
            "cost": {"micro_dollars": 12, "estimated": true}
        }],
        "passed_over": [{"instance": "p/b", "reason": "cooling_down", "until_ms": 2000.0}],
        "walk": {
            "reach": "route", "max_attempts": 1, "max_retries": 0, "max_ambiguous_repeats": 1,
            "backoff_base_ms": 1000.0, "backoff_max_ms": 30000.0
        },
        "decisions": [
            {
                "decision": "pick", "rotation": "round_robin", "members": 1, "seed": "0000000000000010", "picked": 0,
                "asked": [{"member": 0, "weight": 2}, {"member": 0, "eligible": true}]
            },
            {"decision": "budget", "paid": true},
            {"decision": "attempt", "role": "ordinary"},
            {"decision": "failed", "fault": "transient", "work": "refused", "step": "stop", "because": "attempts_spent"}
        ]
    });
    assert_eq!(document, expected);
}

#[test]
fn a_moment_before_the_request_is_negative() {
    let earlier = record().opened;
    assert_eq!(since(earlier + Duration::from_millis(5), earlier).to_string(), "-5");
}

#[test]
fn a_query_asks_for_what_it_names() {
    use crate::routing::RequestQuery;
    let summary = record().summary();
    let word = |word: &str| Some(word.to_owned());
    let all = RequestQuery::default();
    assert!(all.matches(&summary));
    for (query, matches) in [
        (RequestQuery { target: word("group:g.t"), ..all.clone() }, true),
        (RequestQuery { target: word("group:g"), ..all.clone() }, false),
        (RequestQuery { outcome: word("failed"), fault: word("transient"), ..all.clone() }, true),
        (RequestQuery { outcome: word("completed"), ..all.clone() }, false),
        (RequestQuery { fault: word("malformed"), ..all.clone() }, false),
        (RequestQuery { instance: word("p/a"), min_attempts: 1, ..all.clone() }, true),
        (RequestQuery { instance: word("p/b"), ..all.clone() }, false),
        (RequestQuery { min_attempts: 2, ..all.clone() }, false),
        (RequestQuery { before_ms: Some(77), ..all.clone() }, false),
        (RequestQuery { before_ms: Some(78), ..all }, true),
    ] {
        assert_eq!(query.matches(&summary), matches, "{query:?}");
    }
}

#[test]
fn only_an_answer_at_the_first_attempt_is_ordinary() {
    let mut record = record();
    assert!(!record.is_ordinary());
    record.outcome = Outcome::Completed;
    assert!(record.is_ordinary());
    record.trace.attempts.push(record.trace.attempts[0].clone());
    assert!(!record.is_ordinary());
}
