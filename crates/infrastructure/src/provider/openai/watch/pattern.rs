//! Events that differ from the one before in their text alone.
//!
//! Nearly every event of a stream repeats the id, the model and the rest of the one before it. What stands around the text is compared as bytes
//! then, and only the text is looked at: the event means what the other one meant, but for the length of its text.

use tidegate_domain::json::{InvalidJson, is_plain};

use crate::provider::openai::wire::Answer;

/// The longest event that is learnt from.
const MAX_BYTES: usize = 1024;
/// How often another pattern is learnt, in a stream whose events differ in more than their text.
const MAX_LEARNT: u8 = 8;

/// What stands around the text of an event, and what the event meant.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    /// What stands before the text, up to its opening quote, and behind it, from its closing quote on.
    around: Vec<u8>,
    /// How much of it stands before.
    before: usize,
    answer: Answer,
    learnt: u8,
}

impl Pattern {
    /// Reads the data of an event, as [`Answer::parse`] does.
    pub(super) fn read(&mut self, data: &[u8]) -> Result<Answer, InvalidJson> {
        if let Some(answer) = self.recognised(data) {
            return Ok(answer);
        }
        let answer = Answer::parse(data)?;
        self.learn(data, &answer);
        Ok(answer)
    }

    fn recognised(&self, data: &[u8]) -> Option<Answer> {
        let (before, behind) = self.around.split_at(self.before);
        let text = data.strip_prefix(before)?.strip_suffix(behind)?;
        let is_like = !before.is_empty() && !text.is_empty() && is_plain(text);
        is_like.then(|| self.answer.with_text_of(text.len()))
    }

    fn learn(&mut self, data: &[u8], answer: &Answer) {
        let Some((start, end)) = answer.sole_text() else { return };
        if data.len() > MAX_BYTES || self.learnt == MAX_LEARNT {
            return;
        }
        self.learnt += 1;
        self.answer = *answer;
        self.before = start + 1;
        self.around.clear();
        self.around.extend_from_slice(&data[..self.before]);
        self.around.extend_from_slice(&data[end - 1..]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(text: &str, rest: &str) -> String {
        format!(r#"{{"id":"c","choices":[{{"index":1,"delta":{{"content":{text}}}{rest}}}]}}"#)
    }

    #[test]
    fn an_event_that_is_like_another_means_the_same_but_for_its_text() {
        let mut pattern = Pattern::default();
        let read = |pattern: &mut Pattern, text| pattern.read(event(text, "").as_bytes()).unwrap().choices;
        assert_eq!(read(&mut pattern, r#""a""#).tokens, 1);
        assert!(pattern.recognised(event(r#""b""#, "").as_bytes()).is_some());
        let long = format!("\"{}\"", "x".repeat(98));
        assert_eq!((read(&mut pattern, &long).tokens, read(&mut pattern, &long).seen), (25, 2));
    }

    #[test]
    fn what_differs_in_more_than_a_plain_text_is_read() {
        let mut pattern = Pattern::default();
        pattern.read(event(r#""a""#, "").as_bytes()).unwrap();
        for other in [
            event(r#""""#, ""),
            event("null", ""),
            event(r#""a\n""#, ""),
            event(r#""a","role":"x""#, ""),
            event(r#""a""#, r#","finish_reason":"stop""#),
            event("\"\u{1}\"", ""),
        ] {
            assert!(pattern.recognised(other.as_bytes()).is_none(), "{other}");
        }
        let mut broken = event(r#""a""#, "").into_bytes();
        let at = broken.iter().rposition(|byte| *byte == b'a').unwrap();
        broken[at] = 0xff;
        assert!(pattern.read(&broken).is_err());
    }

    proptest! {
        #[test]
        fn a_pattern_changes_nothing_of_what_is_read(events in prop::collection::vec(
            (
                prop::sample::select(vec![
                    r#""a""#, r#""b c""#, r#""""#, "null", r#""\n""#, r#""a","reasoning":"r""#, r#"["a"]"#, r#""a","content":"b""#, "\"\u{e9}\"",
                ]),
                prop::sample::select(vec![
                    "", r#","finish_reason":null"#, r#","finish_reason":"stop""#, r#","error":{}"#, r#","text":"t""#, r#"},{"index":0"#,
                ]),
            ),
            1..12,
        )) {
            let mut pattern = Pattern::default();
            for (text, rest) in events {
                let event = event(text, rest);
                let (read, expected) = (pattern.read(event.as_bytes()), Answer::parse(event.as_bytes()));
                let told = |read: Result<Answer, InvalidJson>| read.map(|answer| {
                    let Answer { choices, usage, is_error } = answer;
                    (choices.seen, choices.finished, choices.content, choices.tokens, usage, is_error)
                });
                prop_assert_eq!(told(read), told(expected), "{}", event);
            }
        }
    }
}
