//! Upstreams that do the right thing seven times in ten, and note who comes although they asked to be left alone.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use layered_tests::scripted::{Act, Beat, Scripts};
use tidegate_domain::{
    fault::{Fault, FaultKind, TransportFault, Work},
    pool::Random,
};
use tokio::time::Instant;

/// The pieces of every stream.
pub const TOKENS: usize = 6;
/// Stands in every fault, and must never be seen again.
pub const CANARY: &str = "canary-of-an-upstream";
/// Those that are configured all day long: what is known of them is never forgotten.
const LASTING: [&str; 5] = ["a", "b", "d", "e", "f"];

/// What all upstreams know together.
#[derive(Clone)]
pub struct Upstreams(Arc<Mutex<State>>);

struct State {
    luck: Random,
    is_fair: bool,
    left_alone_until: HashMap<String, Instant>,
    /// Who was asked although it had asked to be left alone.
    disturbed: Vec<String>,
}

impl Upstreams {
    /// Lets the models of `scripts` do as chance has it.
    pub fn improvising(scripts: &Scripts, seed: u64) -> Self {
        let luck = Random::with_seed(seed);
        let state = State { luck, is_fair: false, left_alone_until: HashMap::new(), disturbed: Vec::new() };
        let upstreams = Self(Arc::new(Mutex::new(state)));
        let own = upstreams.clone();
        scripts.improvise(move |model, stream| own.0.lock().unwrap().act(model, stream));
        upstreams
    }

    /// Ends the bad luck.
    pub fn be_fair(&self) {
        self.0.lock().unwrap().is_fair = true;
    }

    /// Who was asked although it had asked to be left alone.
    pub fn disturbed(&self) -> Vec<String> {
        self.0.lock().unwrap().disturbed.clone()
    }
}

impl State {
    fn act(&mut self, model: &str, stream: bool) -> Act {
        let now = Instant::now();
        if self.left_alone_until.get(model).is_some_and(|&until| now < until) {
            self.disturbed.push(model.to_owned());
        }
        if self.is_fair {
            return right(model, stream, &mut self.luck);
        }
        let act = misfortune(model, stream, &mut self.luck);
        if let Act::Fail(Fault { retry_after: Some(wait), .. }) = &act
            && LASTING.contains(&model)
        {
            self.left_alone_until.insert(model.to_owned(), now + *wait);
        }
        act
    }
}

fn misfortune(model: &str, stream: bool, luck: &mut Random) -> Act {
    let fault = |kind, work| Fault::new(kind, work, CANARY);
    let reset = FaultKind::Transport(TransportFault::Reset);
    match luck.u32(..100) {
        0..4 => Act::Fail(fault(FaultKind::Transport(TransportFault::Connect), Work::NotSent)),
        4..9 => {
            let retry_after = Some(Duration::from_millis(luck.u64(100..5000)));
            Act::Fail(Fault { retry_after, ..fault(FaultKind::RateLimited, Work::Refused) })
        }
        9..14 => Act::Fail(fault(FaultKind::Transient, Work::Refused)),
        14..17 => Act::Fail(fault(FaultKind::Overloaded, Work::Refused)),
        17..19 => Act::Fail(fault(reset, Work::Ambiguous)),
        19..21 => Act::Hang,
        21..23 => Act::Fail(fault(FaultKind::Client, Work::Refused)),
        23..26 if stream => Act::Stream([content(model, 0..2), vec![Beat::Hang]].concat()),
        26..28 if stream => Act::Stream(content(model, 0..3)),
        28..30 if stream => {
            Act::Stream([content(model, 0..1), vec![Beat::Fault(fault(reset, Work::Partial))]].concat())
        }
        _ => right(model, stream, luck),
    }
}

fn right(model: &str, stream: bool, luck: &mut Random) -> Act {
    if !stream {
        return Act::AnswerAfter(Duration::from_millis(luck.u64(..2000)));
    }
    let mut beats = vec![Beat::role()];
    for beat in content(model, 0..TOKENS) {
        beats.extend([Beat::Wait(Duration::from_millis(luck.u64(..500))), beat]);
    }
    beats.push(Beat::finish());
    Act::Stream(beats)
}

fn content(model: &str, tokens: Range<usize>) -> Vec<Beat> {
    tokens.map(|at| Beat::content(&format!("{model}{at} "))).collect()
}

/// Whether `text` is the whole answer of one model: all of its pieces, in order, and nobody else's.
pub fn is_one_whole_answer(text: &str) -> bool {
    ["a", "b", "c", "d", "e", "f", "x"].iter().any(|model| {
        let tokens = (0..TOKENS).fold(String::new(), |text, at| text + model + &at.to_string() + " ");
        text == *model || text == format!("role {tokens}end")
    })
}
