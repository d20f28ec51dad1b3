//! How likely the tokens of an answer were, where its caller asked for that.
//!
//! OpenAI tells it in one shape in both of its dialects, Google in another (`gemini/logprobs.rs`). Cohere tells the numbers of tokens, which
//! mean something to nobody else, and the rest nothing.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::inference::Unfit;

use super::{
    conversation::Conversation,
    fields::NOWHERE,
    json::{List, Object},
};

/// That the log probabilities of tokens are asked for.
#[derive(Debug, Clone)]
pub(super) struct LogprobsWish {
    /// Of how many of the likeliest tokens in each place, beside the one that was drawn.
    pub(super) top: u64,
    /// Where the caller says so.
    pub(super) path: String,
}

impl Conversation {
    /// Refuses to tell how likely tokens are, for a provider that does not.
    pub(super) fn refuse_logprobs(&self) -> Result<(), Unfit> {
        self.logprobs.as_ref().map_or(Ok(()), |wish| Err(Unfit::field(&wish.path, NOWHERE)))
    }
}

/// A token, and how likely it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct TokenLogprob {
    pub(super) token: String,
    /// The natural logarithm of its probability.
    pub(super) logprob: f64,
    /// Its bytes, where they are told apart from it: a token may be a part of a character.
    pub(super) bytes: Option<Vec<u8>>,
    /// The likeliest in its place.
    pub(super) top: Vec<TokenLogprob>,
}

#[derive(Deserialize)]
struct TokenWire<'a> {
    #[serde(borrow)]
    token: Cow<'a, str>,
    logprob: f64,
    bytes: Option<Vec<u8>>,
    #[serde(borrow, default)]
    top_logprobs: Option<Vec<TokenWire<'a>>>,
}

impl From<TokenWire<'_>> for TokenLogprob {
    fn from(TokenWire { token, logprob, bytes, top_logprobs }: TokenWire<'_>) -> Self {
        let top = top_logprobs.unwrap_or_default().into_iter().map(Self::from).collect();
        Self { token: token.into_owned(), logprob, bytes, top }
    }
}

/// Reads tokens as OpenAI tells them; those that somebody tells in a way of his own are none.
pub(super) fn read_tokens(list: &RawValue) -> Vec<TokenLogprob> {
    let tokens: Vec<TokenWire<'_>> = serde_json::from_str(list.get()).unwrap_or_default();
    tokens.into_iter().map(TokenLogprob::from).collect()
}

/// Writes tokens as OpenAI tells them.
pub(super) fn write_tokens<'a>(list: &mut List<'_>, tokens: impl IntoIterator<Item = &'a TokenLogprob>) {
    for token in tokens {
        list.object(|object| {
            write_token(object, token);
            object.list("top_logprobs", |list| {
                token.top.iter().for_each(|token| list.object(|object| write_token(object, token)));
            });
        });
    }
}

fn write_token(object: &mut Object<'_>, TokenLogprob { token, logprob, bytes, top: _ }: &TokenLogprob) {
    let bytes = bytes.as_deref().unwrap_or(token.as_bytes());
    let bytes: Vec<u32> = bytes.iter().map(|byte| u32::from(*byte)).collect();
    object.put("token", token);
    object.put("logprob", logprob);
    object.put("bytes", &bytes);
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::translate::json::object;

    fn tokens(list: &str) -> Vec<TokenLogprob> {
        read_tokens(&RawValue::from_string(list.to_owned()).unwrap())
    }

    #[track_caller]
    fn check(list: &str, expected: &str) {
        let mut out = Vec::new();
        object(&mut out, |root| root.list("l", |list_out| write_tokens(list_out, &tokens(list))));
        assert_eq!(String::from_utf8(out).unwrap(), format!(r#"{{"l":{expected}}}"#));
    }

    #[test]
    fn tokens_are_told_as_they_were_and_their_bytes_where_nobody_told_them() {
        let half = r#"[{"token":"\\x","logprob":-9999.0,"bytes":[195],"top_logprobs":[]}]"#;
        check(half, half);
        check(
            r#"[{"token":"é","logprob":-0.5,"top_logprobs":[{"token":"a","logprob":-1,"bytes":null}]}]"#,
            r#"[{"token":"é","logprob":-0.5,"bytes":[195,169],"top_logprobs":[{"token":"a","logprob":-1.0,"bytes":[97]}]}]"#,
        );
    }

    #[test]
    fn what_is_told_in_another_way_is_not_told_on() {
        for list in ["[]", "null", r#"{"tokens":["a"]}"#, r#"[{"token":"a","logprob":null}]"#] {
            assert_eq!(tokens(list), []);
        }
    }
}
