//! A simulated day of bad luck: many requests at once over upstreams that fail three times in ten, in every way, while some
//! callers vanish. Time is paused and every choice comes from a seed, so that a run can be repeated to the letter.
//!
//! What must hold, whatever happens: every request has exactly one outcome; what a caller got is one upstream's answer, whole
//! and in order, or it was told that it is not; attempts stay within their bounds; and when all is quiet nothing is left
//! in flight.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use layered_tests::{
    scripted::{Act, Beat},
    world::{Plan, World, next, streamed},
};
use tidegate_application::{Answer, CompletionError};
use tidegate_domain::{
    fault::{Fault, FaultKind, TransportFault, Work},
    pool::Random,
};
use tokio::task::JoinSet;

const REQUESTS: u64 = 200;
const TOKENS: usize = 6;

/// The seeds that a run goes through; more of them with `TIDEGATE_CHAOS_SEEDS`.
fn seeds() -> u64 {
    std::env::var("TIDEGATE_CHAOS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(25)
}

#[test]
fn nothing_is_lost_crossed_or_leaked_whatever_happens() {
    for seed in 0..seeds() {
        run(seed);
    }
}

#[test]
fn the_same_seed_makes_the_same_day() {
    assert_eq!(run(42), run(42));
}

/// Runs one day and returns the hash of all that happened.
fn run(seed: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = Arc::new(
            Plan::default()
                .pool("p", &["a", "b", "c"])
                .group("g", &[&["pool:p", "sim:d"], &["sim:e"], &["sim:f"]])
                .start()
                .await,
        );
        let mut luck = Random::with_seed(seed);
        world.scripts.improvise(move |model, stream| misfortune(model, stream, &mut luck));
        let mut callers = JoinSet::new();
        let mut random = Random::with_seed(!seed);
        for number in 0..REQUESTS {
            let (world, own) = (Arc::clone(&world), random.fork());
            callers.spawn(async move { call(&world, number, own).await });
        }
        let endings = callers.join_all().await;
        check(&world, seed, &endings)
    })
}

/// What an upstream does with one request: the right thing, seven times in ten.
fn misfortune(model: &str, stream: bool, luck: &mut Random) -> Act {
    let fault = |kind, work| Act::Fail(Fault::new(kind, work, "misfortune"));
    let reset = FaultKind::Transport(TransportFault::Reset);
    match luck.u32(..100) {
        0..4 => fault(FaultKind::Transport(TransportFault::Connect), Work::NotSent),
        4..9 => fault(FaultKind::RateLimited, Work::Refused),
        9..14 => fault(FaultKind::Transient, Work::Refused),
        14..17 => fault(FaultKind::Overloaded, Work::Refused),
        17..19 => fault(reset, Work::Ambiguous),
        19..21 => Act::Hang,
        21..23 => fault(FaultKind::Client, Work::Refused),
        23..26 if stream => Act::Stream([content(model, 0..2), vec![Beat::Hang]].concat()),
        26..28 if stream => Act::Stream(content(model, 0..3)),
        28..30 if stream => {
            let broken = Beat::Fault(Fault::new(reset, Work::Partial, "misfortune"));
            Act::Stream([content(model, 0..1), vec![broken]].concat())
        }
        _ if stream => {
            let mut beats = vec![Beat::role()];
            for beat in content(model, 0..TOKENS) {
                beats.extend([Beat::Wait(Duration::from_millis(luck.u64(..500))), beat]);
            }
            beats.push(Beat::finish());
            Act::Stream(beats)
        }
        _ => Act::AnswerAfter(Duration::from_millis(luck.u64(..2000))),
    }
}

fn content(model: &str, tokens: std::ops::Range<usize>) -> Vec<Beat> {
    tokens.map(|at| Beat::content(&format!("{model}{at} "))).collect()
}

/// How a request looked to its caller.
#[derive(Debug, Hash)]
enum Ending {
    Whole(String),
    Told { shown: String, kind: String },
    Failed(String),
    Vanished,
}

async fn call(world: &World, number: u64, mut random: Random) -> Ending {
    tokio::time::sleep(Duration::from_millis(random.u64(..20_000))).await;
    let model = ["p", "g", "g.tier2"][random.usize(..3)];
    // One caller in twenty goes away, at any moment.
    let patience = if random.u32(..20) == 0 { random.u64(..3_000) } else { 3_600_000 };
    let journey = async {
        let asked = if number.is_multiple_of(2) { world.stream(model).await } else { world.complete(model).await };
        match asked {
            Err(CompletionError::Upstream { fault, attempts }) => Ending::Failed(format!("{} {attempts}", fault.kind)),
            Err(other) => Ending::Failed(format!("{other:?}").split(' ').next().unwrap_or_default().to_owned()),
            Ok(completion) => match completion.answer {
                Answer::Whole(answer) => Ending::Whole(String::from_utf8(answer.body.to_vec()).unwrap()),
                Answer::Stream(_) => listen(streamed(completion)).await,
            },
        }
    };
    tokio::time::timeout(Duration::from_millis(patience), journey).await.unwrap_or(Ending::Vanished)
}

async fn listen(mut stream: tidegate_application::CompletionStream<layered_tests::scripted::ScriptedStream>) -> Ending {
    let mut shown = String::new();
    while let Some(item) = next(&mut stream).await {
        match item {
            Ok(bytes) => shown.push_str(std::str::from_utf8(&bytes).unwrap()),
            Err(fault) => return Ending::Told { shown, kind: fault.kind.to_string() },
        }
    }
    Ending::Whole(shown)
}

/// The whole answer of each model.
fn is_one_whole_answer(text: &str) -> bool {
    ["a", "b", "c", "d", "e", "f"].iter().any(|model| {
        let tokens = (0..TOKENS).fold(String::new(), |text, at| text + model + &at.to_string() + " ");
        text == *model || text == format!("role {tokens}end")
    })
}

#[track_caller]
fn check(world: &World, seed: u64, endings: &[Ending]) -> u64 {
    let mut log = DefaultHasher::new();
    for ending in endings {
        ending.hash(&mut log);
        match ending {
            Ending::Whole(text) => assert!(is_one_whole_answer(text), "seed {seed}: '{text}' is nobody's whole answer"),
            Ending::Told { shown, .. } => {
                assert!(!is_one_whole_answer(shown), "seed {seed}: told that '{shown}' broke");
            }
            Ending::Failed(_) | Ending::Vanished => {}
        }
    }
    let (outcomes, attempts) = (world.diary.outcomes(), world.diary.attempts());
    let begun = endings.iter().filter(|ending| !matches!(ending, Ending::Vanished)).count();
    assert!(outcomes.len() >= begun && outcomes.len() <= endings.len(), "seed {seed}: {} outcomes", outcomes.len());
    assert!(attempts.len() <= 4 * endings.len(), "seed {seed}: {} attempts", attempts.len());
    assert_eq!(world.in_flight("p"), 0, "seed {seed}: something is still in flight");
    let records = world.orchestration.requests().recent();
    assert_eq!(records.len(), outcomes.len(), "seed {seed}: a request without a trace");
    for record in records {
        let id = &record.trace.request_id;
        record.trace.replay().unwrap_or_else(|divergence| panic!("seed {seed}: {id} does not replay: {divergence}"));
    }
    attempts.hash(&mut log);
    world.diary.transitions().hash(&mut log);
    log.finish()
}
