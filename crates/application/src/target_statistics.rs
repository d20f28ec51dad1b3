//! What became of requests, by the target that they were sent to: pools, task groups with their tiers, and single models; and by the
//! wrapper by whose name they came.
//!
//! It watches requests that are over, as any other observer does, and adds to counters; nobody waits for it.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tidegate_domain::{
    fault::FaultKind,
    inference::Usage,
    name::{NamedMap, Target},
    observe::{Event, Observer, Outcome},
    pool::{Histogram, LatencySummary},
    routing::Trace,
};

/// Counts what became of requests, by target.
#[derive(Default)]
pub struct TargetStatistics(RwLock<NamedMap<Target, Arc<Tally>>>);

/// What became of the requests of one target since the process started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetTally {
    /// The target.
    pub target: Target,
    /// Requests that are over.
    pub requests: u64,
    /// Those that were answered in full.
    pub completed: u64,
    /// Those that failed or broke off, by the fault that ended them.
    pub failures_by_kind: Vec<(FaultKind, u64)>,
    /// Those for which nobody could be asked.
    pub none_available: u64,
    /// Those that a limit of the gateway's own refused.
    pub refused: u64,
    /// Those whose caller went away.
    pub abandoned: u64,
    /// Attempts, all together.
    pub attempts: u64,
    /// Attempts that asked an instance again that the request had asked before.
    pub retries: u64,
    /// Attempts that asked another instance of the same leg.
    pub failovers: u64,
    /// Attempts that asked another leg.
    pub fallbacks: u64,
    /// Its legs, in order: the tiers of a group; one of a pool or a model. Those that no request has reached are absent.
    pub legs: Vec<LegTally>,
    /// Time to the first content or whole answer, of requests that were answered.
    pub first_content: Option<LatencySummary>,
    /// Time to the end of the answer, of requests that were answered in full.
    pub duration: Option<LatencySummary>,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens generated.
    pub output_tokens: u64,
}

/// What requests did in one leg.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LegTally {
    /// Attempts.
    pub attempts: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Requests that came from another leg.
    pub fallbacks_in: u64,
    /// Requests that went on to another leg.
    pub fallbacks_out: u64,
}

/// The most legs that are told apart; later ones are counted with the last.
const LEGS: usize = 8;

#[derive(Debug, Default)]
struct Tally {
    requests: AtomicU64,
    completed: AtomicU64,
    failures: [AtomicU64; FaultKind::ALL.len()],
    none_available: AtomicU64,
    refused: AtomicU64,
    abandoned: AtomicU64,
    retries: AtomicU64,
    failovers: AtomicU64,
    fallbacks: AtomicU64,
    legs: [Leg; LEGS],
    first_content: Histogram,
    duration: Histogram,
    input_tokens: AtomicU64,
    output_tokens: AtomicU64,
}

#[derive(Debug, Default)]
struct Leg {
    attempts: AtomicU64,
    failures: AtomicU64,
    fallbacks_in: AtomicU64,
    fallbacks_out: AtomicU64,
}

impl TargetStatistics {
    /// What became of requests, by target, sorted by its name.
    pub fn all(&self) -> Vec<TargetTally> {
        let tallies = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = tallies.iter().map(|(target, tally)| tally.read(target)).collect();
        all.sort_by_key(|tally| tally.target.to_string());
        all
    }

    fn of(&self, target: &Target) -> Arc<Tally> {
        if let Some(tally) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(target) {
            return Arc::clone(tally);
        }
        let mut tallies = self.0.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tallies.entry(target.clone()).or_default())
    }
}

impl Observer for TargetStatistics {
    fn observe(&self, event: &Event<'_>) {
        if let Event::RequestFinished { target, outcome, took, usage, trace } = event {
            let wrapper = trace.wrapper.clone().map(Target::Wrapper);
            for tally in [Some(*target), wrapper.as_ref()].into_iter().flatten().map(|target| self.of(target)) {
                tally.outcome(*outcome, *took);
                tally.attempts(trace);
                if let Some(Usage { input_tokens, output_tokens, .. }) = usage {
                    tally.input_tokens.fetch_add(*input_tokens, Relaxed);
                    tally.output_tokens.fetch_add(*output_tokens, Relaxed);
                }
            }
        }
    }
}

impl Tally {
    fn outcome(&self, outcome: Outcome, took: Duration) {
        self.requests.fetch_add(1, Relaxed);
        let counter = match outcome {
            Outcome::Completed => {
                self.duration.observe(took);
                &self.completed
            }
            Outcome::Failed(kind) | Outcome::BrokenOff(kind) => &self.failures[kind.index()],
            Outcome::NoneAvailable => &self.none_available,
            Outcome::Refused => &self.refused,
            Outcome::Abandoned => &self.abandoned,
        };
        counter.fetch_add(1, Relaxed);
    }

    fn attempts(&self, trace: &Trace) {
        if let Some(committed) = trace.committed {
            self.first_content.observe(committed);
        }
        for (at, attempt) in trace.attempts.iter().enumerate() {
            let leg = self.leg(attempt.leg);
            leg.attempts.fetch_add(1, Relaxed);
            leg.failures.fetch_add(u64::from(attempt.fault.is_some()), Relaxed);
            let Some(before) = at.checked_sub(1).map(|before| &trace.attempts[before]) else { continue };
            let is_known = trace.attempts[..at].iter().any(|earlier| earlier.instance == attempt.instance);
            let counter = match (before.leg == attempt.leg, is_known) {
                (false, _) => {
                    self.leg(before.leg).fallbacks_out.fetch_add(1, Relaxed);
                    leg.fallbacks_in.fetch_add(1, Relaxed);
                    &self.fallbacks
                }
                (true, true) => &self.retries,
                (true, false) => &self.failovers,
            };
            counter.fetch_add(1, Relaxed);
        }
    }

    fn leg(&self, at: usize) -> &Leg {
        &self.legs[at.min(LEGS - 1)]
    }

    fn read(&self, target: &Target) -> TargetTally {
        let load = |counter: &AtomicU64| counter.load(Relaxed);
        let failures = FaultKind::ALL.iter().zip(&self.failures).map(|(kind, count)| (*kind, load(count)));
        let mut legs: Vec<_> = self
            .legs
            .iter()
            .map(|leg| LegTally {
                attempts: load(&leg.attempts),
                failures: load(&leg.failures),
                fallbacks_in: load(&leg.fallbacks_in),
                fallbacks_out: load(&leg.fallbacks_out),
            })
            .collect();
        let reached = legs.iter().rposition(|leg| leg.attempts > 0).map_or(0, |last| last + 1);
        legs.truncate(reached);
        TargetTally {
            target: target.clone(),
            requests: load(&self.requests),
            completed: load(&self.completed),
            failures_by_kind: failures.filter(|(_, count)| *count > 0).collect(),
            none_available: load(&self.none_available),
            refused: load(&self.refused),
            abandoned: load(&self.abandoned),
            attempts: legs.iter().map(|leg| leg.attempts).sum(),
            retries: load(&self.retries),
            failovers: load(&self.failovers),
            fallbacks: load(&self.fallbacks),
            legs,
            first_content: self.first_content.summary(),
            duration: self.duration.summary(),
            input_tokens: load(&self.input_tokens),
            output_tokens: load(&self.output_tokens),
        }
    }
}

impl fmt::Debug for TargetStatistics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TargetStatistics").finish_non_exhaustive()
    }
}
