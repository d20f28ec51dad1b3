//! What another maker's models thought, in a request that would go out as it came.
//!
//! Whatever is given out in other words than its maker's bears a mark, and so does a thought without a proof. It comes back in the caller's
//! own words, and a provider that speaks those never made it: it refuses the whole request for a proof that it does not know. So the
//! thought is left out there too, and nothing else changes. A body without a mark, which is nearly every one, is searched for it before each
//! attempt and when it is sent, and not read.

use std::{borrow::Cow, collections::HashMap};

use memchr::memmem;
use serde_json::value::RawValue;
use tidegate_domain::inference::{Address, Dialect, Dropped, InferenceRequest, Operation, Translation, Unfit};

use super::readable;

/// What everything begins with that is given out in other words than its maker's.
pub(super) const MARK: &str = "tidegate:";
/// The same in Google's words: `tidegat` in base64, as far as no bit is left over, and on.
const MARK_IN_BASE64: &str = "dGlkZWdhdG";

/// Where thoughts stand in a dialect.
struct Places {
    /// The list of turns, or of items.
    turns: &'static str,
    /// The list within a turn, if the thoughts stand in that.
    parts: Option<&'static str>,
    /// Where they have their proof.
    proofs: &'static [&'static str],
    mark: &'static str,
}

impl Places {
    fn of(operation: Operation) -> Option<Self> {
        match operation.dialect()? {
            Dialect::Messages => {
                let proofs = &["signature", "data"];
                Some(Self { turns: "messages", parts: Some("content"), proofs, mark: MARK })
            }
            Dialect::Responses => {
                Some(Self { turns: "input", parts: None, proofs: &["encrypted_content"], mark: MARK })
            }
            Dialect::Gemini => {
                let proofs = &["thoughtSignature", "thought_signature"];
                Some(Self { turns: "contents", parts: Some("parts"), proofs, mark: MARK_IN_BASE64 })
            }
            Dialect::Chat | Dialect::Cohere | Dialect::Bedrock => None,
        }
    }

    /// What is left of a turn; `None` if that is nothing.
    fn left_of<'a>(&self, turn: &'a RawValue, path: &str, dropped: &mut Dropped) -> Option<Cow<'a, str>> {
        let text = turn.get();
        let Some(key) = self.parts else {
            return (!self.is_marked(turn, path, dropped)).then_some(Cow::Borrowed(text));
        };
        let whole = Some(Cow::Borrowed(text));
        let Some(list) = field(text, key) else { return whole };
        let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else { return whole };
        let is_own = |(at, part): &(usize, &&RawValue)| !self.is_marked(part, &format!("{path}.{key}[{at}]"), dropped);
        let kept: Vec<&str> = parts.iter().enumerate().filter(is_own).map(|(_, part)| part.get()).collect();
        match kept.len() {
            0 => None,
            all if all == parts.len() => whole,
            _ => Some(Cow::Owned(with_list(text, list, &kept))),
        }
    }

    /// Whether something bears a proof that is marked, which is then noted.
    fn is_marked(&self, part: &RawValue, path: &str, dropped: &mut Dropped) -> bool {
        let bears = |key: &&&str| {
            let proof = field(part.get(), key).and_then(|proof| proof.get().strip_prefix('"'));
            proof.is_some_and(|proof| proof.starts_with(self.mark))
        };
        let marked = self.proofs.iter().find(bears);
        if let Some(key) = marked {
            dropped.note(format!("{path}.{key}"));
        }
        marked.is_some()
    }
}

/// Whether something may be left out of a request that its provider is sent as it came.
pub(crate) fn may_bear_marks(request: &InferenceRequest) -> bool {
    let places = Places::of(request.operation());
    places.is_some_and(|places| memmem::find(request.body(), places.mark.as_bytes()).is_some())
}

/// The request without what other makers' models thought.
///
/// # Errors
/// None but those of a request that could not be read, which is none.
pub(super) fn request(asked: &InferenceRequest) -> Result<Translation, Unfit> {
    let mut dropped = Dropped::default();
    let cleaned = Places::of(asked.operation()).and_then(|places| cleaned(asked, &places, &mut dropped));
    let Some(body) = cleaned else {
        return Ok(Translation::new(asked.clone(), Dropped::default()));
    };
    let envelope = asked.envelope();
    let request = if asked.operation() == Operation::Converse(Dialect::Gemini) {
        let address = Address { model: envelope.model().into(), stream: envelope.stream() };
        InferenceRequest::addressed(asked.operation(), body.into(), address)
    } else {
        InferenceRequest::read(asked.operation(), body.into())
    };
    let request = asked.headers().fold(readable(request)?, |request, (name, value)| request.with_header(name, value));
    Ok(Translation::new(request.worded_by(asked.family()), dropped))
}

/// The body without them; `None` if there are none.
fn cleaned(asked: &InferenceRequest, places: &Places, dropped: &mut Dropped) -> Option<String> {
    let body = std::str::from_utf8(asked.body()).ok()?;
    let list = field(body, places.turns)?;
    let turns: Vec<&RawValue> = serde_json::from_str(list.get()).ok()?;
    let left = |(at, turn): (usize, &&'_ RawValue)| {
        places.left_of(turn, &format!("{}[{at}]", places.turns), dropped).map(Cow::into_owned)
    };
    let kept: Vec<String> = turns.iter().enumerate().filter_map(left).collect();
    (!dropped.is_empty()).then(|| with_list(body, list, &kept))
}

/// The value of a field of an object.
fn field<'a>(object: &'a str, key: &str) -> Option<&'a RawValue> {
    serde_json::from_str::<HashMap<Cow<'a, str>, &'a RawValue>>(object).ok()?.get(key).copied()
}

/// The object with other elements in a list of its.
fn with_list<S: AsRef<str>>(object: &str, list: &RawValue, elements: &[S]) -> String {
    let start = list.get().as_ptr() as usize - object.as_ptr() as usize;
    let elements: Vec<&str> = elements.iter().map(AsRef::as_ref).collect();
    let (before, behind) = (&object[..start], &object[start + list.get().len()..]);
    format!("{before}[{}]{behind}", elements.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(dialect: Dialect, body: &str) -> InferenceRequest {
        let (operation, body) = (Operation::Converse(dialect), body.to_owned().into());
        match dialect {
            Dialect::Gemini => {
                let address = Address { model: "m".into(), stream: true };
                InferenceRequest::addressed(operation, body, address).unwrap()
            }
            _ => InferenceRequest::read(operation, body).unwrap().with_header("anthropic-beta", "b"),
        }
    }

    #[track_caller]
    fn check(dialect: Dialect, body: &str, (expected, dropped): (&str, &str)) {
        let asked = asked(dialect, body);
        assert!(may_bear_marks(&asked));
        let left = request(&asked).unwrap();
        assert_eq!((&left.request.body()[..], left.dropped.to_string().as_str()), (expected.as_bytes(), dropped));
        assert_eq!(left.request.envelope().stream(), asked.envelope().stream());
        assert!(left.request.headers().eq(asked.headers()));
    }

    #[test]
    fn a_marked_thought_is_left_out_and_every_other_byte_stays() {
        check(
            Dialect::Messages,
            r#"{ "x":1e400,"messages":[ {"role":"user","content":"q"}, {"content":[{"type":"thinking","thinking":"a","signature":"tidegate:google:A"},
            {"type":"thinking","thinking":"b","signature":"EqQB"}, {"type":"redacted_thinking","data":"tidegate:openai:A"},{"type":"text","text":"t"}], "role":"assistant"}], "model":"m"}"#,
            (
                r#"{ "x":1e400,"messages":[{"role":"user","content":"q"},{"content":[{"type":"thinking","thinking":"b","signature":"EqQB"},{"type":"text","text":"t"}], "role":"assistant"}], "model":"m"}"#,
                "messages[1].content[0].signature, messages[1].content[2].data",
            ),
        );
        check(
            Dialect::Responses,
            r#"{"model":"m","input":[{"role":"user","content":"q"},{"type":"reasoning","summary":[],"encrypted_content":"tidegate:sealed:d"}]}"#,
            (r#"{"model":"m","input":[{"role":"user","content":"q"}]}"#, "input[1].encrypted_content"),
        );
        check(
            Dialect::Gemini,
            r#"{"contents":[{"parts":[{"text":"","thought":true,"thoughtSignature":"dGlkZWdhdGU6cw=="},{"text":"t"}]}]}"#,
            (r#"{"contents":[{"parts":[{"text":"t"}]}]}"#, "contents[0].parts[0].thoughtSignature"),
        );
    }

    #[test]
    fn a_turn_of_which_nothing_is_left_goes_too() {
        let thought = r#"{"type":"thinking","thinking":"a","signature":"tidegate:"}"#;
        check(
            Dialect::Messages,
            &format!(
                r#"{{"model":"m","messages":[{{"role":"assistant","content":[{thought}]}},{{"role":"user","content":"q"}}]}}"#
            ),
            (r#"{"model":"m","messages":[{"role":"user","content":"q"}]}"#, "messages[0].content[0].signature"),
        );
    }

    #[test]
    fn what_only_speaks_of_a_mark_stays_as_it_came() {
        for body in [
            r#"{"model":"m","messages":[{"role":"user","content":"what is tidegate:google:?"}, {"content":[{"text":"tidegate:"}]}]}"#,
            r#"{"model":"m", "messages":"tidegate:"}"#,
            r#"{"model":"tidegate:"}"#,
        ] {
            check(Dialect::Messages, body, (body, ""));
        }
        assert!(!may_bear_marks(&asked(Dialect::Messages, r#"{"model":"m","messages":[]}"#)));
        assert!(!may_bear_marks(&asked(Dialect::Chat, r#"{"model":"m","messages":["tidegate:"]}"#)));
    }
}
