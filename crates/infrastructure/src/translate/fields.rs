//! The fields of a JSON object on their way into another dialect: each is taken, refused, or noted as dropped; none is
//! overlooked.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_domain::inference::{Dropped, Unfit};

use super::conversation::{Content, Part};

/// What is wrong with a field that changes what is asked and has no counterpart.
pub(super) const NOWHERE: &str = "cannot be said to this model's provider, which speaks another protocol; leave it out";

/// The fields of one object that have not been taken yet.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    /// Where the object stands, without a dot at its end; empty for the body itself.
    path: String,
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    /// The fields of the whole body.
    pub(super) fn of_body(body: &'a [u8]) -> Result<Self, Unfit> {
        let text = std::str::from_utf8(body).unwrap_or_default();
        Self::parse(String::new(), text)
    }

    /// The fields of the object at `path`.
    pub(super) fn of(path: String, value: &'a RawValue) -> Result<Self, Unfit> {
        Self::parse(path, value.get())
    }

    fn parse(path: String, json: &'a str) -> Result<Self, Unfit> {
        match serde_json::from_str::<Entries<'a>>(json) {
            Ok(Entries(entries)) => Ok(Self { path, entries }),
            Err(_) => Err(Unfit::field(&path, "must be an object")),
        }
    }

    /// The path of the field `key`.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The error of the field `key`.
    pub(super) fn wrong(&self, key: &str, problem: &str) -> Unfit {
        Unfit::field(&self.at(key), problem)
    }

    /// Takes the value of `key`; `null` is none. One in camel case may stand there in snake case, as Google takes it.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a RawValue> {
        let at = self.entries.iter().position(|(known, _)| known == key || is_snake_case_of(known, key))?;
        let (_, value) = self.entries.swap_remove(at);
        (value.get() != "null").then_some(value)
    }

    /// Takes and reads the value of `key`, which is `expected`: "a string".
    pub(super) fn read<T: Deserialize<'a>>(&mut self, key: &str, expected: &str) -> Result<Option<T>, Unfit> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let read = serde_json::from_str(value.get()).map(Some);
        read.map_err(|_| self.wrong(key, &format!("must be {expected}")))
    }

    /// A string.
    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Unfit> {
        self.read(key, "a string")
    }

    /// A string that must be there.
    pub(super) fn required_text(&mut self, key: &str) -> Result<String, Unfit> {
        self.text(key)?.ok_or_else(|| self.wrong(key, "is missing"))
    }

    /// The object at `key`.
    pub(super) fn object(&mut self, key: &str) -> Result<Option<Fields<'a>>, Unfit> {
        let path = self.at(key);
        self.take(key).map(|value| Fields::of(path, value)).transpose()
    }

    /// The elements of the list at `key`, each with its path.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<(String, &'a RawValue)>, Unfit> {
        let path = self.at(key);
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        elements(&path, value)
    }

    /// What is said at `key`: a text, or a list of what `what` names, each element read with its path.
    pub(super) fn content(
        &mut self,
        key: &str,
        what: &str,
        read: impl FnMut((String, &'a RawValue)) -> Result<Part, Unfit>,
    ) -> Result<Vec<Part>, Unfit> {
        let path = self.at(key);
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        if value.get().starts_with('[') {
            return elements(&path, value)?.into_iter().map(read).collect();
        }
        let text: String = serde_json::from_str(value.get())
            .map_err(|_| Unfit::field(&path, &format!("must be a string or a list of {what}")))?;
        Ok(if text.is_empty() { Vec::new() } else { vec![Content::Text(text).into()] })
    }

    /// Any JSON, in its own spelling.
    pub(super) fn json(&mut self, key: &str) -> Option<Box<RawValue>> {
        self.take(key).map(ToOwned::to_owned)
    }

    /// Refuses the field `key` unless it is absent or says one of `harmless`.
    pub(super) fn refuse_unless(&mut self, key: &str, harmless: &[&str], problem: &str) -> Result<(), Unfit> {
        match self.take(key) {
            Some(value) if !harmless.contains(&value.get()) => Err(self.wrong(key, problem)),
            _ => Ok(()),
        }
    }

    /// Refuses the field `key`.
    pub(super) fn refuse(&mut self, key: &str, problem: &str) -> Result<(), Unfit> {
        self.refuse_unless(key, &[], problem)
    }

    /// Lets go of the field `key`, which means nothing elsewhere.
    pub(super) fn ignore(&mut self, key: &str) {
        self.take(key);
    }

    /// Refuses whatever is left.
    pub(super) fn refuse_rest(self, problem: &str) -> Result<(), Unfit> {
        match self.entries.iter().find(|(_, value)| value.get() != "null") {
            Some((key, _)) => Err(self.wrong(key, problem)),
            None => Ok(()),
        }
    }

    /// Whatever is left, with its path.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, Cow<'a, str>, &'a RawValue)> {
        let Self { path, entries } = self;
        entries.into_iter().map(move |(key, value)| (format!("{path}.{key}"), key, value))
    }

    /// Notes whatever is left as dropped.
    pub(super) fn finish(self, dropped: &mut Dropped) {
        for (key, value) in &self.entries {
            if value.get() != "null" {
                dropped.note(self.at(key));
            }
        }
    }
}

/// Whether `known` is `key`, which is in camel case, in snake case.
fn is_snake_case_of(known: &str, key: &str) -> bool {
    let mut rest = known;
    let is_spelt = key.chars().all(|letter| {
        let behind = if letter.is_ascii_uppercase() {
            rest.strip_prefix('_').and_then(|rest| rest.strip_prefix(letter.to_ascii_lowercase()))
        } else {
            rest.strip_prefix(letter)
        };
        behind.map(|behind| rest = behind).is_some()
    });
    is_spelt && rest.is_empty()
}

/// The elements of a list, each with its path.
pub(super) fn elements<'a>(path: &str, value: &'a RawValue) -> Result<Vec<(String, &'a RawValue)>, Unfit> {
    let elements: Vec<&'a RawValue> =
        serde_json::from_str(value.get()).map_err(|_| Unfit::field(path, "must be a list"))?;
    Ok(elements.into_iter().enumerate().map(|(at, element)| (format!("{path}[{at}]"), element)).collect())
}

/// The entries of an object, in their order. A nested key that stands twice is left to the upstream.
struct Entries<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> serde::de::Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// A key that borrows from the body unless it holds an escape.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_took_is_named_as_dropped() {
        let mut fields = Fields::of_body(br#"{"a":1,"b":{"c":2,"d":null,"e":3},"f":null,"g":[]}"#).unwrap();
        let mut dropped = Dropped::default();
        let mut inner = fields.object("b").unwrap().unwrap();
        assert_eq!(inner.read::<u64>("c", "a number"), Ok(Some(2)));
        inner.finish(&mut dropped);
        fields.finish(&mut dropped);
        assert_eq!(dropped.fields().collect::<Vec<_>>(), ["b.e", "a", "g"]);
    }

    #[test]
    fn a_key_in_camel_case_is_found_in_snake_case() {
        let mut fields =
            Fields::of_body(br#"{"max_output_tokens":1,"topp":2,"top_p":3,"max_tokens":4,"maxTokens":5}"#).unwrap();
        assert_eq!(fields.take("maxOutputTokens").map(RawValue::get), Some("1"));
        assert_eq!(fields.take("topP").map(RawValue::get), Some("3"));
        assert_eq!(fields.take("max_tokens").map(RawValue::get), Some("4"));
        assert!(fields.take("max_tokens").is_none());
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_by_its_path() {
        let mut fields = Fields::of_body(br#"{"a":[{"b":7}]}"#).unwrap();
        let (path, value) = fields.list("a").unwrap().remove(0);
        let mut element = Fields::of(path, value).unwrap();
        assert_eq!(element.text("b"), Err(Unfit::field("a[0].b", "must be a string")));
    }
}
