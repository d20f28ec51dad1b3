//! What an event means that is like the one before it but for its text.

use tidegate_domain::json::InvalidJson;

use crate::{likeness::Likeness, provider::openai::wire::Answer};

/// The likeness of an event, and what the event meant.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    likeness: Likeness,
    answer: Answer,
}

impl Pattern {
    /// Reads the data of an event, as [`Answer::parse`] does.
    pub(super) fn read(&mut self, data: &[u8]) -> Result<Answer, InvalidJson> {
        if let Some(answer) = self.recognised(data) {
            return Ok(answer);
        }
        let answer = Answer::parse(data)?;
        if let Some((start, end)) = answer.sole_text()
            && self.likeness.learn(data, start + 1..end - 1)
        {
            self.answer = answer;
        }
        Ok(answer)
    }

    fn recognised(&self, data: &[u8]) -> Option<Answer> {
        self.likeness.text_of(data).map(|text| self.answer.with_text_of(text.len()))
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
