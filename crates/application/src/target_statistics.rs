//! What became of requests, by the target that they were sent to: pools, task groups with their tiers, and single models; and by the
//! wrapper by whose name they came.
//!
//! It watches requests that are over, as any other observer does, and adds to counters; nobody waits for it.

use std::{fmt, time::Duration};

use tidegate_domain::{
    fault::FaultKind,
    inference::Usage,
    name::{NamedMap, Target, with_named},
    observe::{Event, Observer, Outcome},
    pool::{Histogram, LatencySummary},
    routing::Trace,
    sharded::{Sharded, add_each},
};

/// Counts what became of requests, by target.
#[derive(Default)]
pub struct TargetStatistics(Sharded<NamedMap<Target, Tally>>);

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
    requests: u64,
    completed: u64,
    failures: [u64; FaultKind::ALL.len()],
    none_available: u64,
    refused: u64,
    abandoned: u64,
    retries: u64,
    failovers: u64,
    fallbacks: u64,
    legs: [LegTally; LEGS],
    first_content: Histogram,
    duration: Histogram,
    input_tokens: u64,
    output_tokens: u64,
}

impl LegTally {
    fn add(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.failures += other.failures;
        self.fallbacks_in += other.fallbacks_in;
        self.fallbacks_out += other.fallbacks_out;
    }
}

impl TargetStatistics {
    /// What became of requests, by target, sorted by its name.
    pub fn all(&self) -> Vec<TargetTally> {
        let mut sums = NamedMap::<Target, Tally>::default();
        for tallies in self.0.each() {
            tallies.iter().for_each(|(target, tally)| with_named(&mut sums, target, |sum| sum.add(tally)));
        }
        let mut all: Vec<_> = sums.iter().map(|(target, tally)| tally.read(target)).collect();
        all.sort_by_key(|tally| tally.target.to_string());
        all
    }
}

impl Observer for TargetStatistics {
    fn observe(&self, event: &Event<'_>) {
        if let Event::RequestFinished { target, outcome, took, usage, trace } = event {
            let wrapper = trace.wrapper.clone().map(Target::Wrapper);
            let mut tallies = self.0.own();
            for target in [Some(*target), wrapper.as_ref()].into_iter().flatten() {
                with_named(&mut tallies, target, |tally| {
                    tally.outcome(*outcome, *took);
                    tally.attempts(trace);
                    if let Some(Usage { input_tokens, output_tokens, .. }) = usage {
                        tally.input_tokens += input_tokens;
                        tally.output_tokens += output_tokens;
                    }
                });
            }
        }
    }
}

/// Where a leg is counted.
fn place(leg: usize) -> usize {
    leg.min(LEGS - 1)
}

impl Tally {
    /// Counts whatever `other` has counted.
    fn add(&mut self, other: &Self) {
        let Self {
            requests,
            completed,
            failures,
            none_available,
            refused,
            abandoned,
            retries,
            failovers,
            fallbacks,
            legs,
            first_content,
            duration,
            input_tokens,
            output_tokens,
        } = self;
        *requests += other.requests;
        *completed += other.completed;
        add_each(failures, &other.failures);
        *none_available += other.none_available;
        *refused += other.refused;
        *abandoned += other.abandoned;
        *retries += other.retries;
        *failovers += other.failovers;
        *fallbacks += other.fallbacks;
        legs.iter_mut().zip(&other.legs).for_each(|(own, other)| own.add(*other));
        first_content.add(&other.first_content);
        duration.add(&other.duration);
        *input_tokens += other.input_tokens;
        *output_tokens += other.output_tokens;
    }

    fn outcome(&mut self, outcome: Outcome, took: Duration) {
        self.requests += 1;
        let counter = match outcome {
            Outcome::Completed => {
                self.duration.observe(took);
                &mut self.completed
            }
            Outcome::Failed(kind) | Outcome::BrokenOff(kind) => &mut self.failures[kind.index()],
            Outcome::NoneAvailable => &mut self.none_available,
            Outcome::Refused => &mut self.refused,
            Outcome::Abandoned => &mut self.abandoned,
        };
        *counter += 1;
    }

    fn attempts(&mut self, trace: &Trace) {
        if let Some(committed) = trace.committed {
            self.first_content.observe(committed);
        }
        for (at, attempt) in trace.attempts.iter().enumerate() {
            let leg = place(attempt.leg);
            self.legs[leg].attempts += 1;
            self.legs[leg].failures += u64::from(attempt.fault.is_some());
            let Some(before) = at.checked_sub(1).map(|before| &trace.attempts[before]) else { continue };
            let is_known = trace.attempts[..at].iter().any(|earlier| earlier.instance == attempt.instance);
            let counter = match (before.leg == attempt.leg, is_known) {
                (false, _) => {
                    self.legs[place(before.leg)].fallbacks_out += 1;
                    self.legs[leg].fallbacks_in += 1;
                    &mut self.fallbacks
                }
                (true, true) => &mut self.retries,
                (true, false) => &mut self.failovers,
            };
            *counter += 1;
        }
    }

    fn read(&self, target: &Target) -> TargetTally {
        let failures = FaultKind::ALL.iter().zip(&self.failures).map(|(kind, count)| (*kind, *count));
        let mut legs = self.legs.to_vec();
        let reached = legs.iter().rposition(|leg| leg.attempts > 0).map_or(0, |last| last + 1);
        legs.truncate(reached);
        TargetTally {
            target: target.clone(),
            requests: self.requests,
            completed: self.completed,
            failures_by_kind: failures.filter(|(_, count)| *count > 0).collect(),
            none_available: self.none_available,
            refused: self.refused,
            abandoned: self.abandoned,
            attempts: legs.iter().map(|leg| leg.attempts).sum(),
            retries: self.retries,
            failovers: self.failovers,
            fallbacks: self.fallbacks,
            legs,
            first_content: self.first_content.summary(),
            duration: self.duration.summary(),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
        }
    }
}

impl fmt::Debug for TargetStatistics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TargetStatistics").finish_non_exhaustive()
    }
}
