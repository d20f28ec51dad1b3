use std::time::SystemTime;

use super::*;
use crate::{
    fault::{Fault, FaultKind, Work},
    inference::RequestId,
    observe::Outcome,
    pool::{Bend, Random, Rotation, RotationKind, rotation_tests::Fleet},
    resilience::Backoff,
    routing::{Answer, Asked, AttemptRole, Decision, Reach, Step, StopReason, WalkPolicy},
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
    trace.attempting(&mut walk, AttemptRole::Ordinary);
    trace.attempts.push(AttemptRecord {
        instance: "p/a".parse().unwrap(),
        model: "sim:a".parse().unwrap(),
        leg: 0,
        role: AttemptRole::Ordinary,
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

/// What the document of a decision says, of a request that came in at `opened` and asked its members what is on `tape`.
#[track_caller]
fn check_decision((decision, tape, opened): (&Decision, &[Asked], Instant), expected: &serde_json::Value) {
    let document = serde_json::to_value(DecisionDocument::of(decision, tape, opened)).unwrap();
    assert_eq!(document, *expected, "{decision:?}");
}

#[test]
fn each_decision_says_what_came_of_it() {
    use serde_json::json;
    let opened = record().opened;
    let check = |decision: &Decision, expected| check_decision((decision, &[], opened), &expected);
    let untaped = Decision::Untaped { members: 900, picked: None };
    check(&untaped, json!({"decision": "pick", "members": 900, "asked": [], "picked": null}));
    check(
        &Decision::Chosen { candidates: 3, chosen: Some(1) },
        json!({"decision": "chosen", "candidates": 3, "chosen": 1}),
    );
    check(&Decision::Attempt(AttemptRole::Hedge), json!({"decision": "attempt", "role": "hedge"}));
    check(&Decision::GaveUp { attempt: 1 }, json!({"decision": "gave_up", "attempt": 1}));
    let kind = FaultKind::Malformed;
    check(&Decision::DidNotGoOn { kind }, json!({"decision": "did_not_go_on", "fault": "malformed"}));
    check(&Decision::NobodyMay { kind }, json!({"decision": "nobody_may", "fault": "malformed"}));
    check(
        &Decision::Broke { kind, goes_on: true },
        json!({"decision": "broke", "fault": "malformed", "goes_on": true}),
    );
}

#[test]
fn what_follows_a_fault_is_said_with_its_wait_or_its_reason() {
    use serde_json::json;
    let opened = record().opened;
    let remaining = Duration::from_millis(1500);
    for (step, expected) in [
        (Step::Another, json!({"step": "another"})),
        (Step::Retry { after: Duration::from_micros(2500) }, json!({"step": "retry", "after_ms": 2.5})),
        (Step::Stop(StopReason::Final), json!({"step": "stop", "because": "final"})),
        (Step::Stop(StopReason::AttemptsSpent), json!({"step": "stop", "because": "attempts_spent"})),
        (Step::Stop(StopReason::Ambiguous), json!({"step": "stop", "because": "ambiguous"})),
        (Step::Stop(StopReason::Exhausted), json!({"step": "stop", "because": "exhausted"})),
        (Step::Stop(StopReason::DeadlineTooNear), json!({"step": "stop", "because": "deadline_too_near"})),
    ] {
        let mut document = json!({"decision": "exhausted", "remaining_ms": 1500.0});
        document.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
        check_decision((&Decision::Exhausted { remaining, step }, &[], opened), &document);
    }
    for (work, word) in [
        (Work::NotSent, "not_sent"),
        (Work::Refused, "refused"),
        (Work::Ambiguous, "ambiguous"),
        (Work::Partial, "partial"),
    ] {
        let kind = FaultKind::RateLimited;
        let failed = Decision::Failed { kind, work, retry_after: Some(remaining), seed: 1, step: Step::Another };
        let document = json!({
            "decision": "failed", "fault": "rate_limited", "work": word, "retry_after_ms": 1500.0, "step": "another"
        });
        check_decision((&failed, &[], opened), &document);
    }
}

#[test]
fn what_members_were_asked_is_said_in_the_units_of_the_document() {
    use serde_json::json;
    let opened = record().opened;
    let bent = Bend { slow_start: true, affinity: std::num::NonZeroU32::new(125) };
    let answers = [
        (Answer::Weight(5), json!({"weight": 5})),
        (Answer::InFlight(2), json!({"in_flight": 2})),
        (Answer::LastDispatch(opened.checked_sub(Duration::from_millis(3))), json!({"last_dispatch_ms": -3.0})),
        (Answer::LastDispatch(None), json!({"last_dispatch_ms": null})),
        (Answer::Latency(Some(Duration::from_micros(1500))), json!({"latency_ms": 1.5})),
        (Answer::SuccessRate(999_999), json!({"success_rate": 999_999})),
        (Answer::Capacity(Some(4)), json!({"capacity": 4})),
        (Answer::Cost(None), json!({"cost": null})),
        (Answer::Bend(bent), json!({"bend": ["slow_start", "affinity"]})),
        (Answer::Bend(Bend::default()), json!({"bend": []})),
        (Answer::Readiness(20), json!({"readiness": 20})),
        (Answer::Pull(255), json!({"pull": "00000000000000ff"})),
        (Answer::Eligible(false), json!({"eligible": false})),
    ];
    let tape: Vec<_> = answers.iter().map(|(answer, _)| Asked { member: 7, answer: *answer }).collect();
    let asked: Vec<_> = answers
        .into_iter()
        .map(|(_, mut document)| {
            document["member"] = 7.into();
            document
        })
        .collect();
    let rotation = Rotation::new(RotationKind::Weighted);
    let pick = Decision::Pick { rotation, members: 9, seed: 16, asked: 0..tape.len(), picked: Some(7) };
    let document = json!({
        "decision": "pick", "rotation": "weighted", "members": 9, "seed": "0000000000000010", "asked": asked, "picked": 7
    });
    check_decision((&pick, &tape, opened), &document);
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
