//! Why a request has no answer.

use std::time::Duration;

use tidegate_domain::{fault::Fault, inference::Unfit, model::Shortfall, name::Target};

use crate::admission::AdmissionError;

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompletionError {
    /// The model leads nowhere.
    #[error("the model '{model}' does not exist{}", offer(nearest))]
    UnknownModel {
        /// The model, as the caller named it.
        model: String,
        /// The nearest names that do exist.
        nearest: Vec<String>,
    },
    /// Nobody could be asked, or nobody was left to ask.
    #[error("no instance of '{target}' is available now")]
    NoneAvailable {
        /// The target.
        target: Target,
        /// The soonest moment at which one may be available, from now; absent if unknown.
        retry_after: Option<Duration>,
        /// Attempts made.
        attempts: u32,
    },
    /// Nobody that the request could go to can be sent it, now or later. Nobody was asked.
    #[error("the request fits no instance of its target: {unfit}")]
    Unfit {
        /// The first reason.
        unfit: Unfit,
    },
    /// No model of the target can serve the request. Nobody was asked.
    #[error("no model of '{target}' can serve the request: {}", wanting(*shortfall))]
    FallsShort {
        /// The target.
        target: Target,
        /// What the model lacks that comes nearest to it.
        shortfall: Shortfall,
    },
    /// A limit of this gateway's own did not let it in. Nobody was asked.
    #[error(transparent)]
    Refused(#[from] AdmissionError),
    /// The last attempt failed.
    #[error("the last of {attempts} attempts failed: {fault}")]
    Upstream {
        /// Its fault.
        fault: Fault,
        /// Attempts made.
        attempts: u32,
    },
}

fn offer(nearest: &[String]) -> String {
    if nearest.is_empty() { String::new() } else { format!("; did you mean '{}'?", nearest.join("', '")) }
}

fn wanting(shortfall: Shortfall) -> String {
    match shortfall {
        Shortfall::ContextWindow { window } => {
            format!("prompt and answer do not fit into the largest context window, which is {window} tokens")
        }
        Shortfall::AnswerTooLong { largest } => format!("the longest answer that any gives is {largest} tokens"),
        Shortfall::Lacks(capability) => format!("it needs '{capability}'"),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tidegate_domain::model::Capability;

    use super::*;

    #[track_caller]
    fn check(shortfall: Shortfall, message: &str) {
        let error = CompletionError::FallsShort { target: "pool:p".parse().unwrap(), shortfall };
        assert_eq!(error.to_string(), format!("no model of 'pool:p' can serve the request: {message}"));
    }

    #[test]
    fn a_caller_is_told_what_every_model_lacks() {
        let tokens = NonZeroU32::new(8000).unwrap();
        check(
            Shortfall::ContextWindow { window: tokens },
            "prompt and answer do not fit into the largest context window, which is 8000 tokens",
        );
        check(Shortfall::AnswerTooLong { largest: tokens }, "the longest answer that any gives is 8000 tokens");
        check(Shortfall::Lacks(Capability::Vision), "it needs 'vision'");
    }

    #[test]
    fn the_nearest_names_are_offered_if_there_are_any() {
        let unknown = |nearest: &[&str]| CompletionError::UnknownModel {
            model: "fats".to_owned(),
            nearest: nearest.iter().map(|name| (*name).to_owned()).collect(),
        };
        assert_eq!(unknown(&[]).to_string(), "the model 'fats' does not exist");
        assert_eq!(
            unknown(&["fast", "fat"]).to_string(),
            "the model 'fats' does not exist; did you mean 'fast', 'fat'?"
        );
    }
}
