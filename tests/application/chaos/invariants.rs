//! What must hold on every day, whatever happens. The numbers are those that a failing seed is reported with.
//!
//! | | holds |
//! |---|---|
//! | I1 | every request has exactly one outcome, and one trace |
//! | I2 | what a caller got is one upstream's answer, whole and in order, or it was told that it is not |
//! | I3 | nobody is asked after the caller has seen a part |
//! | I4 | attempts stay within their bound, and each after the first was paid for |
//! | I5 | nobody is asked who asked to be left alone |
//! | I7 | the counts of requests in flight are those of the calls that are really under way, at every moment |
//! | I8 | no more are served at once, and let in within a time, than may |
//! | I9 | what was reserved comes back: in the end all of it is there |
//! | I10 | what the gateway says an answer used is what its upstream said |
//! | I11 | no request outlives its deadline |
//! | I13 | a request sees one configuration |
//! | I14 | a stream ends with its finish, or its caller is told |
//! | I15 | when all is quiet nothing is in flight |
//! | I16 | nothing of an upstream's words gets into a trace |
//! | I17 | the limit of an instance that finds it out stays within its bounds, and no more than its ceiling are served at once |
//! | replay | every decision comes out the same when it is made again |
//! | liveness | two minutes after the bad luck ends every request is answered, and no circuit is open that was asked since |
//!
//! Not here: the probes of a half-open circuit (I6) and revoked keys (I12) have tests of their own.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use layered_tests::world::World;
use tidegate_domain::{
    name::{GroupName, PoolName},
    observe::Outcome,
    pool::InstanceStatistics,
    routing::{Decision, RequestRecord},
};

use super::{
    day::{A_MINUTE, AT_ONCE, Day, Ending, LIMITS, TOTAL},
    upstreams::{CANARY, is_one_whole_answer},
};

/// Checks a day when its last caller is gone, and returns the hash of all that happened.
#[track_caller]
pub fn check(day: &Day) -> u64 {
    let mut log = DefaultHasher::new();
    let (seed, world) = (day.seed, &day.world);
    for ending in &day.endings {
        ending.hash(&mut log);
        match ending {
            Ending::Whole(text) => {
                assert!(is_one_whole_answer(text), "seed {seed}, I2, I14: '{text}' is nobody's answer");
            }
            Ending::Told { shown, .. } => assert!(!is_one_whole_answer(shown), "seed {seed}, I14: told of '{shown}'"),
            Ending::Failed(_) | Ending::Vanished => {}
        }
    }
    let mut records = world.orchestration.requests().recent();
    records.reverse();
    check_outcomes(day, records.len());
    assert_eq!(day.upstreams.disturbed(), [""; 0], "seed {seed}, I5");
    assert_eq!(day.miscounts, [""; 0], "seed {seed}, I7");
    assert_eq!(day.unbounded, [""; 0], "seed {seed}, I17");
    assert!(world.scripts.busiest() <= AT_ONCE as usize, "seed {seed}, I8: {} at once", world.scripts.busiest());
    check_let_in(seed, &records);
    for record in &records {
        check_record(day, record);
        // From the target on: what stands before it tells the time of the wall.
        let document = record.document();
        document.split_once("\"target\"").expect("a document has a target").1.hash(&mut log);
    }
    assert_eq!(busy(world), [""; 0], "seed {seed}, I15");
    world.diary.attempts().hash(&mut log);
    world.diary.transitions().hash(&mut log);
    log.finish()
}

fn check_outcomes(day: &Day, records: usize) {
    let (seed, outcomes) = (day.seed, day.world.diary.outcomes());
    let begun = day.endings.iter().filter(|ending| !matches!(ending, Ending::Vanished)).count();
    assert_eq!(outcomes.len(), records, "seed {seed}, I1: a request without a trace");
    assert!((begun..=day.endings.len()).contains(&records), "seed {seed}, I1: {records} outcomes for {begun} requests");
    let completed = outcomes.iter().filter(|outcome| **outcome == Outcome::Completed).count();
    let whole = day.endings.iter().filter(|ending| matches!(ending, Ending::Whole(_))).count();
    assert!(completed >= whole, "seed {seed}, I1: {completed} completed, {whole} received");
}

fn check_record(day: &Day, record: &RequestRecord) {
    let (trace, seed) = (&record.trace, day.seed);
    let id = format!("seed {seed}, {}", trace.request_id);
    trace.replay().unwrap_or_else(|divergence| panic!("{id}, replay: {divergence}"));
    let members = day.members_of(trace.revision);
    for attempt in &trace.attempts {
        if let Some(committed) = trace.committed {
            assert!(attempt.started <= committed, "{id}, I3: asked {} after the commit", attempt.instance);
        }
        assert!(members.contains(attempt.model.model()), "{id}, I13: {} is of another revision", attempt.instance);
    }
    let most = trace.policy.map_or(0, |policy| policy.max_attempts.get() as usize);
    assert!(trace.attempts.len() <= most, "{id}, I4: {} attempts", trace.attempts.len());
    check_paid(trace.decisions(), &id);
    if record.outcome == Outcome::Completed {
        let usage = record.usage.map(|usage| (usage.input_tokens, usage.output_tokens, usage.estimated));
        assert_eq!(usage, Some((3, 5, false)), "{id}, I10");
    }
    assert!(record.took <= TOTAL + Duration::from_millis(2), "{id}, I11: took {:?}", record.took);
    assert!(!record.document().contains(CANARY), "{id}, I16");
}

fn check_paid(decisions: &[Decision], id: &str) {
    let mut is_paid = true;
    for decision in decisions {
        match decision {
            Decision::Paid(paid) => is_paid = *paid,
            Decision::Attempt(_) => assert!(std::mem::take(&mut is_paid), "{id}, I4: an attempt that was not paid for"),
            _ => {}
        }
    }
}

/// A bucket lets in what it holds and what flows in meanwhile: never more than that, in any ten seconds.
fn check_let_in(seed: u64, records: &[std::sync::Arc<RequestRecord>]) {
    let first = |record: &std::sync::Arc<RequestRecord>| Some(record.opened + record.trace.attempts.first()?.started);
    let mut asked: Vec<_> = records.iter().filter_map(first).collect();
    asked.sort();
    let window = Duration::from_secs(10);
    for (at, &begin) in asked.iter().enumerate() {
        let within = asked[at..].iter().take_while(|&&moment| moment < begin + window).count();
        let bound = (A_MINUTE + A_MINUTE / 6 + 1) as usize;
        assert!(within <= bound, "seed {seed}, I8: {within} let in within ten seconds");
    }
}

fn instances(world: &World) -> Vec<InstanceStatistics> {
    let pool = world.pools.statistics(&PoolName::new("p").unwrap()).unwrap();
    let group = world.groups.statistics(&GroupName::new("g").unwrap()).unwrap();
    let own = group.tiers.into_iter().flat_map(|tier| tier.instances).filter(|it| it.id.as_str().starts_with("sim:"));
    pool.instances.into_iter().chain(own).collect()
}

/// Where the count of requests in flight differs from the calls that are under way. One that has left the configuration
/// finishes its calls uncounted.
pub fn miscount(world: &World) -> Vec<String> {
    let wrong = |it: &InstanceStatistics| {
        let active = world.scripts.active(it.spec.model.model());
        let is_lasting = !matches!(it.spec.model.model(), "c" | "x");
        (is_lasting && active != it.in_flight as usize).then(|| format!("{}: {} for {active}", it.id, it.in_flight))
    };
    instances(world).iter().filter_map(wrong).collect()
}

/// Whose limit is out of its bounds, or who serves more than the highest of them.
pub fn unbounded(world: &World) -> Vec<String> {
    let [floor, ceiling] = LIMITS;
    let pool = world.pools.statistics(&PoolName::new("p").unwrap()).unwrap();
    let wrong = |it: InstanceStatistics| {
        let is_within = it.concurrency_limit.is_some_and(|limit| (floor..=ceiling).contains(&limit));
        (!is_within || it.in_flight > ceiling)
            .then(|| format!("{}: {} of {:?}", it.id, it.in_flight, it.concurrency_limit))
    };
    pool.instances.into_iter().filter_map(wrong).collect()
}

fn busy(world: &World) -> Vec<String> {
    instances(world).iter().filter(|it| it.in_flight > 0).map(|it| it.id.to_string()).collect()
}

/// How often each instance's model was asked.
pub fn asked(world: &World) -> HashMap<String, usize> {
    let times = |it: InstanceStatistics| (it.id.to_string(), world.scripts.asked(it.spec.model.model()));
    instances(world).into_iter().map(times).collect()
}

/// Two minutes after the bad luck has ended everybody can be asked, and the circuit of everybody who was asked since is not open:
/// one that nobody needs waits for its first request.
#[track_caller]
pub fn check_recovered(day: &Day, before: &HashMap<String, usize>) {
    let unusable: Vec<_> = instances(&day.world).into_iter().filter(|it| !it.available).map(|it| it.id).collect();
    assert_eq!(unusable, [], "seed {}, liveness", day.seed);
    let mut circuits = HashMap::new();
    for transition in day.world.diary.transitions() {
        if let Some((instance, state @ ("open" | "half_open" | "closed"))) = transition.split_once(' ') {
            circuits.insert(instance.to_owned(), state.to_owned());
        }
    }
    // Who left the configuration and came back has begun anew, without a transition that says so.
    circuits.retain(|instance, _| !matches!(instance.as_str(), "c" | "x"));
    let since = asked(&day.world);
    circuits.retain(|instance, state| state == "open" && since.get(instance) > before.get(instance));
    assert_eq!(circuits, HashMap::new(), "seed {}, liveness: open circuits", day.seed);
}

/// When nothing was asked for so long that the bucket is full, exactly what it holds is let in.
pub async fn check_rate(day: &Day) {
    day.world.scripts.answer_at_once();
    for number in 0..A_MINUTE {
        let answer = day.world.complete("p").await;
        assert!(answer.is_ok(), "seed {}, I9: {number} of {A_MINUTE} were let in", day.seed);
    }
    // It does not wait for the next drop.
    let hasty = day.world.send(r#"{"model":"p"}"#, Some(Duration::from_millis(1))).await;
    assert!(hasty.is_err(), "seed {}, I9: more were let in than may", day.seed);
}

impl Day {
    fn members_of(&self, revision: u64) -> HashSet<&'static str> {
        let of_revision = self.members.iter().find(|(number, _)| *number == revision);
        let (_, members) = of_revision.unwrap_or_else(|| panic!("seed {}, I13: revision {revision}", self.seed));
        members.iter().copied().chain(["d", "e", "f"]).collect()
    }
}
