//! How likely tokens were, in Google's words: those that were drawn and the likeliest stand in two lists, step by step.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::translate::{
    json::{List, Object},
    logprobs::TokenLogprob,
};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ResultWire<'a> {
    #[serde(borrow)]
    chosen_candidates: Vec<TokenWire<'a>>,
    #[serde(borrow)]
    top_candidates: Vec<TopWire<'a>>,
}

#[derive(Deserialize)]
struct TopWire<'a> {
    #[serde(borrow, default)]
    candidates: Vec<TokenWire<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenWire<'a> {
    #[serde(borrow, default)]
    token: Cow<'a, str>,
    /// Absent where it is 0, as Google writes numbers.
    #[serde(default)]
    log_probability: f64,
}

impl From<TokenWire<'_>> for TokenLogprob {
    fn from(TokenWire { token, log_probability }: TokenWire<'_>) -> Self {
        Self { token: token.into_owned(), logprob: log_probability, ..Self::default() }
    }
}

/// Reads a `logprobsResult`; one that cannot be read tells nothing.
pub(super) fn read_result(result: &RawValue) -> Vec<TokenLogprob> {
    let ResultWire { chosen_candidates, top_candidates } = serde_json::from_str(result.get()).unwrap_or_default();
    let mut tops = top_candidates.into_iter();
    let token = |chosen: TokenWire<'_>| {
        let top = tops.next().map_or_else(Vec::new, |top| top.candidates);
        TokenLogprob { top: top.into_iter().map(TokenLogprob::from).collect(), ..chosen.into() }
    };
    chosen_candidates.into_iter().map(token).collect()
}

/// Writes a `logprobsResult`, if there is anything to tell.
pub(super) fn write_result(candidate: &mut Object<'_>, tokens: &[TokenLogprob]) {
    if tokens.is_empty() {
        return;
    }
    candidate.object("logprobsResult", |result| {
        result.list("chosenCandidates", |list| write_tokens(list, tokens));
        if tokens.iter().any(|token| !token.top.is_empty()) {
            result.list("topCandidates", |list| {
                for token in tokens {
                    list.object(|top| top.list("candidates", |list| write_tokens(list, &token.top)));
                }
            });
        }
    });
}

fn write_tokens(list: &mut List<'_>, tokens: &[TokenLogprob]) {
    for TokenLogprob { token, logprob, .. } in tokens {
        list.object(|object| {
            object.put("token", token);
            object.put("logProbability", logprob);
        });
    }
}

/// The mean over the tokens of an answer.
#[derive(Debug, Default)]
pub(super) struct Mean {
    sum: f64,
    tokens: u32,
}

impl Mean {
    /// Takes in more tokens.
    pub(super) fn add(&mut self, tokens: &[TokenLogprob]) {
        for token in tokens {
            self.sum += token.logprob;
            self.tokens += 1;
        }
    }

    /// Writes it, if there were any.
    pub(super) fn write(&self, candidate: &mut Object<'_>) {
        if self.tokens > 0 {
            candidate.put("avgLogprobs", &(self.sum / f64::from(self.tokens)));
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::translate::json::object;

    fn tokens(result: &str) -> Vec<TokenLogprob> {
        read_result(&RawValue::from_string(result.to_owned()).unwrap())
    }

    #[track_caller]
    fn check(result: &str, expected: &str) {
        let mut out = Vec::new();
        object(&mut out, |candidate| write_result(candidate, &tokens(result)));
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn each_token_stands_with_the_likeliest_in_its_place() {
        let result = r#"{"chosenCandidates":[{"token":"a","tokenId":7},{"token":"b","logProbability":-2.5}],
            "topCandidates":[{"candidates":[{"token":"c","logProbability":-0.5}]},{}]}"#;
        let read = tokens(result);
        assert_eq!((read[0].top[0].token.as_str(), read[0].top[0].logprob, read[1].top.len()), ("c", -0.5, 0));
        check(
            result,
            r#"{"logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":0.0},{"token":"b","logProbability":-2.5}],"topCandidates":[{"candidates":[{"token":"c","logProbability":-0.5}]},{"candidates":[]}]}}"#,
        );
    }

    #[test]
    fn where_nothing_is_told_nothing_is_written() {
        for result in ["{}", "7", r#"{"chosenCandidates":[]}"#, r#"{"chosenCandidates":[7]}"#] {
            check(result, "{}");
        }
    }

    #[test]
    fn a_mean_is_that_of_all_tokens() {
        let mut mean = Mean::default();
        mean.add(&tokens(r#"{"chosenCandidates":[{"token":"a","logProbability":-1}]}"#));
        mean.add(&tokens(r#"{"chosenCandidates":[{"token":"b","logProbability":-2}]}"#));
        let mut out = Vec::new();
        object(&mut out, |candidate| mean.write(candidate));
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"avgLogprobs":-1.5}"#);
    }
}
