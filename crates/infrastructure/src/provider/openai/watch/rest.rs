//! The rest of an answer that broke off elsewhere, told as if it were one with its beginning.
//!
//! The caller goes on seeing the id, the model and the time that it saw first, and a usage that counts both parts. The role is
//! not said again, and neither is text that the upstream repeats. Each event is written anew; nothing here is on the path of an
//! answer that did not break.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, value::RawValue};
use tidegate_domain::inference::{Identity, Partial, Prefill, Signals, Usage};

use crate::provider::openai::wire::is_filled;

/// What is known of the beginning.
#[derive(Debug)]
pub(super) struct Rest {
    identity: Identity,
    spent: Usage,
    repeated: Repeated,
}

impl Rest {
    /// The rest that follows `partial`, asked for as `prefill` says.
    pub(super) fn after(partial: &Partial, prefill: Prefill) -> Self {
        let repeated = if prefill.is_echoed() {
            Repeated { text: partial.text.clone(), matched: 0, is_whole: true }
        } else {
            let unsent = &partial.text[prefill.sent(&partial.text).len()..];
            Repeated { text: unsent.to_owned(), matched: 0, is_whole: false }
        };
        Self { identity: partial.identity.clone(), spent: partial.spent, repeated }
    }

    /// The data of an event as the caller sees them, and what they then mean; `None` if there is nothing in them for the caller.
    pub(super) fn retell(&mut self, data: &[u8], mut signals: Signals) -> Option<(String, Signals)> {
        if !signals.content && !signals.finished && signals.usage.is_none() {
            return None;
        }
        let chunk: Object<'_> = serde_json::from_slice(data).ok()?;
        let mut shows_content = false;
        let text = chunk.retold(|key, value| match key {
            "id" => Told::maybe(self.identity.id.as_deref()),
            "model" => Told::maybe(self.identity.model.as_deref()),
            "created" => Told::maybe(self.identity.created),
            "usage" => self.usage(value),
            "choices" => self.choices(value, signals.finished, &mut shows_content),
            _ => Told::AsItIs,
        });
        if signals.content && !shows_content {
            signals = Signals { content: false, tokens: 0, ..signals };
            if !signals.finished && signals.usage.is_none() {
                return None;
            }
        }
        Some((text, signals))
    }

    fn choices(&mut self, choices: &RawValue, is_last: bool, shows_content: &mut bool) -> Told {
        let Ok(choices) = serde_json::from_str::<Vec<Object<'_>>>(choices.get()) else { return Told::AsItIs };
        let choices = choices.iter().map(|choice| {
            choice.retold(|key, value| match (key, serde_json::from_str::<Object<'_>>(value.get())) {
                ("delta", Ok(delta)) => Told::As(self.delta(&delta, is_last, shows_content)),
                _ => Told::AsItIs,
            })
        });
        Told::As(format!("[{}]", choices.collect::<Vec<_>>().join(",")))
    }

    fn delta(&mut self, delta: &Object<'_>, is_last: bool, shows_content: &mut bool) -> String {
        let mut has_text = false;
        let mut told = delta.retold(|key, value| match (key, serde_json::from_str::<Cow<'_, str>>(value.get())) {
            ("role", _) => Told::Not,
            ("content", Ok(text)) => {
                has_text = true;
                let text = self.repeated.strip(&text, is_last);
                *shows_content |= !text.is_empty();
                Told::As(Value::from(text).to_string())
            }
            _ => {
                *shows_content |= is_filled(Some(value.get()));
                Told::AsItIs
            }
        });
        if is_last && !has_text {
            // The upstream ended without a text to tell apart from a repetition: what was held back was its answer.
            let held = self.repeated.strip("", true);
            if !held.is_empty() {
                *shows_content = true;
                let comma = if told.len() > 2 { "," } else { "" };
                told.insert_str(1, &format!(r#""content":{}{comma}"#, Value::from(held)));
            }
        }
        told
    }

    /// What both parts cost together, as the upstream's dialect spells it.
    fn usage(&self, usage: &RawValue) -> Told {
        let Ok(mut counts) = serde_json::from_str::<Map<String, Value>>(usage.get()) else { return Told::AsItIs };
        let Usage { input_tokens, output_tokens, .. } = self.spent;
        let spent = [
            ("prompt_tokens", input_tokens),
            ("completion_tokens", output_tokens),
            ("total_tokens", input_tokens + output_tokens),
        ];
        for (key, spent) in spent {
            if let Some(count) = counts.get(key).and_then(Value::as_u64) {
                counts.insert(key.to_owned(), count.saturating_add(spent).into());
            }
        }
        Told::As(Value::from(counts).to_string())
    }
}

/// Text at the beginning of the rest that the caller has seen already.
#[derive(Debug)]
struct Repeated {
    text: String,
    /// How much of it has come, in bytes; more than there is once it is settled.
    matched: usize,
    /// Whether all of it comes again, or, if it does not, none: what seemed to repeat it was then new. Otherwise as much of it
    /// as comes again is left out.
    is_whole: bool,
}

impl Repeated {
    /// What of `text`, the next of the rest, is new.
    fn strip(&mut self, text: &str, is_last: bool) -> String {
        let Some(expected) = self.text.get(self.matched..).filter(|expected| !expected.is_empty()) else {
            return text.to_owned();
        };
        let common: usize =
            expected.chars().zip(text.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
        if common == text.len() && !is_last {
            self.matched += common;
            return String::new();
        }
        let is_repetition = common == expected.len() || !self.is_whole;
        let held = if is_repetition { "" } else { &self.text[..self.matched] };
        let new = if is_repetition { &text[common..] } else { text };
        let told = [held, new].concat();
        self.matched = self.text.len();
        told
    }
}

/// A JSON object, its members in order.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// What becomes of a member.
enum Told {
    AsItIs,
    As(String),
    Not,
}

impl Told {
    fn maybe(value: Option<impl Into<Value>>) -> Self {
        value.map_or(Self::AsItIs, |value| Self::As(value.into().to_string()))
    }
}

impl Object<'_> {
    fn retold(&self, mut tell: impl FnMut(&str, &RawValue) -> Told) -> String {
        let mut out = String::from("{");
        for (key, value) in &self.0 {
            let told = tell(key, value);
            let value = match &told {
                Told::AsItIs => value.get(),
                Told::As(other) => other,
                Told::Not => continue,
            };
            if out.len() > 1 {
                out.push(',');
            }
            out.push_str(&Value::from(&**key).to_string());
            out.push(':');
            out.push_str(value);
        }
        out.push('}');
        out
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            members.push((key, map.next_value()?));
        }
        Ok(Object(members))
    }
}

/// A key that borrows unless it holds an escape.
#[derive(serde::Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of `pieces` after "so far ".
    fn told(prefill: Prefill, pieces: &[&str]) -> String {
        let partial = Partial { text: "so far ".to_owned(), ..Partial::default() };
        let mut rest = Rest::after(&partial, prefill);
        let last = pieces.len() - 1;
        pieces.iter().enumerate().map(|(at, piece)| rest.repeated.strip(piece, at == last)).collect()
    }

    #[test]
    fn an_echo_is_left_out_however_it_is_cut() {
        let whole = "so far and on";
        for cut in 1..whole.len() {
            assert_eq!(told(Prefill::PrefixEchoed, &[&whole[..cut], &whole[cut..]]), "and on", "cut at {cut}");
        }
    }

    #[test]
    fn what_only_begins_like_an_echo_is_told() {
        assert_eq!(told(Prefill::PrefixEchoed, &["so ", "good", "!"]), "so good!");
        assert_eq!(told(Prefill::PrefixEchoed, &["so ", ""]), "so ");
        assert_eq!(told(Prefill::Prefix, &["so far ", "x"]), "so far x");
    }

    #[test]
    fn white_space_that_was_not_sent_is_told_once() {
        assert_eq!(told(Prefill::LastMessage, &[" and on", ""]), "and on");
        assert_eq!(told(Prefill::LastMessage, &["and on", ""]), "and on");
        assert_eq!(told(Prefill::LastMessage, &["  and", ""]), " and");
        assert_eq!(told(Prefill::Prefix, &[" and on", ""]), " and on");
    }
}
