//! Events that differ from the one before in their text alone.
//!
//! Nearly every event of a stream repeats the id, the model and the rest of the one before it. What stands around the text is compared as bytes
//! then, and only the text is looked at: the event means what the other one meant, but for its text.

use std::ops::Range;

use tidegate_domain::json::spells_itself;

/// The longest event that is learnt from.
const MAX_BYTES: usize = 1024;
/// How often another likeness is learnt, in a stream whose events differ in more than their text.
const MAX_LEARNT: u8 = 8;

/// What stands around the text of an event.
#[derive(Debug, Default)]
pub(crate) struct Likeness {
    /// What stands before the text, its opening quote included, and behind it, from its closing quote on.
    around: Vec<u8>,
    /// How much of it stands before.
    before: usize,
    learnt: u8,
}

impl Likeness {
    /// The text of an event that is like the one that was learnt, if its text spells itself and is not empty.
    pub(crate) fn text_of<'a>(&self, event: &'a [u8]) -> Option<&'a str> {
        let (before, behind) = self.around.split_at(self.before);
        if before.is_empty() {
            return None;
        }
        let text = event.strip_prefix(before)?.strip_suffix(behind)?;
        let text = std::str::from_utf8(text).ok()?;
        (!text.is_empty() && spells_itself(text)).then_some(text)
    }

    /// Learns from an event that says nothing but what stands at `text`, between quotes. Returns whether it did.
    pub(crate) fn learn(&mut self, event: &[u8], text: Range<usize>) -> bool {
        let (Some(before), Some(behind)) = (event.get(..text.start), event.get(text.end..)) else { return false };
        if event.len() > MAX_BYTES || self.learnt == MAX_LEARNT {
            return false;
        }
        self.learnt += 1;
        self.before = before.len();
        self.around.clear();
        self.around.extend_from_slice(before);
        self.around.extend_from_slice(behind);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(event: &str, text: &str) -> Likeness {
        let (mut likeness, start) = (Likeness::default(), event.find(text).unwrap());
        assert!(likeness.learn(event.as_bytes(), start..start + text.len()));
        likeness
    }

    #[test]
    fn the_text_is_what_stands_where_the_other_one_stood() {
        let likeness = learnt(r#"{"a":"x","b":1}"#, "x");
        assert_eq!(
            likeness.text_of(r#"{"a":"caf\u{e9}","b":1}"#.replace(r"\u{e9}", "\u{e9}").as_bytes()),
            Some("caf\u{e9}")
        );
        for other in
            [r#"{"a":"","b":1}"#, r#"{"a":"x\n","b":1}"#, r#"{"a":"x","c":2,"b":1}"#, r#"{"a":"x","b":2}"#, r#"{"a":"#]
        {
            assert_eq!(likeness.text_of(other.as_bytes()), None, "{other}");
        }
        assert_eq!(likeness.text_of(b"{\"a\":\"\xff\",\"b\":1}"), None);
        assert_eq!(Likeness::default().text_of(b"x"), None);
    }

    #[test]
    fn a_stream_of_unlike_events_is_not_learnt_from_for_ever() {
        let mut likeness = learnt(r#"{"a":"x"}"#, "x");
        let learns = (0..20).filter(|_| likeness.learn(br#"{"b":"y"}"#, 6..7)).count();
        assert_eq!(learns, usize::from(MAX_LEARNT) - 1);
        assert!(!Likeness::default().learn(&[b' '; MAX_BYTES + 1], 1..2));
        assert!(!Likeness::default().learn(b"x", 2..3));
    }
}
