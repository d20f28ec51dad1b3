//! The decisions of a trace, as parts of its document.

use std::time::Instant;

use serde::Serialize;

use super::{millis, since};
use crate::{
    fault::Work,
    pool::Bend,
    routing::{Answer, Asked, Decision, Step, StopReason, WalkPolicy},
};

#[derive(Serialize)]
pub(super) struct WalkDocument {
    reach: &'static str,
    max_attempts: u32,
    max_retries: u32,
    max_ambiguous_repeats: u32,
    backoff_base_ms: f64,
    backoff_max_ms: f64,
}

impl From<WalkPolicy> for WalkDocument {
    fn from(policy: WalkPolicy) -> Self {
        let WalkPolicy { reach, max_attempts, max_retries, max_ambiguous_repeats, backoff } = policy;
        Self {
            reach: reach.as_str(),
            max_attempts: max_attempts.get(),
            max_retries,
            max_ambiguous_repeats,
            backoff_base_ms: millis(backoff.base),
            backoff_max_ms: millis(backoff.max),
        }
    }
}

#[derive(Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub(super) enum DecisionDocument<'a> {
    Pick {
        #[serde(skip_serializing_if = "Option::is_none")]
        rotation: Option<&'static str>,
        members: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<String>,
        asked: Vec<AskedDocument>,
        picked: Option<usize>,
    },
    Budget {
        paid: bool,
    },
    Chosen {
        candidates: usize,
        chosen: Option<usize>,
    },
    Attempt {
        role: &'static str,
    },
    GaveUp {
        attempt: usize,
    },
    DidNotGoOn {
        fault: &'a str,
    },
    NobodyMay {
        fault: &'a str,
    },
    Broke {
        fault: &'a str,
        goes_on: bool,
    },
    Failed {
        fault: &'a str,
        work: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<f64>,
        #[serde(flatten)]
        step: StepDocument,
    },
    Exhausted {
        remaining_ms: f64,
        #[serde(flatten)]
        step: StepDocument,
    },
}

/// What a member of that number was asked, and answered: `{"member":0,"weight":5}`.
#[derive(Serialize)]
pub(super) struct AskedDocument {
    member: usize,
    #[serde(flatten)]
    answer: AnswerDocument,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum AnswerDocument {
    Weight(u32),
    InFlight(u32),
    /// `null` if it never was.
    LastDispatchMs(Option<f64>),
    /// `null` if nobody knows.
    LatencyMs(Option<f64>),
    /// In millionths.
    SuccessRate(u32),
    /// `null` if nobody knows.
    Capacity(Option<u32>),
    /// `null` if nobody knows.
    Cost(Option<u64>),
    /// What bends the rotation.
    Bend(Vec<&'static str>),
    /// In percent.
    Readiness(u32),
    /// In hexadecimal digits: larger than a reader of JSON may hold exactly.
    Pull(String),
    Eligible(bool),
}

#[derive(Serialize)]
pub(super) struct StepDocument {
    step: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'static str>,
}

impl<'a> DecisionDocument<'a> {
    pub(super) fn of(decision: &'a Decision, tape: &[Asked], opened: Instant) -> Self {
        match decision {
            Decision::Pick { rotation, members, seed, asked, picked } => {
                let asked = tape.get(asked.clone()).unwrap_or_default();
                Self::Pick {
                    rotation: Some(rotation.kind().as_str()),
                    members: *members,
                    seed: Some(format!("{seed:016x}")),
                    asked: asked.iter().map(|asked| AskedDocument::of(*asked, opened)).collect(),
                    picked: *picked,
                }
            }
            Decision::Untaped { members, picked } => {
                Self::Pick { rotation: None, members: *members, seed: None, asked: Vec::new(), picked: *picked }
            }
            Decision::Paid(paid) => Self::Budget { paid: *paid },
            Decision::Chosen { candidates, chosen } => Self::Chosen { candidates: *candidates, chosen: *chosen },
            Decision::Attempt(role) => Self::Attempt { role: role.as_str() },
            Decision::GaveUp { attempt } => Self::GaveUp { attempt: *attempt },
            Decision::DidNotGoOn { kind } => Self::DidNotGoOn { fault: kind.as_str() },
            Decision::NobodyMay { kind } => Self::NobodyMay { fault: kind.as_str() },
            Decision::Broke { kind, goes_on } => Self::Broke { fault: kind.as_str(), goes_on: *goes_on },
            Decision::Failed { kind, work, retry_after, seed: _, step } => Self::Failed {
                fault: kind.as_str(),
                work: work_word(*work),
                retry_after_ms: retry_after.map(millis),
                step: StepDocument::from(*step),
            },
            Decision::Exhausted { remaining, step } => {
                Self::Exhausted { remaining_ms: millis(*remaining), step: StepDocument::from(*step) }
            }
        }
    }
}

impl AskedDocument {
    fn of(Asked { member, answer }: Asked, opened: Instant) -> Self {
        let answer = match answer {
            Answer::Weight(weight) => AnswerDocument::Weight(weight),
            Answer::InFlight(in_flight) => AnswerDocument::InFlight(in_flight),
            Answer::LastDispatch(at) => AnswerDocument::LastDispatchMs(at.map(|at| since(opened, at))),
            Answer::Latency(latency) => AnswerDocument::LatencyMs(latency.map(millis)),
            Answer::SuccessRate(millionths) => AnswerDocument::SuccessRate(millionths),
            Answer::Capacity(capacity) => AnswerDocument::Capacity(capacity),
            Answer::Cost(cost) => AnswerDocument::Cost(cost),
            Answer::Bend(Bend { slow_start, affinity }) => {
                let words = [slow_start.then_some("slow_start"), affinity.map(|_| "affinity")];
                AnswerDocument::Bend(words.into_iter().flatten().collect())
            }
            Answer::Readiness(percent) => AnswerDocument::Readiness(percent),
            Answer::Pull(pull) => AnswerDocument::Pull(format!("{pull:016x}")),
            Answer::Eligible(eligible) => AnswerDocument::Eligible(eligible),
        };
        Self { member, answer }
    }
}

impl From<Step> for StepDocument {
    fn from(step: Step) -> Self {
        match step {
            Step::Another => Self { step: "another", after_ms: None, because: None },
            Step::Retry { after } => Self { step: "retry", after_ms: Some(millis(after)), because: None },
            Step::Stop(reason) => Self { step: "stop", after_ms: None, because: Some(reason_word(reason)) },
        }
    }
}

fn reason_word(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Final => "final",
        StopReason::AttemptsSpent => "attempts_spent",
        StopReason::Ambiguous => "ambiguous",
        StopReason::Exhausted => "exhausted",
        StopReason::DeadlineTooNear => "deadline_too_near",
    }
}

fn work_word(work: Work) -> &'static str {
    match work {
        Work::NotSent => "not_sent",
        Work::Refused => "refused",
        Work::Ambiguous => "ambiguous",
        Work::Partial => "partial",
    }
}
